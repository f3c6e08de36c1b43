/** PUBLISH, retained messages and the two halves of every QoS. MQTT 3.1.1 §3.3, §4.3, §4.4, §4.6. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { publishPacket } from '../../integration/harness/index.js'
import { chapter, nothingCame } from '../fixture.js'

const { client } = chapter(4)

test('DUP of the publisher is not passed on', async () => {
  const subscriber = await client('subscriber')
  const publisher = await client('publisher')
  await subscriber.subscribe('dup')
  for (const qos of [1, 2] as const) {
    await publisher.publish({ topic: 'dup', payload: 'x', qos, dup: true })
    assert.equal((await subscriber.message()).dup, false) // [MQTT-3.3.1-3]
  }
  await Promise.all([subscriber.disconnect(), publisher.disconnect()])
})

test('retained messages are kept with their QoS, replaced, deleted, and left alone without RETAIN', async () => {
  const publisher = await client('publisher')
  const topic = 'kept'
  const listener = await client('listener')
  await listener.subscribe(topic)
  const publish = async (payload: string, retain: boolean, qos: 0 | 1 | 2) => {
    await publisher.publish({ topic, payload, qos, retain })
    const live = await listener.message()
    assert.deepEqual([live.payload.toString(), live.retain], [payload, false]) // [MQTT-3.3.1-9]
  }
  const kept = async () => {
    const late = await client('late')
    await late.subscribe(topic)
    await late.ping()
    const found = late.messages.takeAll()
    await late.disconnect()
    return found.map(({ payload, qos, retain }) => `${payload} ${qos} ${retain}`)
  }
  await publish('first', true, 1)
  assert.deepEqual(await kept(), ['first 1 true']) // [MQTT-3.3.1-5] [MQTT-3.3.1-6] [MQTT-3.3.1-8]
  await publish('second', true, 2)
  assert.deepEqual(await kept(), ['second 2 true'])
  await publish('third', true, 0)
  assert.deepEqual(await kept(), ['third 0 true']) // [MQTT-3.3.1-7]
  await publish('passing', false, 1)
  assert.deepEqual(await kept(), ['third 0 true']) // [MQTT-3.3.1-12]
  await publish('', true, 1) // [MQTT-3.3.1-10]: delivered, and deletes
  assert.deepEqual(await kept(), []) // [MQTT-3.3.1-11]
  await Promise.all([publisher.disconnect(), listener.disconnect()])
})

test('a retained message outlives the session of its publisher and of its reader', async () => {
  const publisher = await client('leaving', { clean: true })
  await publisher.publish({ topic: 'stays', payload: 'x', qos: 1, retain: true })
  await publisher.disconnect()
  await (await client('leaving', { clean: true })).disconnect()
  for (let n = 0; n < 2; n++) {
    const reader = await client('reader')
    await reader.subscribe('stays')
    assert.equal((await reader.message()).payload.toString(), 'x') // [MQTT-3.1.2-7]
    await reader.disconnect()
  }
  const cleaner = await client('leaving')
  await cleaner.publish({ topic: 'stays', qos: 1, retain: true })
  await cleaner.disconnect()
})

test('an identifier that was acknowledged is a new message; until then QoS 2 delivers once', async () => {
  const subscriber = await client('subscriber')
  await subscriber.subscribe('again')
  const publisher = await client('publisher')
  for (const qos of [1, 2] as const) {
    for (const dup of [false, true]) {
      await publisher.publish({ topic: 'again', payload: `${qos} ${dup}`, qos, dup, packetId: 7 })
      assert.equal((await subscriber.message()).payload.toString(), `${qos} ${dup}`) // [MQTT-4.3.2-2] [MQTT-4.3.3-2]
    }
  }
  for (const dup of [false, true, true]) {
    publisher.send(publishPacket({ topic: 'again', payload: 'once', qos: 2, dup }, 9))
    assert.equal((await publisher.packet('pubrec')).messageId, 9) // [MQTT-4.3.3-2]
  }
  assert.equal((await subscriber.message()).payload.toString(), 'once')
  publisher.send({ cmd: 'pubrel', messageId: 9 })
  assert.equal((await publisher.packet('pubcomp')).messageId, 9)
  await nothingCame(subscriber, publisher)
  await Promise.all([subscriber.disconnect(), publisher.disconnect()])
})

test('PUBLISH is sent again until acknowledged, then PUBREL until PUBCOMP, and PUBLISH no more', async () => {
  const publisher = await client('publisher')
  const options = { clean: false, acknowledge: false }
  const first = await client('stages', options)
  await first.subscribe('stages')
  await publisher.publish({ topic: 'stages', payload: 'one', qos: 1 })
  await publisher.publish({ topic: 'stages', payload: 'two', qos: 2 })
  const one = await first.message()
  const two = await first.message()
  assert.deepEqual([one.dup, two.dup], [false, false])
  assert.notEqual(one.messageId, two.messageId) // [MQTT-2.3.1-4] [MQTT-4.3.2-1] [MQTT-4.3.3-1]
  await first.drop()

  const second = await client('stages', options)
  const repeated = [await second.message(), await second.message()]
  assert.deepEqual(
    repeated.map(({ messageId, dup }) => [messageId, dup]),
    [
      [one.messageId, true],
      [two.messageId, true],
    ],
  ) // [MQTT-3.3.1-1] [MQTT-4.4.0-1]
  second.send({ cmd: 'puback', messageId: one.messageId ?? 0 })
  second.send({ cmd: 'pubrec', messageId: two.messageId ?? 0 })
  assert.equal((await second.packet('pubrel')).messageId, two.messageId)
  await second.drop()

  const third = await client('stages', options)
  assert.equal((await third.packet('pubrel')).messageId, two.messageId) // [MQTT-4.4.0-1] [MQTT-4.3.3-1]
  assert.equal(third.messages.length, 0)
  third.send({ cmd: 'pubcomp', messageId: two.messageId ?? 0 })
  await third.ping()
  await third.drop()
  const fourth = await client('stages', options)
  await fourth.ping()
  assert.deepEqual([fourth.messages.length, fourth.others.length], [0, 0])
  await fourth.disconnect()
  await (await client('stages')).disconnect()
  await publisher.disconnect()
})

test('overlapping subscriptions give one copy with the highest QoS', async () => {
  const subscriber = await client('overlap')
  const filters = [
    { topic: 'over/lap', qos: 0 },
    { topic: 'over/+', qos: 2 },
    { topic: '#', qos: 1 },
  ] as const
  assert.deepEqual((await subscriber.subscribe([...filters])).granted, [0, 2, 1])
  const publisher = await client('publisher')
  await publisher.publish({ topic: 'over/lap', payload: 'x', qos: 2 })
  const message = await subscriber.message()
  assert.deepEqual([message.topic, message.qos], ['over/lap', 2]) // [MQTT-3.3.5-1] [MQTT-3.3.2-3]
  await nothingCame(subscriber, publisher)
  await Promise.all([subscriber.disconnect(), publisher.disconnect()])
})

test('messages of one publisher keep their order per topic and QoS', async () => {
  const subscriber = await client('ordered')
  await subscriber.subscribe('order')
  const publisher = await client('publisher')
  const count = 300
  for (let n = 0; n < count; n += 30) {
    await Promise.all(
      Array.from({ length: 30 }, (_, at) => {
        const number = n + at
        const qos = (number % 3) as 0 | 1 | 2
        return publisher.publish({ topic: 'order', payload: `${number}`, qos })
      }),
    )
  }
  const last = [-1, -1, -1]
  for (let n = 0; n < count; n++) {
    const { qos, payload } = await subscriber.message()
    const number = Number(payload.toString())
    assert.ok(number > (last[qos] ?? 0), `QoS ${qos}: ${number} behind ${last[qos]}`) // [MQTT-4.6.0-5] [MQTT-4.6.0-6]
    last[qos] = number
  }
  await Promise.all([subscriber.disconnect(), publisher.disconnect()])
})
