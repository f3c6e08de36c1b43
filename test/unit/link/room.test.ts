/** The whole room between brokers without faults: self-talk, one-way and disabled links, what the status says. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LinkConfig } from '../../../src/config/index.js'
import { linkLimits } from '../../../src/limits.js'
import { linkConfig } from '../../sim/link-config.js'
import { Random } from '../../sim/link-schedule.js'
import { SimBroker, World } from '../../sim/link-world.js'

function statusOf(broker: SimBroker, link = 0) {
  const status = broker.room?.status()[link]
  assert.ok(status)
  return status
}

function twoClusters(
  eastWants: readonly string[],
  westWants: readonly string[],
  westEnabled = true,
) {
  return linked(eastWants, linkConfig('east', '10.0.0.1', westWants, westEnabled))
}

function linked(eastWants: readonly string[], westLink: LinkConfig) {
  const world = new World(1)
  const east = new SimBroker(world, 'east', '10.0.0.1', [linkConfig('west', '10.0.0.2', eastWants)])
  const west = new SimBroker(world, 'west', '10.0.0.2', [westLink])
  world.brokers.push(east, west)
  east.start()
  west.start()
  return { world, east, west }
}

test('two brokers link, and tell each other what they want', async () => {
  const { world, east, west } = twoClusters(['#'], ['a/#'])
  east.subscribe('a/1')
  west.subscribe('a/2')
  west.subscribe('b/2')
  await world.run(5_000)
  assert.deepEqual(east.engine.routesOf(0), ['a/2'])
  assert.deepEqual(west.engine.routesOf(0), ['a/1'])
  const { route, pool, peerIsCauseway, routesIn, remoteActors } = statusOf(east)
  assert.equal(route.state, 'online')
  assert.equal(route.bootstrap.done, true)
  assert.deepEqual([pool.size, pool.online, peerIsCauseway, routesIn], [1, 1, true, 1])
  assert.deepEqual(
    remoteActors.map(({ actor, lane }) => [actor, lane]),
    [['west@node', 0]],
  )
})

test('a link that wants nothing still introduces itself, so the other direction works', async () => {
  const { world, east, west } = twoClusters([], ['#'])
  east.subscribe('a/1')
  west.subscribe('a/2')
  await world.run(5_000)
  assert.deepEqual(west.engine.routesOf(0), [])
  assert.deepEqual(east.engine.routesOf(0), ['a/2'])
  assert.equal(statusOf(east).route.state, 'online')
})

test('a disabled link dials nobody and refuses its peer with the reason', async () => {
  const { world, east, west } = twoClusters(['#'], ['#'], false)
  await world.run(20_000)
  assert.equal(west.attempts, 0)
  assert.deepEqual(
    west.engine.links.map(({ enabled }) => enabled),
    [false],
  )
  assert.equal(statusOf(west).route.state, 'disabled')
  assert.equal(statusOf(east).route.lastError?.code, 'rejected')
  assert.match(statusOf(east).route.lastError?.message ?? '', /cluster_link_disabled/)
  assert.equal(
    world.trace.filter((line) => line.includes('cluster_link_disabled')).length,
    2,
    'each side says it once',
  )
})

test('a broker that links with itself says what belongs there, and does not hammer itself', async () => {
  const world = new World(1)
  const east = new SimBroker(world, 'east', '10.0.0.1', [linkConfig('west', '10.0.0.1', ['#'])])
  world.brokers.push(east)
  east.start()
  await world.run(55_000)
  const { route, pool } = statusOf(east)
  assert.equal(route.state, 'disconnected')
  assert.equal(route.lastError?.code, 'self_connected')
  assert.equal(pool.online, 0)
  assert.equal(east.attempts, 2, 'one route connection, one message connection')
  assert.deepEqual(
    world.trace
      .filter((line) => line.includes(' error '))
      .map((line) => line.replace(/^.* error /, '')),
    [
      'link west: server 10.0.0.1.example:1883 is this broker itself; put the address of a listener of west there',
    ],
  )
  await world.run(200_000)
  assert.ok(east.attempts <= 5, `${east.attempts} attempts`)
})

test('a host that does not answer is tried again for ever, and said once', async () => {
  const world = new World(1)
  const east = new SimBroker(world, 'east', '10.0.0.1', [linkConfig('west', '10.9.9.9', ['#'])])
  world.brokers.push(east)
  east.start()
  await world.run(300_000)
  assert.equal(world.trace.length, 2, world.trace.join('\n'))
  assert.equal(statusOf(east).route.lastError?.code, 'connect_failed')
  assert.ok(east.attempts >= 40 && east.attempts <= 62, `${east.attempts} attempts`)
})

test('after a kill and a restart of either side routes are exchanged again within 10 s', async () => {
  for (const name of ['east', 'west']) {
    const { world, east, west } = twoClusters(['#'], ['#'])
    await world.run(30_000)
    const victim = name === 'east' ? east : west
    victim.kill(false)
    await world.run(33_000)
    victim.start()
    east.subscribe('a/1')
    west.subscribe('a/2')
    await world.run(43_000)
    assert.deepEqual([east.engine.routesOf(0), west.engine.routesOf(0)], [['a/2'], ['a/1']], name)
    assert.deepEqual([statusOf(east).pool.online, statusOf(west).pool.online], [1, 1], name)
  }
})

test('the batches of a bootstrap begin as far apart as what they announce is allowed to', async () => {
  const { world, east, west } = twoClusters(['#'], ['#'])
  const filters = Array.from({ length: 12 }, (_, n) => `paced/${n}`)
  for (const filter of filters) west.subscribe(filter)
  // Each batch says that it holds a second's worth.
  const made: number[] = []
  const make = west.engine.bootstrapBatch.bind(west.engine)
  west.engine.bootstrapBatch = (request) => {
    made.push(world.now)
    const batch = make(request)
    return { ...batch, entries: batch.payload === null ? 0 : linkLimits.bootstrapRoutesPerSecond }
  }
  await world.run(30_000)
  assert.deepEqual([...east.engine.routesOf(0)].sort(), [...filters].sort())
  assert.ok(made.length >= 4, `${made.length} batches`)
  for (const [at, ms] of made.slice(1, 4).entries()) {
    // When a task has begun is up to `world.delay`.
    const apart = ms - (made[at] ?? 0)
    assert.ok(
      apart > 500 && apart < 1_500,
      `batch ${at + 2} begins ${apart} ms after the one before`,
    )
  }
})

test('stopping hangs up everywhere and leaves no timer that acts', async () => {
  const { world, east, west } = twoClusters(['#'], ['#'])
  await world.run(5_000)
  east.room?.stop()
  await world.run(200_000)
  assert.equal(statusOf(east).route.state, 'disabled')
  assert.equal(statusOf(east).pool.online, 0)
  assert.deepEqual(west.engine.routesOf(0), [])
})

test('a far end that is no Causeway and forgets routes without a word has them back within 12 minutes', async () => {
  const { world, east, west } = twoClusters(['#'], ['#'])
  west.engine.isPlain = true
  for (const filter of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) east.subscribe(filter)
  await world.run(5_000)
  assert.equal(statusOf(east).peerIsCauseway, false)
  west.engine.forgetRoutes(0)
  await world.run(599_000)
  assert.deepEqual(west.engine.routesOf(0), [])
  await world.run(730_000)
  assert.deepEqual(west.engine.routesOf(0), ['a', 'b', 'c', 'd', 'e', 'f', 'g'])
  assert.equal(statusOf(east).counters.route_refreshes, 1)
  assert.equal(statusOf(west).counters.route_refreshes, undefined, 'east said what it is')
})

test('what comes and goes while everything is announced again is neither lost nor left behind', async () => {
  for (let seed = 1; seed <= 10; seed++) {
    const { world, east, west } = twoClusters(['#'], ['#'])
    west.engine.isPlain = true
    east.engine.captureEntriesMax = 1_000
    const held = new Set<string>()
    const filters = Array.from({ length: 600 }, (_, number) => `f/${number}`)
    const random = new Random(seed)
    const flip = () => {
      const filter = filters[random.below(filters.length)] ?? ''
      if (held.delete(filter)) east.unsubscribe(filter)
      else {
        held.add(filter)
        east.subscribe(filter)
      }
    }
    for (let count = 0; count < 300; count++) flip()
    await world.run(599_000)
    // It begins at some moment of the next two minutes; what is wrong at its end stays wrong.
    const flipOn = () => {
      if (statusOf(east).counters.route_refreshes === 1) return
      flip()
      world.at(25, flipOn)
    }
    world.at(1, flipOn)
    await world.run(760_000)
    assert.equal(statusOf(east).counters.route_refreshes, 1)
    assert.deepEqual(west.engine.routesOf(0), [...held].sort(), `seed ${seed}`)
  }
})

/** East dials; west accepts only. */
function oneDials(eastWants: readonly string[], westWants: readonly string[], slots = 1) {
  const dials = linkConfig('east', '', westWants)
  return linked(eastWants, { ...dials, acceptOnly: true, servers: [], poolSize: slots })
}

