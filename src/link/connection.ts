/**
 * One dialled MQTT connection, from a host name to a CONNACK and on with PINGREQs: the part that the route agent and a
 * message slot have in common. A pure function; its line performs its effects.
 *
 *   down ─open─▶ preparing ─prepared─▶ dialing ─dialed─▶ greeting ─CONNACK 0x00─▶ up
 *     ▲ │           │                     │                 │                     │ ▲
 *     │ │           └── any failure, closed, deadline ──────┴─────────────────────┤ │
 *     ├─┼─────────────────────────────────────────────────────────────────────────┘ │
 *     │ └──open──▶ awaiting ──────────────────── offered ───────────────────────────┘
 *     └───────────────┘
 *
 * One that accepts only waits for the far end to dial and to offer what it dialled; who dialled it sends the PINGREQs.
 *
 * Every attempt has a number; what arrives for an older one is not for us (design.md §2).
 */
import { linkLimits } from '../limits.js'
import { failure, type LinkFailure, reasonText } from './failure.js'
import type { ServerPacket } from './wire.js'

export interface ConnectionState {
  readonly kind: 'down' | 'preparing' | 'dialing' | 'greeting' | 'awaiting' | 'up'
  /** The far end dials. */
  readonly accepts: boolean
  /** Of the attempt under way, or the last one. */
  readonly attempt: number
  /** Which server is tried: grows with every failure to get up, so a list is tried in turn and a good one is kept. */
  readonly server: number
  /** preparing, dialing, greeting: when to give up. up: when to ping next, or to give up waiting for the answer. */
  readonly deadlineMs: number
  readonly pingEveryMs: number
  readonly pingWaits: boolean
}

/** What the far end allows. */
export interface PeerLimits {
  /** 1 ≤ n ≤ 65535 */
  readonly receiveMaximum: number
  /** 0: none stated */
  readonly packetBytesMax: number
}

export type ConnectionEvent =
  /** Name looked up, password read: what to dial. */
  | { readonly kind: 'prepared'; readonly host: string; readonly port: number }
  | { readonly kind: 'unprepared'; readonly failure: LinkFailure }
  | { readonly kind: 'dialed' }
  /** The far end has dialled, and lets us use it. */
  | { readonly kind: 'offered'; readonly peer: PeerLimits }
  | { readonly kind: 'packet'; readonly packet: ServerPacket }
  | { readonly kind: 'closed'; readonly cause: string; readonly detail: string }
  | { readonly kind: 'timer' }

export type ConnectionEffect =
  | { readonly kind: 'prepare'; readonly attempt: number; readonly server: number }
  | {
      readonly kind: 'dial'
      readonly attempt: number
      readonly host: string
      readonly port: number
    }
  /** Say `offered` when there is something: now, or some day. */
  | { readonly kind: 'await' }
  | { readonly kind: 'ping' }
  /** Say DISCONNECT with this code and close; the connection is forgotten. */
  | { readonly kind: 'hang-up'; readonly reasonCode: number }

export interface ConnectionStep {
  readonly state: ConnectionState
  readonly effects: readonly ConnectionEffect[]
  /** Not null in the step in which the connection came up. */
  readonly up: PeerLimits | null
  /** Not null in the step in which it went down by itself. */
  readonly failure: LinkFailure | null
}

export const downConnection: ConnectionState = {
  kind: 'down',
  accepts: false,
  attempt: 0,
  server: 0,
  deadlineMs: Number.POSITIVE_INFINITY,
  pingEveryMs: linkLimits.pingEveryMs,
  pingWaits: false,
}

export function openConnection(state: ConnectionState, now: number): ConnectionStep {
  const attempt = state.attempt + 1
  if (state.accepts) {
    return {
      ...unchanged({ ...downConnection, kind: 'awaiting', accepts: true, attempt }),
      effects: [{ kind: 'await' }],
    }
  }
  return {
    state: {
      ...downConnection,
      kind: 'preparing',
      attempt,
      server: state.server,
      deadlineMs: now + linkLimits.prepareTimeoutMs,
    },
    effects: [{ kind: 'prepare', attempt, server: state.server }],
    up: null,
    failure: null,
  }
}

