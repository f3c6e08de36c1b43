/**
 * Slow readers, full lanes, huge fan-outs: who is slow pays, nobody else waits, nothing is reordered. design.md §6.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clientIdOn, eventually, TestClient, withBroker } from '../harness/index.js'

/** The longest anybody may hear nothing while messages are on their way. */
const stallMsMax = 1_000

/** Publishes payloads 0, 1, 2 …, `windowMax` at a time. */
async function stream(
  client: TestClient,
  topic: string,
  count: number,
  bytes: number,
  windowMax = 20,
) {
  for (let n = 0; n < count; n += windowMax) {
    await Promise.all(
      Array.from({ length: Math.min(windowMax, count - n) }, (_, ahead) =>
        client.publish({ topic, payload: String(n + ahead).padEnd(bytes), qos: 1 }),
      ),
    )
  }
}

/** Takes `count` messages; the number of the next one expected of each topic, and the longest silence. */
async function listen(client: TestClient, count: number) {
  const next = new Map<string, number>()
  let longestMs = 0
  let lastMs = performance.now()
  for (let n = 0; n < count; n++) {
    const { topic, payload } = await client.message()
    const nowMs = performance.now()
    longestMs = Math.max(longestMs, nowMs - lastMs)
    lastMs = nowMs
    const expected = next.get(topic) ?? 0
    assert.equal(
      Number(payload.toString()),
      expected,
      `${client.clientId}: ${topic} in order, each once`,
    )
    next.set(topic, expected + 1)
  }
  return { next, longestMs }
}

test('four loops with lanes of two entries, all to all, one stuck reader: no stall, no disorder, nobody kicked', () =>
  withBroker(
    {
      io: 4,
      environment: { CAUSEWAY_LANE_SLOTS: '2' },
      config:
        'mqtt.max_mqueue_len = infinity, listeners.tcp.default.tcp_options.high_watermark = 256KB',
    },
    async (broker) => {
      const each = 400
      const clients = await Promise.all(
        Array.from({ length: 8 }, (_, n) =>
          TestClient.connect({
            port: broker.port,
            version: 5,
            clientId: clientIdOn(broker, n, `peer-${n}`),
          }),
        ),
      )
      const stuck = await TestClient.connect({
        port: broker.port,
        clientId: clientIdOn(broker, 1, 'stuck'),
      })
      await Promise.all(clients.map((client) => client.subscribe({ topic: 'all/+', qos: 1 })))
      await stuck.subscribe({ topic: 'all/+', qos: 0 })
      await stuck.ping()
      stuck.stall()

      const [heard] = await Promise.all([
        Promise.all(clients.map((client) => listen(client, clients.length * each))),
        ...clients.map((client, n) => stream(client, `all/${n}`, each, 4_000)),
      ])
      for (const { next, longestMs } of heard) {
        assert.equal(next.size, clients.length)
        assert.ok(longestMs <= stallMsMax, `a silence of ${Math.round(longestMs)} ms`)
      }
      const counters = await broker.counters()
      assert.ok((counters.native_lane_full_pauses ?? 0) > 0, 'lanes were full')
      assert.ok((counters.native_dropped_qos0_slow ?? 0) > 0, 'the stuck reader lost QoS 0')
      assert.equal(counters.native_dropped_queue_full, 0)
      assert.equal(counters.connections, clients.length + 1, 'nobody was disconnected')
      await Promise.all(clients.map((client) => client.disconnect()))
      await stuck.drop()
    },
  ))

test('lanes of two entries carry QoS 2 and shared groups without loss or repetition', () =>
  withBroker({ io: 4, environment: { CAUSEWAY_LANE_SLOTS: '2' } }, async (broker) => {
    const members = await Promise.all(
      [0, 1, 2, 3].map((n) =>
        TestClient.connect({ port: broker.port, clientId: clientIdOn(broker, n, `member-${n}`) }),
      ),
    )
    await Promise.all(members.map((member) => member.subscribe('$share/g/work/+')))
    const publishers = await Promise.all(
      [0, 1, 2, 3].map((n) =>
        TestClient.connect({
          port: broker.port,
          clientId: clientIdOn(broker, n, `publisher-${n}`),
        }),
      ),
    )
    const each = 300
    await Promise.all(
      publishers.map(async (publisher, at) => {
        for (let n = 0; n < each; n += 30) {
          await Promise.all(
            Array.from({ length: 30 }, (_, ahead) =>
              publisher.publish({ topic: `work/${at}`, payload: `${at}-${n + ahead}`, qos: 2 }),
            ),
          )
        }
      }),
    )
    const received: string[] = []
    await eventually('all of it', () => {
      for (const member of members)
        received.push(...member.messages.takeAll().map(({ payload }) => payload.toString()))
      return received.length >= publishers.length * each
    })
    assert.equal(new Set(received).size, publishers.length * each)
    assert.equal(received.length, publishers.length * each)
    await Promise.all([...members, ...publishers].map((client) => client.disconnect()))
  }))

