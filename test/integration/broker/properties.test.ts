/** The properties of MQTT 5 on PUBLISH and SUBSCRIBE, end to end. MQTT 5.0 §3.3.2.3, §3.8.2.1, §3.8.3.1. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import mqttPacket from 'mqtt-packet'
import {
  type BrokerProcess,
  clientIdOn,
  publishPacket,
  startBroker,
  TestClient,
} from '../harness/index.js'

let broker: BrokerProcess

before(async () => {
  broker = await startBroker({ config: 'mqtt.max_topic_alias = 10' })
})
after(() => broker.stop())

const on = (loop: number, name: string, more: object = {}) =>
  TestClient.connect({
    port: broker.port,
    version: 5,
    clientId: clientIdOn(broker, loop, name),
    ...more,
  })

test('everything the publisher says of its message reaches the subscriber unchanged and in order', async () => {
  for (const loop of [0, 1]) {
    const subscriber = await on(0, 'subscriber')
    const publisher = await on(loop, 'publisher')
    await subscriber.subscribe('forward')
    const userProperties = { b: ['1', '2', '3'], a: 'ä €', '': '' }
    await publisher.publish({
      topic: 'forward',
      payload: 'pöst',
      qos: 2,
      properties: {
        payloadFormatIndicator: true,
        contentType: 'text/plain; charset=utf-8',
        responseTopic: 'answers/here',
        correlationData: Buffer.from([0, 1, 2, 255]),
        userProperties,
      },
    })
    const { properties, payload } = await subscriber.message()
    assert.equal(payload.toString(), 'pöst')
    assert.equal(properties?.payloadFormatIndicator, true) // [MQTT-3.3.2-4]
    assert.equal(properties?.contentType, 'text/plain; charset=utf-8') // [MQTT-3.3.2-20]
    assert.equal(properties?.responseTopic, 'answers/here') // [MQTT-3.3.2-15]
    assert.deepEqual(properties?.correlationData, Buffer.from([0, 1, 2, 255])) // [MQTT-3.3.2-16]
    assert.deepEqual({ ...properties?.userProperties }, userProperties)
    // The order across names is a promise of the wire [MQTT-3.3.2-18].
    assert.deepEqual(Object.keys(properties?.userProperties ?? {}), ['b', 'a', ''])
    await Promise.all([subscriber.disconnect(), publisher.disconnect()])
  }
})

test('a subscriber of version 3.1.1 gets the message without its properties', async () => {
  const old = await on(1, 'old', { version: 4 })
  await old.subscribe('mixed')
  const publisher = await on(0, 'publisher')
  await publisher.publish({
    topic: 'mixed',
    payload: 'x',
    qos: 1,
    properties: { contentType: 'y', userProperties: { a: 'b' } },
  })
  const message = await old.message()
  assert.equal(message.payload.toString(), 'x')
  assert.equal(message.properties, undefined)
  await Promise.all([old.disconnect(), publisher.disconnect()])
})

test('overlapping filters give one copy with the highest QoS and all their identifiers', async () => {
  const subscriber = await on(0, 'overlap')
  await subscriber.subscribe({ topic: 'over/lap', qos: 0 }, 1)
  await subscriber.subscribe({ topic: 'over/+', qos: 2 }, 268_435_455)
  await subscriber.subscribe({ topic: 'over/#', qos: 1 }, 300)
  await subscriber.subscribe({ topic: '#', qos: 0 })
  for (const loop of [0, 1]) {
    const publisher = await on(loop, 'publisher')
    await publisher.publish({ topic: 'over/lap', payload: 'x', qos: 2 })
    const message = await subscriber.message()
    assert.equal(message.qos, 2) // [MQTT-3.3.4-2]
    const ids = [message.properties?.subscriptionIdentifier ?? []].flat()
    assert.deepEqual(
      ids.sort((a, b) => a - b),
      [1, 300, 268_435_455],
    ) // [MQTT-3.3.4-4]
    await subscriber.ping()
    assert.equal(subscriber.messages.length, 0, 'one copy')
    await publisher.disconnect()
  }
  await subscriber.subscribe({ topic: 'over/lap', qos: 0 }, 2)
  await subscriber.publish({ topic: 'over/lap', payload: 'y' })
  const ids = [(await subscriber.message()).properties?.subscriptionIdentifier ?? []].flat()
  assert.deepEqual(
    ids.sort((a, b) => a - b),
    [2, 300, 268_435_455],
    'a subscription is replaced',
  ) // [MQTT-3.8.4-3]
  await subscriber.disconnect()
})

test('No Local keeps a message from its own publisher only', async () => {
  const selfish = await on(0, 'selfish')
  const neighbour = await on(1, 'neighbour')
  await selfish.subscribe({ topic: 'nl/#', qos: 1, nl: true })
  await neighbour.subscribe({ topic: 'nl/#', qos: 1, nl: true })
  await selfish.publish({ topic: 'nl/1', payload: 'mine', qos: 1 })
  assert.equal((await neighbour.message()).payload.toString(), 'mine')
  await neighbour.publish({ topic: 'nl/2', payload: 'theirs', qos: 1 })
  assert.equal((await selfish.message()).payload.toString(), 'theirs') // [MQTT-3.8.3-3]
  await selfish.subscribe({ topic: 'nl/1', qos: 1, nl: false })
  await selfish.publish({ topic: 'nl/1', payload: 'mine too', qos: 1 })
  assert.equal((await selfish.message()).payload.toString(), 'mine too')
  await Promise.all([selfish.ping(), neighbour.ping()])
  assert.equal(selfish.messages.length, 0)
  await Promise.all([selfish.disconnect(), neighbour.disconnect()])
})

test('No Local on a shared subscription is a protocol error', async () => {
  const client = await on(0, 'nl-shared')
  client.send({
    cmd: 'subscribe',
    messageId: 1,
    subscriptions: [{ topic: '$share/g/x', qos: 1, nl: true }],
  })
  await client.whenClosed()
  assert.equal(client.goodbye?.reasonCode, 0x82) // [MQTT-3.8.3-4]
})

test('a topic alias stands for its topic, may be changed, and ends with the connection', async () => {
  const subscriber = await on(1, 'alias-subscriber')
  await subscriber.subscribe('alias/#')
  const publisher = await on(0, 'alias-publisher')
  assert.equal(publisher.connack?.properties?.topicAliasMaximum, 10)
  const say = (topic: string, topicAlias: number, payload: string) =>
    publisher.publish({ topic, payload, qos: 1, properties: { topicAlias } })
  await say('alias/one', 1, 'a')
  await say('', 1, 'b')
  await say('alias/ten', 10, 'c')
  await say('', 10, 'd')
  await say('alias/two', 1, 'e')
  await say('', 1, 'f')
  const got = []
  for (let n = 0; n < 6; n++) {
    const message = await subscriber.message()
    assert.equal(message.properties?.topicAlias, undefined)
    got.push(`${message.topic} ${message.payload}`)
  }
  assert.deepEqual(got, [
    'alias/one a',
    'alias/one b',
    'alias/ten c',
    'alias/ten d',
    'alias/two e',
    'alias/two f',
  ])
  await publisher.disconnect()
  const again = await on(0, 'alias-publisher')
  again.send(publishPacket({ topic: '', properties: { topicAlias: 1 } }))
  await again.whenClosed()
  assert.equal(again.goodbye?.reasonCode, 0x82)
  const greedy = await on(0, 'alias-publisher')
  greedy.send(publishPacket({ topic: 'alias/x', properties: { topicAlias: 11 } }))
  await greedy.whenClosed()
  assert.equal(greedy.goodbye?.reasonCode, 0x94) // [MQTT-3.3.2-9]
  await subscriber.disconnect()
})

test('a client that takes topic aliases gets them, within its maximum and on this connection only', async () => {
  const options = {
    clean: false,
    properties: { topicAliasMaximum: 2, sessionExpiryInterval: 60, receiveMaximum: 4 },
  }
  const subscriber = await on(1, 'aliased', options)
  await subscriber.subscribe({ topic: 'telemetry/#', qos: 1 })
  const publisher = await on(0, 'publisher')
  /** As the receiver must read it: by its own table of aliases. */
  const read = async (client: TestClient, table: Map<number, string>) => {
    const { topic, payload, properties } = await client.message()
    const alias = properties?.topicAlias
    if (alias === undefined) return `${topic} ${payload}`
    assert.ok(alias >= 1 && alias <= 2, `alias ${alias}`) // [MQTT-3.1.2-26] [MQTT-3.3.2-8]
    if (topic !== '') table.set(alias, topic)
    return `${topic || table.get(alias)} ${payload}`
  }
  const said = []
  for (let n = 0; n < 60; n++) {
    // In runs: two topics in turn may keep each other from being remembered, which their hash decides.
    const topic = `telemetry/machine/${Math.floor(n / 20)}`
    await publisher.publish({ topic, payload: `${n}`, qos: n % 2 === 0 ? 1 : 0 })
    said.push(`${topic} ${n}`)
  }
  const table = new Map<number, string>()
  const heard = []
  for (let n = 0; n < 60; n++) heard.push(await read(subscriber, table))
  assert.deepEqual(heard, said)
  assert.ok((await broker.counter('native_messages_aliased')) >= 20)
  await subscriber.drop()
  const late = []
  for (let n = 0; n < 6; n++) {
    await publisher.publish({ topic: 'telemetry/machine/0', payload: `late ${n}`, qos: 1 })
    late.push(`telemetry/machine/0 late ${n}`)
  }
  const again = await on(1, 'aliased', options)
  const fresh = new Map<number, string>()
  const queued = []
  for (let n = 0; n < 6; n++) queued.push(await read(again, fresh))
  assert.deepEqual(queued, late)
  await again.drop()
  const { topicAliasMaximum: _, ...plain } = options.properties
  const without = await on(1, 'aliased', { ...options, properties: plain })
  for (let n = 0; n < 3; n++)
    await publisher.publish({ topic: 'telemetry/machine/1', payload: 'plain', qos: 1 })
  for (let n = 0; n < 3; n++) {
    const message = await without.message()
    assert.equal(message.properties?.topicAlias, undefined) // [MQTT-3.1.2-27]
    assert.equal(message.topic, 'telemetry/machine/1')
  }
  await without.disconnect(0, { sessionExpiryInterval: 0 })
  await publisher.disconnect()
})

