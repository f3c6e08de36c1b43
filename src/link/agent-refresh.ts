/**
 * Announcing everything again, now and then, to a far end that may forget routes without a word. Runs while online: one
 * batch for each PUBACK, live changes in between, so that neither starves the other.
 *
 * Order keeps it true: no live change leaves while a batch is being made, and what changes meanwhile is captured and leaves
 * behind it. A filter that went away can therefore not be announced again after its withdrawal.
 *
 * Source: docs/protocol/cluster-link.md "Sender".
 */
import { linkLimits } from '../limits.js'
import {
  type AgentEffect,
  type AgentEvent,
  type AgentState,
  type AgentStep,
  after,
  still,
} from './agent-state.js'
import { lengthened } from './retry.js'

/** The next time, when the far end needs it. Lengthened at random, so that links do not come in step. */
export function scheduled(state: AgentState, now: number): AgentState {
  if (!state.peerMayForget) return { ...state, refresh: { kind: 'none' } }
  const { seed, ms } = lengthened(
    state.retry.seed,
    linkLimits.refreshEveryMs,
    linkLimits.retryJitter,
  )
  return {
    ...state,
    retry: { ...state.retry, seed },
    refresh: { kind: 'due', atMs: now + ms },
  }
}

/** Whether live changes have to wait for a batch that is being made. */
export function isMaking({ refresh }: AgentState): boolean {
  return refresh.kind === 'walking' && refresh.making
}

/** Begins when it is time, and asks for the next batch when there is room to send it. */
export function refresh(state: AgentState, now: number): AgentStep {
  const due = state.refresh.kind === 'due' && now >= state.refresh.atMs
  const walk = due ? ({ kind: 'walking', cursor: 0, making: false } as const) : state.refresh
  if (state.phase.kind !== 'online' || state.incarnation === null || walk.kind !== 'walking')
    return still(state)
  if (walk.making || state.unacked.length >= state.windowBatches)
    return still({ ...state, refresh: walk })
  const make: AgentEffect = {
    kind: 'make-batch',
    attempt: state.connection.attempt,
    incarnation: state.incarnation,
    cursor: walk.cursor,
    bytesMax: state.batchBytes,
  }
  return { state: { ...state, refresh: { ...walk, making: true } }, effects: [make] }
}

/** The far end holds other routes than we announced. It decides when it says so, we how often it is heard. */
export function onBootstrapAsked(state: AgentState, now: number): AgentStep {
  const tooSoon = now - state.askedAtMs < linkLimits.routeRetryMs
  if (state.phase.kind !== 'online' || state.refresh.kind === 'walking' || tooSoon)
    return still(state)
  const asked: AgentEffect[] = [
    { kind: 'count', counter: 'route_bootstraps_asked', by: 1 },
    {
      kind: 'log',
      level: 'warn',
      event: 'cluster_link_routerepl_bootstrap_asked',
      text: 'the far end holds other routes than were announced; all are announced again',
    },
  ]
  const due = { ...state, askedAtMs: now, refresh: { kind: 'due', atMs: now } as const }
  return after(asked, refresh(due, now))
}

/** A batch was made, or could not be: the walk goes on, ends, or is tried again next time. */
export function afterBatch(
  state: AgentState,
  event: AgentEvent & { kind: 'batch' | 'batch-failed' },
  now: number,
): AgentStep {
  if (event.kind === 'batch' && !event.done)
    return still({ ...state, refresh: { kind: 'walking', cursor: event.cursor, making: false } })
  const effects: AgentEffect[] =
    event.kind === 'batch' ? [{ kind: 'count', counter: 'route_refreshes', by: 1 }] : []
  return { state: scheduled(state, now), effects }
}
