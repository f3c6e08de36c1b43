/** SUBSCRIBE, UNSUBSCRIBE, filters and topics. MQTT 3.1.1 §3.8 to §3.11, §4.7. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startBroker, TestClient } from '../../integration/harness/index.js'
import { chapter, nothingCame } from '../fixture.js'
import { packet, text } from '../raw-client.js'

const { client, clientId, raw } = chapter(4, 'mqtt.max_topic_levels = 4')

test('several filters are several subscriptions with one answer: a code each, in their order', async () => {
  const subscriber = await client('several')
  const filters = [
    { topic: 'a', qos: 2 },
    { topic: 'a/b/c/d/e', qos: 0 },
    { topic: 'b', qos: 1 },
    { topic: 'a', qos: 0 },
  ] as const
  const { granted } = await subscriber.subscribe([...filters])
  assert.deepEqual(granted, [2, 0x80, 1, 0]) // [MQTT-3.8.4-4] [MQTT-3.8.4-5] [MQTT-3.9.3-1] [MQTT-3.9.3-2]
  const publisher = await client('publisher')
  for (const topic of ['a', 'b']) await publisher.publish({ topic, payload: topic, qos: 2 })
  const got = [await subscriber.message(), await subscriber.message()]
  assert.deepEqual(
    got.map(({ topic, qos }) => `${topic} ${qos}`),
    ['a 0', 'b 1'],
  ) // [MQTT-3.8.4-6] [MQTT-3.8.4-3]
  await nothingCame(subscriber, publisher)
  await Promise.all([subscriber.disconnect(), publisher.disconnect()])
})

test('messages come with the lower of published and granted QoS', async () => {
  const publisher = await client('publisher')
  for (const granted of [0, 1, 2] as const) {
    const subscriber = await client('lower')
    await subscriber.subscribe({ topic: 'lower', qos: granted })
    for (const qos of [0, 1, 2] as const) {
      await publisher.publish({ topic: 'lower', payload: 'x', qos })
      assert.equal((await subscriber.message()).qos, Math.min(granted, qos)) // [MQTT-3.8.4-6]
    }
    await subscriber.disconnect()
  }
  await publisher.disconnect()
})

test('the same filter again replaces the subscription, replays, and loses nothing', async () => {
  const publisher = await client('publisher')
  await publisher.publish({ topic: 'replace', payload: 'kept', qos: 1, retain: true })
  const subscriber = await client('replacing')
  for (let n = 0; n < 2; n++) {
    await subscriber.subscribe({ topic: 'replace', qos: 1 })
    const replayed = await subscriber.message()
    assert.deepEqual([replayed.payload.toString(), replayed.retain], ['kept', true]) // [MQTT-3.8.4-3] [MQTT-3.3.1-8]
  }
  await publisher.publish({ topic: 'replace', qos: 1, retain: true })
  assert.equal((await subscriber.message()).payload.length, 0)
  const count = 200
  const publishing = (async () => {
    for (let n = 0; n < count; n++)
      await publisher.publish({ topic: 'replace', payload: `${n}`, qos: 1 })
  })()
  for (let n = 0; n < 50; n++)
    await subscriber.subscribe({ topic: 'replace', qos: n % 2 === 0 ? 1 : 2 })
  await publishing
  assert.deepEqual(
    await subscriber.payloads(count),
    Array.from({ length: count }, (_, n) => `${n}`),
  ) // [MQTT-3.8.4-3]
  await Promise.all([subscriber.disconnect(), publisher.disconnect()])
})

test('exactly the named filters are removed, and UNSUBACK comes whatever was removed', async () => {
  const subscriber = await client('unsubscriber')
  await subscriber.subscribe(['u/#', 'u/+', 'u/a'].map((topic) => ({ topic, qos: 0 })))
  const unsubscriptions = ['u/a', 'U/#', 'u/+']
  subscriber.send({ cmd: 'unsubscribe', messageId: 77, unsubscriptions })
  assert.equal((await subscriber.packet('unsuback')).messageId, 77) // [MQTT-3.10.4-4] [MQTT-3.10.4-6]
  subscriber.send({ cmd: 'unsubscribe', messageId: 78, unsubscriptions: ['never'] })
  assert.equal((await subscriber.packet('unsuback')).messageId, 78) // [MQTT-3.10.4-5]
  const publisher = await client('publisher')
  await publisher.publish({ topic: 'u/a', payload: 'x' })
  assert.equal((await subscriber.message()).topic, 'u/a') // u/# is another filter [MQTT-3.10.4-1]
  await nothingCame(subscriber, publisher)
  await subscriber.unsubscribe('u/#')
  await publisher.publish({ topic: 'u/a', payload: 'x' })
  await nothingCame(subscriber, publisher) // [MQTT-3.10.4-2]
  await Promise.all([subscriber.disconnect(), publisher.disconnect()])
})

test('what had begun before UNSUBSCRIBE is completed', async () => {
  const options = { clean: false, acknowledge: false }
  const subscriber = await client('begun', options)
  await subscriber.subscribe('begun')
  const publisher = await client('publisher')
  for (const qos of [1, 2] as const)
    await publisher.publish({ topic: 'begun', payload: `${qos}`, qos })
  const begun = [await subscriber.message(), await subscriber.message()]
  await subscriber.unsubscribe('begun')
  await subscriber.drop()
  const back = await client('begun', options)
  for (const { messageId } of begun) {
    const again = await back.message()
    assert.deepEqual([again.messageId, again.dup], [messageId, true]) // [MQTT-3.10.4-3]
  }
  back.send({ cmd: 'pubrec', messageId: begun[1]?.messageId ?? 0 })
  assert.equal((await back.packet('pubrel')).messageId, begun[1]?.messageId)
  await back.disconnect()
  await (await client('begun')).disconnect()
  await publisher.disconnect()
})

test('filters with wildcards are refused where they are not supported', async () => {
  const strict = await startBroker({ config: 'mqtt.wildcard_subscription = false' })
  try {
    const one = await TestClient.connect({ port: strict.port, version: 4 })
    const topics = ['a/+', '#', 'a'].map((topic) => ({ topic, qos: 0 as const }))
    assert.deepEqual((await one.subscribe(topics)).granted, [0x80, 0x80, 0]) // [MQTT-3.8.3-2]
    await one.disconnect()
  } finally {
    await strict.stop()
  }
})

/** Which of these filters a topic reaches: each is subscribed alone. */
async function reached(topic: string, filters: readonly string[]): Promise<string[]> {
  const publisher = await client('publisher')
  const found: string[] = []
  for (const filter of filters) {
    const subscriber = await client('matching')
    await subscriber.subscribe(['end', filter].map((one) => ({ topic: one, qos: 0 })))
    await publisher.publish({ topic, payload: 'x' })
    await publisher.publish({ topic: 'end', payload: 'x' })
    if ((await subscriber.message()).topic === topic) found.push(filter)
    await subscriber.disconnect()
  }
  await publisher.disconnect()
  return found
}

