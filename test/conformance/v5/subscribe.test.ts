/** SUBSCRIBE and SUBACK. MQTT 5.0 §3.8, §3.9. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chapter, nothingCame } from '../fixture.js'

const { client } = chapter(5, 'mqtt { max_topic_levels = 4, wildcard_subscription = true }')

test('several filters are several subscriptions with one answer: a code each, in their order', async () => {
  const subscriber = await client('several')
  const filters = [
    { topic: 'a', qos: 2 },
    { topic: 'a/b/c/d/e', qos: 0 },
    { topic: 'b', qos: 1 },
    { topic: 'a', qos: 0 },
    { topic: '$share/g/c', qos: 0 },
  ] as const
  const { granted } = await subscriber.subscribe([...filters])
  assert.deepEqual(granted, [2, 0x8f, 1, 0, 0]) // [MQTT-3.8.4-5] [MQTT-3.8.4-6] [MQTT-3.8.4-7] [MQTT-3.9.3-1] [MQTT-3.9.3-2]
  const publisher = await client('publisher')
  for (const topic of ['a', 'b', 'c']) await publisher.publish({ topic, payload: topic, qos: 2 })
  const got = [await subscriber.message(), await subscriber.message(), await subscriber.message()]
  assert.deepEqual(
    got.map(({ topic, qos }) => `${topic} ${qos}`),
    ['a 0', 'b 1', 'c 0'], // the later `a` replaced the earlier [MQTT-3.8.4-3] [MQTT-3.8.4-8]
  )
  await nothingCame(subscriber, publisher)
  await Promise.all([subscriber.disconnect(), publisher.disconnect()])
})

test('messages come with the lower of published and granted QoS', async () => {
  const publisher = await client('publisher')
  for (const granted of [0, 1, 2] as const) {
    const subscriber = await client('lower')
    assert.deepEqual((await subscriber.subscribe({ topic: 'lower', qos: granted })).granted, [
      granted,
    ])
    for (const qos of [0, 1, 2] as const) {
      await publisher.publish({ topic: 'lower', payload: 'x', qos })
      assert.equal((await subscriber.message()).qos, Math.min(granted, qos)) // [MQTT-3.8.4-8]
    }
    await subscriber.disconnect()
  }
  await publisher.disconnect()
})

test('a replaced subscription loses nothing and replays as its retain handling says', async () => {
  const publisher = await client('publisher')
  await publisher.publish({ topic: 'replace/kept', payload: 'kept', qos: 1, retain: true })
  const subscriber = await client('replacing')
  const replays = async (rh: 0 | 1 | 2) => {
    await subscriber.subscribe({ topic: 'replace/kept', qos: 1, rh })
    await subscriber.ping()
    return subscriber.messages.takeAll().length
  }
  assert.equal(await replays(1), 1) // [MQTT-3.3.1-10]
  assert.equal(await replays(1), 0)
  assert.equal(await replays(2), 0) // [MQTT-3.3.1-11]
  assert.equal(await replays(0), 1) // [MQTT-3.3.1-9] [MQTT-3.8.4-4]

  await subscriber.subscribe({ topic: 'replace/live', qos: 1 })
  const count = 200
  const publishing = (async () => {
    for (let n = 0; n < count; n++)
      await publisher.publish({ topic: 'replace/live', payload: `${n}`, qos: 1 })
  })()
  for (let n = 0; n < 50; n++)
    await subscriber.subscribe({ topic: 'replace/live', qos: n % 2 === 0 ? 1 : 2 }, n + 1)
  await publishing
  assert.deepEqual(
    await subscriber.payloads(count),
    Array.from({ length: count }, (_, n) => `${n}`),
  ) // [MQTT-3.8.4-4]
  await nothingCame(subscriber, publisher)
  await publisher.publish({ topic: 'replace/kept', retain: true, qos: 1 })
  await Promise.all([subscriber.disconnect(), publisher.disconnect()])
})

test('No Local keeps messages from their own publisher, through a takeover and on every loop', async () => {
  const selfish = await client('selfish')
  await selfish.subscribe({ topic: 'local/#', qos: 1, nl: true })
  const other = await client('other')
  await selfish.publish({ topic: 'local/1', payload: 'mine', qos: 1 })
  await nothingCame(selfish, selfish) // [MQTT-3.8.3-3]
  await other.publish({ topic: 'local/1', payload: 'theirs', qos: 1 })
  assert.equal((await selfish.message()).payload.toString(), 'theirs')
  await Promise.all([selfish.disconnect(), other.disconnect()])
})
