/**
 * Silence for longer than an actor lives: what is forgotten, what is not, and that afterwards both sides hold exactly what the
 * other wants. Time passes faster for the brokers (harness/fast-time.ts);
 *
 *   CAUSEWAY_TEST_SPEED=1 node --test dist-test/test/integration/link/expiry.test.js     as it does in operation
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { eventually, fastTime, freePort, speed, type TestClient } from '../harness/index.js'
import { Cluster, effective } from './cluster.js'
import { EmqxRouteClient } from './emqx-client.js'
import { FakeEmqx } from './fake-emqx.js'
import { elementsOf } from './message-terms.js'
import { heartbeatTerm } from './route-terms.js'
import { TcpProxy } from './tcp-proxy.js'

const heartbeatMs = 10_000 / speed
/** An actor lives 30 s, is missed within 30 s more, and machines may be busy. */
const forgottenMs = 90_000 / speed + 30_000
/** After healing both tables are right within 10 s, of which a busy machine may want some in full. */
const healMs = 10_000 / speed + (speed === 1 ? 0 : 4_000)
const implementationError = 0x83

const environment = fastTime()

/** Until the broker that runs now has dropped that actor. */
function forgotten(at: Cluster, link: string, actor: string): Promise<unknown> {
  return at.logged('cluster_link_actor_expired', { link, actor }, forgottenMs)
}

/** What clients of one side want of the other, and what the other must hold of it: cut by `topics`, by hand. */
class Wants {
  /** What its link asks for. Source: docs/protocol/cluster-link.md "Route cutting", and what the suite itself needs. */
  static readonly topics = ['t/+/1/#', 't/z', 't/1/+', 'row/#', 'probe/#']
  readonly #client: TestClient
  readonly #actor: string
  readonly #cuts = new Map<string, readonly string[]>()

  constructor(client: TestClient, actor: string) {
    this.#client = client
    this.#actor = actor
  }

  /** @param cuts what is left of the filter; the filter itself when it is not given */
  async add(filter: string, cuts: readonly string[] = [filter]): Promise<void> {
    this.#cuts.set(filter, cuts)
    await this.#client.subscribe({ topic: filter, qos: 1 })
  }

