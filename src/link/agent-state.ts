/**
 * What the route agent knows, hears and asks for: its state, events and effects. The rules are in agent.ts.
 */
import { linkLimits } from '../limits.js'
import type { RouteMessage } from '../native/index.js'
import {
  type ConnectionEffect,
  type ConnectionEvent,
  type ConnectionState,
  downConnection,
} from './connection.js'
import type { LinkFailure } from './failure.js'
import { firstAttempt, type RetryState } from './retry.js'

export type AgentPhase =
  | { readonly kind: 'stopped' }
  | { readonly kind: 'disconnected'; readonly retryAtMs: number }
  | { readonly kind: 'connecting' }
  | { readonly kind: 'subscribing'; readonly packetId: number; readonly deadlineMs: number }
  | { readonly kind: 'handshaking'; readonly correlation: string; readonly deadlineMs: number }
  /** `cursor`: where the next batch begins, null once the walk is over. `making`: a task is at it. */
  | { readonly kind: 'bootstrapping'; readonly cursor: number | null; readonly making: boolean }
  | { readonly kind: 'online'; readonly sinceMs: number }

/**
 * A PUBLISH that waits for its PUBACK: a route batch, or actor_init with no entries, which counts against the peer's Receive
 * Maximum too (its answer may overtake its PUBACK). `token` is the live batch's, null for the others.
 */
export interface Unacked {
  readonly packetId: number
  readonly token: number | null
  readonly entries: number
  readonly deadlineMs: number
}

/** Announcing everything again while online; live changes go on in between. */
export type Refresh =
  /** Not online, or a far end that does not need it. */
  | { readonly kind: 'none' }
  | { readonly kind: 'due'; readonly atMs: number }
  /** `making`: a task is at the batch that begins at `cursor`; no live change leaves before that batch has. */
  | { readonly kind: 'walking'; readonly cursor: number; readonly making: boolean }

export interface AgentState {
  readonly phase: AgentPhase
  readonly connection: ConnectionState
  readonly retry: RetryState
  /** Where we publish; its length is part of a packet's size. */
  readonly routeTopic: string
  readonly incarnation: bigint | null
  /** The next attempt must take a new incarnation and open capture anew. */
  readonly fresh: boolean
  readonly unacked: readonly Unacked[]
  readonly windowBatches: number
  /** Largest payload of a batch for this peer. */
  readonly batchBytes: number
  readonly nextPacketId: number
  readonly heartbeatAtMs: number
  readonly bootstrap: { readonly batches: number; readonly entries: number; readonly done: boolean }
  /** The far end has not said that it is a Causeway: it may forget routes without a word. */
  readonly peerMayForget: boolean
  readonly refresh: Refresh
  /** When the far end last asked for all routes and was heard. */
  readonly askedAtMs: number
  readonly routesOut: number
  /** Routes too large for the far end, of this incarnation. */
  readonly entriesOversize: number
  /** What was last said about failures, so that a reason is logged when it changes and not at every attempt. */
  readonly reported: string
  readonly lastFailure: LinkFailure | null
}

export type AgentEvent =
  | { readonly kind: 'start' }
  | { readonly kind: 'stop' }
  | ConnectionEvent
  /** Answer to `identify`; `fresh`: capture was opened anew and the incarnation is new. */
  | {
      readonly kind: 'identified'
      readonly incarnation: bigint
      readonly correlation: string
      readonly fresh: boolean
    }
  /** A PUBLISH from the far end, its payload decoded. Comes after the `packet` event of the same packet. */
  | {
      readonly kind: 'answer'
      readonly correlation: string | null
      readonly message: RouteMessage
    }
  /** Answer to `make-batch`. */
  | {
      readonly kind: 'batch'
      readonly attempt: number
      readonly payload: Uint8Array | null
      readonly entries: number
      readonly cursor: number
      readonly done: boolean
    }
  | { readonly kind: 'batch-failed'; readonly attempt: number; readonly reason: string }
  /** Live changes wait, as the shared flag says; or capture has lost some. */
  | { readonly kind: 'interest-waits' }
  | { readonly kind: 'interest-lost' }
  /** The far end carried routes of other clusters under this incarnation, and does so no more. */
  | { readonly kind: 'transit-ended' }
  /** Answer to `take`: one live batch. */
  | {
      readonly kind: 'live'
      readonly payload: Uint8Array
      readonly token: number
      readonly entries: number
    }
  /** The far end holds other routes than we announced: it wants all of them again. */
  | { readonly kind: 'bootstrap-asked' }
  /** Our own actor_init has arrived at our own listener. */
  | { readonly kind: 'self-connected'; readonly text: string }

export type AgentEffect =
  | ConnectionEffect
  | { readonly kind: 'subscribe'; readonly packetId: number }
  | { readonly kind: 'identify'; readonly fresh: boolean }
  | {
      readonly kind: 'send-init'
      readonly packetId: number
      readonly incarnation: bigint
      readonly correlation: string
    }
  | { readonly kind: 'acknowledge'; readonly packetId: number }
  | { readonly kind: 'heartbeat'; readonly incarnation: bigint }
  | {
      readonly kind: 'make-batch'
      readonly attempt: number
      readonly incarnation: bigint
      readonly cursor: number
      readonly bytesMax: number
    }
  | { readonly kind: 'send-batch'; readonly packetId: number; readonly payload: Uint8Array }
  /** Take a live batch, if one waits. */
  | { readonly kind: 'take'; readonly incarnation: bigint; readonly bytesMax: number }
  | { readonly kind: 'settle'; readonly token: number; readonly delivered: boolean }
  | { readonly kind: 'close-interest' }
  /** The far end has accepted us: capabilities it announced, raw. */
  | { readonly kind: 'accepted'; readonly capabilities: Uint8Array | null }
  | { readonly kind: 'count'; readonly counter: AgentCounter; readonly by: number }
  | {
      readonly kind: 'log'
      readonly level: 'info' | 'warn' | 'error'
      readonly event: string
      readonly text: string
    }

export type AgentCounter =
  | 'route_batches_failed'
  | 'route_entries_oversize'
  | 'route_attempts_failed'
  | 'route_refreshes'
  | 'route_bootstraps_asked'

export interface AgentStep {
  readonly state: AgentState
  readonly effects: readonly AgentEffect[]
}

/** @param accepts the far end dials */
export function newAgent(routeTopic: string, seed: number, accepts = false): AgentState {
  return {
    phase: { kind: 'stopped' },
    connection: { ...downConnection, accepts },
    retry: firstAttempt(seed),
    routeTopic,
    incarnation: null,
    fresh: true,
    unacked: [],
    windowBatches: 1,
    batchBytes: linkLimits.batchBytes,
    nextPacketId: 1,
    heartbeatAtMs: Number.POSITIVE_INFINITY,
    bootstrap: { batches: 0, entries: 0, done: false },
    peerMayForget: true,
    refresh: { kind: 'none' },
    askedAtMs: Number.NEGATIVE_INFINITY,
    routesOut: 0,
    entriesOversize: 0,
    reported: '',
    lastFailure: null,
  }
}

/** Effects of something that came first, then those of a step. */
export function after(effects: readonly AgentEffect[], step: AgentStep): AgentStep {
  return { state: step.state, effects: [...effects, ...step.effects] }
}

export function still(state: AgentState): AgentStep {
  return { state, effects: [] }
}

/** Below it are the identifiers of whoever else sends on the connection. */
export function firstPacketId({ connection }: AgentState): number {
  return connection.accepts ? linkLimits.acceptedFirstPacketId : 1
}
