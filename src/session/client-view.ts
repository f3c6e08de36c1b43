/** What is known of a client id without asking its home loop: for people who ask. */
import type { ProtocolVersion } from '../native/index.js'
import type { Candidate, Session } from './session.js'
import { type ClientState, type Online, standing } from './step.js'

export interface ClientView {
  /** Where it stands among all client ids: in the order in which they came. */
  readonly serial: number
  readonly clientId: string
  readonly connected: boolean
  readonly subscriptions: number
  /** The one it has, or had last. */
  readonly connection: ConnectionView
}

/** A connection, or what is kept of it as long as its session waits without one: some 150 bytes. */
export interface ConnectionView {
  readonly username: string | null
  readonly version: ProtocolVersion
  readonly bridge: boolean
  readonly cleanStart: boolean
  readonly keepAliveSeconds: number
  /** As in CONNECT, or as DISCONNECT changed it; Infinity: never. */
  readonly expiryMs: number
  /** 'address:port' */
  readonly peer: string
  /** 'tcp:default' */
  readonly listener: string
  readonly mountpoint: string
  /** Milliseconds since the epoch. */
  readonly connectedAtMs: number
  /** Null: it is connected. */
  readonly disconnectedAtMs: number | null
}

/** A client id as the directory keeps it. */
export interface KnownClient<C extends Candidate> {
  readonly serial: number
  readonly clientId: string
  readonly state: ClientState<C>
  /** Null: it has never been connected, or is. */
  readonly last: ConnectionView | null
}

/** Null: nothing is there yet but a CONNECT in progress. */
export function clientView<C extends Candidate>(client: KnownClient<C>): ClientView | null {
  const { serial, clientId, state, last } = client
  const found = standing(state)
  if (found.kind === 'none') return null
  // One that is to be taken over may have closed by itself meanwhile.
  const connected =
    found.kind === 'online' && !(state.kind === 'connecting' && state.previousClosed !== null)
  const connection = connected ? connectionView(found, null) : last
  if (connection === null) return null
  return { serial, clientId, connected, subscriptions: held(found.session), connection }
}

export function connectionView<C extends Candidate>(
  { candidate, expiryMs }: Online<C>,
  disconnectedAtMs: number | null,
): ConnectionView {
  return {
    username: candidate.username,
    version: candidate.version,
    bridge: candidate.bridge,
    cleanStart: candidate.cleanStart,
    keepAliveSeconds: candidate.keepAliveSeconds,
    expiryMs,
    peer: candidate.peer,
    listener: candidate.listener,
    mountpoint: candidate.mountpoint,
    connectedAtMs: candidate.connectedAtMs,
    disconnectedAtMs,
  }
}

function held({ subscriptions }: Session): number {
  return subscriptions?.size ?? 0
}