test('one side dials, and both tell each other what they want and how it changes', async () => {
  const { world, east, west } = oneDials(['#'], ['a/#'])
  east.subscribe('a/1')
  west.subscribe('a/2')
  west.subscribe('b/2')
  await world.run(5_000)
  assert.deepEqual(east.engine.routesOf(0), ['a/2'])
  assert.deepEqual(west.engine.routesOf(0), ['a/1'])
  assert.equal(west.attempts, 0)
  const { acceptOnly, forwards, route, pool, peerIsCauseway } = statusOf(west)
  assert.deepEqual(
    [acceptOnly, forwards, route.state, route.server],
    [true, true, 'online', 'accept_only'],
  )
  assert.deepEqual([pool.size, pool.online, peerIsCauseway], [1, 1, true])
  west.unsubscribe('a/2')
  west.subscribe('a/4')
  east.unsubscribe('a/1')
  east.subscribe('a/3')
  await world.run(8_000)
  assert.deepEqual(east.engine.routesOf(0), ['a/4'])
  assert.deepEqual(west.engine.routesOf(0), ['a/3'])
  await world.run(300_000)
  assert.equal(statusOf(east).counters.protocol_errors, undefined)
  assert.equal(statusOf(west).counters.route_attempts_failed, undefined)
  assert.equal(statusOf(east).remoteActors.length, 1, 'heartbeats keep it alive')
})

