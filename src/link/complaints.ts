/**
 * Keeps a misbehaving far end from filling the log: the same complaint about the same party is logged once in a while, with
 * the number left out since. Everything is counted elsewhere.
 */
import type { Clock } from '../clock.js'
import { linkLimits } from '../limits.js'

/** Bound: `linkLimits.complaints` keys. Full: all are forgotten, so a complaint may be repeated early. */
export class Complaints {
  readonly #clock: Clock
  readonly #said = new Map<string, { atMs: number; suppressed: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** How often this was left out since it was last logged, or null when it is to be left out now. */
  admit(key: string): number | null {
    const now = this.#clock.monotonicMs()
    const said = this.#said.get(key)
    if (said !== undefined && now - said.atMs < linkLimits.complaintEveryMs) {
      said.suppressed++
      return null
    }
    if (said === undefined && this.#said.size >= linkLimits.complaints) this.#said.clear()
    this.#said.set(key, { atMs: now, suppressed: 0 })
    return said?.suppressed ?? 0
  }
}

/** Text from the wire, shortened and without what a terminal would obey. */
export function printable(text: string): string {
  return text.slice(0, 64).replace(/[^\x20-\x7e]/g, '?')
}
