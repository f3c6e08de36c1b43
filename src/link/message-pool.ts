/**
 * The message connections of a link. When `pool_size` changes a second pool stands beside the first: new messages wait for
 * its connections, which are not made before everything in the former pool has left. So order per topic holds, and two
 * connections never want one client id.
 *
 * Where the far end accepts only, its messages come down the same connections, and down more of them if it has more slots.
 */
import type { LinkConfig } from '../config/index.js'
import { linkLimits } from '../limits.js'
import type { ConnectionAddress, SlotRange } from '../native/index.js'
import type { PeerLimits } from './connection.js'
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
  #ranges: PoolRanges
  #slots: readonly MessageSlot[]
  #former: readonly MessageSlot[]
  /** Connections without a slot of ours. */
  #more: readonly MessageSlot[] = []
  /** Slots of a far end that accepts only; 0: it dials. */
  #farSlots = 0
  #running = false

  constructor(options: MessagePoolOptions, ranges: PoolRanges) {
    this.#options = options
    this.#ranges = ranges
    this.#slots = this.#made(ranges.pool)
    this.#former = this.#made(ranges.former)
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
    for (const slot of [...this.#connected, ...this.#more]) slot.start()
  }

  stop(): void {
    this.#running = false
    for (const slot of [...this.#former, ...this.#slots, ...this.#more]) slot.stop()
  }

  /** What is connected goes on as the former pool. There must be none yet. */
  resize(ranges: PoolRanges): void {
    this.#ranges = ranges
    this.#former = this.#slots
    this.#slots = this.#made(ranges.pool)
  }

  /** The former pool is empty. */
  drained(): void {
    this.#ranges = { pool: this.#ranges.pool, former: noSlots }
    for (const slot of [...this.#former, ...this.#more]) slot.stop()
    this.#former = []
    this.#more = this.#beyond()
    if (this.#running) this.start()
  }

  /** The far end has `count` slots for our connections to carry; 0: it dials itself. Connections whose names change are made anew. */
  carry(count: number): void {
    if (count !== this.#farSlots) {
      const rename = (count === 0) !== (this.#farSlots === 0)
      this.#farSlots = count
      for (const slot of this.#more) slot.stop()
      if (rename) {
        for (const slot of [...this.#former, ...this.#slots]) slot.stop()
        this.#slots = this.#made(this.#ranges.pool)
        this.#former = this.#made(this.#ranges.former)
      }
      this.#more = this.#beyond()
      if (this.#running) this.start()
    }
    for (const slot of [...this.#connected, ...this.#more]) slot.offer()
  }

  /** The far end has dialled connection number `place`. Text: why it cannot be used. */
  offered(place: number, address: ConnectionAddress, peer: PeerLimits): string | null {
    const slot = this.#connected[place]
    if (slot === undefined) return `there is no message connection ${place + 1}`
    return slot.offered(address, peer)
  }

  /** Of the pools the one that has connections. */
  get #connected(): readonly MessageSlot[] {
    return this.#former.length > 0 ? this.#former : this.#slots
  }

  #made({ first, count }: SlotRange): readonly MessageSlot[] {
    return Array.from({ length: count }, (_, place) => this.#slotOf(first + place, place))
  }

  #beyond(): readonly MessageSlot[] {
    const own = this.#connected.length
    return Array.from({ length: Math.max(0, this.#farSlots - own) }, (_, at) =>
      this.#slotOf(null, own + at),
    )
  }

  #slotOf(slot: number | null, place: number): MessageSlot {
    const { parts, link, index, seed, onOnline, onLost } = this.#options
    const bothWays = this.#farSlots > 0
    return new MessageSlot({
      parts,
      link,
      index,
      slot,
      place,
      bothWays,
      seed: seed(),
      onOnline,
      onLost,
    })
  }
}
