/** How much may be in flight, what waits, and what goes when too much waits. MQTT 5.0 §4.9; mqtt.max_* of EMQX. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clientIdOn, eventually, publishPacket, TestClient, withBroker } from '../harness/index.js'

/** Publishes `count` messages named 0, 1, 2 … and waits for the last acknowledgement. */
async function publishMany(client: TestClient, topic: string, count: number, qos: 1 | 2 = 1) {
  const exchanges = []
  for (let n = 0; n < count; n++) {
    exchanges.push(client.publish({ topic, payload: `${n}`, qos }))
    if (n % 50 === 49) await Promise.all(exchanges.splice(0)) // within our Receive Maximum
  }
  await Promise.all(exchanges)
}

const names = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, n) => `${from + n}`)

test('a version 5 client never has more in flight than its Receive Maximum', () =>
  withBroker('', async (broker) => {
    const receiver = await TestClient.connect({
      port: broker.port,
      version: 5,
      clientId: clientIdOn(broker, 0, 'narrow'),
      properties: { receiveMaximum: 3 },
      acknowledge: false,
    })
    await receiver.subscribe('narrow')
    const publisher = await TestClient.connect({
      port: broker.port,
      clientId: clientIdOn(broker, 1, 'p'),
    })
    await publishMany(publisher, 'narrow', 10)
    for (let n = 0; n < 10; n++) {
      const message = await receiver.message()
      assert.equal(message.payload.toString(), `${n}`)
      await receiver.ping()
      assert.ok(receiver.messages.length <= 2, 'at most three unacknowledged') // [MQTT-3.3.4-9]
      receiver.send({ cmd: 'puback', messageId: message.messageId ?? 0 })
    }
    await Promise.all([receiver.disconnect(), publisher.disconnect()])
  }))

test('a QoS 2 exchange counts until PUBCOMP, and QoS 0 passes a full window', () =>
  withBroker('', async (broker) => {
    const receiver = await TestClient.connect({
      port: broker.port,
      version: 5,
      properties: { receiveMaximum: 1 },
      acknowledge: false,
    })
    await receiver.subscribe('one')
    const publisher = await TestClient.connect({ port: broker.port })
    await publisher.publish({ topic: 'one', payload: '0', qos: 2 })
    const first = await receiver.message()
    await publisher.publish({ topic: 'one', payload: 'unnumbered', qos: 0 })
    assert.equal((await receiver.message()).payload.toString(), 'unnumbered')
    await publisher.publish({ topic: 'one', payload: '1', qos: 2 })
    receiver.send({ cmd: 'pubrec', messageId: first.messageId ?? 0 })
    await receiver.packet('pubrel')
    await receiver.ping()
    assert.equal(receiver.messages.length, 0)
    receiver.send({ cmd: 'pubcomp', messageId: first.messageId ?? 0 })
    assert.equal((await receiver.message()).payload.toString(), '1')
    await Promise.all([receiver.disconnect(), publisher.disconnect()])
  }))

test('max_inflight bounds the window of clients that state nothing', () =>
  withBroker('mqtt.max_inflight = 5', async (broker) => {
    const receiver = await TestClient.connect({ port: broker.port, acknowledge: false })
    await receiver.subscribe('window')
    const publisher = await TestClient.connect({ port: broker.port })
    await publishMany(publisher, 'window', 20)
    const first = await receiver.message() // by a lane perhaps, which no PUBACK waits for
    assert.deepEqual(await receiver.payloads(4), names(1, 5))
    await receiver.ping()
    assert.equal(receiver.messages.length, 0)
    receiver.send({ cmd: 'puback', messageId: first.messageId ?? 0 })
    assert.equal((await receiver.message()).payload.toString(), '5')
    await Promise.all([receiver.disconnect(), publisher.disconnect()])
  }))

test('a client that exceeds our Receive Maximum with QoS 2 is told 0x93', () =>
  withBroker('mqtt.max_awaiting_rel = 4', async (broker) => {
    const client = await TestClient.connect({ port: broker.port, version: 5 })
    assert.equal(client.connack?.properties?.receiveMaximum, 4)
    for (let id = 1; id <= 4; id++)
      client.send(publishPacket({ topic: 'much', payload: 'x', qos: 2 }, id))
    for (let id = 1; id <= 4; id++) assert.equal((await client.packet('pubrec')).messageId, id)
    client.send(publishPacket({ topic: 'much', payload: 'x', qos: 2 }, 5))
    await client.whenClosed()
    assert.equal(client.goodbye?.reasonCode, 0x93) // [MQTT-3.3.4-7]
  }))

