/** `$delayed/<interval>/<topic>`: published later. Source: docs/protocol/dollar-topics.md. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  type BrokerProcess,
  type ClientOptions,
  clientIdOn,
  eventually,
  publishPacket,
  startBroker,
  TestClient,
} from '../harness/index.js'

/** Delayed by the first test for longer than all tests. */
const longOnes = 2

let broker: BrokerProcess

before(async () => {
  broker = await startBroker()
})
after(() => broker.stop())

const on = (loop: number, name: string, more: Partial<ClientOptions> = {}) =>
  TestClient.connect({
    port: broker.port,
    version: 5,
    clientId: clientIdOn(broker, loop, name),
    ...more,
  })
const leave = (...clients: TestClient[]) => Promise.all(clients.map((one) => one.disconnect()))
const waiting = () => broker.counter('native_delayed_count')

test('QoS 1 and 2 are acknowledged at once, however long the delay', async () => {
  const client = await on(0, 'hours')
  for (const qos of [1, 2] as const) {
    const ack = await client.publish({ topic: '$delayed/4294967/hours', qos })
    assert.equal(ack?.reasonCode ?? 0, 0)
  }
  assert.equal(await waiting(), longOnes)
  await leave(client)
})

test('the messages come when their second has passed, on every loop, in order', async () => {
  const [publisher, near, far] = await Promise.all([on(0, 'p'), on(0, 'near'), on(1, 'far')])
  for (const subscriber of [near, far]) await subscriber.subscribe('later/#')
  const sentMs = performance.now()
  const qosOf = [0, 1, 2, 1, 2, 0] as const
  const topic = '$delayed/1/later/x'
  await Promise.all(qosOf.map((qos, n) => publisher.publish({ topic, payload: `${n}`, qos })))
  for (const subscriber of [near, far]) {
    const first = await subscriber.message()
    assert.ok(performance.now() - sentMs >= 999, 'not before its time; clocks round')
    assert.equal(first.topic, 'later/x')
    const payloads = [first.payload.toString(), ...(await subscriber.payloads(5))]
    assert.deepEqual(payloads, ['0', '1', '2', '3', '4', '5'])
  }
  await leave(publisher, near, far)
})

test('a shorter delay overtakes; none is hardly any', async () => {
  const [publisher, subscriber] = await Promise.all([on(0, 'p'), on(1, 's')])
  await subscriber.subscribe('over/+')
  const packets = [2, 1, 0].map((seconds) =>
    publisher.bytesOf(publishPacket({ topic: `$delayed/${seconds}/over/${seconds}` })),
  )
  publisher.sendBytes(Buffer.concat(packets)) // read at once, so delayed from the same moment
  for (const topic of ['over/0', 'over/1', 'over/2'])
    assert.equal((await subscriber.message()).topic, topic)
  await leave(publisher, subscriber)
})

test('a number beyond 4294967 is a moment; one of the past is now', async () => {
  const client = await on(0, 'moment')
  await client.subscribe('moment/+')
  const soon = Math.floor(Date.now() / 1000) + 2
  await client.publish({ topic: '$delayed/4294968/moment/past', qos: 1 })
  await client.publish({ topic: `$delayed/${soon}/moment/soon`, qos: 1 })
  assert.equal((await client.message()).topic, 'moment/past')
  assert.equal((await client.message()).topic, 'moment/soon')
  // A second and the broker's own clock reading, which may be a millisecond behind.
  assert.ok(Date.now() >= soon * 1000 - 2)
  await leave(client)
})

test('RETAIN and properties stay; the expiry counts from the PUBLISH', async () => {
  const [publisher, subscriber] = await Promise.all([on(0, 'p'), on(1, 's')])
  await subscriber.subscribe({ topic: 'kept/+', qos: 1, rap: true })
  const expired = await broker.counter('native_delayed_expired')
  await publisher.publish({
    topic: '$delayed/1/kept/gone',
    qos: 1,
    properties: { messageExpiryInterval: 1 },
  })
  await publisher.publish({
    topic: '$delayed/1/kept/x',
    payload: 'x',
    qos: 1,
    retain: true,
    properties: { messageExpiryInterval: 600, contentType: 'text/plain' },
  })
  const message = await subscriber.message()
  assert.equal(message.topic, 'kept/x')
  assert.equal(message.retain, true)
  assert.equal(message.properties?.contentType, 'text/plain')
  assert.ok((message.properties?.messageExpiryInterval ?? 600) <= 599)
  await eventually(
    'one expired',
    async () => (await broker.counter('native_delayed_expired')) === expired + 1,
  )
  const later = await on(0, 'later')
  await later.subscribe('kept/#')
  assert.equal((await later.message()).payload.toString(), 'x')
  await later.publish({ topic: 'kept/x', payload: '', qos: 1, retain: true })
  await leave(publisher, subscriber, later)
})

