/**
 * Route batches of the route agent: the bootstrap's walk, live changes behind it, and their acknowledgements. A batch leaves
 * whenever the window is open, so an idle link is told of a change at once and a busy one merges changes by itself.
 */
import { linkLimits } from '../limits.js'
import { fail } from './agent-end.js'
import { afterBatch, isMaking, refresh, scheduled } from './agent-refresh.js'
import {
  type AgentEffect,
  type AgentEvent,
  type AgentState,
  type AgentStep,
  after,
  firstPacketId,
  still,
} from './agent-state.js'
import { failure, type LinkFailure, reasonText } from './failure.js'

/** Asks for the next batch when there is room to send it, and goes online when all is acknowledged. */
export function walk(state: AgentState, now: number): AgentStep {
  const { phase } = state
  if (phase.kind !== 'bootstrapping' || phase.making || state.incarnation === null)
    return still(state)
  if (phase.cursor !== null) {
    if (state.unacked.length >= state.windowBatches) return still(state)
    return {
      state: { ...state, phase: { ...phase, making: true } },
      effects: [
        {
          kind: 'make-batch',
          attempt: state.connection.attempt,
          incarnation: state.incarnation,
          cursor: phase.cursor,
          bytesMax: state.batchBytes,
        },
      ],
    }
  }
  return state.unacked.length > 0 ? still(state) : goOnline(state, now)
}

export function onBatch(
  state: AgentState,
  event: AgentEvent & { kind: 'batch' | 'batch-failed' },
  now: number,
): AgentStep {
  const { phase } = state
  if (phase.kind === 'online') return onRefreshBatch(state, event, now)
  if (phase.kind !== 'bootstrapping' || event.attempt !== state.connection.attempt)
    return still(state)
  if (event.kind === 'batch-failed') {
    return fail(
      state,
      failure('bootstrap_failed', `a bootstrap batch could not be made (${event.reason})`),
      now,
      linkLimits.routeRetryMs,
    )
  }
  const made: AgentState = {
    ...state,
    phase: { kind: 'bootstrapping', cursor: event.done ? null : event.cursor, making: false },
  }
  if (event.payload === null) return walk(made, now)
  const { bootstrap } = made
  const counted = {
    ...made,
    bootstrap: {
      ...bootstrap,
      batches: bootstrap.batches + 1,
      entries: bootstrap.entries + event.entries,
    },
  }
  const sent = send(counted, event.payload, null, event.entries, now)
  return after(sent.effects, walk(sent.state, now))
}

/** One batch of a walk that repeats everything while online. */
function onRefreshBatch(
  state: AgentState,
  event: AgentEvent & { kind: 'batch' | 'batch-failed' },
  now: number,
): AgentStep {
  if (!isMaking(state) || event.attempt !== state.connection.attempt) return still(state)
  const walked = afterBatch(state, event, now)
  if (event.kind === 'batch-failed' || event.payload === null) {
    // Nothing of this stretch passes the link's topics.
    const next = refresh(walked.state, now)
    const effects = [...walked.effects, ...next.effects, ...takeIfOpen(next.state)]
    return { state: next.state, effects }
  }
  const sent = send(walked.state, event.payload, null, event.entries, now)
  // The next one is made when a PUBACK comes: now it is the turn of live changes.
  const effects = [...walked.effects, ...sent.effects, ...takeIfOpen(sent.state)]
  return { state: sent.state, effects }
}

function goOnline(state: AgentState, now: number): AgentStep {
  const online: AgentState = {
    ...scheduled(state, now),
    phase: { kind: 'online', sinceMs: now },
    bootstrap: { ...state.bootstrap, done: true },
    reported: '',
  }
  const { batches, entries } = state.bootstrap
  return {
    state: online,
    effects: [
      {
        kind: 'log',
        level: 'info',
        event: 'cluster_link_routerepl_bootstrap_complete',
        text: `announced ${entries} routes in ${batches} batches`,
      },
      { kind: 'log', level: 'info', event: 'cluster_link_routerepl_online', text: 'online' },
      ...takeIfOpen(online),
    ],
  }
}