  async drop(filter: string): Promise<void> {
    assert.ok(this.#cuts.delete(filter), filter)
    await this.#client.unsubscribe(filter)
  }

  /** As `Cluster.routes` tells it. */
  get held(): readonly string[] {
    return [...this.#cuts]
      .flatMap(([filter, cuts]) => {
        const id = filter.replace(/^\$share\//, '$s/')
        return cuts.map((cut) => `${cut} ${id} ${this.#actor}`)
      })
      .sort()
  }
}

describe('silence for longer than an actor lives', { concurrency: 4 }, () => {
  test('a line that is cut, while both sides subscribe and unsubscribe: both hold what the other wants within 10 s of healing', async () => {
    const east = await Cluster.planned('east', { environment })
    const west = await Cluster.planned('west', { environment })
    const there = await TcpProxy.to(west.linkPort)
    const back = await TcpProxy.to(east.linkPort)
    const link = { topics: Wants.topics, more: 'pool_size = 1' }
    east.links = [{ name: 'west', port: there.port, ...link }]
    west.links = [{ name: 'east', port: back.port, ...link }]
    try {
      await Promise.all([east.start(), west.start()])
      await Promise.all([east.online('west'), west.online('east')])
      const ofEast = new Wants(await east.client(), 'east@127.0.0.1')
      const ofWest = new Wants(await west.client(), 'west@127.0.0.1')
      const agree = async (): Promise<boolean> => {
        const [atWest, atEast] = await Promise.all([west.routes('east'), east.routes('west')])
        return atWest.join() === ofEast.held.join() && atEast.join() === ofWest.held.join()
      }
      for (const side of [ofEast, ofWest]) {
        await side.add('t/+', ['t/z'])
        await side.add('out/of/reach', [])
        await side.add('$share/g/t/+/+', ['t/1/+', 't/+/1'])
        for (let n = 0; n < 30; n++) await side.add(`row/${n}`)
      }
      await eventually('both agree at first', agree, 20_000)

      for (const line of [there, back]) line.silence()
      for (const side of [ofEast, ofWest]) {
        await side.drop('t/+')
        for (let n = 0; n < 20; n++) await side.drop(`row/${n}`)
        await side.add('t/+/2/3/#', [])
        await side.add('$share/h/t/z', ['t/z'])
      }
      for (let n = 100; n < 140; n++) await ofEast.add(`row/east/${n}`)
      for (let n = 100; n < 125; n++) await ofWest.add(`row/west/+/${n}`)
      await Promise.all([
        forgotten(east, 'west', 'west@127.0.0.1'),
        forgotten(west, 'east', 'east@127.0.0.1'),
      ])
      await eventually('nothing is held', async () => {
        const [atWest, atEast] = await Promise.all([west.routes('east'), east.routes('west')])
        return atWest.length === 0 && atEast.length === 0
      })

      // One line goes on where it stopped, the other breaks.
      for (const line of [there, back]) line.heal()
      back.reset()
      const healed = performance.now()
      await eventually('both agree again', agree, 30_000).catch(() => {})
      const tookMs = performance.now() - healed
      assert.deepEqual(await west.routes('east'), ofEast.held)
      assert.deepEqual(await east.routes('west'), ofWest.held)
      assert.ok(tookMs < healMs, `${tookMs} ms`)
      await effective(east, west)
      await effective(west, east)
    } finally {
      await Promise.all([east.remove(), west.remove()])
      await Promise.all([there.close(), back.close()])
    }
  })

  describe('of actors of one cluster, while others speak', { concurrency: 2 }, () => {
    let source: Cluster
    const emqxes = new Map<string, FakeEmqx>()
    let nodes = 0
    before(async () => {
      source = await Cluster.planned('source', { environment })
      for (const name of ['target', 'first', 'second'])
        emqxes.set(name, await FakeEmqx.listen(await freePort()))
      source.links = [...emqxes].map(([name, { port }]) => ({
        name,
        port,
        topics: [],
        more: 'pool_size = 1',
      }))
      await source.start()
    })
    after(async () => {
      await source.remove()
      await Promise.all([...emqxes.values()].map((emqx) => emqx.close()))
    })

    /** A node of that cluster that holds these routes, and goes on living until `end`. */
    async function node(cluster: string, name: string, routes: readonly string[]) {
      const actor = { name, incarnation: BigInt(Date.now()) }
      const client = await EmqxRouteClient.connect(source, cluster, actor, `${++nodes}`)
      await client.init('source')
      await client.routes(routes.map((add) => ({ add })))
      const beat = setInterval(() => client.heartbeat(), heartbeatMs).unref()
      return { client, silence: () => clearInterval(beat) }
    }

    test('scenario 7: a node that stops abruptly is forgotten with its routes, the others are served on', async () => {
      const emqx = emqxes.get('target')
      assert.ok(emqx !== undefined)
      const one = await node('target', 'node1@target', ['t/+'])
      const two = await node('target', 'node2@target', ['t/#'])
      const publisher = await source.client()
      const publish = (topic: string) => publisher.publish({ topic, qos: 1, payload: topic })
      const forwarded = async (count: number): Promise<string[]> => {
        const topics: string[] = []
        while (topics.length < count) {
          const { payload } = await emqx.forwarded.take('forwarded message', 20_000)
          topics.push(String(elementsOf(Buffer.from(payload))?.[6]))
        }
        return topics
      }
      for (const topic of ['t/1', 't/2/ext', 't/3/ext']) await publish(topic)
      assert.deepEqual((await forwarded(3)).sort(), ['t/1', 't/2/ext', 't/3/ext'])
      two.silence()
      await two.client.client.drop()
      await forgotten(source, 'target', 'node2@target')
      await eventually('its routes are gone', async () => {
        return (await source.routes('target')).join() === 't/+ t/+ node1@target'
      })
      await publish('t/4/ext') // nobody's any more
      await publish('t/5')
      assert.deepEqual(await forwarded(1), ['t/5'])
      one.silence()
      await one.client.client.drop()
      await forgotten(source, 'target', 'node1@target')
      await eventually('the table is empty', async () => {
        return (await source.routes('target')).length === 0
      })
      assert.equal((await source.report('target')).counters.matched, 4)
      assert.equal(emqx.forwarded.length, 0)
      await publisher.drop()
    })

    test('scenario 19: of two clusters the silent actor goes, alone with its routes, and is not heard late', async () => {
      const silent = await node('first', 'a', ['common/#', 'silent/1'])
      const spoken = await node('first', 'b', ['common/#', 'spoken/1'])
      const other = await node('second', 'a', ['common/#', 'silent/1'])
      silent.silence()
      await forgotten(source, 'first', 'a')
      await eventually('its routes are gone', async () => {
        const held = await source.routes('first')
        return held.join() === 'common/# common/# b,spoken/1 spoken/1 b'
      })
      assert.deepEqual(await source.routes('second'), [
        'common/# common/# a',
        'silent/1 silent/1 a',
      ])
      silent.client.send(heartbeatTerm(silent.client.actor), 0)
      await silent.client.client.whenClosed()
      assert.equal(silent.client.client.goodbye?.reasonCode, implementationError)

      for (const { silence } of [spoken, other]) silence()
      await Promise.all([forgotten(source, 'first', 'b'), forgotten(source, 'second', 'a')])
      await eventually('nothing is left', async () => {
        const held = await Promise.all(['first', 'second'].map((name) => source.routes(name)))
        return held.flat().length === 0
      })
      await Promise.all([spoken, other].map(({ client }) => client.client.drop()))
    })
  })

  test('scenario 44: a link that was disabled for longer is whole again when it is enabled', async () => {
    const source = await Cluster.planned('source', { environment })
    const target = await Cluster.planned('target', { environment })
    const line = await TcpProxy.to(source.linkPort)
    const more = 'pool_size = 1'
    const enabled = { name: 'target', port: target.linkPort, topics: [], more }
    source.links = [enabled]
    target.links = [{ name: 'source', port: line.port, more }]
    try {
      await Promise.all([source.start(), target.start()])
      const actor = 'target@127.0.0.1'
      const subscriber = await target.client()
      await subscriber.subscribe('old/1')
      await eventually(
        'the old route',
        async () => {
          return (await source.routes('target')).join() === `old/1 old/1 ${actor}`
        },
        20_000,
      )
      await source.reload([{ ...enabled, enable: false }])
      line.reset() // it comes again, and is refused until it is forgotten and long after
      const refused = 'cluster_link_routerepl_handshake_rejected'
      const { msg } = await target.logged(refused, { link: 'source' })
      assert.match(String(msg), /cluster_link_disabled/)
      await forgotten(source, 'target', actor)
      await subscriber.subscribe('old/2')

      await source.reload([enabled])
      await subscriber.subscribe('new/1')
      const wanted = ['new/1', 'old/1', 'old/2'].map((filter) => `${filter} ${filter} ${actor}`)
      await eventually(
        'old and new routes',
        async () => {
          return (await source.routes('target')).join() === wanted.join()
        },
        20_000,
      )
      const publisher = await source.client()
      for (const topic of ['old/1', 'old/2', 'new/1']) {
        await publisher.publish({ topic, qos: 1, payload: topic })
        assert.equal((await subscriber.message()).topic, topic)
      }
      await Promise.all([publisher.drop(), subscriber.drop()])
    } finally {
      await Promise.all([source.remove(), target.remove()])
      await line.close()
    }
  })
})