test('messages wait in order for a session without connection', () =>
  withBroker('mqtt { max_inflight = 10, max_mqueue_len = 1000 }', async (broker) => {
    for (const loop of [0, 1]) {
      const options = {
        port: broker.port,
        clientId: clientIdOn(broker, loop, 'away'),
        clean: false,
      }
      const away = await TestClient.connect(options)
      await away.subscribe({ topic: `away/${loop}`, qos: 1 })
      await away.disconnect()
      const publisher = await TestClient.connect({
        port: broker.port,
        clientId: clientIdOn(broker, 0, 'p'),
      })
      await publishMany(publisher, `away/${loop}`, 500)
      await publisher.disconnect()
      const back = await TestClient.connect(options)
      assert.equal(back.sessionPresent, true)
      assert.deepEqual(await back.payloads(500), names(0, 500))
      await back.ping()
      assert.equal(back.messages.length, 0)
      await back.disconnect()
    }
  }))

test('a full queue drops the oldest, and counts', () =>
  withBroker('mqtt { max_mqueue_len = 10, max_inflight = 4 }', async (broker) => {
    const options = { port: broker.port, clientId: clientIdOn(broker, 0, 'full'), clean: false }
    const away = await TestClient.connect(options)
    await away.subscribe({ topic: 'full', qos: 1 })
    await away.disconnect()
    const publisher = await TestClient.connect({
      port: broker.port,
      clientId: clientIdOn(broker, 1, 'p'),
    })
    await publishMany(publisher, 'full', 25)
    await publisher.disconnect()
    await eventually(
      '15 dropped',
      async () => (await broker.counter('native_dropped_queue_full')) === 15,
    )
    const back = await TestClient.connect(options)
    assert.deepEqual(await back.payloads(10), names(15, 25))
    await back.disconnect()
  }))

test('QoS 0 waits for a session without connection only with mqueue_store_qos0', async () => {
  for (const stores of [true, false]) {
    await withBroker(`mqtt.mqueue_store_qos0 = ${stores}`, async (broker) => {
      const options = { port: broker.port, clientId: clientIdOn(broker, 0, 'qos0'), clean: false }
      const away = await TestClient.connect(options)
      await away.subscribe({ topic: 'qos0', qos: 1 })
      await away.disconnect()
      const publisher = await TestClient.connect({
        port: broker.port,
        clientId: clientIdOn(broker, 1, 'p'),
      })
      await publisher.publish({ topic: 'qos0', payload: 'zero' })
      await publisher.publish({ topic: 'qos0', payload: 'one', qos: 1 })
      // The publisher's loop hands both over by a lane: a client back before its loop has read that
      // lane would be online when they arrive.
      const dropped = () => broker.counter('native_dropped_qos0_offline')
      if (!stores) await eventually('one dropped', async () => (await dropped()) === 1)
      const back = await TestClient.connect(options)
      assert.deepEqual(await back.payloads(stores ? 2 : 1), stores ? ['zero', 'one'] : ['one'])
      assert.equal(await dropped(), stores ? 0 : 1)
      await Promise.all([back.disconnect(), publisher.disconnect()])
    })
  }
})

test('all 65,535 packet ids may be in flight, none is 0 and none comes twice', () =>
  withBroker('mqtt { max_inflight = 65535, max_mqueue_len = infinity }', async (broker) => {
    const receiver = await TestClient.connect({
      port: broker.port,
      clientId: clientIdOn(broker, 0, 'ids'),
      acknowledge: false,
    })
    await receiver.subscribe({ topic: 'ids', qos: 1 })
    const publisher = await TestClient.connect({
      port: broker.port,
      clientId: clientIdOn(broker, 1, 'p'),
    })
    const total = 65_535 + 10
    const batch = 2_000
    for (let sent = 0; sent < total; sent += batch) {
      const count = Math.min(batch, total - sent)
      await Promise.all(
        Array.from({ length: count }, () =>
          publisher.publish({ topic: 'ids', payload: 'x', qos: 1 }),
        ),
      )
    }
    const ids = new Set<number>()
    for (let n = 0; n < 65_535; n++) ids.add((await receiver.message()).messageId ?? 0)
    assert.equal(ids.size, 65_535)
    assert.equal(ids.has(0), false)
    await receiver.ping()
    assert.equal(receiver.messages.length, 0, 'the window is full')
    for (const messageId of [500, 40_000]) {
      receiver.send({ cmd: 'puback', messageId })
      assert.equal((await receiver.message()).messageId, messageId, 'the only id that is free')
    }
    await Promise.all([receiver.drop(), publisher.disconnect()])
  }))
