/** What control and the edge thread say to one another. */
import type { EdgeListener } from '../listener/index.js'

/** Given to the thread at its start. */
export interface EdgeSettings {
  readonly listeners: readonly EdgeListener[]
  /** `auto`: uWebSockets.js where it loads. */
  readonly library: 'auto' | 'ws'
  readonly ringBytes: number
  readonly stallMs: number
}

export type ToEdge = 'stop-listening' | 'stop'

export type FromEdge =
  | { readonly kind: 'listening'; readonly library: 'uws' | 'ws' }
  | { readonly kind: 'failed'; readonly listener: string; readonly why: string }
