/** Retained messages: stored, replaced, deleted, replayed; never missed, never twice. MQTT 5.0 §3.3.1.3; design.md §5. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import {
  type BrokerProcess,
  clientIdOn,
  publishPacket,
  startBroker,
  TestClient,
} from '../harness/index.js'

/** Rounds of PUBACK-then-SUBSCRIBE: 8 s. CAUSEWAY_TEST_ROUNDS makes it fewer, or more. */
const rounds = Number(process.env.CAUSEWAY_TEST_ROUNDS ?? 100_000)

let broker: BrokerProcess

before(async () => {
  broker = await startBroker({ config: 'mqtt.max_packet_size = 16MB' })
})
after(() => broker.stop())

const on = (loop: number, name: string, version: 4 | 5 = 5) =>
  TestClient.connect({ port: broker.port, version, clientId: clientIdOn(broker, loop, name) })

test('a retained message is stored, replaced, deleted, and seen from every loop and by every version', async () => {
  const publisher = await on(0, 'publisher')
  const topic = 'life/of/one'
  const seen = async (name: string) => {
    const found: string[][] = []
    for (let loop = 0; loop < broker.io; loop++) {
      for (const version of [4, 5] as const) {
        const reader = await on(loop, name, version)
        await reader.subscribe('life/#')
        await reader.ping()
        found.push(
          reader.messages
            .takeAll()
            .map(({ payload, retain, qos }) => `${payload} ${retain} ${qos}`),
        )
        await reader.disconnect()
      }
    }
    const [first, ...others] = found
    for (const other of others) assert.deepEqual(other, first)
    return first
  }
  await publisher.publish({ topic, payload: 'not retained', qos: 1 })
  assert.deepEqual(await seen('a'), [])
  await publisher.publish({ topic, payload: 'first', qos: 1, retain: true })
  assert.deepEqual(await seen('b'), ['first true 1'])
  await publisher.publish({ topic, payload: 'second', qos: 2, retain: true })
  assert.deepEqual(await seen('c'), ['second true 2']) // [MQTT-3.3.1-5]
  await publisher.publish({ topic, payload: 'passing', qos: 1 })
  assert.deepEqual(await seen('d'), ['second true 2'])
  await publisher.publish({ topic, qos: 1, retain: true })
  assert.deepEqual(await seen('e'), []) // [MQTT-3.3.1-6]
  await publisher.disconnect()
})

test('a wildcard replays every match once, and nothing else', async () => {
  const publisher = await on(0, 'publisher')
  const topics = ['r/a', 'r/a/b', 'r/b', 'r', 's/a', '$r/a']
  for (const topic of topics)
    await publisher.publish({ topic, payload: topic, qos: 1, retain: true })
  const replay = async (filter: string) => {
    const reader = await on(1, 'reader')
    await reader.subscribe(filter)
    await reader.ping()
    const found = reader.messages.takeAll().map(({ topic }) => topic)
    await reader.disconnect()
    return found.sort()
  }
  assert.deepEqual(await replay('r/+'), ['r/a', 'r/b'])
  assert.deepEqual(await replay('r/#'), ['r', 'r/a', 'r/a/b', 'r/b'])
  assert.deepEqual(await replay('+/a'), ['r/a', 's/a']) // [MQTT-4.7.2-1]
  assert.deepEqual(await replay('$r/#'), ['$r/a'])
  assert.deepEqual(await replay('r/a'), ['r/a'])
  for (const topic of topics) await publisher.publish({ topic, qos: 1, retain: true })
  assert.equal(await broker.counter('native_retained_count'), 0)
  await publisher.disconnect()
})

