/**
 * A link whose line is cut under load, in both directions and without a word: what waits arrives once, and what cannot wait is
 * counted.
 *
 *   CUT_SECONDS=30 CUT_RATE=5000 node --test dist-test/test/integration/link/outage.test.js     as long as one likes
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { eventually } from '../harness/index.js'
import { Cluster, effective } from './cluster.js'
import { TcpProxy } from './tcp-proxy.js'
import { Traffic } from './traffic.js'

const cutMs = 1000 * Number(process.env.CUT_SECONDS ?? 2)
const rate = Number(process.env.CUT_RATE ?? 500)
const settleMs = 60_000 + 2 * cutMs

describe('a line that is cut', () => {
  let east: Cluster
  let west: Cluster
  let there: TcpProxy
  let back: TcpProxy

  before(async () => {
    east = await Cluster.planned('east')
    // What the line held back comes at once: a subscriber's queue of 1,000 would drop most of a long cut.
    west = await Cluster.planned('west', { config: 'mqtt.max_mqueue_len = infinity' })
    there = await TcpProxy.to(west.linkPort)
    back = await TcpProxy.to(east.linkPort)
    const ttl = `pool_size = 4, resource_opts.request_ttl = ${cutMs + 60_000}ms`
    east.links = [{ name: 'west', port: there.port, more: ttl }]
    west.links = [{ name: 'east', port: back.port, more: ttl }]
    await Promise.all([east.start(), west.start()])
    await Promise.all([east.online('west'), west.online('east')])
  })
  after(async () => {
    await Promise.all([east.remove(), west.remove()])
    await Promise.all([there.close(), back.close()])
  })

  /** Everything for the west has been acknowledged, or dropped and counted. */
  function nothingWaits(): Promise<void> {
    return eventually(
      'nothing waits',
      async () => {
        const { counters } = await east.report('west')
        return counters.queued === 0 && counters.inflight === 0
      },
      settleMs,
    )
  }

  test('loses nothing and repeats nothing at the subscriber, whether it goes on or is reset afterwards', async () => {
    for (const end of ['resumes', 'is reset'] as const) {
      const traffic = new Traffic(east, west, { name: end, messagesPerSecond: rate })
      await traffic.open()
      await effective(east, west)
      traffic.send()
      await eventually('messages flow', () => traffic.arrivals().arrived > 0)
      there.silence()
      await delay(cutMs / 2)
      if (end === 'is reset') there.reset()
      await delay(cutMs / 2)
      there.heal()
      if (end === 'is reset') there.reset() // who was accepted meanwhile is not to wait for its own time limit
      await traffic.resumed()
      await traffic.settle(settleMs)
      const { repeated, missing, arrived } = traffic.arrivals()
      assert.deepEqual({ repeated, missing }, { repeated: 0, missing: 0 }, end)
      assert.equal(arrived, traffic.sent)
      await traffic.close()
    }
    const { counters } = await east.report('west')
    for (const name of [
      'expired',
      'overflowed',
      'rejected',
      'undeliverable',
      'dropped',
      'oversize',
    ])
      assert.equal(counters[name], 0, name)
  })

  test('for longer than the buffer: what is missing is what the counters say', async () => {
    const traffic = new Traffic(east, west, { name: 'short', messagesPerSecond: rate })
    await traffic.open()
    await east.reload([
      {
        name: 'west',
        port: there.port,
        more: `pool_size = 4, resource_opts { request_ttl = ${Math.round(cutMs / 4)}ms, max_buffer_bytes = 64KB }`,
      },
    ])
    await effective(east, west)
    traffic.send()
    await eventually('messages flow', () => traffic.arrivals().arrived > 0)
    // What has arrived and is not acknowledged when the line breaks would expire here all the same, and be counted as lost.
    await traffic.settle(settleMs)
    await nothingWaits()
    there.silence()
    there.reset()
    traffic.send()
    await delay(cutMs)
    there.heal()
    there.reset()
    await traffic.resumed()
    await traffic.settle(1)
    await nothingWaits()
    const { counters } = await east.report('west')
    const lost = (counters.expired ?? 0) + (counters.overflowed ?? 0)
    assert.ok(lost > 0)
    await eventually(
      'all that was not lost is here',
      () => traffic.arrivals().missing === lost,
      settleMs,
    )
    assert.equal(traffic.arrivals().repeated, 0)
    await traffic.close()
  })

  test('while both sides subscribe and unsubscribe: both know the same within 10 s', async () => {
    const [atEast, atWest] = await Promise.all([east.client(), west.client()])
    const subscribe = async (from: number, count: number) => {
      for (let n = from; n < from + count; n++) {
        await atEast.subscribe({ topic: `table/e/${n}`, qos: 1 })
        await atWest.subscribe({ topic: `table/w/${n}`, qos: 1 })
      }
    }
    await subscribe(0, 60)
    const held = (side: 'east' | 'west', from: number, to: number) =>
      Array.from({ length: to - from }, (_, at) => `table/${side[0]}/${from + at}`)
        .map((filter) => `${filter} ${filter} ${side}@127.0.0.1`)
        .sort()
        .join()
    const known = async (from: number, to: number) => {
      const [ofWest, ofEast] = await Promise.all([east.routes('west'), west.routes('east')])
      return ofWest.join() === held('west', from, to) && ofEast.join() === held('east', from, to)
    }
    await eventually('60 routes each way', () => known(0, 60))
    for (const line of [there, back]) line.silence()
    await subscribe(60, 40)
    for (let n = 0; n < 30; n++) {
      await atEast.unsubscribe(`table/e/${n}`)
      await atWest.unsubscribe(`table/w/${n}`)
    }
    await delay(cutMs)
    for (const line of [there, back]) {
      line.heal()
      line.reset()
    }
    const healed = performance.now()
    await eventually('70 others each way', () => known(30, 100), 30_000)
    assert.ok(performance.now() - healed < 10_000, 'within 10 s')
    await Promise.all([atEast.drop(), atWest.drop()])
  })
})
