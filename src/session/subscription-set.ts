/**
 * The subscriptions of one session. Most sessions have one, and there may be a million of them: it lies in here itself. A map,
 * which with nothing in it is 200 bytes, is made for the second one.
 */
import type { Subscription } from './session.js'

export class SubscriptionSet {
  #key = ''
  /** Under `#key`. Null: there is none, or they are in `#many`. */
  #only: Subscription | null = null
  #many: Map<string, Subscription> | null = null

  get size(): number {
    return this.#many?.size ?? (this.#only === null ? 0 : 1)
  }

  /** @param key `SubscriptionName.key` */
  get(key: string): Subscription | undefined {
    if (this.#many !== null) return this.#many.get(key)
    return this.#only !== null && this.#key === key ? this.#only : undefined
  }

  set(key: string, subscription: Subscription): void {
    if (this.#only !== null && this.#key !== key) {
      this.#many = new Map([[this.#key, this.#only]])
      this.#only = null
    }
    if (this.#many === null) {
      this.#key = key
      this.#only = subscription
    } else {
      this.#many.set(key, subscription)
    }
  }

  delete(key: string): void {
    if (this.#many !== null) this.#many.delete(key)
    else if (this.#key === key) this.#only = null
  }

  /** In the order in which they were made. Whoever walks may delete. */
  entries(): Iterable<readonly [string, Subscription]> {
    return this.#many ?? (this.#only === null ? [] : [[this.#key, this.#only]])
  }
}
