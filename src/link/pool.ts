/**
 * One slot of a link's message pool: a connection that is kept up and handed to its loop, which sends and acknowledges
 * messages on it without us. A pure function; `outbound.ts` performs effects.
 *
 *   stopped ─start─▶ connecting ─CONNACK─▶ online ─lost─▶ waiting ─▶ connecting …
 *
 * A topic's slot never changes, so a dead slot keeps its share waiting: getting it back is urgent, hence at once first.
 * Source: docs/protocol/cluster-link.md "Pool"; design.md §9.
 */
import { linkLimits } from '../limits.js'
import {
  type ConnectionEffect,
  type ConnectionEvent,
  type ConnectionState,
  downConnection,
  hangUp,
  openConnection,
  type PeerLimits,
  stepConnection,
} from './connection.js'
import type { LinkFailure } from './failure.js'
import { failed, firstAttempt, type RetryPolicy, type RetryState, started } from './retry.js'

export type SlotPhase =
  | { readonly kind: 'stopped' }
  | { readonly kind: 'waiting'; readonly retryAtMs: number }
  | { readonly kind: 'connecting' }
  | { readonly kind: 'online'; readonly sinceMs: number }

export interface SlotState {
  readonly phase: SlotPhase
  readonly connection: ConnectionState
  readonly retry: RetryState
  readonly lastFailure: LinkFailure | null
}

export type SlotEvent = { readonly kind: 'start' } | { readonly kind: 'stop' } | ConnectionEvent

export type SlotEffect =
  | ConnectionEffect
  /** The loop may send messages from now on. */
  | { readonly kind: 'hand-over'; readonly peer: PeerLimits }
  | { readonly kind: 'lost'; readonly failure: LinkFailure }

export interface SlotStep {
  readonly state: SlotState
  readonly effects: readonly SlotEffect[]
}

const retryPolicy: RetryPolicy = {
  fastFailures: 0,
  fastMs: linkLimits.slotRetryMs,
  slowMs: linkLimits.slotRetryMs,
  jitter: linkLimits.retryJitter,
  provenAfterMs: linkLimits.slotRetryMs,
}

/** @param accepts the far end dials */
export function newSlot(seed: number, accepts = false): SlotState {
  return {
    phase: { kind: 'stopped' },
    connection: { ...downConnection, accepts },
    retry: firstAttempt(seed),
    lastFailure: null,
  }
}

/** When a `timer` event is due at the latest; infinite when nothing is. */
export function slotDeadline(state: SlotState): number {
  if (state.phase.kind === 'waiting') return state.phase.retryAtMs
  return state.phase.kind === 'stopped' ? Number.POSITIVE_INFINITY : state.connection.deadlineMs
}

/** @param now monotonic milliseconds */
export function stepSlot(state: SlotState, event: SlotEvent, now: number): SlotStep {
  const { phase } = state
  if (event.kind === 'start')
    return phase.kind === 'stopped' ? connect(state, now, []) : { state, effects: [] }
  if (phase.kind === 'stopped') return { state, effects: [] }
  if (event.kind === 'stop') {
    const { state: connection, effects } = hangUp(state.connection, 0)
    return { state: { ...state, phase: { kind: 'stopped' }, connection }, effects }
  }
  if (phase.kind === 'waiting') {
    return event.kind === 'timer' && now >= phase.retryAtMs
      ? connect(state, now, [])
      : { state, effects: [] }
  }
  const step = stepConnection(state.connection, event, now)
  const next = { ...state, connection: step.state }
  if (step.failure !== null) return lost(next, step.failure, now, step.effects)
  if (step.up === null) return { state: next, effects: step.effects }
  return {
    state: { ...next, phase: { kind: 'online', sinceMs: now } },
    effects: [...step.effects, { kind: 'hand-over', peer: step.up }],
  }
}

function connect(state: SlotState, now: number, effects: readonly SlotEffect[]): SlotStep {
  const step = openConnection(state.connection, now)
  return {
    state: {
      ...state,
      phase: { kind: 'connecting' },
      connection: step.state,
      retry: started(state.retry, now),
    },
    effects: [...effects, ...step.effects],
  }
}

function lost(
  state: SlotState,
  why: LinkFailure,
  now: number,
  effects: readonly SlotEffect[],
): SlotStep {
  const upSinceMs = state.phase.kind === 'online' ? state.phase.sinceMs : null
  const { state: retry, retryAtMs } = failed(retryPolicy, state.retry, now, upSinceMs, 0)
  const next: SlotState = {
    ...state,
    phase: { kind: 'waiting', retryAtMs },
    retry,
    lastFailure: why,
  }
  const all: SlotEffect[] = [...effects, { kind: 'lost', failure: why }]
  return retryAtMs <= now ? connect(next, now, all) : { state: next, effects: all }
}
