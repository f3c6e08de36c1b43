/** Who may speak for which remote actor, and when it is forgotten. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linkLimits } from '../../../src/limits.js'
import { ActorRegistry } from '../../../src/link/registry.js'

const link = 0

test('actors of one link take the smallest free lanes', () => {
  const registry = new ActorRegistry()
  const lanes = ['a', 'b', 'c'].map((actor, connection) => {
    const verdict = registry.init(connection, link, 'west', actor, 1n, 0)
    assert.equal(verdict.kind, 'created')
    return verdict.actor.lane
  })
  assert.deepEqual(lanes, [0, 1, 2])
  registry.touch(0, 'west', 'a', 1n, false, 40_000)
  registry.touch(2, 'west', 'c', 1n, false, 40_000)
  const [expired] = registry.takeExpired(40_000)
  assert.equal(expired?.actor, 'b')

  const whileCleared = registry.init(9, link, 'west', 'd', 1n, 40_000)
  assert.equal(
    whileCleared.kind === 'created' && whileCleared.actor.lane,
    3,
    'a lane being cleared is not given away',
  )
  registry.releaseLane(link, 1)
  const after = registry.init(10, link, 'west', 'e', 1n, 40_000)
  assert.equal(after.kind === 'created' && after.actor.lane, 1)
  const other = registry.init(11, 1, 'north', 'a', 1n, 40_000)
  assert.equal(other.kind === 'created' && other.actor.lane, 0, 'lanes are per link')
})

test('the same incarnation is known, a greater one reincarnates in its lane, a smaller one is stale', () => {
  const registry = new ActorRegistry()
  assert.equal(registry.init(1, link, 'west', 'a', 5n, 0).kind, 'created')
  assert.equal(registry.init(2, link, 'west', 'a', 5n, 0).kind, 'known')
  const again = registry.init(3, link, 'west', 'a', 6n, 0)
  assert.ok(again.kind === 'reincarnated' && again.actor.lane === 0)
  assert.equal(registry.init(4, link, 'west', 'a', 5n, 0).kind, 'stale')
})

test('a connection speaks for one actor; repeating its actor_init is allowed', () => {
  const registry = new ActorRegistry()
  registry.init(1, link, 'west', 'a', 5n, 0)
  assert.equal(registry.init(1, link, 'west', 'a', 5n, 0).kind, 'known')
  assert.equal(registry.init(1, link, 'west', 'b', 5n, 0).kind, 'second-init')
  assert.equal(registry.init(1, link, 'west', 'a', 6n, 0).kind, 'second-init')
  assert.equal(registry.touch(1, 'west', 'a', 5n, true, 0).kind, 'valid')
  assert.equal(registry.touch(1, 'west', 'b', 5n, true, 0).kind, 'foreign')
  assert.equal(registry.touch(1, 'north', 'a', 5n, true, 0).kind, 'foreign')
  assert.equal(registry.touch(1, 'west', 'a', 4n, true, 0).kind, 'foreign')
  assert.equal(registry.touch(2, 'west', 'a', 5n, true, 0).kind, 'unbound')
})

test('any message keeps an actor alive; 30 s of silence end it, and its connection must introduce itself again', () => {
  const registry = new ActorRegistry()
  registry.init(1, link, 'west', 'a', 5n, 0)
  registry.touch(1, 'west', 'a', 5n, true, 29_000)
  assert.deepEqual(registry.takeExpired(58_999), [])
  assert.equal(registry.takeExpired(59_001).length, 1)
  assert.equal(registry.touch(1, 'west', 'a', 5n, false, 59_002).kind, 'gone')
  assert.equal(registry.init(1, link, 'west', 'a', 5n, 59_003).kind, 'created')
})

test('the old connection of a reincarnated actor is not listened to', () => {
  const registry = new ActorRegistry()
  registry.init(1, link, 'west', 'a', 5n, 0)
  registry.init(2, link, 'west', 'a', 6n, 0)
  assert.equal(registry.touch(1, 'west', 'a', 5n, true, 0).kind, 'gone')
})

test('a bootstrap is over 2 s after its last batch, 30 s after its beginning at the latest, also when it is empty', () => {
  const reborn = () => {
    const registry = new ActorRegistry()
    registry.init(1, link, 'west', 'a', 1n, 0)
    registry.init(2, link, 'west', 'a', 2n, 0)
    return registry
  }
  const empty = reborn()
  assert.equal(empty.nextSettleMs(), linkLimits.bootstrapLongestMs)
  empty.touch(2, 'west', 'a', 2n, false, 10_000) // a heartbeat is not a batch
  assert.deepEqual(empty.takeSettled(29_999), [])
  assert.equal(empty.takeSettled(30_000).length, 1)
  assert.deepEqual(empty.takeSettled(90_000), [], 'once')

  const quick = reborn()
  quick.touch(2, 'west', 'a', 2n, true, 1_000)
  quick.touch(2, 'west', 'a', 2n, true, 1_500)
  assert.equal(quick.nextSettleMs(), 3_500)

  const endless = reborn()
  for (let at = 1_000; at < 40_000; at += 1_000) endless.touch(2, 'west', 'a', 2n, true, at)
  assert.equal(endless.nextSettleMs(), 30_000)
})

test('a sweep is for the incarnation it was made for', () => {
  const registry = new ActorRegistry()
  registry.init(1, link, 'west', 'a', 1n, 0)
  registry.init(2, link, 'west', 'a', 2n, 0)
  const [settled] = registry.takeSettled(30_000)
  assert.ok(settled !== undefined && registry.isCurrent(settled))
  registry.init(3, link, 'west', 'a', 3n, 30_000)
  assert.equal(registry.isCurrent(settled), false)
})

test('a link may have 1,024 actors and not one more', () => {
  const registry = new ActorRegistry()
  for (let actor = 0; actor < linkLimits.remoteActors; actor++)
    registry.init(actor, link, 'west', `a${actor}`, 1n, 0)
  assert.equal(registry.init(5_000, link, 'west', 'one more', 1n, 0).kind, 'full')
})
