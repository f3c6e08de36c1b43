/**
 * The route agent: keeps one remote cluster's copy of our interest true. A pure function; `outbound.ts` performs effects.
 *
 *   stopped ─start─▶ connecting ─CONNACK─▶ subscribing ─SUBACK─▶ handshaking ─ack ok─▶ bootstrapping ─all acked─▶ online
 *                      ▲                                              │
 *                      └────────────── disconnected ◀── any failure ──┴───────────── … ──────────────────────────┘
 *
 * Three rules hold it together:
 * - Every connection bootstraps, whatever the far end says it needs: some EMQX versions say `false` always.
 * - Capture of live changes is open before the bootstrap's cursor walks, and what it caught is sent after the bootstrap was
 *   acknowledged: a filter present throughout is always announced, one that went is withdrawn.
 * - Capture stays open while we are disconnected, and the incarnation stays: withdrawals of that time are caught too. When
 *   capture was lost (overflow, restart) a greater incarnation makes the far end drop what is not announced again.
 *
 * Source: docs/protocol/cluster-link.md "Sender"; design.md §7, §9.
 */
import { linkLimits } from '../limits.js'
import { publishRoom } from '../mqtt/index.js'
import type { RouteMessage } from '../native/index.js'
import { connect, disconnected, fail, stop } from './agent-end.js'
import { onBootstrapAsked, refresh } from './agent-refresh.js'
import {
  onBatch,
  onInterestLost,
  onLive,
  onPuback,
  startOver,
  takeIfOpen,
  walk,
} from './agent-routes.js'
import {
  type AgentEffect,
  type AgentEvent,
  type AgentState,
  type AgentStep,
  after,
  still,
} from './agent-state.js'
import { printable } from './complaints.js'
import { type ConnectionEvent, type ConnectionStep, stepConnection } from './connection.js'
import { failure, reasonText } from './failure.js'
import type { ServerPacket } from './wire.js'

/** When a `timer` event is due at the latest; infinite when nothing is. */
export function agentDeadline(state: AgentState): number {
  const { phase } = state
  if (phase.kind === 'stopped') return Number.POSITIVE_INFINITY
  if (phase.kind === 'disconnected') return phase.retryAtMs
  const own =
    phase.kind === 'subscribing' || phase.kind === 'handshaking'
      ? phase.deadlineMs
      : Number.POSITIVE_INFINITY
  const oldest = state.unacked[0]?.deadlineMs ?? Number.POSITIVE_INFINITY
  const refresh = state.refresh.kind === 'due' ? state.refresh.atMs : Number.POSITIVE_INFINITY
  return Math.min(own, oldest, state.heartbeatAtMs, refresh, state.connection.deadlineMs)
}

/** @param now monotonic milliseconds */
export function stepAgent(state: AgentState, event: AgentEvent, now: number): AgentStep {
  switch (event.kind) {
    case 'start':
      return state.phase.kind === 'stopped' ? connect(state, now, []) : still(state)
    case 'stop':
      return stop(state)
    case 'timer':
      return onTimer(state, now)
    case 'prepared':
    case 'unprepared':
    case 'dialed':
    case 'offered':
    case 'closed':
      return state.phase.kind === 'stopped' ? still(state) : viaConnection(state, event, now)
    case 'packet':
      return onPacket(state, event.packet, now)
    case 'identified':
      return onIdentified(state, event, now)
    case 'answer':
      return onAnswer(state, event.correlation, event.message, now)
    case 'batch':
    case 'batch-failed':
      return onBatch(state, event, now)
    case 'interest-waits':
      return state.phase.kind === 'online' ? { state, effects: takeIfOpen(state) } : still(state)
    case 'interest-lost':
      return onInterestLost(state, now)
    case 'transit-ended':
      return startOver(
        state,
        failure('transit_ended', 'the far end carries transit no more; the link starts over'),
        now,
      )
    case 'live':
      return onLive(state, event, now)
    case 'bootstrap-asked':
      return onBootstrapAsked(state, now)
    case 'self-connected':
      return fail(state, failure('self_connected', event.text), now, linkLimits.selfRetryMs)
  }
}

function viaConnection(state: AgentState, event: ConnectionEvent, now: number): AgentStep {
  const step = stepConnection(state.connection, event, now)
  const next = { ...state, connection: step.state }
  if (step.failure !== null) {
    const floorMs = step.failure.code === 'self_connected' ? linkLimits.selfRetryMs : 0
    return disconnected(next, step.failure, now, floorMs, step.effects)
  }
  if (step.up === null) return { state: next, effects: step.effects }
  return onUp(next, step, now)
}

function onUp(state: AgentState, step: ConnectionStep, now: number): AgentStep {
  const peer = step.up ?? { receiveMaximum: 1, packetBytesMax: 0 }
  const room =
    peer.packetBytesMax === 0
      ? linkLimits.batchBytes
      : peer.packetBytesMax - publishRoom(state.routeTopic)
  const packetId = state.nextPacketId
  return {
    state: {
      ...state,
      phase: { kind: 'subscribing', packetId, deadlineMs: now + linkLimits.connackTimeoutMs },
      windowBatches: Math.min(peer.receiveMaximum, linkLimits.batchesInFlight),
      batchBytes: Math.min(linkLimits.batchBytes, room),
      nextPacketId: packetId + 1,
    },
    // Whom we have not dialled we cannot subscribe with: the answer comes without.
    effects: [
      ...step.effects,
      state.connection.accepts
        ? { kind: 'identify', fresh: state.fresh }
        : { kind: 'subscribe', packetId },
    ],
  }
}

