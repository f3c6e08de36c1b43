/** QoS 0, 1 and 2 in both directions: what arrives, how often, in which order. MQTT 5.0 §4.3, §4.4, §4.6, §4.9. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  type BrokerProcess,
  clientIdOn,
  publishPacket,
  type Qos,
  startBroker,
  TestClient,
  type Version,
} from '../harness/index.js'

const versions: readonly Version[] = [3, 4, 5]
const qualities: readonly Qos[] = [0, 1, 2]
let broker: BrokerProcess

before(async () => {
  broker = await startBroker()
})
after(() => broker.stop())

const home = (loop: number, prefix: string) => clientIdOn(broker, loop, prefix)

for (const publisherVersion of versions) {
  for (const subscriberVersion of versions) {
    test(`version ${publisherVersion} publishes to version ${subscriberVersion} with the lower of both QoS`, async () => {
      const pair = `${publisherVersion}-${subscriberVersion}`
      for (const distance of [0, 1]) {
        const subscriber = await TestClient.connect({
          port: broker.port,
          version: subscriberVersion,
          clientId: home(0, `sub-${pair}`),
        })
        const publisher = await TestClient.connect({
          port: broker.port,
          version: publisherVersion,
          clientId: home(distance, `pub-${pair}`),
        })
        for (const granted of qualities) {
          const filter = `qos/${pair}/${granted}/+`
          const suback = await subscriber.subscribe({ topic: filter, qos: granted })
          assert.deepEqual(suback.granted, [granted])
          for (const published of qualities) {
            const topic = `qos/${pair}/${granted}/${published}`
            await publisher.publish({ topic, payload: 'x', qos: published })
            const message = await subscriber.message()
            assert.equal(message.topic, topic)
            assert.equal(message.qos, Math.min(granted, published))
            assert.equal(message.dup, false) // [MQTT-3.3.1-3]
            assert.equal(message.retain, false)
            if (message.qos > 0) assert.ok((message.messageId ?? 0) > 0) // [MQTT-2.2.1-3]
          }
        }
        await subscriber.ping()
        assert.equal(subscriber.messages.length, 0)
        await Promise.all([subscriber.disconnect(), publisher.disconnect()])
      }
    })
  }
}

test('a QoS 1 message without PUBACK comes again with DUP after reconnecting, in order', async () => {
  for (const version of versions) {
    const options = {
      port: broker.port,
      version,
      clientId: home(0, `dup1-${version}`),
      clean: false,
    }
    const expiry = version === 5 ? { properties: { sessionExpiryInterval: 60 } } : {}
    const first = await TestClient.connect({ ...options, ...expiry, acknowledge: false })
    await first.subscribe({ topic: `dup1/${version}`, qos: 1 })
    const publisher = await TestClient.connect({ port: broker.port, clientId: home(1, 'dup1-pub') })
    for (let n = 0; n < 5; n++)
      await publisher.publish({ topic: `dup1/${version}`, payload: `${n}`, qos: 1 })
    const received = await Promise.all(Array.from({ length: 5 }, () => first.message()))
    const ids = received.map(({ messageId }) => messageId ?? 0)
    assert.equal(new Set(ids).size, 5)
    first.send({ cmd: 'puback', messageId: ids[1] ?? 0 })
    await first.ping()
    await first.drop()

    const second = await TestClient.connect({ ...options, ...expiry })
    assert.equal(second.sessionPresent, version !== 3)
    const again = await Promise.all(Array.from({ length: 4 }, () => second.message()))
    assert.deepEqual(
      again.map(({ payload, dup, messageId }) => [payload.toString(), dup, messageId]),
      [0, 2, 3, 4].map((n) => [`${n}`, true, ids[n]]), // [MQTT-4.4.0-1] [MQTT-4.6.0-1]
    )
    await second.ping()
    await second.drop()
    const third = await TestClient.connect({ ...options, ...expiry, clean: true })
    await third.ping()
    assert.equal(third.messages.length, 0)
    await Promise.all([third.disconnect(), publisher.disconnect()])
  }
})

/** A subscriber of QoS 2 that lost its connection at `stage`, and what the next one hears. */
async function interruptedReceiver(version: Version, stage: 'pubrec' | 'pubrel') {
  const options = {
    port: broker.port,
    version,
    clientId: home(0, `dup2-${stage}-${version}`),
    clean: false,
    ...(version === 5 ? { properties: { sessionExpiryInterval: 60 } } : {}),
    acknowledge: false,
  }
  const first = await TestClient.connect(options)
  await first.subscribe({ topic: `dup2/${stage}/${version}`, qos: 2 })
  const publisher = await TestClient.connect({ port: broker.port, clientId: home(1, 'dup2-pub') })
  await publisher.publish({ topic: `dup2/${stage}/${version}`, payload: 'once', qos: 2 })
  await publisher.disconnect()
  const { messageId = 0 } = await first.message()
  if (stage === 'pubrel') {
    first.send({ cmd: 'pubrec', messageId })
    assert.equal((await first.packet('pubrel')).messageId, messageId)
  }
  await first.drop()
  const second = await TestClient.connect(options)
  return { second, messageId }
}

