/** `messages_rate` and `bytes_rate` of a listener: a client that is too fast is read later, and loses nothing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startBroker, TestClient, withBroker } from '../harness/index.js'

test('messages_rate: who publishes faster is slowed, not dropped and not disconnected; others are not', async () => {
  const broker = await startBroker({ config: 'listeners.tcp.default.messages_rate = "20/s"' })
  const subscriber = await TestClient.connect({ port: broker.port })
  await subscriber.subscribe({ topic: 'fast/#', qos: 0 })
  const [fast, slow] = await Promise.all([
    TestClient.connect({ port: broker.port, keepAliveSeconds: 1 }),
    TestClient.connect({ port: broker.port }),
  ])
  const beganMs = performance.now()
  const payloads = Array.from({ length: 60 }, (_, n) => `${n}`)
  const done = payloads.map((payload) => fast.publish({ topic: 'fast/1', payload, qos: 1 }))
  for (let n = 0; n < 5; n++) await slow.publish({ topic: 'other', qos: 1 })
  await Promise.all(done)
  // A second's worth at once, then 20 a second.
  assert.ok(performance.now() - beganMs >= 1_900)
  assert.deepEqual(await subscriber.payloads(60), payloads)
  assert.ok((await broker.counter('native_rate_limited_pauses')) >= 1)
  assert.equal(await broker.counter('native_keepalive_timeouts'), 0)
  await Promise.all([subscriber, fast, slow].map((client) => client.disconnect()))
  await broker.stop()
})

test('bytes_rate and bytes_burst: the burst goes at once, the rest waits', async () => {
  const broker = await startBroker({
    config: 'listeners.tcp.default { bytes_rate = "20KB/s", bytes_burst = "20KB/60m" }',
  })
  const client = await TestClient.connect({ port: broker.port, keepAliveSeconds: 1 })
  const beganMs = performance.now()
  for (let n = 0; n < 16; n++)
    await client.publish({ topic: 'big', payload: Buffer.alloc(5_000, 'x'), qos: 1 })
  // 80 KB: 20 of the first second, 20 of the burst, the others at 20 KB/s.
  assert.ok(performance.now() - beganMs >= 1_500)
  assert.ok((await broker.counter('native_rate_limited_pauses')) >= 1)
  await client.disconnect()
  await broker.stop()
})

test('total_messages_rate: the clients of a listener share it, lose nothing and keep their order', () =>
  withBroker('listeners.tcp.default.total_messages_rate = "40/s"', async (broker) => {
    const subscriber = await TestClient.connect({ port: broker.port })
    await subscriber.subscribe({ topic: 'shared/#', qos: 1 })
    const publishers = await Promise.all(
      Array.from({ length: 4 }, () => TestClient.connect({ port: broker.port })),
    )
    const beganMs = performance.now()
    const done = publishers.flatMap((publisher, row) =>
      Array.from({ length: 25 }, (_, n) =>
        publisher.publish({ topic: `shared/${row}`, payload: `${row} ${n}`, qos: 1 }),
      ),
    )
    await Promise.all(done)
    // 40 of the first second, the other 60 at 40 a second, whichever loops they are on.
    assert.ok(performance.now() - beganMs >= 1_400)
    const payloads = await subscriber.payloads(100)
    for (let row = 0; row < 4; row++) {
      const own = payloads.filter((payload) => payload.startsWith(`${row} `))
      assert.deepEqual(
        own,
        Array.from({ length: 25 }, (_, n) => `${row} ${n}`),
      )
    }
    assert.ok((await broker.counter('native_rate_total_pauses')) >= 1)
    assert.equal(await broker.counter('native_rate_limited_pauses'), 0)
    await Promise.all([subscriber, ...publishers].map((client) => client.disconnect()))
  }))

test('total_bytes_rate: who sends much makes everybody wait, and nobody is closed', () =>
  withBroker('listeners.tcp.default.total_bytes_rate = "50KB/s"', async (broker) => {
    const [large, small] = await Promise.all([
      TestClient.connect({ port: broker.port }),
      TestClient.connect({ port: broker.port }),
    ])
    const beganMs = performance.now()
    await large.publish({ topic: 'large', payload: Buffer.alloc(120_000, 'x'), qos: 1 })
    await small.publish({ topic: 'small', qos: 1 })
    // 50 KB of the first second, then 70 KB have to come back.
    assert.ok(performance.now() - beganMs >= 1_000)
    assert.ok((await broker.counter('native_rate_total_pauses')) >= 1)
    await Promise.all([large, small].map((client) => client.disconnect()))
  }))