test('one fan-out reaches who takes topic aliases and who does not alike', async () => {
  const versions = [
    { version: 5, properties: { topicAliasMaximum: 10 } },
    { version: 5 },
    { version: 4 },
  ] as const
  const receivers = await Promise.all(
    versions.flatMap((options, n) => [0, 1].map((loop) => on(loop, `fan-${n}-${loop}`, options))),
  )
  for (const [n, receiver] of receivers.entries())
    await receiver.subscribe(
      { topic: 'fan/out/topic', qos: n % 3 === 0 ? 0 : 1 },
      n === 1 ? 77 : undefined,
    )
  const publisher = await on(0, 'publisher')
  for (let n = 0; n < 5; n++)
    await publisher.publish({ topic: 'fan/out/topic', payload: `${n}`, qos: 1 })
  for (const receiver of receivers) {
    const takesAliases = versions[Math.floor(receivers.indexOf(receiver) / 2)] === versions[0]
    for (let n = 0; n < 5; n++) {
      const { topic, payload, properties } = await receiver.message()
      assert.equal(payload.toString(), `${n}`)
      assert.equal(topic, takesAliases && n > 1 ? '' : 'fan/out/topic')
      assert.equal(properties?.topicAlias, takesAliases && n > 0 ? 1 : undefined)
    }
    await receiver.disconnect()
  }
  await publisher.disconnect()
})

