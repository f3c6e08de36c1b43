/**
 * What people may know about a link: the same object feeds logs and the management interface.
 */
import type { TimeHistogram } from '../native/index.js'

export interface LinkStatus {
  readonly name: string
  readonly enabled: boolean
  /** What we want to receive. */
  readonly topics: readonly string[]
  /** We dial nobody. */
  readonly acceptOnly: boolean
  /** False: we receive only, because the far end does not carry our side of the link. */
  readonly forwards: boolean
  readonly route: RouteStatus
  readonly pool: PoolStatus
  /** Actors of the remote cluster whose routes we hold. */
  readonly remoteActors: readonly RemoteActorStatus[]
  /** Distinct (filter, route id) entries held for the remote cluster. */
  readonly routesIn: number
  /** True when the far end said that it is a Causeway. */
  readonly peerIsCauseway: boolean
  /** Of the data plane (native/link/link_metrics.h) and of the control thread. */
  readonly counters: Readonly<Record<string, number>>
  readonly times: { readonly rtt: TimeHistogram; readonly latency: TimeHistogram }
}

export interface RouteStatus {
  readonly state:
    | 'disabled'
    | 'disconnected'
    | 'connecting'
    | 'handshaking'
    | 'bootstrapping'
    | 'online'
  /** `host:port` dialled last, '' before the first attempt. */
  readonly server: string
  readonly incarnation: bigint | null
  /** Of the bootstrap under way or, once online, the last one. */
  readonly bootstrap: { readonly batches: number; readonly entries: number; readonly done: boolean }
  /** Route changes acknowledged by the far end since start, bootstraps included. */
  readonly routesOut: number
  readonly lastError: LinkError | null
}

export interface PoolStatus {
  readonly size: number
  readonly online: number
  readonly lastError: LinkError | null
}

export interface LinkError {
  readonly code: string
  readonly message: string
  /** Milliseconds since the epoch. */
  readonly atMs: number
}

/** One route of a remote cluster that we hold. */
export interface RemoteRoute {
  readonly filter: string
  /** Of the subscription it came from, in the far end's words; null: no text, then `termHex` has the encoded term. */
  readonly id: string | null
  readonly termHex: string | null
  /** Who announced it; null: an actor that has expired, whose routes are going. */
  readonly actor: string | null
}

export interface RemoteRoutes {
  readonly routes: readonly RemoteRoute[]
  /** Where the next page begins; null: this was the last. */
  readonly next: number | null
}

export interface RemoteActorStatus {
  readonly actor: string
  readonly incarnation: bigint
  readonly lane: number
  readonly expiresInMs: number
}