// ------------------------------------------------------------------------------------------- live changes

export function takeIfOpen(state: AgentState): readonly AgentEffect[] {
  if (state.incarnation === null || state.unacked.length >= state.windowBatches) return []
  if (isMaking(state)) return []
  return [{ kind: 'take', incarnation: state.incarnation, bytesMax: state.batchBytes }]
}

export function onLive(
  state: AgentState,
  event: AgentEvent & { kind: 'live' },
  now: number,
): AgentStep {
  if (state.phase.kind !== 'online') {
    return { state, effects: [{ kind: 'settle', token: event.token, delivered: false }] }
  }
  const sent = send(state, event.payload, event.token, event.entries, now)
  return after(sent.effects, { state: sent.state, effects: takeIfOpen(sent.state) })
}

/** One batch on the wire; or, when a single entry is larger than the peer takes, counted and given up. */
function send(
  state: AgentState,
  payload: Uint8Array,
  token: number | null,
  entries: number,
  now: number,
): AgentStep {
  if (payload.byteLength > state.batchBytes) {
    return {
      state: { ...state, entriesOversize: state.entriesOversize + entries },
      effects: [
        { kind: 'count', counter: 'route_entries_oversize', by: entries },
        {
          kind: 'log',
          level: 'warn',
          event: 'cluster_link_routerepl_oversize',
          text: `${entries} route of ${payload.byteLength} bytes is larger than the far end accepts; it stays unannounced`,
        },
        ...(token === null ? [] : [{ kind: 'settle', token, delivered: true } as const]),
      ],
    }
  }
  const packetId = state.nextPacketId
  return {
    state: {
      ...state,
      nextPacketId: packetId === 65_535 ? firstPacketId(state) : packetId + 1,
      unacked: [
        ...state.unacked,
        { packetId, token, entries, deadlineMs: now + linkLimits.responseTimeoutMs },
      ],
    },
    effects: [{ kind: 'send-batch', packetId, payload }],
  }
}

export function onPuback(
  state: AgentState,
  packetId: number,
  reasonCode: number,
  now: number,
): AgentStep {
  const batch = state.unacked.find((one) => one.packetId === packetId)
  if (batch === undefined) return still(state)
  if (reasonCode >= 0x80) {
    const what = state.phase.kind === 'handshaking' ? 'actor_init' : 'a route batch'
    const failing = fail(
      state,
      failure('publish_refused', `the far end refused ${what}: ${reasonText(reasonCode)}`),
      now,
      linkLimits.routeRetryMs,
    )
    return after([{ kind: 'count', counter: 'route_batches_failed', by: 1 }], failing)
  }
  const next: AgentState = {
    ...state,
    unacked: state.unacked.filter((one) => one !== batch),
    routesOut: state.routesOut + batch.entries,
  }
  const settled: AgentEffect[] =
    batch.token === null ? [] : [{ kind: 'settle', token: batch.token, delivered: true }]
  if (next.phase.kind === 'online') {
    const walked = refresh(next, now)
    const effects = [...settled, ...walked.effects, ...takeIfOpen(walked.state)]
    return { state: walked.state, effects }
  }
  return after(settled, walk(next, now))
}

/** Changes were dropped for want of room: only a new bootstrap under a new incarnation makes the far end right again. */
export function onInterestLost(state: AgentState, now: number): AgentStep {
  return startOver(
    state,
    failure(
      'interest_overflow',
      'more subscriptions changed than could be kept for the link; it starts over',
    ),
    now,
  )
}

/** What the far end holds of this incarnation cannot be mended: it goes with the incarnation. */
export function startOver(state: AgentState, why: LinkFailure, now: number): AgentStep {
  const lost = { ...state, fresh: true }
  const { kind } = state.phase
  // Before `identify` the new incarnation is still to come, on this very connection.
  if (kind !== 'handshaking' && kind !== 'bootstrapping' && kind !== 'online') return still(lost)
  return fail(lost, why, now, 0)
}
