/** Random numbers that can be had again: tests print their seed. */
import { randomInt } from 'node:crypto'

/** From CAUSEWAY_TEST_SEED, or new. */
export const seed = Number(process.env.CAUSEWAY_TEST_SEED ?? randomInt(1, 2 ** 31))

/** mulberry32: small, and good enough to choose among operations. */
export class Random {
  #state: number

  constructor(start: number) {
    this.#state = start
  }

  /** An integer from 0 to `below` - 1. */
  below(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }

  /** @throws RangeError when there is nothing to choose from */
  pick<T>(from: readonly T[]): T {
    const picked = from[this.below(from.length)]
    if (picked === undefined) throw new RangeError('nothing to pick from')
    return picked
  }
}
