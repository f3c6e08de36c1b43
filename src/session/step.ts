/**
 * The life of one client id as a pure function. Everything about takeover, clean start, expiry and wills is decided here;
 * the directory performs the effects. Source: design.md §2; MQTT 5.0 §3.1.2.4, §3.1.2.5, §3.1.3.2.2, §3.1.4, §4.1.
 *
 *            connect                    attached
 *     none ──────────▶ connecting ─────────────────▶ online ──closed──▶ offline ──expired──▶ none
 *      ▲                │  │  ▲                        │ │                 │
 *      │                │  │  └──────── connect ───────┘ └─closed, expiry 0┼─▶ none
 *      └──── closed ────┘  └ closed before attached: back to what was ◀─────┘ connect
 *
 * One CONNECT of a client id is in progress at a time; the others wait in a bounded FIFO [MQTT-3.1.4-3]. One whose identity
 * has to be checked first is `authenticating` when its turn comes; what it found stays as it is meanwhile, and nothing of the
 * CONNECT remains when it is refused or its client vanishes:
 *
 *     none, online, offline ──connect──▶ authenticating ──verdict: admitted──▶ connecting
 *              ▲                              │
 *              └── verdict: refused, closed ──┘
 *
 * An attach either happens wholly on the home loop (`attached`, then some day `closed`) or, when its socket is gone before
 * the hand-over, not at all (`closed` alone). So until `attached` the connection that is to be taken over stays what it is,
 * and comes back when the attach did not happen.
 */

import type { ConnectRefusal, WillMessage } from '../mqtt/index.js'
import type { CloseCause, SessionAddress } from '../native/index.js'
import type { Candidate, Session } from './session.js'

export interface Online<C extends Candidate = Candidate> {
  readonly kind: 'online'
  readonly session: Session
  readonly candidate: C
  /** As in CONNECT, or as DISCONNECT changed it. */
  readonly expiryMs: number
  /** Null: there was none, or DISCONNECT 0x00 discarded it [MQTT-3.14.4-3]. */
  readonly will: WillMessage | null
}

export interface Offline {
  readonly kind: 'offline'
  readonly session: Session
  /** Infinity: never. */
  readonly expiresAtMs: number
  readonly will: { readonly message: WillMessage; readonly dueAtMs: number } | null
}

/** A connection that is about to be taken over and has closed by itself meanwhile. */
interface Closed {
  readonly atMs: number
  readonly cause: CloseCause
}

export interface Connecting<C extends Candidate = Candidate> {
  readonly kind: 'connecting'
  readonly candidate: C
  /** What it attaches to: the previous session when resumed, else a new one. */
  readonly session: Session
  readonly resumed: boolean
  /** Wills that the attach publishes. */
  readonly before: readonly WillMessage[]
  readonly previous: None | Online<C> | Offline
  readonly previousClosed: Closed | null
  /** Oldest first. Bound: `limits.connects_per_client_id`, the one in progress included. */
  readonly waiting: readonly C[]
}

/** The identity behind a CONNECT is being checked. */
export interface Authenticating<C extends Candidate = Candidate> {
  readonly kind: 'authenticating'
  readonly candidate: C
  /** What it will meet when it may in; goes on living. */
  readonly found: None | Online<C> | Offline
  /** As in Connecting. */
  readonly waiting: readonly C[]
}

export interface None {
  readonly kind: 'none'
}

/** What became of the check of an identity: the candidate as it may in, or why not. */
export type Verdict<C extends Candidate = Candidate> =
  | { readonly kind: 'admitted'; readonly candidate: C }
  | { readonly kind: 'refused'; readonly refusal: ConnectRefusal; readonly reason: string }

export type ClientState<C extends Candidate = Candidate> =
  | None
  | Authenticating<C>
  | Connecting<C>
  | Online<C>
  | Offline

export type ClientEvent<C extends Candidate = Candidate> =
  | { readonly kind: 'connect'; readonly candidate: C }
  | { readonly kind: 'verdict'; readonly connection: number; readonly verdict: Verdict<C> }
  | { readonly kind: 'attached'; readonly connection: number }
  | { readonly kind: 'closed'; readonly connection: number; readonly cause: CloseCause }
  /** @param expiryMs null: unchanged */
  | {
      readonly kind: 'disconnect'
      readonly connection: number
      readonly publishWill: boolean
      readonly expiryMs: number | null
    }
  | { readonly kind: 'timer' }

