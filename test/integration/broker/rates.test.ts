/** `messages_rate` and `bytes_rate` of a listener: a client that is too fast is read later, and loses nothing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startBroker, TestClient } from '../harness/index.js'

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
