/** Transit between Causeways: real brokers in a chain and in a ring. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { eventually, ioLoops, type TestClient } from '../harness/index.js'
import { Cluster, effective } from './cluster.js'

const carries = 'transit = true, pool_size = 2'
const noMatchingSubscribers = 0x10

/** Clusters with links both ways between the pairs; every route channel is up. */
async function linked(
  names: readonly string[],
  pairs: readonly (readonly [string, string])[],
  more: (from: string, to: string) => string,
): Promise<Cluster[]> {
  const clusters = await Promise.all(names.map((name) => Cluster.planned(name)))
  const called = (name: string) => {
    const found = clusters.find((cluster) => cluster.name === name)
    assert.ok(found)
    return found
  }
  const both = pairs.flatMap(([a, b]) => [[a, b] as const, [b, a] as const])
  for (const cluster of clusters) {
    cluster.links = both
      .filter(([from]) => from === cluster.name)
      .map(([from, to]) => ({ name: to, port: called(to).linkPort, more: more(from, to) }))
  }
  await Promise.all(clusters.map((cluster) => cluster.start()))
  await Promise.all(both.map(([from, to]) => called(from).online(to)))
  return clusters
}

describe('a chain of three', () => {
  let clusters: Cluster[]
  let [west, middle, east]: Cluster[] = []
  before(async () => {
    clusters = await linked(
      ['west', 'middle', 'east'],
      [
        ['west', 'middle'],
        ['middle', 'east'],
      ],
      () => carries,
    )
    ;[west, middle, east] = clusters
  })
  after(() => Promise.all(clusters.map((cluster) => cluster.remove())))

  test('what the far end wants is known at this one, and messages come as they were published', async () => {
    assert.ok(west && east)
    const [publisher, subscriber] = await Promise.all([west.client(), east.client()])
    await subscriber.subscribe({ topic: 'chain/+', qos: 2 })
    await effective(west, east)
    await effective(east, west)
    const properties = { userProperties: { k: ['1', '2'] }, contentType: 'text/plain' }
    for (const qos of [0, 1, 2] as const) {
      await publisher.publish({ topic: 'chain/1', qos, payload: `q${qos}`, properties })
      const message = await subscriber.message()
      assert.deepEqual(
        [message.payload.toString(), message.qos, message.properties?.contentType],
        [`q${qos}`, qos, 'text/plain'],
      )
      assert.deepEqual({ ...message.properties?.userProperties }, { k: ['1', '2'] })
    }
    await Promise.all([publisher.drop(), subscriber.drop()])
  })

  test('who unsubscribes last at one end ends the forwarding at the other', async () => {
    assert.ok(west && east)
    const [publisher, subscriber] = await Promise.all([west.client(), east.client()])
    const isWanted = async () =>
      (await publisher.publish({ topic: 'ends/1', qos: 1 }))?.reasonCode !== noMatchingSubscribers
    await subscriber.subscribe({ topic: 'ends/#', qos: 1 })
    await eventually('ends/# is known', isWanted)
    await subscriber.unsubscribe('ends/#')
    await eventually('ends/# is forgotten', async () => !(await isWanted()))
    await Promise.all([publisher.drop(), subscriber.drop()])
  })

  test('a cluster in the middle that starts again is told and tells everything again', async () => {
    assert.ok(west && middle && east)
    const subscriber = await east.client()
    await subscriber.subscribe({ topic: 'again/#', qos: 1 })
    await middle.kill()
    await middle.start()
    await effective(west, east)
    // What is announced from the beginning has no order, so the probe may have been told before.
    const publisher = await west.client()
    await eventually('again/# is known at every hop', async () => {
      await publisher.publish({ topic: 'again/1', qos: 1, payload: 'x' })
      return subscriber.messages.length > 0
    })
    assert.equal((await subscriber.message()).payload.toString(), 'x')
    await Promise.all([publisher.drop(), subscriber.drop()])
  })
})

