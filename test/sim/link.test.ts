/**
 * Two to four clusters in a bad network: whatever happened, some time after it stops every cluster holds exactly the
 * peers' interest, cut by the peers' `topics`.
 *
 * Simulated: a mesh, a chain or a star; links of which one side wants nothing, accepts only, is disabled or missing; connections cut,
 * silent, or heard in one direction only; partitions; slow and refused dials; kills with and without a reset; links added,
 * changed, switched and removed, at run time and between two lives; steps of the wall clock; bursts of interest that overflow what is captured. Real: all of src/link.
 * Not here: the native route table and the messages (test/native/sim/links_test.cc), sockets (test/integration/link).
 *
 *   CAUSEWAY_TEST_SEED=n     one story, with its log
 *   CAUSEWAY_TEST_STEPS=n    … of which only the first n things happen
 *   CAUSEWAY_TEST_SEEDS=n    so many from 1 on, and none at random: 10,000 take some minutes
 *
 * A failure names the line that plays its shortest beginning again.
 */
import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { test } from 'node:test'
import type { LinkConfig } from '../../src/config/index.js'
import { linkConfig } from './link-config.js'
import { matches } from './link-engine.js'
import type { Random } from './link-schedule.js'
import { faults } from './link-wire.js'
import { SimBroker, World } from './link-world.js'

const names = ['east', 'west', 'north', 'south']
const filters = Array.from({ length: 24 }, (_, n) => `${'abc'[n % 3]}/${n}`)
const topicLists: readonly (readonly string[])[] = [['#'], ['#'], ['a/#'], ['a/#', 'b/#'], []]
const troubleMs = 60_000
/** Ping (30 s) and its timeout (30 s), a retry (6 s), an actor's expiry (30 + 30 s) or a sweep (30 s), a clear; rounded up. */
const healMs = 160_000
const always = { fixed: 250, fresh: 50 }

test('after the trouble every cluster holds exactly the cut interest of the others', async () => {
  const { CAUSEWAY_TEST_SEED, CAUSEWAY_TEST_STEPS, CAUSEWAY_TEST_SEEDS } = process.env
  const steps = Number(CAUSEWAY_TEST_STEPS ?? Number.POSITIVE_INFINITY)
  if (CAUSEWAY_TEST_SEED !== undefined) {
    await story(Number(CAUSEWAY_TEST_SEED), steps, true)
    return
  }
  const count = Number(CAUSEWAY_TEST_SEEDS ?? always.fixed)
  const seeds = Array.from({ length: count }, (_, n) => n + 1)
  if (CAUSEWAY_TEST_SEEDS === undefined)
    for (let n = 0; n < always.fresh; n++) seeds.push(randomInt(1, 2 ** 31))
  for (const seed of seeds) {
    try {
      await story(seed, steps, false)
    } catch (cause) {
      throw new Error(`${await replay(seed)} plays it again, with its log`, { cause })
    }
  }
})

test('one seed is one story: the same log twice', async () => {
  const all = Number.POSITIVE_INFINITY
  assert.deepEqual(await story(7, all, false), await story(7, all, false))
})

/** The shortest beginning that fails. */
async function replay(seed: number): Promise<string> {
  for (let steps = 0; steps < 200; steps++) {
    try {
      await story(seed, steps, false)
    } catch {
      return `CAUSEWAY_TEST_SEED=${seed} CAUSEWAY_TEST_STEPS=${steps}`
    }
  }
  return `CAUSEWAY_TEST_SEED=${seed}`
}

/** @param steps after so many things that happened the trouble ends; the same ones as with more */
async function story(seed: number, steps: number, verbose: boolean): Promise<readonly string[]> {
  const world = new World(seed)
  const { random } = world
  const cluster = names.slice(0, 2 + (random.chance(40) ? 1 + random.below(2) : 0))
  const shape = random.below(3)
  for (const [index, name] of cluster.entries()) {
    const peers = cluster.filter((_, other) => isLinked(shape, index, other))
    for (const peer of peers)
      if (!world.accepting.has(`${peer} ${name}`) && random.chance(20))
        world.accepting.add(`${name} ${peer}`)
    const links = peers.map((peer) => randomLink(world, name, peer))
    world.peers.set(name, peers)
    world.brokers.push(new SimBroker(world, name, addressOf(index), links))
  }
  faults.silentDialPercent = 5
  world.onBootstrap = (broker) => {
    if (random.chance(20)) churn(random, broker)
  }
  for (const broker of world.brokers)
    world.at(random.below(3_000), () => broker.room === null && broker.start())
  let happened = 0
  let endsAt = 0
  for (let at = 0; at < troubleMs; at += 100 + random.below(1_500)) {
    if (happened === steps) continue
    happened++
    endsAt = at
    world.at(at, () => happen(world))
  }
  await world.run(endsAt)

  faults.silentDialPercent = 0
  world.onBootstrap = () => {}
  world.partitions.heal()
  for (const broker of world.brokers) if (broker.room === null) broker.start()
  await world.run(endsAt + healMs)

  if (verbose) console.error(world.trace.join('\n'))
  assert.deepEqual(world.violations, [])
  for (const sender of world.brokers) {
    for (const link of sender.links) judge(world, sender, link)
    judgeRemoved(sender)
  }
  return world.trace
}