function onPacket(state: AgentState, packet: ServerPacket, now: number): AgentStep {
  if (state.phase.kind === 'stopped') return still(state)
  const step = viaConnection(state, { kind: 'packet', packet }, now)
  if (step.state.connection.kind !== 'up') return step
  switch (packet.type) {
    case 'suback':
      return onSuback(step.state, packet.packetId, packet.reasonCodes, now)
    case 'puback':
      return onPuback(step.state, packet.packetId, packet.reasonCode, now)
    case 'publish':
      if (packet.qos === 2)
        return fail(
          step.state,
          failure(
            'protocol_error',
            'the far end sent a PUBLISH of QoS 2, which we did not subscribe to',
          ),
          now,
          0,
          0x82,
        )
      return packet.qos === 1
        ? { state: step.state, effects: [{ kind: 'acknowledge', packetId: packet.packetId }] }
        : step
    default:
      return step
  }
}

function onSuback(
  state: AgentState,
  packetId: number,
  codes: readonly number[],
  now: number,
): AgentStep {
  const { phase } = state
  if (phase.kind !== 'subscribing' || phase.packetId !== packetId) return still(state)
  const [code] = codes
  if (codes.length !== 1 || code === undefined) {
    return fail(
      state,
      failure(
        'protocol_error',
        `the far end answered SUBSCRIBE with ${codes.length} reason codes instead of one`,
      ),
      now,
      0,
      0x82,
    )
  }
  if (code >= 0x80) {
    return fail(
      state,
      failure(
        'subscribe_refused',
        `the far end refused the subscription to our response topic: ${reasonText(code)}`,
      ),
      now,
      linkLimits.routeRetryMs,
    )
  }
  return { state, effects: [{ kind: 'identify', fresh: state.fresh }] }
}

function onIdentified(
  state: AgentState,
  event: AgentEvent & { kind: 'identified' },
  now: number,
): AgentStep {
  if (state.phase.kind !== 'subscribing') return still(state)
  const packetId = state.nextPacketId
  const { incarnation, correlation } = event
  return {
    state: {
      ...state,
      phase: { kind: 'handshaking', correlation, deadlineMs: now + linkLimits.initTimeoutMs },
      unacked: [
        { packetId, token: null, entries: 0, deadlineMs: now + linkLimits.responseTimeoutMs },
      ],
      incarnation,
      fresh: false,
      entriesOversize: event.fresh ? 0 : state.entriesOversize,
      nextPacketId: packetId + 1,
    },
    effects: [{ kind: 'send-init', packetId, incarnation, correlation }],
  }
}

/** The far end's word on our actor_init. Anything that does not carry our correlation data is somebody else's. */
function onAnswer(
  state: AgentState,
  correlation: string | null,
  message: RouteMessage,
  now: number,
): AgentStep {
  const { phase } = state
  if (phase.kind !== 'handshaking' || correlation !== phase.correlation) return still(state)
  if (message.op !== 'actor_init_ack') {
    return fail(
      state,
      failure('protocol_error', `the far end answered actor_init with ${message.op}`),
      now,
      linkLimits.routeRetryMs,
    )
  }
  if (message.error !== null) {
    return fail(
      state,
      failure('rejected', rejectionText(message.error)),
      now,
      linkLimits.routeRetryMs,
    )
  }
  const next: AgentState = {
    ...state,
    phase: { kind: 'bootstrapping', cursor: 0, making: false },
    heartbeatAtMs: now + linkLimits.heartbeatEveryMs,
    bootstrap: { batches: 0, entries: 0, done: false },
    peerMayForget: message.capabilities === null,
  }
  const accepted: AgentEffect = { kind: 'accepted', capabilities: message.capabilities }
  return after([accepted], walk(next, now))
}

function rejectionText(reason: string): string {
  switch (reason) {
    case 'unknown_cluster':
      return 'the far end has no link with our cluster name (unknown_cluster); add one there, also when it wants nothing (topics = [])'
    case 'bad_remote_cluster_link_name':
      return 'the far end has another cluster name than our link (bad_remote_cluster_link_name); check name and server of the link'
    case 'cluster_link_disabled':
      return 'the far end has disabled its link with us (cluster_link_disabled)'
    default:
      return `the far end refused the link (${printable(reason)})`
  }
}

function onTimer(state: AgentState, now: number): AgentStep {
  const { phase } = state
  if (phase.kind === 'stopped') return still(state)
  if (phase.kind === 'disconnected')
    return now < phase.retryAtMs ? still(state) : connect(state, now, [])
  if (phase.kind === 'subscribing' && now >= phase.deadlineMs) {
    return fail(state, failure('subscribe_timeout', 'the far end did not answer SUBSCRIBE'), now, 0)
  }
  if (phase.kind === 'handshaking' && now >= phase.deadlineMs) {
    return fail(
      state,
      failure(
        'handshake_timeout',
        'the far end did not answer actor_init; is cluster linking enabled there?',
      ),
      now,
      0,
    )
  }
  const oldest = state.unacked[0]
  if (oldest !== undefined && now >= oldest.deadlineMs) {
    return fail(
      state,
      failure('ack_timeout', 'the far end did not acknowledge a route batch'),
      now,
      0,
    )
  }
  const refreshed = refresh(state, now)
  const step = after(refreshed.effects, viaConnection(refreshed.state, { kind: 'timer' }, now))
  if (
    step.state.connection.kind !== 'up' ||
    now < state.heartbeatAtMs ||
    state.incarnation === null
  )
    return step
  return after([...step.effects, { kind: 'heartbeat', incarnation: state.incarnation }], {
    state: { ...step.state, heartbeatAtMs: now + linkLimits.heartbeatEveryMs },
    effects: [],
  })
}