test('the replay has the QoS of the subscription at most, and carries its identifier', async () => {
  const publisher = await on(0, 'publisher')
  await publisher.publish({ topic: 'granted', payload: 'x', qos: 2, retain: true })
  const reader = await on(1, 'reader')
  for (const qos of [0, 1, 2] as const) {
    await reader.subscribe({ topic: 'granted', qos }, qos + 10)
    const message = await reader.message()
    assert.deepEqual([message.qos, message.properties?.subscriptionIdentifier], [qos, qos + 10])
  }
  await publisher.publish({ topic: 'granted', qos: 1, retain: true })
  await Promise.all([publisher.disconnect(), reader.disconnect()])
})

test('retain handling decides whether a subscription replays', async () => {
  const publisher = await on(0, 'publisher')
  await publisher.publish({ topic: 'rh', payload: 'kept', qos: 1, retain: true })
  const reader = await on(1, 'reader')
  const replayed = async (rh: 0 | 1 | 2) => {
    await reader.subscribe({ topic: 'rh', qos: 1, rh })
    await reader.ping()
    return reader.messages.takeAll().length
  }
  assert.equal(await replayed(2), 0) // [MQTT-3.3.1-11]
  assert.equal(await replayed(1), 0, 'the subscription existed') // [MQTT-3.3.1-10]
  assert.equal(await replayed(0), 1) // [MQTT-3.3.1-9]
  assert.equal(await replayed(0), 1, 'every time') // [MQTT-3.8.4-3]
  await reader.unsubscribe('rh')
  assert.equal(await replayed(1), 1)
  await reader.subscribe({ topic: '$share/g/rh', qos: 1, rh: 0 })
  await reader.ping()
  assert.equal(reader.messages.length, 0, 'shared subscriptions get no replay')
  await publisher.publish({ topic: 'rh', qos: 1, retain: true })
  await Promise.all([publisher.disconnect(), reader.disconnect()])
})

test('a live copy keeps RETAIN only for who asked for it as published', async () => {
  const plain = await on(0, 'plain')
  const asPublished = await on(1, 'as-published')
  await plain.subscribe({ topic: 'rap', qos: 1, rap: false })
  await asPublished.subscribe({ topic: 'rap', qos: 1, rap: true })
  const publisher = await on(0, 'publisher')
  await publisher.publish({ topic: 'rap', payload: 'x', qos: 1, retain: true })
  assert.equal((await plain.message()).retain, false) // [MQTT-3.3.1-12]
  assert.equal((await asPublished.message()).retain, true) // [MQTT-3.3.1-13]
  await publisher.publish({ topic: 'rap', qos: 1, retain: true })
  assert.equal((await plain.message()).payload.length, 0, 'the deletion is delivered too')
  await asPublished.message()
  await Promise.all([plain, asPublished, publisher].map((client) => client.disconnect()))
})

test('the expiry of a retained message counts down while it is stored, and removes it', async () => {
  const publisher = await on(0, 'publisher')
  const keep = (topic: string, messageExpiryInterval: number) =>
    publisher.publish({
      topic,
      payload: 'x',
      qos: 1,
      retain: true,
      properties: { messageExpiryInterval },
    })
  await keep('expiring/soon', 1)
  await keep('expiring/later', 100)
  await delay(1_600)
  const reader = await on(1, 'reader')
  await reader.subscribe('expiring/#')
  const message = await reader.message()
  assert.equal(message.topic, 'expiring/later')
  const left = message.properties?.messageExpiryInterval ?? 0
  assert.ok(left <= 99 && left >= 95, `${left} s left`) // [MQTT-3.3.2-6]
  await reader.ping()
  assert.equal(reader.messages.length, 0)
  await publisher.publish({ topic: 'expiring/later', qos: 1, retain: true })
  await Promise.all([publisher.disconnect(), reader.disconnect()])
})