/** Our own end of it; nothing when it is down already. */
export function hangUp(state: ConnectionState, reasonCode: number): ConnectionStep {
  if (state.kind === 'down') return unchanged(state)
  return {
    state: { ...state, kind: 'down', deadlineMs: Number.POSITIVE_INFINITY },
    effects: [{ kind: 'hang-up', reasonCode }],
    up: null,
    failure: null,
  }
}

/** When a `timer` event is due; infinite when down. */
export function connectionDeadline(state: ConnectionState): number {
  return state.deadlineMs
}

export function stepConnection(
  state: ConnectionState,
  event: ConnectionEvent,
  now: number,
): ConnectionStep {
  if (state.kind === 'down') return unchanged(state)
  switch (event.kind) {
    case 'prepared':
      if (state.kind !== 'preparing') return unchanged(state)
      return {
        ...unchanged({
          ...state,
          kind: 'dialing',
          deadlineMs: now + linkLimits.dialTimeoutMs + linkLimits.dialGraceMs,
        }),
        effects: [{ kind: 'dial', attempt: state.attempt, host: event.host, port: event.port }],
      }
    case 'unprepared':
      return lost(state, event.failure)
    case 'dialed':
      if (state.kind !== 'dialing') return unchanged(state)
      return unchanged({
        ...state,
        kind: 'greeting',
        deadlineMs: now + linkLimits.connackTimeoutMs,
      })
    case 'offered':
      if (state.kind !== 'awaiting') return unchanged(state)
      return { ...unchanged({ ...state, kind: 'up' }), up: event.peer }
    case 'packet':
      return onPacket(state, event.packet, now)
    case 'closed':
      return lost(state, closedFailure(state, event.cause, event.detail))
    case 'timer':
      return now < state.deadlineMs ? unchanged(state) : onDeadline(state, now)
  }
}

function onPacket(state: ConnectionState, packet: ServerPacket, now: number): ConnectionStep {
  if (packet.type === 'disconnect') {
    const said = packet.reasonString === '' ? '' : ` (${packet.reasonString})`
    return dropped(
      state,
      failure(
        'disconnected_by_peer',
        `the far end sent DISCONNECT ${reasonText(packet.reasonCode)}${said}`,
      ),
      0,
    )
  }
  if (packet.type === 'malformed') {
    return dropped(state, failure('protocol_error', `the far end sent ${packet.what}`), 0x81)
  }
  if (packet.type === 'connack') {
    // A CONNACK may overtake the report that the socket is connected: both mean that it is.
    if (state.kind === 'greeting' || state.kind === 'dialing') return onConnack(state, packet, now)
    return dropped(state, failure('protocol_error', 'the far end sent a second CONNACK'), 0x82)
  }
  if (state.kind !== 'up') {
    return dropped(
      state,
      failure('protocol_error', `the far end sent ${packet.type.toUpperCase()} before CONNACK`),
      0x82,
    )
  }
  if (packet.type === 'pingresp')
    return unchanged({ ...state, pingWaits: false, deadlineMs: now + state.pingEveryMs })
  return unchanged(state)
}