test('a QoS 2 message whose PUBREC is lost comes again with DUP and the same packet id', async () => {
  for (const version of versions) {
    const { second, messageId } = await interruptedReceiver(version, 'pubrec')
    const again = await second.message()
    assert.deepEqual([again.messageId, again.dup, again.qos], [messageId, true, 2])
    second.send({ cmd: 'pubrec', messageId })
    assert.equal((await second.packet('pubrel')).messageId, messageId)
    second.send({ cmd: 'pubcomp', messageId })
    await second.ping()
    assert.equal(second.messages.length, 0)
    await second.disconnect()
  }
})

test('a QoS 2 message whose PUBCOMP is lost comes as PUBREL, never as PUBLISH again', async () => {
  for (const version of versions) {
    const { second, messageId } = await interruptedReceiver(version, 'pubrel')
    assert.equal((await second.packet('pubrel')).messageId, messageId)
    second.send({ cmd: 'pubcomp', messageId })
    await second.ping()
    assert.equal(second.messages.length, 0) // [MQTT-4.3.3-6]
    await second.disconnect()
  }
})

test('a QoS 2 PUBLISH sent again before PUBREL is answered and not published twice', async () => {
  for (const version of versions) {
    const receiver = await TestClient.connect({ port: broker.port, clientId: home(1, 'exactly') })
    await receiver.subscribe({ topic: `exactly/${version}`, qos: 2 })
    const options = {
      port: broker.port,
      version,
      clientId: home(0, `exactly-${version}`),
      clean: false,
      ...(version === 5 ? { properties: { sessionExpiryInterval: 60 } } : {}),
    }
    const message = { topic: `exactly/${version}`, payload: 'once', qos: 2 as const }
    const first = await TestClient.connect(options)
    first.send(publishPacket(message, 11))
    assert.equal((await first.packet('pubrec')).messageId, 11)
    first.send(publishPacket({ ...message, dup: true }, 11))
    assert.equal((await first.packet('pubrec')).messageId, 11)
    await first.drop() // both PUBRECs "lost"

    const second = await TestClient.connect(options)
    second.send(publishPacket({ ...message, dup: true }, 11))
    assert.equal((await second.packet('pubrec')).messageId, 11)
    second.send({ cmd: 'pubrel', messageId: 11 })
    assert.equal((await second.packet('pubcomp')).messageId, 11)
    second.send({ cmd: 'pubrel', messageId: 11 }) // PUBCOMP "lost"
    const pubcomp = await second.packet('pubcomp')
    assert.equal(pubcomp.messageId, 11)
    if (version === 5) assert.equal(pubcomp.reasonCode, 0x92)
    await second.publish({ ...message, payload: 'sentinel' })
    assert.deepEqual(await receiver.payloads(2), ['once', 'sentinel'])
    await Promise.all([second.disconnect(), receiver.disconnect()])
  }
})

test('acknowledgements leave in the order in which their PUBLISH came', async () => {
  const client = await TestClient.connect({
    port: broker.port,
    version: 5,
    clientId: home(0, 'gate'),
  })
  const others = await TestClient.connect({ port: broker.port, clientId: home(1, 'gate-other') })
  await others.subscribe('gate/#')
  const count = 300
  const stream: Buffer[] = []
  for (let id = 1; id <= count; id++) {
    const qos = id % 3 === 0 ? 2 : 1
    stream.push(client.bytesOf(publishPacket({ topic: 'gate/x', payload: `${id}`, qos }, id)))
    // Receive Maximum is 100 for QoS 2: release some as we go.
    if (id % 3 === 0) stream.push(client.bytesOf({ cmd: 'pubrel', messageId: id }))
  }
  client.sendBytes(Buffer.concat(stream))
  const expected = Array.from({ length: count }, (_, at) => at + 1).flatMap((id) =>
    id % 3 === 0 ? [`pubrec ${id}`, `pubcomp ${id}`] : [`puback ${id}`],
  )
  const got: string[] = []
  while (got.length < expected.length) {
    const packet = await client.others.take('acknowledgement', 5_000)
    got.push(`${packet.cmd} ${packet.messageId}`)
  }
  assert.deepEqual(got, expected) // [MQTT-4.6.0-2] [MQTT-4.6.0-3] [MQTT-4.6.0-4]
  assert.deepEqual(
    await others.payloads(count),
    Array.from({ length: count }, (_, at) => `${at + 1}`),
  )
  await Promise.all([client.disconnect(), others.disconnect()])
})

test('PUBACK says 0x10 to a version 5 client when nobody subscribed', async () => {
  const client = await TestClient.connect({ port: broker.port, version: 5 })
  const nobody = await client.publish({ topic: 'nobody/listens', qos: 1 })
  assert.equal(nobody?.reasonCode, 0x10)
  await client.subscribe('nobody/listens')
  const somebody = await client.publish({ topic: 'nobody/listens', qos: 1 })
  assert.equal(somebody?.reasonCode ?? 0, 0)
  await client.disconnect()
})

test('an acknowledgement of a packet id that is not in flight harms nobody', async () => {
  for (const version of versions) {
    const client = await TestClient.connect({ port: broker.port, version, acknowledge: false })
    client.send({ cmd: 'puback', messageId: 77 })
    client.send({ cmd: 'pubcomp', messageId: 77 })
    client.send({ cmd: 'pubrel', messageId: 77 })
    const pubcomp = await client.packet('pubcomp')
    assert.equal(pubcomp.messageId, 77)
    client.send({ cmd: 'pubrec', messageId: 78 })
    assert.equal((await client.packet('pubrel')).messageId, 78)
    await client.ping()
    await client.disconnect()
  }
})
