/** Retained synchronisation between Causeways: real brokers, behind lines that can be cut. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { eventually, freePort, TestClient } from '../harness/index.js'
import { Cluster, effective, type LinkTo } from './cluster.js'
import { EmqxRouteClient } from './emqx-client.js'
import { Atom, encodeTerm, plain, Tuple } from './etf.js'
import { FakeEmqx } from './fake-emqx.js'
import { elementsOf } from './message-terms.js'
import { agree, type State, started, stateOf, write } from './retained-state.js'
import { TcpProxy } from './tcp-proxy.js'

describe('two clusters that hold the same state', () => {
  let east: Cluster
  let west: Cluster
  let there: TcpProxy
  let back: TcpProxy

  const linkTo = (name: string, { port }: TcpProxy, more: string): LinkTo => ({
    name,
    port,
    more: `pool_size = 1, resource_opts.request_ttl = 1s, ${more}`,
  })
  const shared = 'retained_sync = ["state/#"]'

  before(async () => {
    east = await Cluster.planned('east')
    west = await Cluster.planned('west')
    there = await TcpProxy.to(west.linkPort)
    back = await TcpProxy.to(east.linkPort)
    east.links = [linkTo('west', there, shared)]
    west.links = [linkTo('east', back, shared)]
    cut()
    await Promise.all([started(east), started(west)])
  })
  after(async () => {
    await Promise.all([east.remove(), west.remove()])
    await Promise.all([there.close(), back.close()])
  })

  function cut(): void {
    for (const line of [there, back]) {
      line.silence()
      line.reset()
    }
  }

  /** Who was accepted meanwhile is not to wait for its own time limit. */
  function heal(): void {
    for (const line of [there, back]) {
      line.heal()
      line.reset()
    }
  }

  const agreed = (state: State) => agree([east, west], state)

  test('hold what was written last when they meet, and subscribers hear what is news to them', async () => {
    await write(east, { 'state/both': 'a', 'state/east': '1', 'other/east': '1' })
    await write(west, { 'state/both': 'b', 'state/west': '1' })
    const subscriber = await west.client()
    await subscriber.subscribe({ topic: '#', qos: 1, rh: 2 })
    heal()
    await agreed({ 'state/both': 'b', 'state/east': '1', 'state/west': '1' })
    await write(west, { end: '' })
    // What came over the link and what was published here come by two loops, in either order.
    const heard: string[] = []
    while (heard.length < 2 || !heard.includes('end=')) {
      const { topic, payload } = await subscriber.message()
      heard.push(`${topic}=${payload.toString()}`)
    }
    assert.deepEqual(heard.sort(), ['end=', 'state/east=1'])
    await subscriber.drop()
  })

  test('follow each change and deletion at once, and subscribers get each once', async () => {
    const subscriber = await west.client()
    await subscriber.subscribe({ topic: 'state/live', qos: 2 })
    const publisher = await east.client()
    for (const qos of [0, 1, 2] as const)
      await publisher.publish({ topic: 'state/live', payload: `q${qos}`, qos, retain: true })
    assert.deepEqual(await subscriber.payloads(3), ['q0', 'q1', 'q2'])
    await agreed({
      'state/both': 'b',
      'state/east': '1',
      'state/west': '1',
      'state/live': 'q2',
    })
    await publisher.publish({ topic: 'state/live', payload: '', qos: 1, retain: true })
    assert.deepEqual(await subscriber.payloads(1), [''])
    await agreed({ 'state/both': 'b', 'state/east': '1', 'state/west': '1' })
    assert.equal(subscriber.messages.length, 0)
    await Promise.all([subscriber.drop(), publisher.drop()])
  })

  test('lose what either deleted while the line was cut', async () => {
    cut()
    await write(east, { 'state/west': '', 'state/new': 'e' })
    await write(west, { 'state/east': '', 'state/both': 'c' })
    heal()
    await agreed({ 'state/both': 'c', 'state/new': 'e' })
  })

  test('give a cluster that has started again what it had, its own too', async () => {
    await west.kill()
    await started(west)
    await agreed({ 'state/both': 'c', 'state/new': 'e' })
    const counted = async () => (await west.report('east')).counters
    await eventually(
      'two messages, and three deletions',
      async () => (await counted()).retained_stored === 5,
    )
    assert.equal((await counted()).retained_refused, 0)
  })

  test('go apart when one side asks for it no more, and meet again when it does', async () => {
    const setting = (more: string) => east.reload([linkTo('west', there, more)])
    await setting('')
    await write(east, { 'state/new': 'of the east' })
    // One connection: behind it, were it told.
    await effective(east, west)
    assert.deepEqual(await stateOf(west), { 'state/both': 'c', 'state/new': 'e' })
    await write(west, { 'state/both': 'of the west' })
    await effective(west, east)
    assert.deepEqual(await stateOf(east), { 'state/both': 'c', 'state/new': 'of the east' })
    await setting(shared)
    await agreed({ 'state/both': 'of the west', 'state/new': 'of the east' })
  })
})

describe('a link to EMQX that asks for it', () => {
  let emqx: FakeEmqx
  let east: Cluster
  let sender: EmqxRouteClient

  before(async () => {
    emqx = await FakeEmqx.listen(await freePort())
    east = await Cluster.planned('east')
    east.links = [
      { name: 'emqx', port: emqx.port, more: 'pool_size = 1, retained_sync = ["state/#"]' },
    ]
    await started(east)
    await write(east, { 'state/held': '1' })
    await east.online('emqx')
    const actor = { name: 'emqx@127.0.0.1', incarnation: BigInt(Date.now()) }
    sender = await EmqxRouteClient.connect(east, 'emqx', actor)
    await sender.init('east')
  })
  after(async () => {
    await emqx.close()
    await east.remove()
    await sender.client.drop()
  })

  test('sends what EMQX has subscribed to and nothing else, with an empty map at its end', async () => {
    assert.equal(await sender.routes([{ add: 'state/wanted' }]), 0x10)
    await write(east, { 'state/unwanted': '1', 'state/wanted': '2' })
    const { payload } = await emqx.forwarded.take('message', 5_000)
    const elements = elementsOf(Buffer.from(payload))
    assert.ok(elements !== null)
    assert.equal(plain(elements[6] ?? ''), 'state/wanted')
    assert.deepEqual(plain(elements[9] ?? ''), {})
  })

  test('publishes what EMQX retains and does not hold it', async () => {
    const subscriber = await east.client()
    await subscriber.subscribe({ topic: 'state/theirs', qos: 1 })
    const retained = new Map([[new Atom('retain'), new Atom('true')]])
    const headers = new Map([[new Atom('properties'), new Map()]])
    const elements = [
      ...[new Atom('message'), randomBytes(16), 1n, 'thermometer', retained, headers],
      ...['state/theirs', 'x', BigInt(Date.now()), new Map()],
    ]
    const carrier = await TestClient.connect({ port: east.linkPort, version: 5, clientId: 'm:1' })
    await carrier.publish({
      topic: '$LINK/cluster/msg/emqx',
      qos: 1,
      payload: encodeTerm(new Tuple(...elements)),
    })
    assert.equal((await subscriber.message()).payload.toString(), 'x')
    assert.deepEqual(await stateOf(east), {
      'state/held': '1',
      'state/unwanted': '1',
      'state/wanted': '2',
    })
    await Promise.all([subscriber.drop(), carrier.drop()])
  })
})
