/** What control and the edge thread say to one another. */
import type { EdgeListener, EdgeTls } from '../listener/index.js'
import type { ApiAnswer, ApiKeys, ApiQuestion, ApiReport } from '../management/api/index.js'

/** Given to the thread at its start. */
export interface EdgeSettings {
  readonly listeners: readonly EdgeListener[]
  /** `auto`: uWebSockets.js where it loads, for listeners that ask for no more than it has. */
  readonly library: 'auto' | 'ws'
  readonly ringBytes: number
  readonly stallMs: number
  /** Null: no HTTP API. */
  readonly api: EdgeApi | null
}

/** The listener of the HTTP API. */
export interface EdgeApi {
  /** `dashboard.listeners.http`, for messages. */
  readonly path: string
  /** '': every address. */
  readonly host: string
  readonly port: number
  readonly nodeName: string
  readonly version: string
  readonly keys: ApiKeys
}

export type ToEdge =
  | { readonly kind: 'stop-listening' }
  | { readonly kind: 'stop' }
  | { readonly kind: 'renew'; readonly listener: number; readonly tls: EdgeTls }
  | { readonly kind: 'keys'; readonly keys: ApiKeys }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: ApiAnswer }

export type Library = 'uws' | 'ws'

/** All listeners are open, apart from those that may stay closed. */
export interface EdgeStarted {
  /** What serves each, by path of the listener. */
  readonly libraries: Readonly<Record<string, Library>>
  /** Numbers of listeners whose ports are in use. */
  readonly closed: readonly number[]
}

export type FirstWord =
  | ({ readonly kind: 'listening' } & EdgeStarted)
  | {
      readonly kind: 'failed'
      readonly listener: string
      /** The key of the listener that is to blame. */
      readonly key: 'bind' | 'ssl_options'
      /** errno's name, where the system said one. */
      readonly errno: string | null
      readonly why: string
    }

export type FromEdge =
  | FirstWord
  /** New certificates could not be used: what was in force stays. */
  | { readonly kind: 'renew-failed'; readonly listener: string; readonly why: string }
  | { readonly kind: 'ask'; readonly id: number; readonly question: ApiQuestion }
  | { readonly kind: 'report'; readonly report: ApiReport }
  /** A mistake of ours in the API: the request was answered with 500. */
  | { readonly kind: 'api-failed'; readonly error: unknown }
  /** An error that nothing handled. The thread goes on until the process has ended: its own end might be inside a callback of uWebSockets.js. */
  | { readonly kind: 'broke'; readonly error: unknown }
