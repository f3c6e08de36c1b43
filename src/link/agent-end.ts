/**
 * How the route agent begins an attempt and how every attempt ends: back-off, what is given back, what is said once.
 */
import { linkLimits } from '../limits.js'
import {
  type AgentEffect,
  type AgentState,
  type AgentStep,
  firstPacketId,
  still,
} from './agent-state.js'
import { hangUp, openConnection } from './connection.js'
import type { FailureCode, LinkFailure } from './failure.js'
import { failed, type RetryPolicy, started } from './retry.js'

const retryPolicy: RetryPolicy = {
  fastFailures: linkLimits.routeFastFailures,
  fastMs: linkLimits.routeFastRetryMs,
  slowMs: linkLimits.routeRetryMs,
  jitter: linkLimits.retryJitter,
  provenAfterMs: linkLimits.routeRetryMs,
}

export function connect(
  state: AgentState,
  now: number,
  effects: readonly AgentEffect[],
): AgentStep {
  const step = openConnection(state.connection, now)
  return {
    state: {
      ...state,
      phase: { kind: 'connecting' },
      connection: step.state,
      retry: started(state.retry, now),
      nextPacketId: firstPacketId(state),
      heartbeatAtMs: Number.POSITIVE_INFINITY,
      refresh: { kind: 'none' },
    },
    effects: [...effects, ...step.effects],
  }
}

export function stop(state: AgentState): AgentStep {
  if (state.phase.kind === 'stopped') return still(state)
  const step = hangUp(state.connection, 0)
  return {
    state: {
      ...state,
      phase: { kind: 'stopped' },
      connection: step.state,
      unacked: [],
      fresh: true,
      heartbeatAtMs: Number.POSITIVE_INFINITY,
      refresh: { kind: 'none' },
    },
    effects: [...step.effects, ...settleAll(state), { kind: 'close-interest' }],
  }
}

/** Our own decision to end the connection, if there is one. */
export function fail(
  state: AgentState,
  why: LinkFailure,
  now: number,
  floorMs: number,
  reasonCode = 0,
): AgentStep {
  if (state.phase.kind === 'stopped' || state.phase.kind === 'disconnected') return still(state)
  const step = hangUp(state.connection, reasonCode)
  // A server that talks MQTT but does not link may have a healthier neighbour in the list.
  const linked = state.phase.kind === 'bootstrapping' || state.phase.kind === 'online'
  const connection = linked ? step.state : { ...step.state, server: step.state.server + 1 }
  return disconnected({ ...state, connection }, why, now, floorMs, step.effects)
}

/** The connection is down, whoever ended it. */
export function disconnected(
  state: AgentState,
  why: LinkFailure,
  now: number,
  floorMs: number,
  effects: readonly AgentEffect[],
): AgentStep {
  const { phase } = state
  const wasOnline = phase.kind === 'online'
  const { state: retry, retryAtMs } = failed(
    retryPolicy,
    state.retry,
    now,
    wasOnline ? phase.sinceMs : null,
    floorMs,
  )
  const said = `${why.code} ${why.text}`
  const level = why.code === 'self_connected' ? 'error' : 'warn'
  const log: AgentEffect = {
    kind: 'log',
    level,
    event: failureEvent(state, why.code),
    text: why.text,
  }
  const next: AgentState = {
    ...state,
    phase: { kind: 'disconnected', retryAtMs },
    retry,
    unacked: [],
    heartbeatAtMs: Number.POSITIVE_INFINITY,
    refresh: { kind: 'none' },
    // Ended by the far end instead of answered: our incarnation may be smaller than the one it knows.
    fresh: state.fresh || (phase.kind === 'handshaking' && endedByPeer.has(why.code)),
    reported: said,
    lastFailure: why,
  }
  const all: AgentEffect[] = [
    ...effects,
    ...settleAll(state),
    { kind: 'count', counter: 'route_attempts_failed', by: wasOnline ? 0 : 1 },
    ...(said === state.reported ? [] : [log]),
  ]
  return retryAtMs <= now ? connect(next, now, all) : { state: next, effects: all }
}

const endedByPeer: ReadonlySet<FailureCode> = new Set(['disconnected_by_peer', 'connection_closed'])

function settleAll(state: AgentState): AgentEffect[] {
  const effects: AgentEffect[] = []
  for (const { token } of state.unacked)
    if (token !== null) effects.push({ kind: 'settle', token, delivered: false })
  return effects
}

/** Names as EMQX 6 logs them, so that existing searches and alerts find them. */
function failureEvent(state: AgentState, code: FailureCode): string {
  const prefix = 'cluster_link_routerepl_'
  switch (code) {
    case 'rejected':
      return `${prefix}handshake_rejected`
    case 'handshake_timeout':
      return `${prefix}handshake_timeout`
    case 'protocol_error':
    case 'self_connected':
      return prefix + code
    case 'disconnected_by_peer':
      return `${prefix}disconnected`
    default:
  }
  switch (state.phase.kind) {
    case 'handshaking':
    case 'subscribing':
      return `${prefix}handshake_failed`
    case 'bootstrapping':
      return `${prefix}bootstrap_failed`
    case 'online':
      return `${prefix}connection_down`
    default:
      return `${prefix}connection_failed`
  }
}
