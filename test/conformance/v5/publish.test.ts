/** PUBLISH: what is forwarded and how. MQTT 5.0 §3.3. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { publishPacket } from '../../integration/harness/index.js'
import { chapter, lasting, nothingCame, pass } from '../fixture.js'
import { packet, text } from '../raw-client.js'

const { client, clientId, raw } = chapter(5, 'mqtt.max_topic_alias = 3')

test('DUP of the publisher is not passed on', async () => {
  const subscriber = await client('subscriber')
  const publisher = await client('publisher')
  await subscriber.subscribe('dup')
  for (const qos of [1, 2] as const) {
    await publisher.publish({ topic: 'dup', payload: 'x', qos, dup: true })
    const message = await subscriber.message()
    assert.deepEqual([message.qos, message.dup], [qos, false]) // [MQTT-3.3.1-3]
  }
  await Promise.all([subscriber.disconnect(), publisher.disconnect()])
})

test('RETAIN of a forwarded message is what the subscription asked for', async () => {
  const publisher = await client('publisher')
  const subscriber = await client('subscriber')
  await subscriber.subscribe({ topic: 'rap/plain', qos: 1, rap: false })
  await subscriber.subscribe({ topic: 'rap/kept', qos: 1, rap: true })
  for (const retain of [true, false]) {
    await publisher.publish({ topic: 'rap/plain', payload: 'x', qos: 1, retain })
    assert.equal((await subscriber.message()).retain, false) // [MQTT-3.3.1-12]
    await publisher.publish({ topic: 'rap/kept', payload: 'x', qos: 1, retain })
    assert.equal((await subscriber.message()).retain, retain) // [MQTT-3.3.1-13]
  }
  for (const topic of ['rap/plain', 'rap/kept'])
    await publisher.publish({ topic, qos: 1, retain: true })
  await Promise.all([subscriber.disconnect(), publisher.disconnect()])
})

test('retained messages are replaced, deleted by an empty one, and left alone without RETAIN', async () => {
  const publisher = await client('publisher')
  const topic = 'kept'
  const listener = await client('listener')
  await listener.subscribe(topic)
  const publish = async (payload: string, retain: boolean) => {
    await publisher.publish({ topic, payload, qos: 1, retain })
    assert.equal((await listener.message()).payload.toString(), payload)
  }
  const kept = async () => {
    const late = await client('late')
    await late.subscribe(topic)
    await late.ping()
    const found = late.messages.takeAll().map(({ payload, retain }) => `${payload} ${retain}`)
    await late.disconnect()
    return found
  }
  await publish('first', true)
  await publish('second', true)
  assert.deepEqual(await kept(), ['second true']) // [MQTT-3.3.1-5] [MQTT-3.3.1-9]
  await publish('passing', false)
  assert.deepEqual(await kept(), ['second true']) // [MQTT-3.3.1-8]
  await publish('', false)
  assert.deepEqual(await kept(), ['second true'])
  await publish('', true) // [MQTT-3.3.1-6]: delivered, and deletes
  assert.deepEqual(await kept(), []) // [MQTT-3.3.1-7]
  await Promise.all([publisher.disconnect(), listener.disconnect()])
})

test('all properties of a message are forwarded unaltered and user properties in their order', async () => {
  const reader = await raw(
    packet('10', `${text('MQTT')} 05 02 0000 00 ${text(clientId('reader'))}`),
  )
  reader.say(packet('82', `0001 00 ${text('p')} 00`))
  await reader.hear()
  const writer = await raw(
    packet('10', `${text('MQTT')} 05 02 0000 00 ${text(clientId('writer'))}`),
  )
  const user = [
    ['b', '1'],
    ['a', '2'],
    ['b', '3'],
    ['b', '1'],
    ['', ''],
  ]
    .map(([name = '', value = '']) => `26${text(name)}${text(value)}`)
    .join('')
  const properties =
    `0101 ${user} 08${text('answer/here')} 09${text('corr')} 03${text('a/b')}`.replaceAll(' ', '')
  const length = (properties.length / 2).toString(16)
  writer.say(
    packet('30', `${text('p')} ${length} ${properties} ${Buffer.from('ä').toString('hex')}`),
  )
  const heard = await reader.hear()
  assert.ok(heard.startsWith(packet('30', `${text('p')}${length}${properties}c3a4`).slice(0, 12)))
  for (const property of [
    '0101', // [MQTT-3.3.2-4]
    user, // [MQTT-3.3.2-17] [MQTT-3.3.2-18]
    `08${text('answer/here')}`, // [MQTT-3.3.2-15]
    `09${text('corr')}`, // [MQTT-3.3.2-16]
    `03${text('a/b')}`, // [MQTT-3.3.2-20]
  ]) {
    assert.ok(heard.includes(property), `${property} in ${heard}`)
  }
  assert.equal(heard.length, packet('30', `${text('p')}${length}${properties}c3a4`).length)
  await Promise.all([reader.drop(), writer.drop()])
})

test('every topic alias up to the maximum is taken, none above it, and none outlives its connection', async () => {
  const subscriber = await client('subscriber')
  await subscriber.subscribe('alias/#')
  const publisher = await client('aliases', { ...lasting })
  assert.equal(publisher.connack?.properties?.topicAliasMaximum, 3)
  for (const topicAlias of [1, 2, 3]) {
    await publisher.publish({
      topic: `alias/${topicAlias}`,
      payload: 'by name',
      properties: { topicAlias },
    })
    await publisher.publish({ topic: '', payload: 'by alias', properties: { topicAlias } })
    for (const payload of ['by name', 'by alias']) {
      const message = await subscriber.message()
      assert.deepEqual(
        [message.topic, message.payload.toString()],
        [`alias/${topicAlias}`, payload],
      ) // [MQTT-3.3.2-12]
      assert.equal(message.properties?.topicAlias, undefined) // [MQTT-3.1.2-27]
    }
  }
  await publisher.drop()
  const resumed = await client('aliases', { ...lasting })
  assert.equal(resumed.sessionPresent, true)
  resumed.send(publishPacket({ topic: '', payload: 'whose?', properties: { topicAlias: 1 } }))
  await resumed.whenClosed()
  assert.equal(resumed.goodbye?.reasonCode, 0x82) // [MQTT-3.3.2-7]
  for (const topicAlias of [4, 65_535]) {
    const greedy = await client('greedy')
    greedy.send(publishPacket({ topic: 'alias/x', properties: { topicAlias } }))
    await greedy.whenClosed()
    assert.equal(greedy.goodbye?.reasonCode, 0x94) // [MQTT-3.3.2-9] [MQTT-3.2.2-17]
  }
  await nothingCame(subscriber, subscriber)
  await subscriber.disconnect()
})

test('overlapping subscriptions give the highest QoS and every identifier', async () => {
  const subscriber = await client('overlap')
  await subscriber.subscribe({ topic: 'over/lap', qos: 0 }, 1)
  await subscriber.subscribe({ topic: 'over/+', qos: 2 }, 2)
  await subscriber.subscribe({ topic: '$share/g/over/lap', qos: 1 }, 3)
  const publisher = await client('publisher')
  await publisher.publish({ topic: 'over/lap', payload: 'x', qos: 2 })
  const copies = [await subscriber.message(), await subscriber.message()]
  const ids = copies.map(({ properties }) =>
    [properties?.subscriptionIdentifier ?? []].flat().sort(),
  )
  ids.sort((one, other) => other.length - one.length)
  assert.deepEqual(ids, [[1, 2], [3]]) // [MQTT-3.3.4-3] [MQTT-3.3.4-4] [MQTT-3.3.4-5]
  assert.deepEqual(copies.map(({ qos }) => qos).sort(), [1, 2]) // [MQTT-3.3.4-2]
  for (const { topic } of copies) assert.equal(topic, 'over/lap') // [MQTT-3.3.2-3]
  await nothingCame(subscriber, publisher)
  await Promise.all([subscriber.disconnect(), publisher.disconnect()])
})

test('what has waited past its expiry is not delivered, and the rest says what is left', async () => {
  const away = await client('away', { ...lasting })
  await away.subscribe({ topic: 'aging', qos: 1 })
  await away.drop()
  const publisher = await client('publisher')
  const publish = (payload: string, messageExpiryInterval: number) =>
    publisher.publish({ topic: 'aging', payload, qos: 1, properties: { messageExpiryInterval } })
  await publish('short', 1)
  await publish('long', 100)
  await pass(1_500)
  const back = await client('away', { ...lasting })
  const message = await back.message()
  assert.equal(message.payload.toString(), 'long') // [MQTT-3.3.2-5]
  const left = message.properties?.messageExpiryInterval ?? 0
  assert.ok(left >= 90 && left <= 99, `${left} s left`) // [MQTT-3.3.2-6]
  await nothingCame(back, publisher)
  await back.disconnect(0, { sessionExpiryInterval: 0 })
  await publisher.disconnect()
})
