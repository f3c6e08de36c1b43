/** Send quota and receive maximum. MQTT 5.0 §4.9, §3.3.4. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chapter, nothingCame } from '../fixture.js'

const { client } = chapter(5)

const narrow = { acknowledge: false, properties: { receiveMaximum: 2 } }

test('no more than the receive maximum is unacknowledged, and each acknowledgement makes room', async () => {
  const receiver = await client('receiver', narrow)
  await receiver.subscribe('quota')
  const publisher = await client('publisher')
  for (const payload of ['0', '1', '2', '3', '4'])
    await publisher.publish({ topic: 'quota', payload, qos: Number(payload) % 2 === 0 ? 1 : 2 })
  const [zero, one] = [await receiver.message(), await receiver.message()] // [MQTT-4.9.0-1]
  await receiver.ping()
  assert.equal(receiver.messages.length, 0) // [MQTT-3.3.4-9] [MQTT-4.9.0-2]
  receiver.send({ cmd: 'pubrec', messageId: one.messageId ?? 0 })
  await receiver.packet('pubrel')
  await receiver.ping()
  assert.equal(receiver.messages.length, 0, 'PUBREC makes no room')
  receiver.send({ cmd: 'pubcomp', messageId: one.messageId ?? 0 })
  const two = await receiver.message()
  assert.equal(two.payload.toString(), '2')
  receiver.send({ cmd: 'puback', messageId: zero.messageId ?? 0 })
  const three = await receiver.message()
  assert.equal(three.payload.toString(), '3')
  receiver.send({ cmd: 'pubrec', messageId: three.messageId ?? 0, reasonCode: 0x80 })
  assert.equal((await receiver.message()).payload.toString(), '4', 'a refusal makes room too')
  await Promise.all([receiver.disconnect(), publisher.disconnect()])
})

test('a full window delays QoS 1 and 2 only', async () => {
  const receiver = await client('full', narrow)
  await receiver.subscribe({ topic: 'full/#', qos: 1 })
  const publisher = await client('publisher')
  for (const payload of ['0', '1']) await publisher.publish({ topic: 'full/1', payload, qos: 1 })
  await receiver.payloads(2)
  // The window is full; everything else goes on both ways [MQTT-3.3.4-10] [MQTT-4.9.0-3].
  await receiver.ping()
  assert.deepEqual((await receiver.subscribe({ topic: 'more', qos: 0 })).granted, [0])
  assert.equal(
    (await receiver.publish({ topic: 'elsewhere', payload: 'x', qos: 1 }))?.cmd,
    'puback',
  )
  assert.equal(
    (await receiver.publish({ topic: 'elsewhere', payload: 'x', qos: 2 }))?.cmd,
    'pubcomp',
  )
  await receiver.unsubscribe('more')
  await publisher.publish({ topic: 'full/0', payload: 'QoS 0 needs no quota' })
  assert.equal((await receiver.message()).payload.toString(), 'QoS 0 needs no quota')
  await nothingCame(receiver, publisher)
  await Promise.all([receiver.disconnect(), publisher.disconnect()])
})

test('what is too large for a client is dropped and uses no quota', async () => {
  const small = await client('small', {
    acknowledge: false,
    properties: { receiveMaximum: 1, maximumPacketSize: 60 },
  })
  await small.subscribe('sized')
  const publisher = await client('publisher')
  for (const size of [100, 61, 20])
    await publisher.publish({ topic: 'sized', payload: 'x'.repeat(size), qos: 1 })
  const message = await small.message()
  assert.equal(message.payload.length, 20) // [MQTT-3.1.2-24] [MQTT-3.1.2-25]
  await Promise.all([small.disconnect(), publisher.disconnect()])
})

test('answers to SUBSCRIBE and UNSUBSCRIBE never exceed the maximum packet size', async () => {
  for (const kind of ['subscribe', 'unsubscribe'] as const) {
    const small = await client('answers', { properties: { maximumPacketSize: 60 } })
    const topics = Array.from({ length: 100 }, (_, n) => `t${n}`)
    if (kind === 'subscribe') {
      const subscriptions = topics.map((topic) => ({ topic, qos: 0 as const }))
      small.send({ cmd: 'subscribe', messageId: 1, subscriptions })
    } else {
      small.send({ cmd: 'unsubscribe', messageId: 1, unsubscriptions: topics })
    }
    await small.whenClosed()
    assert.equal(small.goodbye?.reasonCode, 0x95) // [MQTT-3.1.2-24]
    assert.equal(small.others.takeAll().length, 1)
  }
})
