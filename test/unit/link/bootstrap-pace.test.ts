/** How fast a bootstrap goes, in time that is told. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linkLimits } from '../../../src/limits.js'
import { BootstrapPace } from '../../../src/link/bootstrap-pace.js'

/** One timer at a time, as the pace has. */
class Time {
  nowMs = 1_000
  #due: { readonly atMs: number; readonly run: () => void } | null = null

  readonly clock = { monotonicMs: () => this.nowMs, wallMs: () => this.nowMs }
  readonly timers = {
    after: (delayMs: number, run: () => void) => {
      assert.equal(this.#due, null)
      this.#due = { atMs: this.nowMs + delayMs, run }
      return {
        cancel: () => {
          this.#due = null
        },
      }
    },
  }

  get waits(): boolean {
    return this.#due !== null
  }

  /** To the moment of the timer that waits. */
  pass(): void {
    const due = this.#due
    assert.ok(due !== null, 'nothing waits')
    this.#due = null
    this.nowMs = due.atMs
    due.run()
  }
}

const batch = 4_000
const batchMs = (batch * 1_000) / linkLimits.bootstrapRoutesPerSecond

function walk(time: Time, pace: BootstrapPace, batches: number): number[] {
  const begun: number[] = []
  for (let at = 0; at < batches; at++) {
    pace.begin(at === 0, () => begun.push(time.nowMs))
    if (time.waits) time.pass()
    pace.made(batch)
  }
  return begun
}

test('the first batch of a walk is begun at once, each later one when the ones before it have had their time', () => {
  const time = new Time()
  const pace = new BootstrapPace(time.clock, time.timers)
  const begun = walk(time, pace, 4)
  assert.deepEqual(
    begun.map((atMs) => Math.round((atMs - 1_000) / batchMs)),
    [0, 1, 2, 3],
  )
  const again = walk(time, pace, 2)
  assert.equal(again[0], begun[3])
})

test('what takes longer by itself never waits, and saves nothing up', () => {
  const time = new Time()
  const pace = new BootstrapPace(time.clock, time.timers)
  pace.begin(true, () => {})
  pace.made(batch)
  time.nowMs += 10 * batchMs
  let begun = 0
  pace.begin(false, () => begun++)
  assert.equal(begun, 1)
  pace.made(batch)
  pace.begin(false, () => begun++)
  assert.equal(begun, 1)
  time.pass()
  assert.equal(begun, 2)
})

test('a batch that waits is forgotten when its walk is over', () => {
  const time = new Time()
  const pace = new BootstrapPace(time.clock, time.timers)
  const begun: string[] = []
  pace.begin(true, () => begun.push('first'))
  pace.made(batch)
  pace.begin(false, () => begun.push('stale'))
  pace.begin(true, () => begun.push('anew'))
  assert.equal(time.waits, false)
  pace.made(batch)
  pace.begin(false, () => begun.push('stopped'))
  pace.stop()
  assert.equal(time.waits, false)
  assert.deepEqual(begun, ['first', 'anew'])
})
