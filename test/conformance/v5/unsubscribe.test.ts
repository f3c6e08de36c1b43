/** UNSUBSCRIBE and UNSUBACK. MQTT 5.0 §3.10, §3.11. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chapter, lasting, nothingCame } from '../fixture.js'

const { client } = chapter(5)

test('exactly the named filters are removed, each answered by a code in its place', async () => {
  const subscriber = await client('subscriber')
  await subscriber.subscribe(
    ['u/#', 'u/+', 'u/a', '$share/g/u/a'].map((topic) => ({ topic, qos: 0 })),
  )
  const unsubscriptions = ['u/a', 'U/#', 'u/b', 'u/+', 'u/a', '$share/g/u/a']
  subscriber.send({ cmd: 'unsubscribe', messageId: 77, unsubscriptions })
  const unsuback = await subscriber.packet('unsuback') // one answer [MQTT-3.10.4-6] [MQTT-3.10.4-4]
  assert.equal(unsuback.messageId, 77) // [MQTT-2.2.1-6] [MQTT-3.10.4-5]
  assert.deepEqual(unsuback.granted, [0, 0x11, 0x11, 0, 0x11, 0]) // [MQTT-3.11.3-1] [MQTT-3.11.3-2] [MQTT-3.10.4-1]
  const publisher = await client('publisher')
  await publisher.publish({ topic: 'u/a', payload: 'x' })
  assert.equal((await subscriber.message()).topic, 'u/a', 'u/# is left, as it is another filter')
  await nothingCame(subscriber, publisher)
  await Promise.all([subscriber.disconnect(), publisher.disconnect()])
})

test('after UNSUBACK nothing new comes, and what had begun is completed', async () => {
  const options = { ...lasting, acknowledge: false }
  const subscriber = await client('begun', options)
  await subscriber.subscribe('begun')
  const publisher = await client('publisher')
  for (const qos of [1, 2] as const)
    await publisher.publish({ topic: 'begun', payload: `${qos}`, qos })
  const begun = [await subscriber.message(), await subscriber.message()]
  await subscriber.unsubscribe('begun')
  await publisher.publish({ topic: 'begun', payload: 'new', qos: 2 })
  await nothingCame(subscriber, publisher) // [MQTT-3.10.4-2]
  await subscriber.drop()
  const back = await client('begun', options)
  for (const { messageId } of begun) {
    const again = await back.message()
    assert.deepEqual([again.messageId, again.dup], [messageId, true]) // [MQTT-3.10.4-3]
  }
  back.send({ cmd: 'pubrec', messageId: begun[1]?.messageId ?? 0 })
  assert.equal((await back.packet('pubrel')).messageId, begun[1]?.messageId)
  await back.disconnect(0, { sessionExpiryInterval: 0 })
  await publisher.disconnect()
})
