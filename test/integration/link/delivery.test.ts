/** What crosses a link, what becomes of it on the way, and what stays. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { eventually, type Qos } from '../harness/index.js'
import { type Cluster, effective, Pair } from './cluster.js'

/** After this message everything sent before it on the same topic level has passed or never will: one slot keeps order. */
const last = 'last'

describe('two clusters that want everything of each other', () => {
  let pair: Pair
  before(async () => {
    pair = await Pair.linked()
  })
  after(() => pair.remove())

  const bothWays: readonly (readonly [string, (pair: Pair) => readonly [Cluster, Cluster]])[] = [
    ['east to west', ({ east, west }) => [east, west]],
    ['west to east', ({ east, west }) => [west, east]],
  ]

  for (const [way, ends] of bothWays) {
    test(`messages of QoS 0, 1 and 2 arrive with the QoS they had, ${way}`, async () => {
      const [from, to] = ends(pair)
      const subscriber = await to.client()
      const publisher = await from.client()
      const topic = `qos/${way}`
      await subscriber.subscribe({ topic, qos: 2 })
      await effective(from, to)
      for (const qos of [0, 1, 2] satisfies Qos[]) {
        await publisher.publish({ topic, qos, payload: `sent with ${qos}` })
        const message = await subscriber.message()
        assert.deepEqual(
          [message.payload.toString(), message.qos, message.retain, message.dup],
          [`sent with ${qos}`, qos, false, false],
        )
      }
      await Promise.all([publisher.drop(), subscriber.drop()])
    })
  }

  test('nothing echoes: each side gets one copy of what either side publishes', async () => {
    const { east, west } = pair
    const clients = await Promise.all([east.client(), west.client()])
    const [atEast, atWest] = clients
    for (const client of clients) await client.subscribe({ topic: 'echo/#', qos: 1 })
    await effective(east, west)
    await effective(west, east)
    for (let n = 0; n < 20; n++) {
      await atEast.publish({ topic: 'echo/e', qos: 1, payload: `e${n}` })
      await atWest.publish({ topic: 'echo/w', qos: 1, payload: `w${n}` })
    }
    // An echo would come back over a link and so before, or shortly after, a message that makes the same way twice.
    await effective(east, west)
    await effective(west, east)
    for (const client of clients) {
      const got = (await client.payloads(40)).sort()
      assert.equal(new Set(got).size, 40)
      assert.equal(client.messages.length, 0)
    }
    await Promise.all(clients.map((client) => client.drop()))
  })

  test('overlapping filters on the far side bring one copy over the link, and each client its own', async () => {
    const { east, west } = pair
    const [one, other, publisher] = await Promise.all([west.client(), west.client(), east.client()])
    for (const topic of ['over/#', 'over/+', 'over/lap']) await other.subscribe({ topic, qos: 1 })
    await one.subscribe({ topic: 'over/lap', qos: 1 })
    await effective(east, west)
    const before = await west.broker.counter('native_link_received')
    await publisher.publish({ topic: 'over/lap', qos: 1, payload: 'x' })
    await publisher.publish({ topic: 'over/lap', qos: 1, payload: last })
    assert.deepEqual(await one.payloads(2), ['x', last])
    assert.equal((await west.broker.counter('native_link_received')) - before, 2)
    await Promise.all([one, other, publisher].map((client) => client.drop()))
  })

  test('the retain flag crosses to who asked for it, and nothing is stored on the far side', async () => {
    const { east, west } = pair
    const [plain, asPublished, publisher] = await Promise.all([
      west.client(),
      west.client(),
      east.client(),
    ])
    await plain.subscribe({ topic: 'kept/#', qos: 1 })
    await asPublished.subscribe({ topic: 'kept/#', qos: 1, rap: true })
    await effective(east, west)
    await publisher.publish({ topic: 'kept/1', qos: 1, retain: true, payload: 'stays at home' })
    assert.equal((await plain.message()).retain, false)
    assert.equal((await asPublished.message()).retain, true)

    const lateWest = await west.client()
    const lateEast = await east.client()
    await lateWest.subscribe({ topic: 'kept/#', qos: 1 })
    await lateEast.subscribe({ topic: 'kept/#', qos: 1 })
    assert.equal((await lateEast.message()).payload.toString(), 'stays at home')
    await lateWest.ping()
    assert.equal(lateWest.messages.length, 0)

    await publisher.publish({ topic: 'kept/1', qos: 1, retain: true, payload: '' })
    assert.equal(
      (await plain.message()).payload.length,
      0,
      'a removal is an ordinary message there',
    )
    const clients = [plain, asPublished, publisher, lateWest, lateEast]
    await Promise.all(clients.map((client) => client.drop()))
  })

  test('MQTT 5 properties cross, User Properties in order with repetitions', async () => {
    const { east, west } = pair
    const subscriber = await west.client()
    const publisher = await east.client()
    await subscriber.subscribe({ topic: 'props/1', qos: 1 }, 77)
    await effective(east, west)
    const properties = {
      payloadFormatIndicator: true,
      messageExpiryInterval: 3600,
      contentType: 'application/json',
      responseTopic: 'props/answer',
      correlationData: Buffer.from([0, 1, 255]),
      userProperties: { z: ['1', '2'], a: 'ключ', '': '' },
    }
    await publisher.publish({ topic: 'props/1', qos: 1, payload: '{}', properties })
    const { messageExpiryInterval = 0, ...rest } = (await subscriber.message()).properties ?? {}
    assert.ok(messageExpiryInterval > 3590 && messageExpiryInterval <= 3600)
    const { messageExpiryInterval: _, ...sent } = properties
    assert.deepEqual(
      { ...rest, userProperties: { ...rest.userProperties } },
      { ...sent, userProperties: { z: ['1', '2'], a: 'ключ', '': '' }, subscriptionIdentifier: 77 },
    )
    await Promise.all([publisher.drop(), subscriber.drop()])
  })

  test('a message that crossed expires for an offline session like one published there', async () => {
    const { east, west } = pair
    const clientId = 'sleeper'
    const properties = { sessionExpiryInterval: 60 }
    const sleeper = await west.client({ clientId, clean: false, properties })
    await sleeper.subscribe({ topic: 'brief/1', qos: 1 })
    await effective(east, west)
    await sleeper.disconnect() // waits for its end: what is in flight to a connection does not expire
    const publisher = await east.client()
    const expiring = { messageExpiryInterval: 1 }
    await publisher.publish({ topic: 'brief/1', qos: 1, payload: 'gone', properties: expiring })
    await publisher.publish({ topic: 'brief/1', qos: 1, payload: last })
    await delay(2_100)
    const awake = await west.client({ clientId, clean: false, properties })
    assert.equal((await awake.message()).payload.toString(), last)
    await awake.disconnect(0, { sessionExpiryInterval: 0 })
    await publisher.drop()
  })

  test('a shared group takes each message once in every cluster that has members', async () => {
    const { east, west } = pair
    const members = await Promise.all([west.client(), west.client(), east.client()])
    const [first, second, home] = members
    for (const member of members) await member.subscribe({ topic: '$share/g/shared/#', qos: 1 })
    await effective(east, west)
    const publisher = await east.client()
    const sent = Array.from({ length: 40 }, (_, n) => `${n}`)
    for (const payload of sent) await publisher.publish({ topic: 'shared/x', qos: 1, payload })
    assert.deepEqual(await home.payloads(40), sent)
    await eventually(
      'all are here',
      () => first.messages.length + second.messages.length >= sent.length,
    )
    await effective(east, west)
    await Promise.all([first.ping(), second.ping()])
    const atFirst = first.messages.takeAll().map(({ payload }) => payload.toString())
    const atSecond = second.messages.takeAll().map(({ payload }) => payload.toString())
    assert.ok(atFirst.length > 0 && atSecond.length > 0)
    assert.deepEqual([...atFirst, ...atSecond].sort(), [...sent].sort())
    await Promise.all([...members, publisher].map((client) => client.drop()))
  })

  test('a will crosses with its properties', async () => {
    const { east, west } = pair
    const subscriber = await west.client()
    await subscriber.subscribe({ topic: 'wills/#', qos: 2, rap: true })
    await effective(east, west)
    const dying = await east.client({
      will: {
        topic: 'wills/1',
        payload: Buffer.from('bye'),
        qos: 2,
        retain: false,
        properties: { contentType: 'text/plain', userProperties: { k: 'v' } },
      },
    })
    await dying.drop()
    const will = await subscriber.message()
    assert.deepEqual(
      [will.topic, will.payload.toString(), will.qos, will.properties?.contentType],
      ['wills/1', 'bye', 2, 'text/plain'],
    )
    assert.equal(will.properties?.userProperties?.k, 'v')
    await subscriber.drop()
  })

  test('who unsubscribes last ends the forwarding', async () => {
    const { east, west } = pair
    const [one, two, publisher] = await Promise.all([west.client(), west.client(), east.client()])
    for (const client of [one, two]) await client.subscribe({ topic: 'ended/1', qos: 1 })
    await effective(east, west)
    await one.unsubscribe('ended/1')
    await effective(east, west)
    await publisher.publish({ topic: 'ended/1', qos: 1, payload: 'still wanted' })
    assert.equal((await two.message()).payload.toString(), 'still wanted')
    await two.unsubscribe('ended/1')
    await effective(east, west)
    const before = await west.broker.counter('native_link_received')
    const answer = await publisher.publish({ topic: 'ended/1', qos: 1, payload: 'unwanted' })
    assert.equal(answer?.cmd === 'puback' ? answer.reasonCode : -1, 0x10)
    assert.equal(await west.broker.counter('native_link_received'), before)
    await Promise.all([one, two, publisher].map((client) => client.drop()))
  })
})