function onConnack(
  state: ConnectionState,
  packet: ServerPacket & { type: 'connack' },
  now: number,
): ConnectionStep {
  if (packet.reasonCode !== 0) {
    const said = packet.reasonString === '' ? '' : ` (${packet.reasonString})`
    return dropped(
      state,
      failure(
        'connack_refused',
        `the far end refused CONNECT: ${reasonText(packet.reasonCode)}${said}`,
      ),
      0,
    )
  }
  if (packet.sessionPresent) {
    // We asked for a clean start and keep no session. [MQTT-3.2.2-4]
    return dropped(
      state,
      failure('protocol_error', 'the far end resumed a session that we did not ask for'),
      0x82,
    )
  }
  if (packet.maximumQos === 0) {
    return dropped(
      state,
      failure('unsuitable_peer', 'the far end accepts QoS 0 only; a link needs QoS 1'),
      0,
    ) // [MQTT-3.2.2-11]
  }
  if (packet.packetBytesMax !== 0 && packet.packetBytesMax < linkLimits.peerPacketBytesMin) {
    return dropped(
      state,
      failure(
        'unsuitable_peer',
        `the far end accepts packets of ${packet.packetBytesMax} bytes; a link needs ${linkLimits.peerPacketBytesMin}`,
      ),
      0,
    )
  }
  const keepAliveMs = (packet.serverKeepAliveSeconds ?? linkLimits.keepAliveSeconds) * 1000 // [MQTT-3.2.2-21]
  const pingEveryMs =
    keepAliveMs === 0 ? linkLimits.pingEveryMs : Math.min(linkLimits.pingEveryMs, keepAliveMs / 2)
  return {
    state: { ...state, kind: 'up', pingEveryMs, pingWaits: false, deadlineMs: now + pingEveryMs },
    effects: [],
    up: { receiveMaximum: packet.receiveMaximum, packetBytesMax: packet.packetBytesMax },
    failure: null,
  }
}

function onDeadline(state: ConnectionState, now: number): ConnectionStep {
  switch (state.kind) {
    case 'down':
    case 'awaiting':
      return unchanged(state)
    case 'preparing':
      return dropped(state, failure('lookup_failed', 'looking up the host name took too long'), 0)
    case 'dialing':
      return dropped(state, failure('connect_timeout', 'the server does not answer'), 0)
    case 'greeting':
      return dropped(
        state,
        failure('connack_timeout', 'the server accepted the connection but did not answer CONNECT'),
        0,
      )
    case 'up':
      if (state.pingWaits)
        return dropped(state, failure('ping_timeout', 'the far end did not answer PINGREQ'), 0)
      return {
        ...unchanged({ ...state, pingWaits: true, deadlineMs: now + linkLimits.responseTimeoutMs }),
        effects: [{ kind: 'ping' }],
      }
  }
}

function closedFailure(state: ConnectionState, cause: string, detail: string): LinkFailure {
  const why = detail === '' ? cause : detail
  // The data plane understood nothing of it and has hung up.
  if (cause === 'protocol-error') {
    return failure(
      'protocol_error',
      state.kind === 'up'
        ? 'the far end sent a malformed packet'
        : 'the server answered CONNECT with something that is not MQTT 5',
    )
  }
  if (cause === 'tls-failed') return failure('tls_failed', `TLS with the server failed: ${detail}`)
  if (state.kind === 'up') return failure('connection_closed', `the connection was closed (${why})`)
  // Whether it ended as a close, a reset or a broken pipe is chance: one reason, said once.
  if (state.kind === 'greeting')
    return failure(
      'connection_closed',
      'the server closed the connection instead of answering CONNECT',
    )
  return failure('connect_failed', `the server cannot be reached (${why})`)
}

/** Down, and nobody to hang up on. */
function lost(state: ConnectionState, why: LinkFailure): ConnectionStep {
  const server = state.kind === 'up' ? state.server : state.server + 1
  return {
    state: { ...state, kind: 'down', server, deadlineMs: Number.POSITIVE_INFINITY },
    effects: [],
    up: null,
    failure: why,
  }
}

function dropped(state: ConnectionState, why: LinkFailure, reasonCode: number): ConnectionStep {
  return { ...lost(state, why), effects: [{ kind: 'hang-up', reasonCode }] }
}

function unchanged(state: ConnectionState): ConnectionStep {
  return { state, effects: [], up: null, failure: null }
}
