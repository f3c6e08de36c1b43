/**
 * Runs what is due: one timer for the earliest of many deadlines. A flood of due ones is worked off in slices, so 100,000
 * sessions may expire in one second without anyone waiting for it.
 */
import type { Clock, Timer, Timers } from '../clock.js'
import { controlLimits } from '../limits.js'
import type { Slicer } from '../slices.js'
import { Deadlines } from './deadlines.js'

export interface DeadlineClockOptions<K> {
  readonly clock: Clock
  readonly timers: Timers
  readonly slicer: Slicer
  /** May set deadlines, also of the same key. */
  readonly run: (key: K) => void
}

export class DeadlineClock<K> {
  readonly #options: DeadlineClockOptions<K>
  readonly #deadlines = new Deadlines<K>()
  #timer: Timer | null = null
  #timerAtMs = Number.POSITIVE_INFINITY
  #running = false
  #stopped = false

  constructor(options: DeadlineClockOptions<K>) {
    this.#options = options
  }

  /** @param atMs Infinity: none */
  set(key: K, atMs: number): void {
    this.#deadlines.set(key, atMs)
    if (!this.#running) this.#arm()
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
    this.#timer = null
  }

  /** A timer that is early stays: it finds nothing due and arms the next one. */
  #arm(): void {
    const nextMs = this.#deadlines.next()
    if (this.#stopped || nextMs >= this.#timerAtMs || nextMs === Number.POSITIVE_INFINITY) return
    this.#timer?.cancel()
    const nowMs = this.#options.clock.monotonicMs()
    const delayMs = Math.max(nextMs - nowMs, controlLimits.timerPrecisionMs)
    this.#timerAtMs = nowMs + delayMs
    this.#timer = this.#options.timers.after(delayMs, () => this.#fire())
  }

  #fire(): void {
    this.#timer = null
    this.#timerAtMs = Number.POSITIVE_INFINITY
    if (this.#stopped || this.#running) return
    this.#running = true
    this.#options.slicer.add(this.#drain(), 'due deadlines')
  }

  *#drain(): Generator<void> {
    try {
      for (let count = 1; !this.#stopped; count++) {
        const key = this.#deadlines.take(this.#options.clock.monotonicMs())
        if (key === null) break
        this.#options.run(key)
        if (count % controlLimits.perStep === 0) yield
      }
    } finally {
      this.#running = false
      this.#arm()
    }
  }
}
