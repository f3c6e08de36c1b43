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
import type { RouteMessage } from '../native/engine.js'
import {
  type ConnectionEffect,
  type ConnectionEvent,
  type ConnectionState,
  type ConnectionStep,
  downConnection,
  hangUp,
  openConnection,
  stepConnection,
} from './connection.js'
import { type FailureCode, failure, type LinkFailure, reasonText } from './failure.js'
import { failed, firstAttempt, type RetryPolicy, type RetryState, started } from './retry.js'
import { carrierOverheadBytes, type ServerPacket } from './wire.js'

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
  readonly routesOut: number
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
  /** Answer to `take`: one live batch. */
  | {
      readonly kind: 'live'
      readonly payload: Uint8Array
      readonly token: number
      readonly entries: number
    }
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

export type AgentCounter = 'route_batches_failed' | 'route_entries_oversize' | 'route_attempts_failed'

export interface AgentStep {
  readonly state: AgentState
  readonly effects: readonly AgentEffect[]
}

const retryPolicy: RetryPolicy = {
  fastFailures: linkLimits.routeFastFailures,
  fastMs: linkLimits.routeFastRetryMs,
  slowMs: linkLimits.routeRetryMs,
  jitter: linkLimits.retryJitter,
  provenAfterMs: linkLimits.routeRetryMs,
}

export function newAgent(routeTopic: string, seed: number): AgentState {
  return {
    phase: { kind: 'stopped' },
    connection: downConnection,
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
    routesOut: 0,
    reported: '',
    lastFailure: null,
  }
}

/** When a `timer` event is due at the latest; infinite when nothing is. */
export function agentDeadline(state: AgentState): number {
  const { phase } = state
  if (phase.kind === 'stopped') return Number.POSITIVE_INFINITY
  if (phase.kind === 'disconnected') return phase.retryAtMs
  const own = phase.kind === 'subscribing' || phase.kind === 'handshaking' ? phase.deadlineMs : Number.POSITIVE_INFINITY
  const oldest = state.unacked[0]?.deadlineMs ?? Number.POSITIVE_INFINITY
  return Math.min(own, oldest, state.heartbeatAtMs, state.connection.deadlineMs)
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
    case 'live':
      return onLive(state, event, now)
    case 'self-connected':
      return fail(state, failure('self_connected', event.text), now, linkLimits.selfRetryMs)
  }
}

// ------------------------------------------------------------------------------------- up to the bootstrap

function connect(state: AgentState, now: number, effects: readonly AgentEffect[]): AgentStep {
  const step = openConnection(state.connection, now)
  return {
    state: {
      ...state,
      phase: { kind: 'connecting' },
      connection: step.state,
      retry: started(state.retry, now),
      nextPacketId: 1,
      heartbeatAtMs: Number.POSITIVE_INFINITY,
    },
    effects: [...effects, ...step.effects],
  }
}

function viaConnection(state: AgentState, event: ConnectionEvent, now: number): AgentStep {
  const step = stepConnection(state.connection, event, now)
  const next = { ...state, connection: step.state }
  if (step.failure !== null) return disconnected(next, step.failure, now, 0, step.effects)
  if (step.up === null) return { state: next, effects: step.effects }
  return onUp(next, step, now)
}

function onUp(state: AgentState, step: ConnectionStep, now: number): AgentStep {
  const peer = step.up ?? { receiveMaximum: 1, packetBytesMax: 0 }
  const room = peer.packetBytesMax === 0 ? linkLimits.batchBytes : peer.packetBytesMax - carrierOverheadBytes(state.routeTopic)
  const packetId = state.nextPacketId
  return {
    state: {
      ...state,
      phase: { kind: 'subscribing', packetId, deadlineMs: now + linkLimits.connackTimeoutMs },
      windowBatches: Math.min(peer.receiveMaximum, linkLimits.batchesInFlight),
      batchBytes: Math.min(linkLimits.batchBytes, room),
      nextPacketId: packetId + 1,
    },
    effects: [...step.effects, { kind: 'subscribe', packetId }],
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
      if (packet.qos === 2) return fail(step.state, failure('protocol_error', 'the far end sent a PUBLISH of QoS 2, which we did not subscribe to'), now, 0, 0x82)
      return packet.qos === 1 ? { state: step.state, effects: [{ kind: 'acknowledge', packetId: packet.packetId }] } : step
    default:
      return step
  }
}