/** What the far end of `link` holds of our interest, and how the link says it is. */
function judge(world: World, sender: SimBroker, link: LinkConfig): void {
  const receiver = world.brokers.find((broker) => broker.name === link.name)
  assert.ok(receiver)
  const backwards = receiver.engine.links.find(({ name }) => name === sender.name)
  const isAnnounced = link.enable && backwards !== undefined
  const held = backwards === undefined ? [] : receiver.engine.routesOf(backwards.index)
  const wanted = [...sender.engine.interest.keys()]
    .filter((filter) => isAnnounced && matches(link.topics, filter))
    .sort()
  const status = sender.room?.status().find(({ name }) => name === link.name)
  const what = `${sender.name} to ${link.name}: ${status?.route.state}, ${status?.route.lastError?.message}`
  // A link that is disabled at its far end keeps the connection, and the routes, that it had.
  if (backwards?.enabled === false && held.length === 0) return
  assert.deepEqual(held, wanted, `${receiver.name} holds of ${sender.name}`)
  if (backwards?.enabled === false) return
  assert.equal(status?.route.state === 'online', isAnnounced, what)
  if (isAnnounced) assert.equal(status?.pool.online, link.poolSize, what)
}

/** Nobody holds routes of a link that is gone. */
function judgeRemoved({ name, engine }: SimBroker): void {
  const known = new Set(engine.links.map(({ index }) => index))
  const left = engine.linksWithRoutes().filter((index) => !known.has(index))
  assert.deepEqual(left, [], `${name} holds routes of links that it has no more`)
}

/** Something goes wrong, or clients do what clients do. */
function happen(world: World): void {
  const { random } = world
  const broker = random.pick(world.brokers)
  const wires = [...world.wires]
  const dice = random.below(100)
  if (dice < 52) {
    for (let n = random.chance(15) ? 25 : 1 + random.below(4); n > 0; n--) {
      churn(random, broker)
    }
  } else if (dice < 64) {
    if (wires.length > 0) world.cut(random.pick(wires))
  } else if (dice < 70) {
    if (wires.length > 0) random.pick(wires).silent = true
  } else if (dice < 76) {
    if (wires.length > 0) random.pick(wires).deaf = random.chance(50) ? 'client' : 'server'
  } else if (dice < 80) {
    world.part(broker, random.pick(world.brokers))
  } else if (dice < 82) {
    world.partitions.heal()
  } else if (dice < 88) {
    broker.wallOffset += (random.below(3) - 1) * 3_600_000
  } else if (broker.room === null) {
    broker.start()
  } else if (broker.epoch > 0) {
    if (random.chance(50)) {
      broker.reconfigure(edited(random, world, broker))
      return
    }
    broker.kill(random.chance(30))
    if (random.chance(40)) broker.reconfigure(edited(random, world, broker))
    world.at(random.below(20_000), () => broker.room === null && broker.start())
  }
}

function churn(random: Random, broker: SimBroker): void {
  const filter = random.pick(filters)
  if (random.chance(60)) broker.subscribe(filter)
  else broker.unsubscribe(filter)
}

/** 0: every cluster with every other; 1: a chain; 2: a star around the first. */
function isLinked(shape: number, a: number, b: number): boolean {
  if (a === b) return false
  if (shape === 1) return Math.abs(a - b) === 1
  return shape === 0 || a === 0 || b === 0
}

function randomLink({ accepting, random }: World, from: string, name: string): LinkConfig {
  const link = linkConfig(name, addressOf(names.indexOf(name)), random.pick(topicLists))
  const acceptOnly = accepting.has(`${from} ${name}`)
  return {
    ...link,
    acceptOnly,
    servers: acceptOnly ? [] : link.servers,
    enable: random.chance(95),
    driftCheck: random.chance(30),
  }
}

/** Another edit of `cluster.links`: a link changed, switched, removed, or one that it could have and has not added. */
function edited(random: Random, world: World, broker: SimBroker): readonly LinkConfig[] {
  const { links } = broker
  const missing = world.peers
    .get(broker.name)
    ?.filter((peer) => links.every(({ name }) => name !== peer))
  if (missing !== undefined && missing.length > 0 && random.chance(50))
    return [randomLink(world, broker.name, random.pick(missing)), ...links]
  if (links.length === 0) return links
  const link = random.pick(links)
  const others = links.filter((one) => one !== link)
  switch (random.below(5)) {
    case 0:
      return [...others, { ...link, topics: random.pick(topicLists) }]
    case 1:
      return [...others, { ...link, enable: !link.enable }]
    case 2:
      return [...others, { ...link, poolSize: 1 + random.below(3) }]
    case 3:
      return [...others, { ...link, maxInflight: 1 + random.below(9) }]
    default:
      return others
  }
}

function addressOf(index: number): string {
  return `127.0.0.${index + 1}`
}