describe('a ring of three, in which everybody wants everything', () => {
  const names = ['north', 'south', 'far']
  const each = 30
  let clusters: Cluster[]
  before(async () => {
    clusters = await linked(
      names,
      [
        ['north', 'south'],
        ['south', 'far'],
        ['far', 'north'],
      ],
      () => carries,
    )
  })
  after(() => Promise.all(clusters.map((cluster) => cluster.remove())))

  // In order on one loop: on several, two messages that came by different ways may pass each other.
  test('each message arrives once in every cluster and goes nowhere again', async () => {
    const subscribers = await Promise.all(clusters.map((cluster) => cluster.client()))
    for (const subscriber of subscribers) await subscriber.subscribe({ topic: 'ring/#', qos: 2 })
    for (const from of clusters)
      for (const to of clusters) if (from !== to) await effective(from, to)
    // A probe may have gone the longer way: each knows of the other itself.
    for (const at of clusters)
      for (const { name } of clusters.filter((other) => other !== at))
        await eventually(`ring/# of ${name} is known at ${at.name}`, async () =>
          (await at.routes(name)).includes(`ring/# ring/# ${name}@127.0.0.1`),
        )
    const counted = async () => {
      const values = await Promise.all(
        clusters.map(({ broker }) => broker.counter('native_link_duplicated')),
      )
      return values.reduce((sum, value) => sum + value, 0)
    }
    const before = await counted()
    const publishers = await Promise.all(clusters.map((cluster) => cluster.client()))
    for (let n = 0; n < each; n++) {
      for (const [index, publisher] of publishers.entries())
        await publisher.publish({ topic: `ring/${names[index]}`, qos: 1, payload: String(n) })
    }
    for (const subscriber of subscribers) {
      const got = new Map<string, string[]>()
      for (let n = 0; n < each * names.length; n++) {
        const { topic, payload } = await subscriber.message()
        got.set(topic, [...(got.get(topic) ?? []), payload.toString()])
      }
      const inOrder = Array.from({ length: each }, (_, n) => String(n))
      for (const name of names) {
        const arrived = got.get(`ring/${name}`) ?? []
        if (ioLoops > 1) arrived.sort((a, b) => Number(a) - Number(b))
        assert.deepEqual(arrived, inOrder)
      }
    }
    // Of the two others at least the one that had it from its publisher sends it on to the other one, where it is known.
    const copies = each * names.length
    await eventually('second copies have come', async () => (await counted()) >= before + copies)
    for (const subscriber of subscribers) assert.equal(subscriber.messages.length, 0)
    await drop([...subscribers, ...publishers])
  })
})

describe('a chain of which one link does not carry', () => {
  let clusters: Cluster[]
  before(async () => {
    clusters = await linked(
      ['left', 'centre', 'right'],
      [
        ['left', 'centre'],
        ['centre', 'right'],
      ],
      // The right end asks for nothing, so the centre's asking is not enough.
      (from) => (from === 'right' ? 'pool_size = 2' : carries),
    )
  })
  after(() => Promise.all(clusters.map((cluster) => cluster.remove())))

  test('one hop, as ever: nothing is announced beyond, nothing goes beyond', async () => {
    const [left, centre, right] = clusters
    assert.ok(left && centre && right)
    const [publisher, between, far] = await Promise.all([
      left.client(),
      centre.client(),
      right.client(),
    ])
    await far.subscribe({ topic: 'one/#', qos: 1 })
    await between.subscribe({ topic: 'one/#', qos: 1 })
    await effective(left, centre)
    await effective(centre, right)
    await publisher.publish({ topic: 'one/1', qos: 1, payload: 'of the left' })
    assert.equal((await between.message()).payload.toString(), 'of the left')
    await between.publish({ topic: 'one/1', qos: 1, payload: 'of the centre' })
    // Same topic, same connection: what came before it would be before it.
    assert.equal((await far.message()).payload.toString(), 'of the centre')
    await drop([publisher, between, far])
  })
})

async function drop(clients: readonly TestClient[]): Promise<void> {
  await Promise.all(clients.map((client) => client.drop()))
}