function onSuback(state: AgentState, packetId: number, codes: readonly number[], now: number): AgentStep {
  const { phase } = state
  if (phase.kind !== 'subscribing' || phase.packetId !== packetId) return still(state)
  const [code] = codes
  if (codes.length !== 1 || code === undefined) {
    return fail(state, failure('protocol_error', `the far end answered SUBSCRIBE with ${codes.length} reason codes instead of one`), now, 0, 0x82)
  }
  if (code >= 0x80) {
    return fail(state, failure('subscribe_refused', `the far end refused the subscription to our response topic: ${reasonText(code)}`), now, linkLimits.routeRetryMs)
  }
  return { state, effects: [{ kind: 'identify', fresh: state.fresh }] }
}

function onIdentified(state: AgentState, event: AgentEvent & { kind: 'identified' }, now: number): AgentStep {
  if (state.phase.kind !== 'subscribing') return still(state)
  const packetId = state.nextPacketId
  const { incarnation, correlation } = event
  return {
    state: {
      ...state,
      phase: { kind: 'handshaking', correlation, deadlineMs: now + linkLimits.initTimeoutMs },
      unacked: [{ packetId, token: null, entries: 0, deadlineMs: now + linkLimits.responseTimeoutMs }],
      incarnation,
      fresh: false,
      nextPacketId: packetId + 1,
    },
    effects: [{ kind: 'send-init', packetId, incarnation, correlation }],
  }
}

