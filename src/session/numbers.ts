/**
 * Session numbers: an index per home loop, used again with a greater generation. design.md §2.
 */
import type { SessionAddress } from '../native/engine.js'

const generationMax = 2 ** 32 - 1

/** The indexes of one home loop. Freed ones are used again, oldest last, so that the native tables stay dense. */
export class SessionNumbers {
  readonly #loop: number
  readonly #free: SessionAddress[] = []
  #next = 0

  constructor(loop: number) {
    this.#loop = loop
  }

  /** Indexes handed out and not given back. */
  get used(): number {
    return this.#next - this.#free.length
  }

  take(): SessionAddress {
    const freed = this.#free.pop()
    if (freed === undefined) return { loop: this.#loop, session: this.#next++, generation: 1 }
    const generation = freed.generation === generationMax ? 1 : freed.generation + 1
    return { loop: this.#loop, session: freed.session, generation }
  }

  /** Nothing on the loop refers to it any more, or will be dropped by its generation. */
  give(address: SessionAddress): void {
    this.#free.push(address)
  }
}
