/**
 * What the data plane is told of links: LinkSpec of native/fanout/link_egress.h.
 */
import type { SlotRange } from './engine.js'

/** What the data plane must know of each link, by index (0…63). */
export interface LinkDataPlane {
  readonly index: number
  readonly name: string
  readonly enabled: boolean
  readonly forwards: boolean // false: the far end has no way to take what matches its routes
  readonly topics: readonly string[] // ours: what we accept from it, and what its routes… are cut by at the other side
  readonly pool: SlotRange
  /** The pool before its size was changed: takes nothing more, and is there until it is empty. None: a count of 0. */
  readonly former: SlotRange
  /** Loops of the slots by place, where the far end dials; []: spread evenly. */
  readonly homes: readonly number[]
  readonly maxInflight: number
  readonly bufferBytesMax: number // per slot
  readonly requestTtlMs: number // 0: none
  readonly transit: boolean // asked for; see setTransit
  readonly retainedSync: readonly string[] // asked for; see setRetainedSync
}

/** What the two sides of a link have come to about `retained_sync`; `RetainedSync` of native/transport/engine.h. */
export type RetainedSyncState = 'off' | 'held' | 'begins' | 'begins-all'