/** The far end's word on our actor_init. Anything that does not carry our correlation data is somebody else's. */
function onAnswer(state: AgentState, correlation: string | null, message: RouteMessage, now: number): AgentStep {
  const { phase } = state
  if (phase.kind !== 'handshaking' || correlation !== phase.correlation) return still(state)
  if (message.op !== 'actor_init_ack') {
    return fail(state, failure('protocol_error', `the far end answered actor_init with ${message.op}`), now, linkLimits.routeRetryMs)
  }
  if (message.error !== null) {
    return fail(state, failure('rejected', rejectionText(message.error)), now, linkLimits.routeRetryMs)
  }
  const next: AgentState = {
    ...state,
    phase: { kind: 'bootstrapping', cursor: 0, making: false },
    heartbeatAtMs: now + linkLimits.heartbeatEveryMs,
    bootstrap: { batches: 0, entries: 0, done: false },
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

// ---------------------------------------------------------------------------------------------- bootstrap

/** Asks for the next batch when there is room to send it, and goes online when all is acknowledged. */
function walk(state: AgentState, now: number): AgentStep {
  const { phase } = state
  if (phase.kind !== 'bootstrapping' || phase.making || state.incarnation === null) return still(state)
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

function onBatch(state: AgentState, event: AgentEvent & { kind: 'batch' | 'batch-failed' }, now: number): AgentStep {
  const { phase } = state
  if (phase.kind !== 'bootstrapping' || event.attempt !== state.connection.attempt) return still(state)
  if (event.kind === 'batch-failed') {
    return fail(state, failure('bootstrap_failed', `a bootstrap batch could not be made (${event.reason})`), now, linkLimits.routeRetryMs)
  }
  const made: AgentState = {
    ...state,
    phase: { kind: 'bootstrapping', cursor: event.done ? null : event.cursor, making: false },
  }
  if (event.payload === null) return walk(made, now)
  const { bootstrap } = made
  const counted = {
    ...made,
    bootstrap: { ...bootstrap, batches: bootstrap.batches + 1, entries: bootstrap.entries + event.entries },
  }
  const sent = send(counted, event.payload, null, event.entries, now)
  return after(sent.effects, walk(sent.state, now))
}

function goOnline(state: AgentState, now: number): AgentStep {
  const online: AgentState = {
    ...state,
    phase: { kind: 'online', sinceMs: now },
    bootstrap: { ...state.bootstrap, done: true },
    reported: '',
  }
  const { batches, entries } = state.bootstrap
  return {
    state: online,
    effects: [
      { kind: 'log', level: 'info', event: 'cluster_link_routerepl_bootstrap_complete', text: `announced ${entries} routes in ${batches} batches` },
      { kind: 'log', level: 'info', event: 'cluster_link_routerepl_online', text: 'online' },
      ...takeIfOpen(online),
    ],
  }
}

// ------------------------------------------------------------------------------------------- live changes

function takeIfOpen(state: AgentState): readonly AgentEffect[] {
  if (state.incarnation === null || state.unacked.length >= state.windowBatches) return []
  return [{ kind: 'take', incarnation: state.incarnation, bytesMax: state.batchBytes }]
}

function onLive(state: AgentState, event: AgentEvent & { kind: 'live' }, now: number): AgentStep {
  if (state.phase.kind !== 'online') {
    return { state, effects: [{ kind: 'settle', token: event.token, delivered: false }] }
  }
  const sent = send(state, event.payload, event.token, event.entries, now)
  return after(sent.effects, { state: sent.state, effects: takeIfOpen(sent.state) })
}

/** One batch on the wire; or, when a single entry is larger than the peer takes, counted and given up. */
function send(state: AgentState, payload: Uint8Array, token: number | null, entries: number, now: number): AgentStep {
  if (payload.byteLength > state.batchBytes) {
    return {
      state,
      effects: [
        { kind: 'count', counter: 'route_entries_oversize', by: entries },
        { kind: 'log', level: 'warn', event: 'cluster_link_routerepl_oversize', text: `${entries} route of ${payload.byteLength} bytes is larger than the far end accepts; it stays unannounced` },
        ...(token === null ? [] : [{ kind: 'settle', token, delivered: true } as const]),
      ],
    }
  }
  const packetId = state.nextPacketId
  return {
    state: {
      ...state,
      nextPacketId: packetId === 65_535 ? 1 : packetId + 1,
      unacked: [...state.unacked, { packetId, token, entries, deadlineMs: now + linkLimits.responseTimeoutMs }],
    },
    effects: [{ kind: 'send-batch', packetId, payload }],
  }
}

function onPuback(state: AgentState, packetId: number, reasonCode: number, now: number): AgentStep {
  const batch = state.unacked.find((one) => one.packetId === packetId)
  if (batch === undefined) return still(state)
  if (reasonCode >= 0x80) {
    const what = state.phase.kind === 'handshaking' ? 'actor_init' : 'a route batch'
    const failing = fail(state, failure('publish_refused', `the far end refused ${what}: ${reasonText(reasonCode)}`), now, linkLimits.routeRetryMs)
    return after([{ kind: 'count', counter: 'route_batches_failed', by: 1 }], failing)
  }
  const next: AgentState = {
    ...state,
    unacked: state.unacked.filter((one) => one !== batch),
    routesOut: state.routesOut + batch.entries,
  }
  const settled: AgentEffect[] = batch.token === null ? [] : [{ kind: 'settle', token: batch.token, delivered: true }]
  if (next.phase.kind === 'online') return { state: next, effects: [...settled, ...takeIfOpen(next)] }
  return after(settled, walk(next, now))
}

/** Changes were dropped for want of room: only a new bootstrap under a new incarnation makes the far end right again. */
function onInterestLost(state: AgentState, now: number): AgentStep {
  const lost = { ...state, fresh: true }
  const { kind } = state.phase
  // Before `identify` the new incarnation is still to come, on this very connection.
  if (kind !== 'handshaking' && kind !== 'bootstrapping' && kind !== 'online') return still(lost)
  return fail(lost, failure('interest_overflow', 'more subscriptions changed than could be kept for the link; it starts over'), now, 0)
}

// ---------------------------------------------------------------------------------------- time and the end

function onTimer(state: AgentState, now: number): AgentStep {
  const { phase } = state
  if (phase.kind === 'stopped') return still(state)
  if (phase.kind === 'disconnected') return now < phase.retryAtMs ? still(state) : connect(state, now, [])
  if (phase.kind === 'subscribing' && now >= phase.deadlineMs) {
    return fail(state, failure('subscribe_timeout', 'the far end did not answer SUBSCRIBE'), now, 0)
  }
  if (phase.kind === 'handshaking' && now >= phase.deadlineMs) {
    return fail(state, failure('handshake_timeout', 'the far end did not answer actor_init; is cluster linking enabled there?'), now, 0)
  }
  const oldest = state.unacked[0]
  if (oldest !== undefined && now >= oldest.deadlineMs) {
    return fail(state, failure('ack_timeout', 'the far end did not acknowledge a route batch'), now, 0)
  }
  const step = viaConnection(state, { kind: 'timer' }, now)
  if (step.state.connection.kind !== 'up' || now < state.heartbeatAtMs || state.incarnation === null) return step
  return after([...step.effects, { kind: 'heartbeat', incarnation: state.incarnation }], {
    state: { ...step.state, heartbeatAtMs: now + linkLimits.heartbeatEveryMs },
    effects: [],
  })
}

function stop(state: AgentState): AgentStep {
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
    },
    effects: [...step.effects, ...settleAll(state), { kind: 'close-interest' }],
  }
}

/** Our own decision to end the connection, if there is one. */
function fail(state: AgentState, why: LinkFailure, now: number, floorMs: number, reasonCode = 0): AgentStep {
  if (state.phase.kind === 'stopped' || state.phase.kind === 'disconnected') return still(state)
  const step = hangUp(state.connection, reasonCode)
  // A server that talks MQTT but does not link may have a healthier neighbour in the list.
  const linked = state.phase.kind === 'bootstrapping' || state.phase.kind === 'online'
  const connection = linked ? step.state : { ...step.state, server: step.state.server + 1 }
  return disconnected({ ...state, connection }, why, now, floorMs, step.effects)
}

/** The connection is down, whoever ended it. */
function disconnected(
  state: AgentState,
  why: LinkFailure,
  now: number,
  floorMs: number,
  effects: readonly AgentEffect[],
): AgentStep {
  const { phase } = state
  const wasOnline = phase.kind === 'online'
  const { state: retry, retryAtMs } = failed(retryPolicy, state.retry, now, wasOnline ? phase.sinceMs : null, floorMs)
  const said = `${why.code} ${why.text}`
  const level = why.code === 'self_connected' ? 'error' : 'warn'
  const log: AgentEffect = { kind: 'log', level, event: failureEvent(state, why.code), text: why.text }
  const next: AgentState = {
    ...state,
    phase: { kind: 'disconnected', retryAtMs },
    retry,
    unacked: [],
    heartbeatAtMs: Number.POSITIVE_INFINITY,
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
  for (const { token } of state.unacked) if (token !== null) effects.push({ kind: 'settle', token, delivered: false })
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

/** Text from the wire, shortened and without what a terminal would obey. */
function printable(text: string): string {
  return text.slice(0, 64).replace(/[^\x20-\x7e]/g, '?')
}

function after(effects: readonly AgentEffect[], step: AgentStep): AgentStep {
  return { state: step.state, effects: [...effects, ...step.effects] }
}

function still(state: AgentState): AgentStep {
  return { state, effects: [] }
}