test('wildcards stand for whole levels, # for all that follow', async () => {
  const matching = ['#', 'a/#', 'a/b/#', '+/+', 'a/+', '+/b', 'a/b', 'a/+/#', '+/b/#']
  const others = ['+', '/+', 'b/+', 'a/b/c', 'a']
  assert.deepEqual(await reached('a/b', [...matching, ...others]), matching) // [MQTT-4.7.1-2] [MQTT-4.7.1-3]
  assert.deepEqual(await reached('$a/b', ['#', '+/b', '+/#', '$a/b', '$a/#', '$a/+']), [
    '$a/b',
    '$a/#',
    '$a/+',
  ]) // [MQTT-4.7.2-1]
})

test('matching normalizes nothing', async () => {
  const composed = 'caf\u00e9'
  const filters = [composed, 'cafe\u0301', 'CAF\u00c9', `${composed}/`, `/${composed}`]
  assert.deepEqual(await reached(composed, filters), [composed]) // [MQTT-4.7.3-4]
  assert.deepEqual(await reached('a//b', ['a/b', 'a//b', 'a/+/b', 'a/b/']), ['a//b', 'a/+/b'])
})

test('invalid names and filters close the connection', async () => {
  const connect = packet('10', `${text('MQTT')} 04 02 0000 ${text(clientId('invalid'))}`)
  const filters = ['', 'a#', 'a/#/b', '#/a', 'a+', '+a', 'a/b+/c', '##', '++']
  const packets = [
    ...filters.map((filter) => packet('82', `0001 ${text(filter)} 00`)), // [MQTT-4.7.1-2] [MQTT-4.7.1-3] [MQTT-4.7.3-1]
    ...['', '#', '+', 'a/+/b', 'a#'].map((topic) => packet('30', `${text(topic)} 78`)), // [MQTT-3.3.2-2] [MQTT-4.7.1-1]
    packet('82', '0001'), // [MQTT-3.8.3-3]
    packet('a2', '0001'), // [MQTT-3.10.3-2]
    packet('82', `0000 ${text('a')} 00`), // [MQTT-2.3.1-1]
    packet('a2', `0000 ${text('a')}`),
    packet('32', `${text('a')} 0000 78`),
  ]
  for (const bytes of packets) {
    const one = await raw(connect)
    one.say(bytes)
    assert.deepEqual(await one.untilClosed(), [], bytes) // [MQTT-4.8.0-1]
  }
})

test('a topic and a filter of 65,535 bytes work', async () => {
  const topic = 'x'.repeat(65_535)
  const both = await client('longest')
  assert.deepEqual((await both.subscribe({ topic, qos: 0 })).granted, [0])
  await both.publish({ topic, payload: 'x' })
  assert.equal((await both.message()).topic, topic) // [MQTT-4.7.3-3]
  await both.disconnect()
})
