/**
 * Session numbers: an index per home loop, used again with a greater generation. design.md §2.
 *
 * A freed index rests before it is used again: the end of its session goes to the home loop directly, the next attach by
 * way of the loop that accepted the socket, and nothing here depends on which is there first.
 */
import type { Clock } from '../clock.js'
import { controlLimits } from '../limits.js'
import type { SessionAddress } from '../native/index.js'

const generationMax = 2 ** 32 - 1

interface Freed {
  readonly address: SessionAddress
  readonly usableAtMs: number
}

/** The indexes of one home loop. Freed ones are used again, oldest first. */
export class SessionNumbers {
  readonly #loop: number
  readonly #clock: Pick<Clock, 'monotonicMs'>
  #freed: Freed[] = []
  /** Entries of `#freed` before this one have been used. */
  #head = 0
  #next = 0

  constructor(loop: number, clock: Pick<Clock, 'monotonicMs'>) {
    this.#loop = loop
    this.#clock = clock
  }

  /** Indexes handed out and not given back. */
  get used(): number {
    return this.#next - (this.#freed.length - this.#head)
  }

  take(): SessionAddress {
    const oldest = this.#freed[this.#head]
    if (oldest === undefined || oldest.usableAtMs > this.#clock.monotonicMs()) {
      return { loop: this.#loop, session: this.#next++, generation: 1 }
    }
    this.#head++
    if (this.#head > 1024 && this.#head * 2 > this.#freed.length) {
      this.#freed = this.#freed.slice(this.#head)
      this.#head = 0
    }
    const { session, generation } = oldest.address
    return {
      loop: this.#loop,
      session,
      generation: generation === generationMax ? 1 : generation + 1,
    }
  }

  /** Everything about it has been commanded. */
  give(address: SessionAddress): void {
    this.#freed.push({
      address,
      usableAtMs: this.#clock.monotonicMs() + controlLimits.numberRestMs,
    })
  }
}