test('a replay of many messages goes on while the client takes it, and loses none', async () => {
  const publisher = await on(0, 'publisher')
  const count = 3_000
  const payload = Buffer.alloc(4_000, 'r')
  for (let from = 0; from < count; from += 100) {
    await Promise.all(
      Array.from({ length: 100 }, (_, n) =>
        publisher.publish({ topic: `many/${from + n}`, payload, qos: 1, retain: true }),
      ),
    )
  }
  for (const qos of [0, 1] as const) {
    const reader = await on(1, 'reader')
    await reader.subscribe({ topic: 'many/+', qos })
    const topics = new Set<string>()
    for (let n = 0; n < count; n++) topics.add((await reader.message()).topic)
    assert.equal(topics.size, count)
    await reader.ping()
    assert.equal(reader.messages.length, 0)
    await reader.disconnect()
  }
  for (let n = 0; n < count; n++) void publisher.publish({ topic: `many/${n}`, retain: true })
  await publisher.disconnect()
})

test(`PUBACK of a retained message, then SUBSCRIBE on another loop, finds it, ${rounds} rounds`, async () => {
  // Pipelined in batches: each round still subscribes after the PUBACK of its own message.
  const batch = 100
  const publisher = await on(0, 'publisher')
  const readers = await Promise.all(
    Array.from({ length: broker.io * 2 }, (_, n) => on(n + 1, `reader-${n}`, n % 2 === 0 ? 5 : 4)),
  )
  for (let from = 0; from < rounds; from += batch) {
    await Promise.all(
      Array.from({ length: batch }, async (_, n) => {
        const topic = `found/${from + n}`
        await publisher.publish({ topic, payload: 'there', qos: 1, retain: true })
        const reader = readers[n % readers.length]
        assert.ok(reader)
        await reader.subscribe({ topic, qos: 0 })
      }),
    )
    for (let n = 0; n < batch; n++) await readers[n % readers.length]?.message()
    await Promise.all(readers.map((reader) => reader.ping()))
    for (const reader of readers) assert.equal(reader.messages.length, 0, 'each once')
  }
  await Promise.all([publisher, ...readers].map((client) => client.disconnect()))
})

test('who subscribes while a retained message is published gets it exactly once', async () => {
  const publisher = await on(0, 'publisher')
  const readers = await Promise.all(Array.from({ length: 4 }, (_, n) => on(n, `racer-${n}`)))
  for (let round = 0; round < 3_000; round++) {
    const topic = `race/${round}`
    const publish = () => publisher.publish({ topic, payload: `${round}`, qos: 1, retain: true })
    const subscribe = readers.map((reader) => () => reader.subscribe({ topic, qos: 1 }))
    // Either side first on the wire, in turn; which one the loops see first is up to them.
    const racers = round % 2 === 0 ? [publish, ...subscribe] : [...subscribe, publish]
    await Promise.all(racers.map((start) => start()))
    for (const reader of readers)
      assert.equal((await reader.message()).payload.toString(), `${round}`)
  }
  // A second copy of any round would have come before this.
  await Promise.all(readers.map((reader) => reader.subscribe('race-end')))
  await publisher.publish({ topic: 'race-end', payload: 'end', qos: 1 })
  for (const reader of readers) assert.equal((await reader.message()).payload.toString(), 'end')
  await Promise.all([publisher, ...readers].map((client) => client.disconnect()))
})

test('retainer.enable = false keeps nothing, and retain_available = false refuses', async () => {
  const forgetful = await startBroker({ config: 'retainer.enable = false' })
  try {
    const client = await TestClient.connect({ port: forgetful.port, version: 5 })
    await client.publish({ topic: 'r', payload: 'x', qos: 1, retain: true })
    await client.subscribe('r')
    await client.ping()
    assert.equal(client.messages.length, 0)
    await client.disconnect()
  } finally {
    await forgetful.stop()
  }
  const without = await startBroker({ config: 'mqtt.retain_available = false' })
  try {
    const client = await TestClient.connect({ port: without.port, version: 5 })
    assert.equal(client.connack?.properties?.retainAvailable, false)
    client.send(publishPacket({ topic: 'r', payload: 'x', retain: true }))
    await client.whenClosed()
    assert.equal(client.goodbye?.reasonCode, 0x9a) // [MQTT-3.2.2-14]
  } finally {
    await without.stop()
  }
})
