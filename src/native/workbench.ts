/**
 * Parts of the core by themselves, in batches: native/seam/workbench_calls.cc. They are what the broker runs, without loops,
 * sockets and sessions around them. Any thread; each object belongs to whoever made it.
 */
import type { Binding } from './binding.js'

export interface RouterHandle {
  readonly type: 'router'
}
export interface DeltasHandle {
  readonly type: 'deltas'
}

export interface PublishSample {
  readonly topic: string
  readonly payload: Uint8Array
  /** 0 with QoS 0. */
  readonly packetId: number
  readonly qos: 0 | 1 | 2
}

export interface MessageSample {
  readonly topic: string
  readonly payload: Uint8Array
  readonly clientId: string
}

/** Filters or topics as they cross: each ends with a NUL, which none of them may hold. */
export function packTexts(texts: readonly string[]): Buffer {
  return Buffer.from(texts.map((text) => `${text}\0`).join(''))
}

/** A router with one loop and one subscriber. Filters and topics are packed and valid. */
export class RouterBench {
  readonly #binding: Binding
  readonly #handle: RouterHandle

  constructor(binding: Binding) {
    this.#binding = binding
    this.#handle = binding.openRouter()
  }

  /** @returns how many had no subscriber before */
  subscribe(filters: Uint8Array): number {
    return this.#binding.subscribeRouter(this.#handle, filters)
  }

  /** All are there. @returns how many have no subscriber any more */
  unsubscribe(filters: Uint8Array): number {
    return this.#binding.unsubscribeRouter(this.#handle, filters)
  }

  /**
   * Uncached. `together`: as many at once as an io loop matches of one read; `alone`: one after the other, as when each read brings one.
   * @returns filters found, all topics together
   */
  match(topics: Uint8Array, how: 'together' | 'alone'): number {
    return this.#binding.matchRouter(this.#handle, topics, how === 'together')
  }

  /** Heap bytes, an estimate. */
  bytes(): number {
    return this.#binding.routerBytes(this.#handle)
  }

  /** Frees it; nothing may be asked after. */
  close(): void {
    this.#binding.closeRouter(this.#handle)
  }
}

/** Changes of one link's interest on their way out. */
export class DeltaBench {
  readonly #binding: Binding
  readonly #handle: DeltasHandle

  constructor(binding: Binding) {
    this.#binding = binding
    this.#handle = binding.openDeltas()
  }

  /** The last state of a filter wins. */
  merge(filters: Uint8Array, kind: 'add' | 'delete'): void {
    this.#binding.mergeDeltas(this.#handle, filters, kind === 'add')
  }

  /** What waits, as one message of the route channel, at most `entriesMax` changes; empty when nothing does. */
  take(entriesMax: number): Buffer {
    return this.#binding.takeDeltas(this.#handle, entriesMax)
  }
}
