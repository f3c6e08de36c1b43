/** QoS 1 and 2, both halves; redelivery. MQTT 5.0 §4.3, §4.4. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  freePort,
  publishPacket,
  startBroker,
  TestClient,
} from '../../integration/harness/index.js'
import { chapter, lasting, nothingCame, pass } from '../fixture.js'

const { client } = chapter(5)

test('an identifier that was acknowledged is a new message, DUP or not', async () => {
  const subscriber = await client('subscriber')
  await subscriber.subscribe('again')
  const publisher = await client('publisher')
  for (const qos of [1, 2] as const) {
    for (const dup of [false, true]) {
      const payload = `${qos} ${dup}`
      await publisher.publish({ topic: 'again', payload, qos, dup, packetId: 7 })
      assert.equal((await subscriber.message()).payload.toString(), payload) // [MQTT-4.3.2-5] [MQTT-4.3.3-12]
    }
  }
  await nothingCame(subscriber, publisher)
  await Promise.all([subscriber.disconnect(), publisher.disconnect()])
})

test('until PUBREL a repeated QoS 2 PUBLISH is answered and not delivered again', async () => {
  const subscriber = await client('subscriber')
  await subscriber.subscribe('once')
  const publisher = await client('publisher')
  const publish = (dup: boolean) =>
    publisher.send(publishPacket({ topic: 'once', payload: 'x', qos: 2, dup }, 9))
  for (const dup of [false, true, true]) {
    publish(dup)
    assert.equal((await publisher.packet('pubrec')).messageId, 9) // [MQTT-4.3.3-8] [MQTT-4.3.3-10]
  }
  publisher.send({ cmd: 'pubrel', messageId: 9 })
  assert.equal((await publisher.packet('pubcomp')).messageId, 9) // [MQTT-4.3.3-11]
  assert.equal((await subscriber.message()).payload.toString(), 'x')
  await nothingCame(subscriber, publisher)
  await Promise.all([subscriber.disconnect(), publisher.disconnect()])
})

test('a QoS 2 exchange goes on although the message has expired', async () => {
  const publisher = await client('publisher')
  const properties = { messageExpiryInterval: 1 }
  publisher.send(publishPacket({ topic: 'expires', payload: 'x', qos: 2, properties }, 3))
  await publisher.packet('pubrec')
  await pass(1_500)
  publisher.send({ cmd: 'pubrel', messageId: 3 })
  const pubcomp = await publisher.packet('pubcomp')
  assert.deepEqual([pubcomp.messageId, pubcomp.reasonCode ?? 0], [3, 0]) // [MQTT-4.3.3-13]
  await publisher.disconnect()
})

test('what was sent once does not expire: it is sent again until it is acknowledged', async () => {
  const publisher = await client('publisher')
  const first = await client('expiring', { ...lasting, acknowledge: false })
  await first.subscribe('sent')
  const properties = { messageExpiryInterval: 1 }
  for (const qos of [1, 2] as const)
    await publisher.publish({ topic: 'sent', payload: `${qos}`, qos, properties })
  const sent = [await first.message(), await first.message()]
  await first.drop()
  await pass(1_500)
  const second = await client('expiring', { ...lasting, acknowledge: false })
  for (const { messageId, qos } of sent) {
    const again = await second.message()
    assert.deepEqual([again.messageId, again.qos, again.dup], [messageId, qos, true]) // [MQTT-4.3.3-7] [MQTT-4.4.0-1]
  }
  const [, two] = sent
  second.send({ cmd: 'pubrec', messageId: two?.messageId ?? 0 })
  assert.equal((await second.packet('pubrel')).messageId, two?.messageId)
  await second.disconnect(0, { sessionExpiryInterval: 0 })
  await publisher.disconnect()
})

test('PUBLISH is sent again until acknowledged, then PUBREL until PUBCOMP, and PUBLISH no more', async () => {
  const publisher = await client('publisher')
  const options = { ...lasting, acknowledge: false }
  const first = await client('stages', options)
  await first.subscribe('stages')
  await publisher.publish({ topic: 'stages', payload: 'one', qos: 1 })
  await publisher.publish({ topic: 'stages', payload: 'two', qos: 2 })
  const one = await first.message()
  const two = await first.message()
  assert.deepEqual([one.dup, two.dup], [false, false])
  assert.notEqual(one.messageId, two.messageId) // [MQTT-4.3.2-1] [MQTT-4.3.3-1]
  await first.drop()

  const second = await client('stages', options)
  const repeated = [await second.message(), await second.message()]
  assert.deepEqual(
    repeated.map(({ messageId, dup }) => [messageId, dup]),
    [
      [one.messageId, true],
      [two.messageId, true],
    ],
  ) // [MQTT-3.3.1-1] [MQTT-4.3.2-3] [MQTT-4.3.3-3] [MQTT-4.4.0-1]
  second.send({ cmd: 'puback', messageId: one.messageId ?? 0 })
  second.send({ cmd: 'pubrec', messageId: two.messageId ?? 0 })
  assert.equal((await second.packet('pubrel')).messageId, two.messageId) // [MQTT-4.3.3-4]
  await second.drop()

  const third = await client('stages', options)
  assert.equal((await third.packet('pubrel')).messageId, two.messageId) // [MQTT-4.3.3-5]
  assert.equal(third.messages.length, 0) // [MQTT-4.3.3-6]
  third.send({ cmd: 'pubcomp', messageId: two.messageId ?? 0 })
  await third.ping()
  await third.drop()

  const fourth = await client('stages', options)
  await fourth.ping()
  assert.deepEqual([fourth.messages.length, fourth.others.length], [0, 0])
  await fourth.disconnect(0, { sessionExpiryInterval: 0 })
  await publisher.disconnect()
})

test('a delivery that the client refuses is over', async () => {
  const publisher = await client('publisher')
  const options = { ...lasting, acknowledge: false }
  const first = await client('refusing', options)
  await first.subscribe('refused')
  for (const qos of [1, 2] as const)
    await publisher.publish({ topic: 'refused', payload: `${qos}`, qos })
  for (const cmd of ['puback', 'pubrec'] as const)
    first.send({ cmd, messageId: (await first.message()).messageId ?? 0, reasonCode: 0x80 })
  await first.ping()
  assert.equal(first.others.length, 0, 'no PUBREL')
  await first.drop()
  const second = await client('refusing', options)
  await nothingCame(second, publisher) // [MQTT-4.4.0-2]
  await second.disconnect(0, { sessionExpiryInterval: 0 })
  await publisher.disconnect()
})

test('nothing is sent again while the connection lasts', async () => {
  const publisher = await client('publisher')
  const subscriber = await client('patient', { acknowledge: false })
  await subscriber.subscribe('patience')
  await publisher.publish({ topic: 'patience', payload: 'x', qos: 1 })
  await subscriber.message()
  await pass(1_500)
  await nothingCame(subscriber, publisher) // [MQTT-4.4.0-1]
  await Promise.all([subscriber.disconnect(), publisher.disconnect()])
})

test('after a refusing PUBREC the same identifier is a new message', async () => {
  // With a link listener of its own, the other listener refuses what is for $LINK/.
  const guarded = await startBroker({
    config: `listeners.tcp.clink.bind = "127.0.0.1:${await freePort()}"`,
  })
  try {
    const publisher = await TestClient.connect({ port: guarded.port, version: 5 })
    await publisher.subscribe('allowed')
    publisher.send(publishPacket({ topic: '$LINK/x', payload: 'x', qos: 2 }, 5))
    assert.equal((await publisher.packet('pubrec')).reasonCode, 0x87)
    publisher.send(publishPacket({ topic: 'allowed', payload: 'y', qos: 2 }, 5))
    const pubrec = await publisher.packet('pubrec')
    assert.deepEqual([pubrec.messageId, pubrec.reasonCode ?? 0], [5, 0])
    assert.equal((await publisher.message()).payload.toString(), 'y') // [MQTT-4.3.3-9]
    await publisher.disconnect()
  } finally {
    await guarded.stop()
  }
})