export type ClientEffect<C extends Candidate = Candidate> =
  /** Check its identity; the answer is a `verdict`. Always the last effect. */
  | { readonly kind: 'authenticate'; readonly candidate: C }
  /** `takeOver`: the session whose connection the attach ends, the same one when resumed. Wills in `before` go first. */
  | {
      readonly kind: 'attach'
      readonly candidate: C
      readonly session: Session
      readonly resumed: boolean
      readonly takeOver: Session | null
      readonly before: readonly WillMessage[]
    }
  | {
      readonly kind: 'refuse'
      readonly candidate: C
      readonly why: ConnectRefusal
      /** For people; '' when the refusal says it all. */
      readonly reason: string
    }
  | { readonly kind: 'publish-will'; readonly session: Session; readonly will: WillMessage }
  /** The session is over; everything it held goes. */
  | {
      readonly kind: 'end'
      readonly session: Session
      readonly why: 'closed' | 'expired' | 'replaced'
    }
  /** A session that was prepared for an attach that did not happen: no loop ever heard of it. */
  | { readonly kind: 'discard'; readonly session: Session }
  /** The client said goodbye: close its connection. `protocolError`: it may not change an expiry of 0 [MQTT-3.14.2-2]. */
  | {
      readonly kind: 'close'
      readonly session: Session
      readonly candidate: C
      readonly protocolError: boolean
    }

export interface ClientStep<C extends Candidate = Candidate> {
  readonly state: ClientState<C>
  readonly effects: readonly ClientEffect<C>[]
}

export interface ClientPolicy {
  /** A fresh session number on the home loop of this client id. */
  readonly takeNumber: (clientId: string) => SessionAddress
  /** CONNECTs of one client id at once, ≥ 1: the one in progress and those that wait. */
  readonly connectsMax: number
}

export const none: None = { kind: 'none' }
const nothing: readonly never[] = []

/** What stands while a CONNECT is in progress; otherwise the state itself. */
export function standing<C extends Candidate>(state: ClientState<C>): None | Online<C> | Offline {
  if (state.kind === 'authenticating') return state.found
  return state.kind === 'connecting' ? state.previous : state
}

/** When the next `timer` event is due; Infinity: never. */
export function deadline(state: ClientState): number {
  if (state.kind === 'authenticating') return deadline(state.found)
  if (state.kind !== 'offline') return Number.POSITIVE_INFINITY
  return Math.min(state.expiresAtMs, state.will?.dueAtMs ?? Number.POSITIVE_INFINITY)
}

export function step<C extends Candidate>(
  state: ClientState<C>,
  event: ClientEvent<C>,
  now: number,
  policy: ClientPolicy,
): ClientStep<C> {
  switch (event.kind) {
    case 'connect':
      return onConnect(state, event.candidate, now, policy)
    case 'verdict':
      return onVerdict(state, event, now, policy)
    case 'attached':
      return onAttached(state, event.connection, now, policy)
    case 'closed':
      return onClosed(state, event.connection, { atMs: now, cause: event.cause }, now, policy)
    case 'disconnect':
      return onDisconnect(state, event)
    case 'timer':
      return onTimer(state, now)
  }
}

// ------------------------------------------------------------------------------------------- events

function onConnect<C extends Candidate>(
  state: ClientState<C>,
  candidate: C,
  now: number,
  policy: ClientPolicy,
): ClientStep<C> {
  if (state.kind !== 'connecting' && state.kind !== 'authenticating')
    return turn(state, candidate, [], now, policy)
  if (1 + state.waiting.length >= policy.connectsMax) {
    return { state, effects: [{ kind: 'refuse', candidate, why: 'quota-exceeded', reason: '' }] }
  }
  return unchanged({ ...state, waiting: [...state.waiting, candidate] })
}

/** The turn of `candidate` has come: its identity first, where that is open. */
function turn<C extends Candidate>(
  found: None | Online<C> | Offline,
  candidate: C,
  waiting: readonly C[],
  now: number,
  policy: ClientPolicy,
): ClientStep<C> {
  if (!candidate.authenticate) return begin(found, candidate, waiting, now, policy)
  return {
    state: { kind: 'authenticating', candidate, found, waiting },
    effects: [{ kind: 'authenticate', candidate }],
  }
}

/** The turn of whoever waits longest. */
function next<C extends Candidate>(
  found: None | Online<C> | Offline,
  [first, ...others]: readonly C[],
  now: number,
  policy: ClientPolicy,
): ClientStep<C> {
  return first === undefined ? unchanged(found) : turn(found, first, others, now, policy)
}

function onVerdict<C extends Candidate>(
  state: ClientState<C>,
  { connection, verdict }: ClientEvent<C> & { kind: 'verdict' },
  now: number,
  policy: ClientPolicy,
): ClientStep<C> {
  if (state.kind !== 'authenticating' || state.candidate.connection !== connection)
    return unchanged(state)
  const { candidate, found, waiting } = state
  if (verdict.kind === 'admitted') return begin(found, verdict.candidate, waiting, now, policy)
  const { refusal: why, reason } = verdict
  return after([{ kind: 'refuse', candidate, why, reason }], next(found, waiting, now, policy))
}

