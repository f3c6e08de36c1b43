/**
 * How fast a link's bootstrap goes: no faster than linkLimits.bootstrapRoutesPerSecond, so that what announces here and what
 * applies there leave most of their processor to messages. The first batch leaves at once, and so does all there is of a link
 * with few routes; what is paced is the beginning of each later one, by what the ones before it held.
 */
import type { Clock, Timer, Timers } from '../clock.js'
import { linkLimits } from '../limits.js'

export class BootstrapPace {
  readonly #clock: Clock
  readonly #timers: Timers
  /** When the next batch may be begun; monotonic. */
  #dueMs = 0
  #waiting: Timer | null = null

  constructor(clock: Clock, timers: Timers) {
    this.#clock = clock
    this.#timers = timers
  }

  /**
   * Runs `make` when the next batch is due. One that still waits is forgotten: its walk is over.
   * @param isFirst of its walk: due now, whatever an earlier walk held
   */
  begin(isFirst: boolean, make: () => void): void {
    this.stop()
    const now = this.#clock.monotonicMs()
    // Time in which nothing was announced is not saved up.
    if (isFirst || this.#dueMs < now) this.#dueMs = now
    if (this.#dueMs === now) {
      make()
      return
    }
    this.#waiting = this.#timers.after(this.#dueMs - now, () => {
      this.#waiting = null
      make()
    })
  }

  /** A batch that was begun holds so many routes. */
  made(routes: number): void {
    this.#dueMs += (routes * 1_000) / linkLimits.bootstrapRoutesPerSecond
  }

  stop(): void {
    this.#waiting?.cancel()
    this.#waiting = null
  }
}