test('a QoS 1 subscriber that pauses gets everything in the end, in order', () =>
  withBroker(
    {
      config:
        'mqtt { max_mqueue_len = infinity, max_inflight = 1000 }, listeners.tcp.default.tcp_options.high_watermark = 64KB',
    },
    async (broker) => {
      const count = 4_000
      const slow = await TestClient.connect({
        port: broker.port,
        clientId: clientIdOn(broker, 0, 'slow'),
      })
      const quick = await TestClient.connect({
        port: broker.port,
        clientId: clientIdOn(broker, 0, 'quick'),
      })
      const publisher = await TestClient.connect({
        port: broker.port,
        clientId: clientIdOn(broker, 1, 'p'),
      })
      await slow.subscribe({ topic: 'tide', qos: 1 })
      await quick.subscribe({ topic: 'tide', qos: 1 })
      slow.stall()
      const [heard] = await Promise.all([
        listen(quick, count),
        stream(publisher, 'tide', count, 4_000),
      ])
      assert.ok(heard.longestMs <= stallMsMax, `a silence of ${Math.round(heard.longestMs)} ms`)
      assert.ok(slow.messages.length < count)
      slow.unstall()
      await listen(slow, count)
      assert.equal(await broker.counter('native_dropped_queue_full'), 0)
      await Promise.all([slow, quick, publisher].map((client) => client.disconnect()))
    },
  ))

test('a reader that stops for longer than send_timeout is disconnected, counted, and its session stays', () =>
  withBroker(
    {
      config: 'listeners.tcp.default.tcp_options { high_watermark = 64KB, send_timeout = 1s }',
    },
    async (broker) => {
      const options = { port: broker.port, clientId: clientIdOn(broker, 0, 'gone'), clean: false }
      const stuck = await TestClient.connect(options)
      await stuck.subscribe({ topic: 'flood', qos: 0 })
      const publisher = await TestClient.connect({
        port: broker.port,
        clientId: clientIdOn(broker, 1, 'p'),
      })
      stuck.stall()
      await stream(publisher, 'flood', 4_000, 4_000)
      await eventually(
        'closed as slow',
        async () => (await broker.counter('native_slow_subscribers_closed')) === 1,
        12_000,
      )
      await stuck.drop()
      const back = await TestClient.connect(options)
      assert.equal(back.sessionPresent, true)
      await publisher.ping()
      await Promise.all([back.disconnect(), publisher.disconnect()])
    },
  ))

test('a fan-out to 4,500 connections of one loop yields to others, resumes, and reaches everyone in order', () =>
  withBroker({ io: 2 }, async (broker) => {
    // More members on one loop than one slice of a fan-out serves (limits::kFanoutSliceMembers).
    const subscribers: TestClient[] = []
    for (let from = 0; from < 4_500; from += 100) {
      const ids = Array.from({ length: 100 }, (_, n) => clientIdOn(broker, 0, `crowd-${from + n}`))
      subscribers.push(
        ...(await Promise.all(
          ids.map((clientId) => TestClient.connect({ port: broker.port, clientId })),
        )),
      )
    }
    await Promise.all(subscribers.map((client) => client.subscribe({ topic: 'everyone', qos: 1 })))
    const count = 5
    for (const loop of [0, 1]) {
      const clientId = clientIdOn(broker, loop, 'publisher')
      const publisher = await TestClient.connect({ port: broker.port, clientId })
      const before = await broker.counter('native_fanout_yields')
      await stream(publisher, 'everyone', count, 64)
      for (const client of subscribers) {
        assert.deepEqual((await client.payloads(count)).map(Number), [0, 1, 2, 3, 4])
      }
      const yields = (await broker.counter('native_fanout_yields')) - before
      // Coming through a lane, the slice is what is left of the turn: it may or may not be cut.
      if (loop === 0) assert.ok(yields > 0)
      await publisher.disconnect()
    }
    assert.equal(await broker.counter('native_dropped_queue_full'), 0)
    await Promise.all(subscribers.map((client) => client.drop()))
  }))
