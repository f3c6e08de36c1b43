/** What a client may cost: connections, silence, sizes, lengths, descriptors. Each bound is met from both sides. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type BrokerProcess,
  eventually,
  publishPacket,
  TestClient,
  withBroker,
} from '../harness/index.js'

const open = (broker: BrokerProcess, count: number, more: object = {}) =>
  Promise.all(
    Array.from({ length: count }, () => TestClient.connect({ port: broker.port, ...more })),
  )

test('a listener at max_connections closes newcomers, and takes one when one leaves', () =>
  withBroker('listeners.tcp.default.max_connections = 5', async (broker) => {
    const inside = await open(broker, 5)
    const outside = await TestClient.dial({ port: broker.port })
    await outside.whenClosed()
    assert.equal(outside.others.length, 0)
    await eventually(
      'the refusal is counted',
      async () => (await broker.counter('native_connects_refused_quota')) >= 1,
    )
    await inside[0]?.disconnect()
    await eventually('room again', async () => {
      const next = await TestClient.connect({ port: broker.port }).catch(() => null)
      return next !== null
    })
    await Promise.all(inside.slice(1).map((client) => client.ping()))
  }))

test('limits.connections refuses with 0x97 in version 5 and 3 below', () =>
  withBroker('limits.connections = 3', async (broker) => {
    const inside = await open(broker, 3)
    await assert.rejects(TestClient.connect({ port: broker.port, version: 5 }), /refused with 151/)
    await assert.rejects(TestClient.connect({ port: broker.port, version: 4 }), /refused with 3/)
    await inside[0]?.disconnect()
    await eventually('room again', async () => {
      const next = await TestClient.connect({ port: broker.port }).catch(() => null)
      return next !== null
    })
  }))

test('a connection that sends no whole CONNECT within idle_timeout is closed', () =>
  withBroker('mqtt.idle_timeout = 1s', async (broker) => {
    const startedMs = performance.now()
    const silent = await TestClient.dial({ port: broker.port })
    const slow = await TestClient.dial({ port: broker.port })
    slow.sendBytes(Buffer.from('100e00044d5154', 'hex'))
    const connected = await TestClient.connect({ port: broker.port })
    await Promise.all([silent.whenClosed(5_000), slow.whenClosed(5_000)])
    const tookMs = performance.now() - startedMs
    assert.ok(tookMs >= 950 && tookMs < 3_500, `after ${tookMs} ms`)
    assert.equal(silent.others.length + slow.others.length, 0, 'no CONNACK for silence')
    await connected.ping()
    assert.equal(await broker.counter('native_connects_refused_timeout'), 2)
    await connected.disconnect()
  }))

test('what cannot be a CONNECT is closed at once, the header of a TLS record too', () =>
  withBroker({}, async (broker) => {
    for (const hex of ['1603010200', '47', '30', 'e0', '20']) {
      const client = await TestClient.dial({ port: broker.port })
      client.sendBytes(Buffer.from(hex, 'hex'))
      await client.whenClosed(2_000)
      assert.equal(client.others.length, 0)
    }
  }))

test('a packet above max_packet_size is refused by its header, one at the limit is taken', () =>
  withBroker('mqtt.max_packet_size = 1024', async (broker) => {
    for (const version of [4, 5] as const) {
      const client = await TestClient.connect({ port: broker.port, version })
      if (version === 5) assert.equal(client.connack?.properties?.maximumPacketSize, 1024)
      await client.subscribe({ topic: 't', qos: 0 })
      const overhead =
        client.bytesOf(publishPacket({ topic: 't', payload: Buffer.alloc(200) })).length - 200
      const atLimit = client.bytesOf(
        publishPacket({ topic: 't', payload: Buffer.alloc(1024 - overhead, 'x') }),
      )
      assert.equal(atLimit.length, 1024)
      client.sendBytes(atLimit)
      assert.equal((await client.message()).payload.length, 1024 - overhead)
      const above = client.bytesOf(
        publishPacket({ topic: 't', payload: Buffer.alloc(1025 - overhead) }),
      )
      client.sendBytes(above.subarray(0, 5)) // the rest need not come
      await client.whenClosed()
      assert.equal(client.goodbye?.reasonCode, version === 5 ? 0x95 : undefined)
    }
    assert.equal(await broker.counter('native_packets_too_large'), 2)
  }))

test('a client identifier longer than max_clientid_len is refused', () =>
  withBroker('mqtt.max_clientid_len = 30', async (broker) => {
    const connect = (clientId: string, version: 4 | 5) =>
      TestClient.connect({ port: broker.port, version, clientId })
    await (await connect('x'.repeat(30), 4)).disconnect()
    await (await connect('é'.repeat(15), 5)).disconnect()
    await assert.rejects(connect('x'.repeat(31), 4), /refused with 2/)
    await assert.rejects(connect('x'.repeat(31), 5), /refused with 133/)
    await assert.rejects(connect('é'.repeat(16), 5), /refused with 133/, 'bytes count')
  }))

test('a filter with more than max_topic_levels is refused, one at the limit is granted', () =>
  withBroker('mqtt.max_topic_levels = 4', async (broker) => {
    const client = await TestClient.connect({ port: broker.port, version: 5 })
    assert.deepEqual((await client.subscribe({ topic: 'a/b/c/d', qos: 1 })).granted, [1])
    assert.deepEqual((await client.subscribe('a/b/c/d/e')).granted, [0x8f])
    assert.deepEqual((await client.subscribe('a/b/c/+/#')).granted, [0x8f])
    const old = await TestClient.connect({ port: broker.port, version: 4 })
    assert.deepEqual((await old.subscribe('a/b/c/d/e')).granted, [0x80])
    await Promise.all([client.disconnect(), old.disconnect()])
  }))

test('max_subscriptions bounds one session, and replacing costs nothing', () =>
  withBroker('mqtt.max_subscriptions = 2', async (broker) => {
    const client = await TestClient.connect({ port: broker.port, version: 5 })
    const { granted } = await client.subscribe(
      ['a', 'b', 'c', 'a'].map((topic) => ({ topic, qos: 0 })),
    )
    assert.deepEqual(granted, [0, 0, 0x97, 0])
    await client.unsubscribe('a')
    assert.deepEqual((await client.subscribe({ topic: 'c', qos: 1 })).granted, [1])
    await client.disconnect()
  }))

test('max_qos_allowed is announced and enforced', () =>
  withBroker('mqtt.max_qos_allowed = 1', async (broker) => {
    const client = await TestClient.connect({ port: broker.port, version: 5 })
    assert.equal(client.connack?.properties?.maximumQoS, 1)
    assert.deepEqual((await client.subscribe({ topic: 'q', qos: 2 })).granted, [1])
    client.send(publishPacket({ topic: 'q', payload: 'x', qos: 2 }, 1))
    await client.whenClosed()
    assert.equal(client.goodbye?.reasonCode, 0x9b) // [MQTT-3.2.2-11]
    await assert.rejects(
      TestClient.connect({
        port: broker.port,
        version: 5,
        will: { topic: 'w', payload: Buffer.from('x'), qos: 2, retain: false },
      }),
      /refused with 155/, // [MQTT-3.2.2-12]
    )
  }))

test('when descriptors run out, who is connected is served and newcomers are taken once some are free', () =>
  withBroker({ descriptors: 120 }, async (broker) => {
    const clients = await Promise.all(
      Array.from({ length: 150 }, () => TestClient.dial({ port: broker.port })),
    )
    await eventually(
      'accept fails',
      async () => (await broker.counter('native_accept_failures')) > 0,
    )
    const closed = clients.splice(0, 80)
    await Promise.all(closed.map((client) => client.drop()))
    const newcomer = await TestClient.connect({ port: broker.port })
    await newcomer.ping()
    await Promise.all([newcomer.disconnect(), ...clients.map((client) => client.drop())])
  }))
