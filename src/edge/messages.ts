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

export type FirstWord =
  | { readonly kind: 'listening'; readonly library: 'uws' | 'ws' }
  | { readonly kind: 'failed'; readonly listener: string; readonly why: string }

/** `broke`: an error that nothing handled. The thread goes on until the process has ended: its own end might be inside a callback of uWebSockets.js. */
export type FromEdge = FirstWord | { readonly kind: 'broke'; readonly error: unknown }
