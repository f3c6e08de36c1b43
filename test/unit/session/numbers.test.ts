import assert from 'node:assert/strict'
import { test } from 'node:test'
import { controlLimits } from '../../../src/limits.js'
import { Deadlines, homeLoop, SessionNumbers } from '../../../src/session/index.js'

test('a freed session number rests, then comes back with a greater generation', () => {
  let nowMs = 0
  const numbers = new SessionNumbers(1, { monotonicMs: () => nowMs })
  const first = numbers.take()
  assert.deepEqual(first, { loop: 1, session: 0, generation: 1 })
  numbers.give(first)
  assert.equal(numbers.used, 0)
  assert.deepEqual(numbers.take(), { loop: 1, session: 1, generation: 1 })
  nowMs = controlLimits.numberRestMs
  assert.deepEqual(numbers.take(), { loop: 1, session: 0, generation: 2 })
  assert.equal(numbers.used, 2)
})

test('a million sessions one after another use as many numbers as rest at once', () => {
  let nowMs = 0
  const numbers = new SessionNumbers(0, { monotonicMs: () => nowMs })
  let highest = 0
  for (let count = 0; count < 1_000_000; count++) {
    nowMs += 0.1
    const taken = numbers.take()
    highest = Math.max(highest, taken.session)
    numbers.give(taken)
  }
  assert.ok(highest <= controlLimits.numberRestMs * 10 + 10, `${highest}`)
})

test('the home of a client id is stable and spreads ids evenly', () => {
  const counts = [0, 0, 0, 0]
  for (let id = 0; id < 40_000; id++) {
    const home = homeLoop(`device-${id}`, 4)
    assert.equal(home, homeLoop(`device-${id}`, 4))
    counts[home] = (counts[home] ?? 0) + 1
  }
  for (const count of counts) assert.ok(Math.abs(count - 10_000) < 500, counts.join())
})

test('deadlines come out in order, once each, as they were set last', () => {
  const deadlines = new Deadlines<number>()
  const model = new Map<number, number>()
  let random = 7
  const below = (bound: number) => {
    random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 0
    return (random >>> 8) % bound
  }
  for (let round = 0; round < 20_000; round++) {
    const key = below(200)
    const atMs = below(5) === 0 ? Number.POSITIVE_INFINITY : below(100_000)
    deadlines.set(key, atMs)
    if (atMs === Number.POSITIVE_INFINITY) model.delete(key)
    else model.set(key, atMs)
    if (below(10) === 0) {
      const nowMs = below(100_000)
      const taken = deadlines.take(nowMs)
      const earliest = Math.min(...model.values())
      if (taken === null) assert.ok(earliest > nowMs)
      else {
        assert.equal(model.get(taken), earliest)
        model.delete(taken)
      }
    }
    assert.equal(deadlines.size, model.size)
  }
  assert.equal(deadlines.next(), Math.min(...model.values()))
})
