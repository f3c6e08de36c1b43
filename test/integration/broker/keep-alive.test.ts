/** Silence and how long it may last. MQTT 5.0 §3.1.2.10, §3.12. These tests wait in real time. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type BrokerProcess, clientIdOn, startBroker, TestClient } from '../harness/index.js'

let broker: BrokerProcess

before(async () => {
  broker = await startBroker()
})
after(() => broker.stop())

test('a client silent for one and a half times its keep-alive is closed, with 0x8D in version 5', async () => {
  const timeouts = await broker.counter('native_keepalive_timeouts')
  const startedMs = performance.now()
  const silent = await Promise.all(
    Array.from({ length: broker.io }, (_, loop) =>
      [4 as const, 5 as const].map((version) =>
        TestClient.connect({
          port: broker.port,
          version,
          keepAliveSeconds: 1,
          clientId: clientIdOn(broker, loop, `silent-${version}`),
        }),
      ),
    ).flat(),
  )
  await Promise.all(silent.map((client) => client.whenClosed(6_000)))
  const tookMs = performance.now() - startedMs
  assert.ok(tookMs >= 1_450, `closed after ${tookMs} ms`) // [MQTT-3.1.2-22]
  assert.ok(tookMs <= 4_000, `closed after ${tookMs} ms`)
  for (const client of silent) {
    assert.equal(client.goodbye?.reasonCode, client.version === 5 ? 0x8d : undefined)
  }
  const grown = (await broker.counter('native_keepalive_timeouts')) - timeouts
  assert.equal(grown, silent.length)
})

test('PINGREQ keeps a connection, and so does anything else the client sends', async () => {
  const options = { port: broker.port, keepAliveSeconds: 1 }
  const pinging = await TestClient.connect(options)
  const publishing = await TestClient.connect(options)
  for (let n = 0; n < 8; n++) {
    await delay(500)
    await pinging.ping()
    await publishing.publish({ topic: 'alive', qos: 0 })
  }
  assert.equal(pinging.isClosed, false)
  assert.equal(publishing.isClosed, false)
  await Promise.all([pinging.disconnect(), publishing.disconnect()])
})

test('what the server sends does not keep a silent client', async () => {
  const silent = await TestClient.connect({ port: broker.port, keepAliveSeconds: 1 })
  await silent.subscribe({ topic: 'chatter', qos: 0 })
  const publisher = await TestClient.connect({ port: broker.port })
  const chatter = setInterval(() => void publisher.publish({ topic: 'chatter', payload: 'x' }), 200)
  await silent.whenClosed(6_000)
  clearInterval(chatter)
  await publisher.disconnect()
})

test('server_keepalive replaces the keep-alive of version 5 clients, and is announced', async () => {
  const strict = await startBroker({ config: 'mqtt.server_keepalive = 1' })
  try {
    const client = await TestClient.connect({
      port: strict.port,
      version: 5,
      keepAliveSeconds: 600,
    })
    assert.equal(client.connack?.properties?.serverKeepAlive, 1)
    await client.whenClosed(6_000)
    assert.equal(client.goodbye?.reasonCode, 0x8d)
  } finally {
    await strict.stop()
  }
})
