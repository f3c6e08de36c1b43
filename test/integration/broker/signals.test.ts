/** What signals do to a broker. docs/operating/signals.md. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startBroker, TestClient } from '../harness/index.js'

test('SIGUSR2 logs one event with every metric, and the broker goes on', async () => {
  const broker = await startBroker()
  try {
    const client = await TestClient.connect({ port: broker.port })
    await client.subscribe('t')
    await client.publish({ topic: 't', payload: 'x', qos: 1 })
    await client.message()
    const counters = await broker.counters()
    assert.equal(counters.connections, 1)
    assert.equal(counters.native_messages_received, 1)
    assert.ok((counters.native_seam_crossings ?? 0) > 0)
    assert.ok(Object.values(counters).every((value) => Number.isFinite(value)))
    await client.ping()
    assert.equal(broker.log.filter(({ event }) => event === 'counters').length, 1)
    await client.disconnect()
  } finally {
    await broker.stop()
  }
})

test('SIGTERM says goodbye to clients and ends the process with 0 within five seconds', async () => {
  const broker = await startBroker()
  const [old, current] = await Promise.all([
    TestClient.connect({ port: broker.port, version: 4 }),
    TestClient.connect({ port: broker.port, version: 5 }),
  ])
  const startedMs = performance.now()
  await broker.stop()
  assert.ok(performance.now() - startedMs < 5_000)
  await Promise.all([old.whenClosed(), current.whenClosed()])
  assert.equal(current.goodbye?.reasonCode, 0x8b)
  assert.equal(broker.errors, '')
})

test('a broker that stops under traffic ends with 0, twenty times', async () => {
  for (let round = 0; round < 20; round++) {
    const broker = await startBroker()
    const clients = await Promise.all(
      Array.from({ length: 8 }, () => TestClient.connect({ port: broker.port, version: 5 })),
    )
    await Promise.all(clients.map((client) => client.subscribe('traffic/#')))
    const traffic = setInterval(() => {
      for (const client of clients) {
        if (!client.isClosed) void client.publish({ topic: 'traffic/1', payload: 'x' })
        if (!client.isClosed)
          client.send({
            cmd: 'subscribe',
            messageId: 1,
            subscriptions: [{ topic: 'more', qos: 0 }],
          })
      }
      // Newcomers in the middle of it: their CONNECTs are events that may come too late.
      void TestClient.connect({ port: broker.port }).catch(() => {})
    }, 1)
    try {
      await clients[0]?.ping()
      await broker.stop()
    } finally {
      clearInterval(traffic)
    }
    await Promise.all(clients.map((client) => client.whenClosed()))
  }
})
