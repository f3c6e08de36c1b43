/** Topic names, filters, and their matching; order. MQTT 5.0 §4.6, §4.7. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chapter, nothingCame } from '../fixture.js'
import { goodbye, packet, text } from '../raw-client.js'

const { client, clientId, raw } = chapter(5, 'mqtt.max_topic_levels = 65535')

/** Which of these filters a topic reaches. */
async function reached(topic: string, filters: readonly string[]): Promise<string[]> {
  const publisher = await client('publisher')
  const subscriber = await client('matching')
  for (const [at, filter] of filters.entries())
    assert.deepEqual(
      (await subscriber.subscribe({ topic: filter, qos: 0 }, at + 1)).granted,
      [0],
      filter,
    )
  await publisher.publish({ topic, payload: 'x' })
  await publisher.publish({ topic: 'never/the/same', payload: 'x' })
  await subscriber.subscribe({ topic: 'end', qos: 0 })
  await publisher.publish({ topic: 'end', payload: 'x' })
  const found: string[] = []
  for (;;) {
    const message = await subscriber.message()
    if (message.topic === 'end') break
    if (message.topic !== topic) continue
    for (const id of [message.properties?.subscriptionIdentifier ?? []].flat())
      found.push(filters[id - 1] ?? '')
  }
  await Promise.all([publisher.disconnect(), subscriber.disconnect()])
  return found.sort()
}

test('wildcards stand for whole levels, # for all that follow', async () => {
  const filters = [
    '#',
    'a/#',
    'a/b/#',
    '+',
    '+/+',
    'a/+',
    '+/b',
    'a/b',
    '/+',
    'a/+/#',
    'b/+',
    'a/b/c',
    '+/b/#',
  ]
  assert.deepEqual(
    await reached('a/b', filters),
    ['#', '+/+', '+/b', '+/b/#', 'a/#', 'a/+', 'a/+/#', 'a/b', 'a/b/#'].sort(),
  ) // [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-3.3.2-3]
  assert.deepEqual(await reached('/b', filters), ['#', '+/+', '+/b', '+/b/#', '/+'].sort())
})

test('filters that begin with a wildcard do not see topics that begin with $', async () => {
  const filters = ['#', '+/b', '+/#', '$a/b', '$a/#', '$a/+', 'a/#']
  assert.deepEqual(await reached('$a/b', filters), ['$a/#', '$a/+', '$a/b']) // [MQTT-4.7.2-1]
})

test('matching normalizes nothing', async () => {
  const composed = 'caf\u00e9'
  const decomposed = 'cafe\u0301'
  const filters = [
    composed,
    decomposed,
    'CAF\u00c9',
    `${composed}/`,
    `/${composed}`,
    ` ${composed}`,
  ]
  assert.deepEqual(await reached(composed, filters), [composed]) // [MQTT-4.7.3-4]
  assert.deepEqual(await reached('a//b', ['a/b', 'a//b', 'a/+/b', 'a/b/']), ['a/+/b', 'a//b'])
})

test('invalid names and filters close the connection with their reason', async () => {
  const connect = packet('10', `${text('MQTT')} 05 02 0000 00 ${text(clientId('invalid'))}`)
  const expectAll = async (reason: string, packets: readonly string[]) => {
    for (const bytes of packets) {
      const one = await raw(connect)
      one.say(bytes)
      assert.match((await one.untilClosed()).join(), goodbye(reason), bytes)
    }
  }
  const filters = ['', 'a#', 'a/#/b', '#/a', 'a+', '+a', 'a/b+/c', '##', '++']
  await expectAll(
    '8f',
    filters.map((filter) => packet('82', `0001 00 ${text(filter)} 00`)),
  ) // [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.7.3-1]
  await expectAll(
    '90',
    ['#', '+', 'a/+/b', 'a#'].map((topic) => packet('30', `${text(topic)} 00`)),
  ) // [MQTT-4.7.0-1] [MQTT-3.3.2-2]
  await expectAll(
    '81',
    [packet('30', '0003610062 00'), packet('82', '0001 00 0003610062 00')], // [MQTT-4.7.3-2]
  )
  const shared = [
    '$share/',
    '$share/g',
    '$share/g/',
    '$share//a',
    '$share/g+/a',
    '$share/#/a',
    '$share/g#/a',
  ]
  await expectAll(
    '8f',
    shared.map((filter) => packet('82', `0001 00 ${text(filter)} 00`)),
  ) // [MQTT-4.8.2-1] [MQTT-4.8.2-2]
  await expectAll('82', [packet('30', `${text('t')} 08 08${text('a/+/b')} 78`)]) // [MQTT-3.3.2-14]
})

test('a topic and a filter of 65,535 bytes work', async () => {
  const topic = 'x'.repeat(65_535)
  const both = await client('longest')
  assert.deepEqual((await both.subscribe({ topic, qos: 0 })).granted, [0])
  await both.publish({ topic, payload: 'x' })
  assert.equal((await both.message()).topic, topic) // [MQTT-4.7.3-3]
  await both.disconnect()
})

test('messages of one publisher keep their order per topic and QoS', async () => {
  const subscribers = [await client('ordered-0'), await client('ordered-1')]
  for (const subscriber of subscribers) await subscriber.subscribe('order/#')
  const publishers = [await client('writer-0'), await client('writer-1')]
  const count = 300
  await Promise.all(
    publishers.map(async (publisher, who) => {
      for (let n = 0; n < count; n += 30) {
        await Promise.all(
          Array.from({ length: 30 }, (_, at) => {
            const payload = `${n + at}`
            const qos = ((n + at) % 3) as 0 | 1 | 2
            return publisher.publish({ topic: `order/${who}`, payload, qos })
          }),
        )
      }
    }),
  )
  for (const subscriber of subscribers) {
    const last = new Map<string, number>()
    for (let n = 0; n < 2 * count; n++) {
      const { topic, qos, payload } = await subscriber.message()
      const key = `${topic} ${qos}`
      const number = Number(payload.toString())
      assert.ok(number > (last.get(key) ?? -1), `${key}: ${number} behind ${last.get(key)}`) // [MQTT-4.6.0-5] [MQTT-4.6.0-6]
      last.set(key, number)
    }
    assert.equal(last.size, 6)
  }
  const [subscriber, publisher] = [subscribers[0], publishers[0]]
  assert.ok(subscriber && publisher)
  await nothingCame(subscriber, publisher)
  await Promise.all([...subscribers, ...publishers].map((one) => one.disconnect()))
})
