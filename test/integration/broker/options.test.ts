/** `mqtt.*` settings that change what one client sees. docs/operating/configuration.md. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  clientIdOn,
  connectBytes,
  eventually,
  publishPacket,
  TestClient,
  withBroker,
} from '../harness/index.js'

test('upgrade_qos delivers with the QoS of the subscription', () =>
  withBroker('mqtt.upgrade_qos = true', async (broker) => {
    const client = await TestClient.connect({ port: broker.port })
    await client.subscribe({ topic: 'up', qos: 2 })
    await client.publish({ topic: 'up', payload: 'x', qos: 0 })
    assert.equal((await client.message()).qos, 2)
    await client.disconnect()
  }))

test('ignore_loop_deliver keeps messages of versions 3.1 and 3.1.1 from their publisher', () =>
  withBroker('mqtt.ignore_loop_deliver = true', async (broker) => {
    for (const version of [3, 4, 5] as const) {
      const client = await TestClient.connect({ port: broker.port, version })
      await client.subscribe('loop')
      await client.publish({ topic: 'loop', payload: 'x', qos: 1 })
      await client.ping()
      assert.equal(client.messages.takeAll().length, version === 5 ? 1 : 0)
      await client.disconnect()
    }
  }))

test('wildcard_subscription = false refuses wildcards and says so', () =>
  withBroker('mqtt.wildcard_subscription = false', async (broker) => {
    const client = await TestClient.connect({ port: broker.port, version: 5 })
    assert.equal(client.connack?.properties?.wildcardSubscriptionAvailable, false)
    const { granted } = await client.subscribe([
      { topic: 'a/+', qos: 0 },
      { topic: 'a/b', qos: 0 },
    ])
    assert.deepEqual(granted, [0xa2, 0])
    await client.disconnect()
  }))

test('session_expiry_interval ends lasting sessions of version 3.1.1', () =>
  withBroker('mqtt.session_expiry_interval = 2s', async (broker) => {
    const options = { port: broker.port, clientId: 'short', clean: false }
    await (await TestClient.connect(options)).disconnect()
    const soon = await TestClient.connect(options)
    assert.equal(soon.sessionPresent, true)
    await soon.disconnect()
    await eventually('expired', async () => (await broker.counter('sessions_expired')) === 1)
    const late = await TestClient.connect(options)
    assert.equal(late.sessionPresent, false)
    await late.disconnect()
  }))

test('use_username_as_clientid makes one session of two names', () =>
  withBroker('mqtt.use_username_as_clientid = true', async (broker) => {
    const first = await TestClient.connect({ port: broker.port, version: 5, username: 'anna' })
    const second = await TestClient.connect({ port: broker.port, version: 5, username: 'anna' })
    await first.whenClosed()
    assert.equal(first.goodbye?.reasonCode, 0x8e)
    await second.disconnect()
  }))

test('a full queue drops a QoS 0 newcomer rather than what it owes', () =>
  withBroker('mqtt { max_mqueue_len = 3, max_inflight = 1 }', async (broker) => {
    const options = { port: broker.port, clientId: clientIdOn(broker, 0, 'owed'), clean: false }
    const away = await TestClient.connect(options)
    await away.subscribe({ topic: 'owed', qos: 1 })
    await away.disconnect()
    const clientId = clientIdOn(broker, 1, 'publisher')
    const publisher = await TestClient.connect({ port: broker.port, clientId })
    for (const n of [0, 1, 2]) await publisher.publish({ topic: 'owed', payload: `${n}`, qos: 1 })
    publisher.send(publishPacket({ topic: 'owed', payload: 'dropped' }))
    await publisher.ping()
    await eventually(
      'counted',
      async () => (await broker.counter('native_dropped_queue_full')) === 1,
    )
    const back = await TestClient.connect(options)
    assert.deepEqual(await back.payloads(3), ['0', '1', '2'])
    await Promise.all([back.disconnect(), publisher.disconnect()])
  }))

test('retainer limits refuse to store, and deliver all the same', () =>
  withBroker(
    'retainer { max_payload_size = 10, backend.max_retained_messages = 2 }',
    async (broker) => {
      const client = await TestClient.connect({ port: broker.port, version: 5 })
      await client.subscribe({ topic: 'r/#', qos: 1, rh: 2 })
      for (const [topic, payload] of [
        ['r/1', 'fits'],
        ['r/2', 'fits'],
        ['r/3', 'one too many'.slice(0, 5)],
        ['r/1', 'much too long'],
        ['r/2', 'replaced'],
      ] as const) {
        await client.publish({ topic, payload, qos: 1, retain: true })
        assert.equal((await client.message()).payload.toString(), payload)
      }
      const counters = await broker.counters()
      assert.equal(counters.native_retained_count, 2)
      assert.equal(counters.native_retained_refused_count, 1)
      assert.equal(counters.native_retained_refused_payload, 1)
      await client.disconnect()
    },
  ))

test('connects_per_clientid bounds the CONNECTs that wait for each other', () =>
  withBroker('limits.connects_per_clientid = 2', async (broker) => {
    // Many at once: most find the queue of their client id full, one stays, and it works.
    const clients = await Promise.all(
      Array.from({ length: 30 }, () =>
        TestClient.dial({ port: broker.port, clientId: 'crowd', version: 5 }),
      ),
    )
    const connect = connectBytes({ clientId: 'crowd', version: 5 })
    for (const client of clients) client.sendBytes(connect)
    await eventually('one is left', () => clients.filter(({ isClosed }) => !isClosed).length === 1)
    const [last] = clients.filter(({ isClosed }) => !isClosed)
    await last?.packet('connack')
    await last?.ping()
    await last?.disconnect()
  }))

test('a long pipeline of SUBSCRIBE and PUBLISH in turn is answered in order', () =>
  withBroker('', async (broker) => {
    const client = await TestClient.connect({ port: broker.port, version: 5 })
    const count = 500
    const stream = Array.from({ length: count }, (_, n) => [
      client.bytesOf({
        cmd: 'subscribe',
        messageId: 2 * n + 1,
        subscriptions: [{ topic: `pipe/${n}`, qos: 1 }],
      }),
      client.bytesOf(publishPacket({ topic: `pipe/${n}`, payload: `${n}`, qos: 1 }, 2 * n + 2)),
    ]).flat()
    client.sendBytes(Buffer.concat(stream))
    for (let n = 0; n < count; n++) {
      assert.equal((await client.packet('suback')).messageId, 2 * n + 1)
      assert.equal((await client.packet('puback')).messageId, 2 * n + 2)
      assert.equal((await client.message()).payload.toString(), `${n}`)
    }
    await client.disconnect()
  }))
