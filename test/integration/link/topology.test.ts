/** Shapes of linked clusters: full mesh, chain, several links to one cluster, one-way, and links that lead back to ourselves. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { eventually, fastTime } from '../harness/index.js'
import { Cluster, effective, type LinkTo } from './cluster.js'
import { TcpProxy } from './tcp-proxy.js'

const few = 'pool_size = 2'
const to = (cluster: Cluster, rest: Partial<LinkTo> = {}): LinkTo => ({
  name: cluster.name,
  port: cluster.linkPort,
  more: few,
  ...rest,
})

describe('three clusters', () => {
  let all: Cluster[] = []
  before(async () => {
    all = await Promise.all(
      ['east', 'west', 'south'].map((name) => Cluster.planned(name, { io: 1 })),
    )
    for (const one of all)
      one.links = all.filter((other) => other !== one).map((other) => to(other))
    await Promise.all(all.map((one) => one.start()))
    for (const one of all) for (const other of all) if (one !== other) await effective(one, other)
  })
  after(() => Promise.all(all.map((one) => one.remove())))

  test('in a full mesh every message reaches every cluster once, a shared group once in each', async () => {
    const plain = await Promise.all(all.map((one) => one.client()))
    const grouped = await Promise.all([...all, ...all].map((one) => one.client()))
    for (const client of plain) await client.subscribe({ topic: 'mesh/#', qos: 1 })
    for (const client of grouped) await client.subscribe({ topic: '$share/g/mesh/#', qos: 1 })
    for (const one of all) for (const other of all) if (one !== other) await effective(one, other)
    const publishers = await Promise.all(all.map((one) => one.client()))
    const sent: string[] = []
    for (let n = 0; n < 10; n++) {
      for (const [at, publisher] of publishers.entries()) {
        sent.push(`${at}-${n}`)
        await publisher.publish({ topic: `mesh/${at}`, qos: 1, payload: `${at}-${n}` })
      }
    }
    for (const client of plain)
      assert.deepEqual((await client.payloads(sent.length)).sort(), [...sent].sort())
    for (let at = 0; at < all.length; at++) {
      const members = [grouped[at], grouped[at + all.length]]
      const got: string[] = []
      await eventually('the group of each cluster has everything', () => {
        for (const member of members)
          got.push(...(member?.messages.takeAll() ?? []).map(({ payload }) => payload.toString()))
        return got.length >= sent.length
      })
      assert.deepEqual(got.sort(), [...sent].sort())
    }
    for (const client of plain) assert.equal(client.messages.length, 0)
    await Promise.all([...plain, ...grouped, ...publishers].map((client) => client.drop()))
  })

  test('in a chain a message crosses one link and not two, and who links one way gets one way', async () => {
    const [east, west, south] = all
    assert.ok(east !== undefined && west !== undefined && south !== undefined)
    // East and south know the west alone; the south only listens.
    await east.reload([to(west)])
    await south.reload([to(west)])
    await west.reload([to(east), to(south, { topics: [] })])
    await effective(east, west)
    await effective(west, east)
    await effective(west, south)
    const clients = await Promise.all(all.map((one) => one.client()))
    for (const client of clients) await client.subscribe({ topic: 'chain/#', qos: 1 })
    await effective(east, west)
    await effective(west, east)
    await effective(west, south)
    const [atEast, atWest, atSouth] = clients
    assert.ok(atEast !== undefined && atWest !== undefined && atSouth !== undefined)
    await atEast.publish({ topic: 'chain/1', qos: 1, payload: 'from the east' })
    assert.deepEqual(await atWest.payloads(1), ['from the east'])
    await atSouth.publish({ topic: 'chain/1', qos: 1, payload: 'from the south' })
    await atWest.publish({ topic: 'chain/1', qos: 1, payload: 'from the west' })
    assert.deepEqual(await atEast.payloads(2), ['from the east', 'from the west'])
    assert.deepEqual(await atSouth.payloads(2), ['from the south', 'from the west'])
    assert.deepEqual(await atWest.payloads(1), ['from the west'])
    await Promise.all(clients.map((client) => client.drop()))
  })
})

describe('links that lead where they should not', () => {
  test('through a load balancer in front of ourselves: noticed by the first actor_init', async () => {
    const east = await Cluster.planned('east', { io: 1 })
    const balancer = await TcpProxy.to(east.linkPort)
    east.links = [{ name: 'west', port: balancer.port, more: few }]
    try {
      await east.start()
      const told = await east.logged('cluster_link_routerepl_self_connected', { link: 'west' })
      assert.equal(told.code, 'LINK_SELF_CONNECTED')
      const { route } = await east.report('west')
      assert.equal(route.lastError?.code, 'self_connected')
    } finally {
      await east.remove()
      await balancer.close()
    }
  })

  test('a cluster that has our own name is refused, and both say so', async () => {
    const east = await Cluster.planned('east', { io: 1 })
    const other = await Cluster.planned('twin', { io: 1 })
    east.links = [to(other)]
    other.links = [{ name: 'occident', port: east.linkPort, more: few }]
    try {
      await Promise.all([east.start(), other.start({ name: 'east' })])
      await east.logged('cluster_link_same_name', { level: 'error' })
      await other.logged('cluster_link_routerepl_handshake_rejected', { link: 'occident' })
    } finally {
      await Promise.all([east.remove(), other.remove()])
    }
  })

  test('a remote cluster behind a balancer is reached through it, whatever connection goes where', async () => {
    const east = await Cluster.planned('east', { io: 1 })
    const west = await Cluster.planned('west', { io: 1 })
    // Two doors of one broker, as two nodes of one cluster would have.
    const balancer = await TcpProxy.to(west.linkPort, west.port)
    east.links = [{ name: 'west', port: balancer.port, more: few }]
    west.links = [to(east)]
    try {
      const open = 'listeners.tcp.default.enable_link = true'
      await Promise.all([east.start(), west.start({ more: open })])
      await effective(east, west)
      await effective(west, east)
      await eventually('all connections go through it', () => balancer.accepted >= 3)
    } finally {
      await Promise.all([east.remove(), west.remove()])
      await balancer.close()
    }
  })

  test('a remote cluster behind a balancer over two brokers: when one dies, the other is dialled, announced to and served', async () => {
    const environment = fastTime()
    const east = await Cluster.planned('east', { io: 1, environment })
    const first = await Cluster.planned('west', { io: 1, environment })
    const config = 'node.name = "second@127.0.0.1"'
    const second = await Cluster.planned('west', { io: 1, environment, config })
    const balancer = await TcpProxy.to(first.linkPort, second.linkPort)
    east.links = [{ name: 'west', port: balancer.port, more: few }]
    for (const west of [first, second]) west.links = [to(east)]
    try {
      await Promise.all([east.start(), first.start()])
      await effective(east, first)
      await effective(first, east)
      await first.kill()
      await second.start()
      const subscriber = await second.client()
      await subscriber.subscribe({ topic: 'taken/over', qos: 1 })
      await effective(east, second)
      await effective(second, east)
      // What the first one wanted goes when its actor has been silent for long enough: scenario 7.
      const held = await east.routes('west')
      assert.ok(held.includes('taken/over taken/over second@127.0.0.1'), held.join())
      const publisher = await east.client()
      await publisher.publish({ topic: 'taken/over', qos: 1, payload: 'here now' })
      assert.deepEqual(await subscriber.payloads(1), ['here now'])
      await Promise.all([publisher.drop(), subscriber.drop()])
    } finally {
      await Promise.all([east, first, second].map((cluster) => cluster.remove()))
      await balancer.close()
    }
  })
})
