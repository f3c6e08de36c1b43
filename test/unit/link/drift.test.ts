/** Drift checksums: when differences are repaired, and two rooms in which a route table was tampered with. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linkLimits } from '../../../src/limits.js'
import { compared, type DriftState, inStep } from '../../../src/link/drift.js'
import { linkConfig } from '../../sim/link-config.js'
import { SimBroker, World } from '../../sim/link-world.js'

test('the second difference in a row is repaired; agreement in between forgets the first', () => {
  let state: DriftState = inStep
  const repairs: boolean[] = []
  for (const equal of [false, true, false, false, true]) {
    const step = compared(state, equal, 0)
    state = step.state
    repairs.push(step.repair)
  }
  assert.deepEqual(repairs, [false, false, false, true, false])
  assert.deepEqual(state, inStep)
})

test('what a repair does not mend is repaired ever more seldom, once an hour in the end', () => {
  let state: DriftState = inStep
  const at: number[] = []
  for (let now = 0; now < 6 * 3_600_000; now += linkLimits.heartbeatEveryMs) {
    const step = compared(state, false, now)
    state = step.state
    if (step.repair) at.push(now)
  }
  const gaps = at.slice(1).map((time, index) => time - (at[index] ?? 0))
  assert.deepEqual(gaps.slice(0, 4), [30_000, 60_000, 120_000, 240_000])
  assert.ok(
    gaps.slice(8).every((gap) => gap === linkLimits.driftRepairLongestMs),
    `${gaps}`,
  )
  assert.equal(gaps.length, 11)
})

function twoClusters(eastCompares: boolean, westCompares: boolean) {
  const world = new World(1)
  const link = (name: string, host: string, driftCheck: boolean) => ({
    ...linkConfig(name, host, ['#']),
    driftCheck,
  })
  const east = new SimBroker(world, 'east', '10.0.0.1', [link('west', '10.0.0.2', eastCompares)])
  const west = new SimBroker(world, 'west', '10.0.0.2', [link('east', '10.0.0.1', westCompares)])
  world.brokers.push(east, west)
  east.start()
  west.start()
  for (const filter of ['a', 'b', 'c']) west.subscribe(filter)
  return { world, east, west }
}

/** What nobody announced, and nothing of what was. */
function tamper({ engine }: SimBroker): void {
  const changes = [
    { filter: 'b', add: false },
    { filter: 'stray', add: true },
  ]
  engine.applyRoutes(0, 0, Buffer.from(JSON.stringify({ op: 'route', changes })))
  assert.deepEqual(engine.routesOf(0), ['a', 'c', 'stray'])
}

function counted(broker: SimBroker, name: string): number {
  return broker.room?.status()[0]?.counters[name] ?? 0
}

test('a table that was tampered with is right again after two heartbeats and a bootstrap', async () => {
  const { world, east, west } = twoClusters(true, true)
  await world.run(12_000)
  assert.equal(counted(east, 'drift_checks'), 1)
  tamper(east)
  await world.run(24_000)
  assert.deepEqual(east.engine.routesOf(0), ['a', 'c', 'stray'], 'one difference is no drift')
  await world.run(35_000)
  assert.deepEqual(east.engine.routesOf(0), ['a', 'b', 'c'])
  assert.deepEqual(
    [counted(east, 'drift_repairs'), counted(west, 'route_bootstraps_asked')],
    [1, 1],
  )
  await world.run(120_000)
  assert.equal(counted(east, 'drift_repairs'), 1)
  assert.equal(counted(east, 'drift_differences'), 2)
  assert.ok(counted(east, 'drift_checks') >= 10)
  assert.equal(counted(west, 'drift_repairs'), 0)
})

test('subscriptions that come and go are no drift', async () => {
  const { world, east, west } = twoClusters(true, true)
  for (let at = 5_000; at <= 100_000; at += 500) {
    await world.run(at)
    if (at % 1_000 === 0) west.subscribe('moving')
    else west.unsubscribe('moving')
  }
  assert.ok(counted(east, 'drift_checks') >= 5)
  assert.equal(counted(east, 'drift_repairs'), 0)
})

for (const [eastCompares, westCompares] of [
  [true, false],
  [false, true],
  [false, false],
] as const) {
  test(`asked for ${eastCompares ? 'here' : westCompares ? 'there' : 'nowhere'} only, nothing is compared`, async () => {
    const { world, east, west } = twoClusters(eastCompares, westCompares)
    await world.run(5_000)
    tamper(east)
    await world.run(60_000)
    assert.deepEqual(east.engine.routesOf(0), ['a', 'c', 'stray'])
    assert.deepEqual([counted(east, 'drift_checks'), counted(west, 'drift_checks')], [0, 0])
  })
}