test('what names no delay is refused with 0x90, what nobody may publish to with 0x87', async () => {
  const client = await on(0, 'refused')
  const [invalid, denied] = [
    await broker.counter('native_delayed_invalid'),
    await broker.counter('native_messages_denied'),
  ]
  const wrong = ['x/t', '-1/t', '5', '5/', '/t', `${Math.floor(Date.now() / 1000) + 4_300_000}/t`]
  for (const behind of wrong) {
    for (const qos of [1, 2] as const) {
      const ack = await refusedOf(client, `$delayed/${behind}`, qos)
      assert.equal(ack, 0x90, behind)
    }
  }
  for (const topic of ['$delayed/1/$LINK/cluster/route/x', '$delayed/1/$SYS/x', '$SYS/x']) {
    for (const qos of [1, 2] as const)
      assert.equal(await refusedOf(client, topic, qos), 0x87, topic)
  }
  client.send({
    cmd: 'publish',
    topic: '$delayed/x/t',
    payload: '',
    qos: 0,
    retain: false,
    dup: false,
  })
  await client.ping()
  assert.equal(await broker.counter('native_delayed_invalid'), invalid + 2 * wrong.length + 1)
  assert.equal(await broker.counter('native_messages_denied'), denied + 6)
  await leave(client)
})

test('a full store refuses with 0x97; 3.1.1 is acknowledged and it is counted', async () => {
  const full = await startBroker({ io: 2, config: 'delayed.max_delayed_messages = 10' })
  try {
    const [five, four] = await Promise.all(
      ([5, 4] as const).map((version, loop) =>
        TestClient.connect({ port: full.port, version, clientId: clientIdOn(full, loop, 'f') }),
      ),
    )
    assert.ok(five !== undefined && four !== undefined)
    const topic = '$delayed/3600/t'
    for (let n = 0; n < 10; n++) await (n % 2 === 0 ? five : four).publish({ topic, qos: 1 })
    for (const qos of [1, 2] as const) assert.equal(await refusedOf(five, topic, qos), 0x97)
    await four.publish({ topic, qos: 1 })
    assert.equal(await full.counter('native_delayed_refused'), 3)
    assert.equal(await full.counter('native_delayed_count'), 10)
    assert.ok((await full.counter('native_delayed_bytes')) > 10 * 64)
    // A refused QoS 2 exchange is over: its packet id may be used again.
    assert.equal(await refusedOf(five, topic, 2), 0x97)
  } finally {
    await full.stop()
  }
})

test('a will is delayed from when it is due; one without a sensible delay is refused with its CONNECT', async () => {
  const subscriber = await on(1, 'heirs')
  await subscriber.subscribe('will/+')
  const will = (topic: string) => ({
    topic,
    payload: Buffer.from('gone'),
    qos: 1 as const,
    retain: false,
  })
  const mortal = await on(0, 'mortal', { will: will('$delayed/1/will/x') })
  const droppedMs = performance.now()
  await mortal.drop()
  assert.equal((await subscriber.message()).topic, 'will/x')
  assert.ok(performance.now() - droppedMs >= 999)
  await assert.rejects(on(0, 'bad', { will: will('$delayed/x/will/x') }), /refused with 144/)
  await assert.rejects(on(0, 'bad', { will: will('$delayed/1/$LINK/x') }), /refused with 135/)
  await assert.rejects(on(0, 'bad', { will: will('$delayed/1/$SYS/x') }), /refused with 135/)
  await leave(subscriber)
})

test('No Local still knows the publisher', async () => {
  const [publisher, other] = await Promise.all([on(0, 'nl'), on(1, 'other')])
  await publisher.subscribe({ topic: 'nl/t', qos: 1, nl: true })
  await other.subscribe('nl/t')
  await publisher.publish({ topic: '$delayed/1/nl/t', payload: 'mine', qos: 1 })
  await other.message()
  await other.publish({ topic: 'nl/t', payload: 'theirs', qos: 1 })
  assert.deepEqual(await publisher.payloads(1), ['theirs'])
  await leave(publisher, other)
})

test('with delayed.enable = false it is a topic like any other', async () => {
  const plain = await startBroker({ io: 1, config: 'delayed.enable = false' })
  try {
    const client = await TestClient.connect({ port: plain.port, version: 5 })
    await client.subscribe('$delayed/#')
    await client.publish({ topic: '$delayed/x/t', payload: 'now', qos: 1 })
    assert.equal((await client.message()).topic, '$delayed/x/t')
    await client.disconnect()
  } finally {
    await plain.stop()
  }
})

/** The reason that ends the exchange: of PUBACK, or of PUBREC. */
async function refusedOf(client: TestClient, topic: string, qos: 1 | 2): Promise<number> {
  const messageId = 60_000 + qos
  client.send({
    cmd: 'publish',
    topic,
    payload: '',
    qos,
    retain: false,
    dup: false,
    messageId,
  })
  const ack = await client.packet(qos === 1 ? 'puback' : 'pubrec')
  assert.equal(ack.messageId, messageId)
  return ack.reasonCode ?? 0
}
