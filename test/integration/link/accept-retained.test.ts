/**
 * A link of which one side accepts only and both hold retained messages alike: snapshots, changes and deletions of both
 * directions travel down the connections that one of them dials.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Cluster, effective } from './cluster.js'
import { assertDialsNobody } from './dials-nobody.js'
import { agree, type State, started, stateOf, write } from './retained-state.js'
import { TcpProxy } from './tcp-proxy.js'

const more = 'retained_sync = ["state/#"]'

describe('an office that dials and a plant that accepts only, which hold the same state', () => {
  let office: Cluster
  let plant: Cluster
  let line: TcpProxy

  before(async () => {
    office = await Cluster.planned('office')
    plant = await Cluster.planned('plant')
    line = await TcpProxy.to(plant.linkPort)
    office.links = [{ name: 'plant', port: line.port, more: `pool_size = 2, ${more}` }]
    plant.links = [{ name: 'office', port: null, more: `pool_size = 3, ${more}` }]
    cut()
    await Promise.all([started(office), started(plant)])
  })
  after(async () => {
    await Promise.all([office.remove(), plant.remove()])
    await line.close()
  })

  function cut(): void {
    line.silence()
    line.reset()
  }

  /** Who was accepted meanwhile is not to wait for its own time limit. */
  function heal(): void {
    line.heal()
    line.reset()
  }

  const agreed = (state: State) => agree([office, plant], state)

  /** A snapshot of many topics: every slot of each side has some. */
  function rows(from: string, count: number): State {
    return Object.fromEntries(
      Array.from({ length: count }, (_, n) => [`state/${from}/${n}`, `${from} ${n}`]),
    )
  }

  test('tell each other all they hold when they meet, and the last writer wins, whichever side it is', async () => {
    await write(office, { 'state/of/plant': 'older', ...rows('office', 20) })
    await write(plant, { 'state/of/plant': 'newer', 'state/of/office': 'older', 'other/1': 'x' })
    await write(plant, rows('plant', 20))
    await write(office, { 'state/of/office': 'newer' })
    heal()
    await agreed({
      'state/of/plant': 'newer',
      'state/of/office': 'newer',
      ...rows('office', 20),
      ...rows('plant', 20),
    })
    assertDialsNobody(plant)
    const deleted = Object.keys({ ...rows('office', 20), ...rows('plant', 20) })
    // Each side deletes some of its own and some of the other's.
    await write(office, Object.fromEntries(deleted.filter((_, n) => n % 2 === 0).map(none)))
    await write(plant, Object.fromEntries(deleted.filter((_, n) => n % 2 === 1).map(none)))
    await agreed({ 'state/of/plant': 'newer', 'state/of/office': 'newer' })
  })

  test('follow each change and deletion at once, either way, and subscribers get each once', async () => {
    for (const [from, to] of [
      [plant, office],
      [office, plant],
    ] as const) {
      const topic = `state/live/${from.name}`
      const [publisher, subscriber] = await Promise.all([from.client(), to.client()])
      await subscriber.subscribe({ topic, qos: 2 })
      await effective(from, to)
      for (const qos of [0, 1, 2] as const)
        await publisher.publish({ topic, payload: `q${qos}`, qos, retain: true })
      assert.deepEqual(await subscriber.payloads(3), ['q0', 'q1', 'q2'])
      await publisher.publish({ topic, payload: '', qos: 1, retain: true })
      assert.deepEqual(await subscriber.payloads(1), [''])
      await agreed({ 'state/of/plant': 'newer', 'state/of/office': 'newer' })
      assert.equal(subscriber.messages.length, 0)
      await Promise.all([publisher.drop(), subscriber.drop()])
    }
  })

  test('take over from each other what was written and deleted while the line was cut', async () => {
    cut()
    await write(office, { 'state/of/plant': '', 'state/cut': 'office', 'state/at/office': '1' })
    await write(plant, { 'state/of/office': '', 'state/cut': 'plant', 'state/at/plant': '1' })
    heal()
    await agreed({ 'state/cut': 'plant', 'state/at/office': '1', 'state/at/plant': '1' })
    assertDialsNobody(plant)
  })

  test('give the one that has started again everything, its own too, and keep what was deleted deleted', async () => {
    for (const victim of [plant, office]) {
      const other = victim === plant ? office : plant
      await victim.kill()
      await write(other, { 'state/cut': '', [`state/without/${victim.name}`]: '1' })
      await started(victim)
      await write(victim, { [`state/back/${victim.name}`]: '1' })
      const expected = { ...(await stateOf(other)), [`state/back/${victim.name}`]: '1' }
      assert.equal(expected['state/at/office'], '1')
      await agreed(expected)
      assertDialsNobody(plant)
    }
    const { 'state/cut': cut, ...kept } = await stateOf(office)
    assert.equal(cut, undefined)
    assert.equal(Object.keys(kept).length, 6)
    for (const [at, link] of [
      [plant, 'office'],
      [office, 'plant'],
    ] as const)
      assert.equal((await at.report(link)).counters.retained_refused, 0)
  })
})

/** Its deletion. */
const none = (topic: string) => [topic, ''] as const