function onTimer<C extends Candidate>(state: ClientState<C>, now: number): ClientStep<C> {
  if (state.kind === 'offline') return whatIsDue(state, now)
  return state.kind === 'authenticating'
    ? meanwhile(state, onTimer(state.found, now))
    : unchanged(state)
}

/** Something happened to what an identity check has found; it cannot begin anything by itself. */
function meanwhile<C extends Candidate>(
  state: Authenticating<C>,
  { state: found, effects }: ClientStep<C>,
): ClientStep<C> {
  if (found.kind === 'connecting' || found.kind === 'authenticating') return unchanged(state)
  return { state: { ...state, found }, effects }
}

/** Starts the attach of `candidate` over what there is. */
function begin<C extends Candidate>(
  found: None | Online<C> | Offline,
  candidate: C,
  waiting: readonly C[],
  now: number,
  policy: ClientPolicy,
): ClientStep<C> {
  const due: ClientStep<C> = found.kind === 'offline' ? whatIsDue(found, now) : unchanged(found)
  // What is due leaves an offline session offline or none.
  const previous = due.state.kind === 'offline' || due.state.kind === 'online' ? due.state : none
  const effects: ClientEffect<C>[] = due.effects.slice()
  const resumed = !candidate.cleanStart && outlivesConnection(previous) // [MQTT-3.1.2-4] [MQTT-3.1.2-5] [MQTT-3.1.2-6]
  const session =
    resumed && previous.kind !== 'none'
      ? previous.session
      : {
          clientId: candidate.clientId,
          address: policy.takeNumber(candidate.clientId),
          subscriptions: null,
        }
  const before = willsBefore(previous, resumed)
  const takeOver = previous.kind === 'none' ? null : previous.session
  effects.push({ kind: 'attach', candidate, session, resumed, takeOver, before })
  return {
    state: {
      kind: 'connecting',
      candidate,
      session,
      resumed,
      before,
      previous,
      previousClosed: null,
      waiting,
    },
    effects,
  }
}

/**
 * Wills that go out before the new connection attaches: of a session that ends here, and one without delay. A delayed will
 * whose session is resumed in time is cancelled [MQTT-3.1.3-9].
 */
function willsBefore(previous: None | Online | Offline, resumed: boolean): readonly WillMessage[] {
  if (previous.kind === 'none') return nothing
  const will = previous.kind === 'online' ? previous.will : (previous.will?.message ?? null)
  if (will === null) return nothing
  const isDue = !resumed || (previous.kind === 'online' && will.delaySeconds === 0)
  return isDue ? [will] : nothing
}

/** A session of expiry 0 ends with its connection, also when it is the takeover that ends it [MQTT-3.1.2-6]. */
function outlivesConnection(previous: None | Online | Offline): boolean {
  return previous.kind === 'offline' || (previous.kind === 'online' && previous.expiryMs > 0)
}

function onAttached<C extends Candidate>(
  state: ClientState<C>,
  connection: number,
  now: number,
  policy: ClientPolicy,
): ClientStep<C> {
  if (state.kind !== 'connecting' || state.candidate.connection !== connection)
    return unchanged(state)
  const { candidate, session, resumed, previous, waiting } = state
  const effects: ClientEffect<C>[] = []
  // Its will, if any, went before the attach.
  if (!resumed && previous.kind !== 'none')
    effects.push({ kind: 'end', session: previous.session, why: 'replaced' })
  const online: Online<C> = {
    kind: 'online',
    session,
    candidate,
    expiryMs: candidate.expiryMs,
    will: candidate.will,
  }
  return after(effects, next(online, waiting, now, policy))
}

function onClosed<C extends Candidate>(
  state: ClientState<C>,
  connection: number,
  closed: Closed,
  now: number,
  policy: ClientPolicy,
): ClientStep<C> {
  if (state.kind === 'online' && state.candidate.connection === connection)
    return lost(state, closed, now)
  if (state.kind === 'authenticating')
    return closedMeanwhile(state, connection, closed, now, policy)
  if (state.kind !== 'connecting') return unchanged(state)
  if (state.candidate.connection === connection) return attachFailed(state, now, policy)
  if (state.previous.kind === 'online' && state.previous.candidate.connection === connection) {
    return unchanged({ ...state, previousClosed: closed })
  }
  return unchanged({
    ...state,
    waiting: state.waiting.filter((waiting) => waiting.connection !== connection),
  })
}

function closedMeanwhile<C extends Candidate>(
  state: Authenticating<C>,
  connection: number,
  closed: Closed,
  now: number,
  policy: ClientPolicy,
): ClientStep<C> {
  const { candidate, found, waiting } = state
  if (candidate.connection === connection) return next(found, waiting, now, policy)
  if (found.kind === 'online' && found.candidate.connection === connection)
    return meanwhile(state, lost(found, closed, now))
  return unchanged({
    ...state,
    waiting: waiting.filter((one) => one.connection !== connection),
  })
}

