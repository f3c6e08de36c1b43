import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type SliceFailure, Slicer } from '../../src/slices.js'

/** Each step of a job takes `stepMs` of a clock that only jobs move. */
function bench() {
  let nowMs = 0
  const deferred: (() => void)[] = []
  const failures: SliceFailure[] = []
  const slicer = new Slicer({
    clock: { monotonicMs: () => nowMs, wallMs: () => nowMs },
    defer: (run) => deferred.push(run),
    onFailure: (failure) => failures.push(failure),
    sliceMs: 2,
  })
  function* job(steps: number, stepMs: number, done: (step: number) => void): Generator<void> {
    for (let step = 1; step <= steps; step++) {
      nowMs += stepMs
      done(step)
      yield
    }
  }
  return { slicer, deferred, failures, job, turn: () => deferred.shift()?.() }
}

test('a job runs in slices and the event loop comes by between them', () => {
  const { slicer, deferred, job, turn } = bench()
  let done = 0
  slicer.add(
    job(10, 0.5, (step) => (done = step)),
    'long',
  )
  assert.equal(done, 0)
  turn()
  assert.equal(done, 4)
  assert.equal(deferred.length, 1)
  turn()
  turn()
  assert.equal(done, 10)
  assert.equal(slicer.length, 0)
  assert.equal(deferred.length, 0)
  assert.ok(slicer.longestMs <= 2.5)
})

test('jobs take turns, so a short one does not wait for a long one', () => {
  const { slicer, job, turn } = bench()
  let long = 0
  let short = 0
  slicer.add(
    job(1000, 0.5, (step) => (long = step)),
    'long',
  )
  slicer.add(
    job(2, 0.5, (step) => (short = step)),
    'short',
  )
  turn()
  turn()
  assert.equal(short, 2)
  assert.ok(long >= 2 && long < 10)
})

test('a job that throws is dropped and named; the others go on', async () => {
  const { slicer, failures, job, turn } = bench()
  let done = 0
  const broken: Iterator<void> = {
    next() {
      throw new Error('broken')
    },
  }
  slicer.add(broken, 'broken')
  const waited = slicer.run('waited for', broken)
  slicer.add(
    job(2, 0.1, (step) => (done = step)),
    'sound',
  )
  turn()
  await assert.rejects(waited, /broken/)
  assert.deepEqual(
    failures.map(({ name }) => name),
    ['broken'],
  )
  assert.equal(done, 2)
})

test('a stopped slicer runs nothing any more', () => {
  const { slicer, job, turn } = bench()
  let done = 0
  slicer.add(
    job(10, 0.5, (step) => (done = step)),
    'job',
  )
  slicer.stop()
  turn()
  assert.equal(done, 0)
})