test('a side with topics = [] receives nothing and still sends', async () => {
  const pair = await Pair.linked({ east: { topics: [] } })
  const { east, west } = pair
  try {
    const [atEast, atWest] = await Promise.all([east.client(), west.client()])
    for (const client of [atEast, atWest]) await client.subscribe({ topic: 'oneway/#', qos: 1 })
    await effective(east, west)
    await atEast.publish({ topic: 'oneway/1', qos: 1, payload: 'from east' })
    await atWest.publish({ topic: 'oneway/1', qos: 1, payload: 'from west' })
    assert.deepEqual((await atWest.payloads(2)).sort(), ['from east', 'from west'])
    assert.deepEqual(await atEast.payloads(1), ['from east'])
    await effective(east, west)
    assert.equal(atEast.messages.length, 0)
    assert.equal(await east.broker.counter('native_link_received'), 0)
    await Promise.all([atEast.drop(), atWest.drop()])
  } finally {
    await pair.remove()
  }
})

test('narrow topics cut what is asked for, filter by filter', async () => {
  const topics = ['probe/#', 'plant/+/temperature', 'alarm/#']
  const pair = await Pair.linked({ west: { topics } })
  const { east, west } = pair
  try {
    const [all, plants, publisher] = await Promise.all([
      west.client(),
      west.client(),
      east.client(),
    ])
    await all.subscribe({ topic: '#', qos: 1 })
    await plants.subscribe({ topic: 'plant/7/#', qos: 1 })
    await effective(east, west)
    const sent = [
      'plant/7/pressure',
      'other',
      'plant/7/temperature',
      'plant/8/temperature',
      'alarm',
    ]
    for (const topic of sent) await publisher.publish({ topic, qos: 1, payload: topic })
    const heard: string[] = []
    while (heard.length < 3) {
      const { topic } = await all.message()
      if (!topic.startsWith('probe/')) heard.push(topic) // the last probes may come late
    }
    assert.deepEqual(heard.sort(), ['alarm', 'plant/7/temperature', 'plant/8/temperature'])
    assert.deepEqual(await plants.payloads(1), ['plant/7/temperature'])
    assert.equal(await west.broker.counter('native_link_filtered'), 0, 'cut at the sender already')
    await Promise.all([all, plants, publisher].map((client) => client.drop()))
  } finally {
    await pair.remove()
  }
})