test('the side that dials opens as many message connections as the other has slots', async () => {
  const { world, west } = oneDials(['#'], ['#'], 3)
  await world.run(5_000)
  assert.deepEqual([statusOf(west).pool.size, statusOf(west).pool.online], [3, 3])
  assert.equal(west.attempts, 0)
})

test('one side dials: after a kill of either both know each other again', async () => {
  for (const name of ['east', 'west']) {
    for (const machineGone of [false, true]) {
      const { world, east, west } = oneDials(['#'], ['#'])
      await world.run(30_000)
      const victim = name === 'east' ? east : west
      victim.kill(machineGone)
      await world.run(33_000)
      victim.start()
      east.subscribe('a/1')
      west.subscribe('a/2')
      await world.run(machineGone ? 160_000 : 43_000)
      assert.deepEqual([east.engine.routesOf(0), west.engine.routesOf(0)], [['a/2'], ['a/1']], name)
      assert.deepEqual([statusOf(east).pool.online, statusOf(west).pool.online], [1, 1], name)
    }
  }
})

test('a far end that does not know accept_only: the link receives, forwards nothing, and says so once', async () => {
  const { world, east, west } = oneDials(['#'], ['#'])
  west.engine.isPlain = true // what it announces does not arrive
  west.subscribe('a/2')
  east.subscribe('a/1')
  await world.run(60_000)
  assert.deepEqual(west.engine.routesOf(0), ['a/1'])
  assert.deepEqual(east.engine.routesOf(0), [])
  assert.equal(statusOf(west).forwards, false)
  assert.deepEqual(
    west.engine.links.map(({ forwards }) => forwards),
    [false],
  )
  assert.equal(world.trace.filter((line) => line.includes('forward nothing')).length, 1)
})

test('a link that accepts only is turned into one that dials, and back, without a restart', async () => {
  const { world, east, west } = oneDials(['#'], ['#'])
  east.subscribe('a/1')
  west.subscribe('a/2')
  await world.run(5_000)
  const accepting = west.links
  west.reconfigure([linkConfig('east', '10.0.0.1', ['#'])])
  await world.run(20_000)
  assert.ok(west.attempts > 0)
  assert.deepEqual([east.engine.routesOf(0), west.engine.routesOf(0)], [['a/2'], ['a/1']])
  const { attempts } = west
  west.reconfigure(accepting)
  await world.run(60_000)
  assert.equal(west.attempts, attempts)
  assert.equal(statusOf(west).route.state, 'online')
  assert.deepEqual([east.engine.routesOf(0), west.engine.routesOf(0)], [['a/2'], ['a/1']])
})