/** The socket of the attach was gone before it reached the home loop: nothing happened there. */
function attachFailed<C extends Candidate>(
  state: Connecting<C>,
  now: number,
  policy: ClientPolicy,
): ClientStep<C> {
  const { previous, previousClosed, session, resumed, waiting } = state
  const effects: ClientEffect<C>[] = resumed ? [] : [{ kind: 'discard', session }]
  const back = backTo(previous, previousClosed, now)
  effects.push(...back.effects)
  if (back.state.kind === 'connecting' || back.state.kind === 'authenticating')
    return { state: back.state, effects }
  return after(effects, next(back.state, waiting, now, policy))
}

/** What was before the attach, with what has become due meanwhile. */
function backTo<C extends Candidate>(
  previous: None | Online<C> | Offline,
  closed: Closed | null,
  now: number,
): ClientStep<C> {
  if (previous.kind === 'offline') return whatIsDue(previous, now)
  if (previous.kind === 'online' && closed !== null) return lost(previous, closed, now)
  return unchanged(previous)
}

/** A connection of ours is gone and nobody took it over. */
function lost<C extends Candidate>(online: Online<C>, closed: Closed, now: number): ClientStep<C> {
  const { session, expiryMs } = online
  // A server that shuts down keeps wills to itself: its clients come back, here or to another node.
  const will = closed.cause === 'shutdown' ? null : online.will
  if (expiryMs === 0) return { state: none, effects: endOf(session, will, 'closed') }
  // The delay or the end of the session, whichever comes first [MQTT-3.1.2-8]: expiring publishes what is pending.
  const pending =
    will === null ? null : { message: will, dueAtMs: closed.atMs + will.delaySeconds * 1000 }
  return whatIsDue(
    { kind: 'offline', session, expiresAtMs: closed.atMs + expiryMs, will: pending },
    now,
  )
}

function onDisconnect<C extends Candidate>(
  state: ClientState<C>,
  event: ClientEvent<C> & { kind: 'disconnect' },
): ClientStep<C> {
  if (state.kind === 'online') {
    return state.candidate.connection === event.connection
      ? goodbye(state, event)
      : unchanged(state)
  }
  if (state.kind === 'authenticating') return meanwhile(state, onDisconnect(state.found, event))
  if (state.kind !== 'connecting' || state.previous.kind !== 'online') return unchanged(state)
  if (state.previous.candidate.connection !== event.connection) return unchanged(state)
  // It counts if the attach in progress does not happen; otherwise the takeover came first.
  const previous = goodbye(state.previous, event)
  if (previous.state.kind !== 'online') return unchanged(state)
  return { state: { ...state, previous: previous.state }, effects: previous.effects }
}

function goodbye<C extends Candidate>(
  online: Online<C>,
  event: ClientEvent<C> & { kind: 'disconnect' },
): ClientStep<C> {
  const { session, candidate } = online
  if (event.expiryMs !== null && event.expiryMs !== 0 && candidate.expiryMs === 0) {
    return { state: online, effects: [{ kind: 'close', session, candidate, protocolError: true }] }
  }
  return {
    state: {
      ...online,
      expiryMs: event.expiryMs ?? online.expiryMs,
      will: event.publishWill ? online.will : null,
    },
    effects: [{ kind: 'close', session, candidate, protocolError: false }],
  }
}

// -------------------------------------------------------------------------------------------- parts

/** Publishes a will and ends a session whose time has come. */
function whatIsDue<C extends Candidate>(offline: Offline, now: number): ClientStep<C> {
  if (now >= offline.expiresAtMs) {
    // [MQTT-4.1.0-2]
    return {
      state: none,
      effects: endOf(offline.session, offline.will?.message ?? null, 'expired'),
    }
  }
  if (offline.will === null || now < offline.will.dueAtMs) return unchanged(offline)
  return {
    state: { ...offline, will: null }, // [MQTT-3.1.2-10]
    effects: [{ kind: 'publish-will', session: offline.session, will: offline.will.message }],
  }
}

function endOf<C extends Candidate>(
  session: Session,
  will: WillMessage | null,
  why: 'closed' | 'expired' | 'replaced',
): ClientEffect<C>[] {
  const end: ClientEffect<C> = { kind: 'end', session, why }
  return will === null ? [end] : [{ kind: 'publish-will', session, will }, end]
}

function after<C extends Candidate>(
  effects: readonly ClientEffect<C>[],
  next: ClientStep<C>,
): ClientStep<C> {
  return effects.length === 0 ? next : { state: next.state, effects: [...effects, ...next.effects] }
}

function unchanged<C extends Candidate>(state: ClientState<C>): ClientStep<C> {
  return { state, effects: nothing }
}