test('a message that has waited past its expiry is not delivered; another says what is left', async () => {
  const options = { clean: false, properties: { sessionExpiryInterval: 60 } }
  const away = await on(0, 'expired', options)
  await away.subscribe({ topic: 'aging', qos: 1 })
  await away.drop()
  const publisher = await on(1, 'publisher')
  const say = (payload: string, messageExpiryInterval: number) =>
    publisher.publish({ topic: 'aging', payload, qos: 1, properties: { messageExpiryInterval } })
  await say('short', 1)
  await say('long', 100)
  await delay(1_600)
  const expired = await broker.counter('native_dropped_expired')
  const back = await on(0, 'expired', options)
  const message = await back.message()
  assert.equal(message.payload.toString(), 'long') // [MQTT-3.3.2-5]
  const left = message.properties?.messageExpiryInterval ?? 0
  assert.ok(left >= 95 && left <= 99, `${left} s left`) // [MQTT-3.3.2-6]
  await back.ping()
  assert.equal(back.messages.length, 0)
  assert.equal((await broker.counter('native_dropped_expired')) - expired, 1)
  await back.disconnect(0, { sessionExpiryInterval: 0 })
  await publisher.disconnect()
})

test("a message above the receiver's Maximum Packet Size is not sent, and its exchange counts as done", async () => {
  const small = await on(0, 'small', { properties: { maximumPacketSize: 60, receiveMaximum: 1 } })
  await small.subscribe('sized')
  const publisher = await on(1, 'publisher')
  const fits = small.bytesOf(publishPacket({ topic: 'sized', payload: Buffer.alloc(0), qos: 1 }, 1))
  const room = 60 - fits.length
  await publisher.publish({ topic: 'sized', payload: Buffer.alloc(room + 1, 'x'), qos: 1 })
  await publisher.publish({ topic: 'sized', payload: Buffer.alloc(room, 'y'), qos: 1 })
  const message = await small.message()
  assert.equal(message.payload.toString(), 'y'.repeat(room)) // [MQTT-3.1.2-24] [MQTT-3.1.2-25]
  assert.equal(await broker.counter('native_dropped_too_large'), 1)
  await publisher.publish({ topic: 'sized', payload: 'after', qos: 1 })
  assert.equal((await small.message()).payload.toString(), 'after')
  await Promise.all([small.disconnect(), publisher.disconnect()])
})

