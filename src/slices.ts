/**
 * Bulk work on the control thread, in slices: a job is an iterator that does a little per step (aim at ≤ 0.2 ms); the
 * slicer runs the jobs in turn for at most `sliceMs` and then lets the event loop come by, so CONNECTs, heartbeats and
 * acknowledgements wait for one slice at most. design.md §1.
 */
import type { Clock } from './clock.js'
import { controlLimits } from './limits.js'

export interface SliceFailure {
  readonly name: string
  readonly error: unknown
}

interface Job {
  readonly name: string
  readonly iterator: Iterator<void>
  readonly done: () => void
  readonly failed: (error: unknown) => void
}

export interface SlicerOptions {
  readonly clock: Clock
  /** Calls back after pending I/O had its turn; `setImmediate` outside of simulations. */
  readonly defer: (run: () => void) => void
  /** A job added with `add` threw. It is dropped, the others go on. */
  readonly onFailure: (failure: SliceFailure) => void
  readonly sliceMs?: number
}

export class Slicer {
  readonly #clock: Clock
  readonly #defer: (run: () => void) => void
  readonly #onFailure: (failure: SliceFailure) => void
  readonly #sliceMs: number
  #jobs: Job[] = []
  #next = 0
  #scheduled = false
  #stopped = false
  #longestMs = 0

  constructor({ clock, defer, onFailure, sliceMs = controlLimits.sliceMs }: SlicerOptions) {
    this.#clock = clock
    this.#defer = defer
    this.#onFailure = onFailure
    this.#sliceMs = sliceMs
  }

  /** Jobs that are not finished. */
  get length(): number {
    return this.#jobs.length
  }

  /** The longest slice so far, milliseconds: a job whose steps are too long shows here. */
  get longestMs(): number {
    return this.#longestMs
  }

  /** Runs `job` to its end, a step at a time; what it throws goes to `onFailure`. */
  add(job: Iterator<void>, name: string): void {
    this.#push({
      name,
      iterator: job,
      done: () => {},
      failed: (error) => this.#onFailure({ name, error }),
    })
  }

  /** The same, for a caller that waits: resolves when the job is done, rejects with what it throws. */
  run(name: string, job: Iterator<void>): Promise<void> {
    return new Promise((done, failed) => this.#push({ name, iterator: job, done, failed }))
  }

  /** Drops every job; none runs afterwards. Promises of `run` stay pending. */
  stop(): void {
    this.#stopped = true
    this.#jobs = []
  }

  #push(job: Job): void {
    if (this.#stopped) return
    this.#jobs.push(job)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    this.#defer(() => this.#slice())
  }

  #slice(): void {
    this.#scheduled = false
    const startedMs = this.#clock.monotonicMs()
    let elapsedMs = 0
    while (this.#jobs.length > 0 && elapsedMs < this.#sliceMs) {
      this.#step()
      elapsedMs = this.#clock.monotonicMs() - startedMs
    }
    this.#longestMs = Math.max(this.#longestMs, elapsedMs)
    if (this.#jobs.length > 0) this.#schedule()
  }

  /** One step of the job whose turn it is; the turn then passes on. */
  #step(): void {
    if (this.#next >= this.#jobs.length) this.#next = 0
    const at = this.#next
    const job = this.#jobs[at]
    if (job === undefined) return
    let finished: () => void
    try {
      if (job.iterator.next().done !== true) {
        this.#next = at + 1
        return
      }
      finished = job.done
    } catch (error) {
      finished = () => job.failed(error)
    }
    this.#jobs.splice(this.#jobs.indexOf(job), 1)
    finished()
  }
}
