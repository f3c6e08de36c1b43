/**
 * The message connections of a link. When `pool_size` changes a second pool stands beside the first: new messages wait for
 * its connections, which are not made before everything in the former pool has left. So order per topic holds, and two
 * connections never want one client id.
 */
import type { LinkConfig } from '../config/index.js'
import { linkLimits } from '../limits.js'
import type { SlotRange } from '../native/index.js'
import type { LinkFailure } from './failure.js'
import { MessageSlot } from './message-slot.js'
import type { OutboundParts } from './outbound.js'

export interface PoolRanges {
  readonly pool: SlotRange
  /** A count of 0: there is none. */
  readonly former: SlotRange
}

export const noSlots: SlotRange = { first: 0, count: 0 }

/** Of a link that is new. */
export function firstPool(size: number): PoolRanges {
  return { pool: { first: 0, count: size }, former: noSlots }
}

/** The other half of the link's numbers. */
export function nextPool({ pool }: PoolRanges, size: number): PoolRanges {
  const first = pool.first === 0 ? linkLimits.poolSlots : 0
  return { pool: { first, count: size }, former: pool }
}

export interface MessagePoolOptions {
  readonly parts: OutboundParts
  readonly link: LinkConfig
  readonly index: number
  seed(): number
  onOnline(): void
  onLost(place: number, why: LinkFailure): void
}

export class MessagePool {
  readonly #options: MessagePoolOptions
  #slots: readonly MessageSlot[]
  #former: readonly MessageSlot[]
  #running = false

  constructor(options: MessagePoolOptions, { pool, former }: PoolRanges) {
    this.#options = options
    this.#slots = this.#made(pool)
    this.#former = this.#made(former)
  }

  get size(): number {
    return this.#slots.length
  }

  get online(): number {
    return this.#slots.filter(({ online }) => online).length
  }

  /** Those that are to be connected now; starting one that is started changes nothing. */
  start(): void {
    this.#running = true
    for (const slot of this.#former.length > 0 ? this.#former : this.#slots) slot.start()
  }

  stop(): void {
    this.#running = false
    for (const slot of [...this.#former, ...this.#slots]) slot.stop()
  }

  /** What is connected goes on as the former pool. There must be none yet. */
  resize({ pool }: PoolRanges): void {
    this.#former = this.#slots
    this.#slots = this.#made(pool)
  }

  /** The former pool is empty. */
  drained(): void {
    for (const slot of this.#former) slot.stop()
    this.#former = []
    if (this.#running) this.start()
  }

  #made({ first, count }: SlotRange): readonly MessageSlot[] {
    const { parts, link, index, seed, onOnline, onLost } = this.#options
    return Array.from(
      { length: count },
      (_, place) =>
        new MessageSlot({
          parts,
          link,
          index,
          slot: first + place,
          place,
          seed: seed(),
          onOnline,
          onLost,
        }),
    )
  }
}