test('request and response: response information is handed out on request only', async () => {
  const informing = await startBroker({ config: 'mqtt.response_information = "answers/"' })
  try {
    const asking = await TestClient.connect({
      port: informing.port,
      version: 5,
      properties: { requestResponseInformation: true },
    })
    assert.equal(asking.connack?.properties?.responseInformation, 'answers/')
    const silent = await TestClient.connect({ port: informing.port, version: 5 })
    assert.equal(silent.connack?.properties?.responseInformation, undefined) // [MQTT-3.1.2-28]
    await asking.subscribe('answers/asking')
    await silent.subscribe('questions')
    await asking.publish({
      topic: 'questions',
      payload: '?',
      properties: { responseTopic: 'answers/asking', correlationData: Buffer.from('7') },
    })
    const question = await silent.message()
    const { responseTopic = '', correlationData = Buffer.alloc(0) } = question.properties ?? {}
    await silent.publish({ topic: responseTopic, payload: '!', properties: { correlationData } })
    const answer = await asking.message()
    assert.deepEqual(
      [answer.payload.toString(), answer.properties?.correlationData?.toString()],
      ['!', '7'],
    )
    await Promise.all([asking.disconnect(), silent.disconnect()])
  } finally {
    await informing.stop()
  }
})

test('CONNACK gives a client without identifier one, in version 5 by name', async () => {
  const client = await TestClient.dial({ port: broker.port, version: 5 })
  client.sendBytes(
    mqttPacket.generate({
      cmd: 'connect',
      protocolId: 'MQTT',
      protocolVersion: 5,
      clean: true,
      clientId: '',
      keepalive: 0,
    }),
  )
  const connack = await client.packet('connack')
  assert.match(connack.properties?.assignedClientIdentifier ?? '', /^causeway-/) // [MQTT-3.2.2-16]
  await client.disconnect()
})
