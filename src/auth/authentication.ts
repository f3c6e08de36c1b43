/**
 * Authentication, between admission and the session directory:
 *
 *     admitted CONNECT ─┬─ nothing to prove ──────────────────────────▶ proceed
 *                       ├─ password: held ──▶ proceed ──▶ FIFO of its client id ──▶ check ──▶ verdict
 *                       └─ method: AUTH ⇄ AUTH … ─────────────────────▶ proceed
 *
 * An exchange waits for its client outside of the client id's FIFO, so that a stranger who never answers keeps nobody waiting;
 * it takes its place in the row when it has been proved. Source: MQTT 5.0 §4.12; docs/decisions/0017-exchanges-wait-outside.md.
 */
import { randomBytes } from 'node:crypto'
import type { Clock, Timers } from '../clock.js'
import type { ListenerConfig } from '../config/index.js'
import type { Admitted } from '../connection/index.js'
import { authLimits } from '../limits.js'
import type { Log } from '../log.js'
import type { ControlCounters } from '../metrics/index.js'
import {
  type AuthPacket,
  type ConnectPacket,
  type ConnectRefusal,
  connectReason,
  decodeAuth,
  encodeAuth,
  encodeRefusal,
  fits,
  UndecodablePacket,
} from '../mqtt/index.js'
import type { Engine, EngineEvent } from '../native/index.js'
import type { Reauthenticate, Session, Verdict } from '../session/index.js'
import type { Slicer } from '../slices.js'
import type { Authenticators } from './authenticators.js'
import { type ExchangeStep, Exchanges } from './exchanges.js'
import { HashQueue } from './hash-queue.js'
import { PasswordCheck } from './password-check.js'
import { Reauthentication } from './reauthentication.js'
import type { HashElsewhere } from './users/load.js'

export interface AuthenticationOptions {
  readonly authenticators: Authenticators
  readonly engine: Pick<Engine, 'challenge' | 'refuse' | 'close'>
  readonly clock: Clock
  readonly timers: Timers
  readonly slicer: Slicer
  readonly log: Log
  readonly counters: ControlCounters
  readonly hash: HashElsewhere
  /** On to the session directory. */
  readonly proceed: (candidate: Admitted) => void
}

/** `enable_authn` of the listener. */
export type AuthenticationMode = ListenerConfig['enableAuthn']

export class Authentication {
  readonly #options: AuthenticationOptions
  readonly #passwords: PasswordCheck | null
  readonly #exchanges: Exchanges<Admitted> | null
  readonly #reauthentication: Reauthentication

  constructor(options: AuthenticationOptions) {
    this.#options = options
    const { authenticators, counters, hash } = options
    const { password, scram } = authenticators
    this.#passwords =
      password === null
        ? null
        : new PasswordCheck({ authenticator: password, queue: new HashQueue(hash), counters })
    this.#exchanges =
      scram === null
        ? null
        : new Exchanges<Admitted>({
            ...options,
            server: scram.server,
            nonce: scramNonce,
            expired: ({ of: candidate }) => {
              counters.authentication_timeouts++
              this.#refuse(candidate, 'not-authorized', 'the authentication took too long')
            },
          })
    this.#reauthentication = new Reauthentication({ ...options, nonce: scramNonce })
  }

  /** Exchanges that wait for their client. */
  get exchanges(): number {
    return (this.#exchanges?.size ?? 0) + this.#reauthentication.exchanges
  }

  /** An admitted CONNECT: it proceeds, is asked to prove itself, or is refused. */
  connect(packet: ConnectPacket, candidate: Admitted, mode: AuthenticationMode): void {
    if (packet.authentication !== null) {
      this.#beginExchange(packet.authentication, candidate)
      return
    }
    const { password, scram } = this.#options.authenticators
    const anonymous = candidate.username === null || candidate.username === ''
    if (mode === 'quick_deny_anonymous' && anonymous) {
      this.#denied(candidate, 'not-authorized', 'this listener takes no anonymous clients')
    } else if (mode === false || (password === null && scram === null)) {
      this.#options.proceed(candidate)
    } else if (this.#passwords === null) {
      this.#denied(candidate, 'not-authorized', 'there is no authenticator for user names')
    } else if (packet.password === null) {
      this.#denied(candidate, 'bad-credentials', 'there is no password')
    } else {
      this.#passwords.hold(candidate.connection, packet.password)
      this.#options.proceed({ ...candidate, authenticate: true })
    }
  }

  /** The turn of a candidate with a password has come. */
  check(candidate: Admitted, answer: (verdict: Verdict<Admitted>) => void): void {
    this.#passwords?.check(candidate, answer)
  }

  /** The client has answered a challenge before its CONNACK. */
  exchange(event: EngineEvent & { kind: 'exchange' }): void {
    const exchange = this.#exchanges?.get(event.connection) ?? null
    if (exchange === null) {
      this.#options.counters.events_stale++
      return
    }
    const packet = this.#decoded(event.packet)
    const { of: candidate } = exchange
    if (packet?.reasonCode !== 0x18) {
      this.#broken(candidate, 'an AUTH that does not continue') // [MQTT-4.12.0-3]
    } else if (packet.authentication.method !== this.#options.authenticators.scram?.method) {
      this.#broken(candidate, 'an AUTH of another method') // [MQTT-4.12.0-5]
    } else {
      this.#step(candidate, packet.authentication.data)
    }
  }

  /** An AUTH of a connection that is served. */
  readonly reauthenticate: Reauthenticate<Admitted> = (event, session: Session, candidate) =>
    this.#reauthentication.answer(event, session, candidate)

  /** A connection is gone, whatever it was doing. */
  closed(connection: number): void {
    this.#passwords?.forget(connection)
    this.#reauthentication.closed(connection)
    if (this.#exchanges === null || this.#exchanges.get(connection) === null) return
    this.#options.counters.connects_abandoned++
    this.#exchanges.end(connection)
  }

  stop(): void {
    this.#exchanges?.stop()
    this.#reauthentication.stop()
  }

  // ------------------------------------------------------------------------------------- private

  #beginExchange(
    { method, data }: NonNullable<ConnectPacket['authentication']>,
    candidate: Admitted,
  ): void {
    const { scram } = this.#options.authenticators
    if (this.#exchanges === null || method !== scram?.method) {
      this.#options.counters.authentication_failed_method++
      this.#refuse(candidate, 'bad-authentication-method', 'unknown authentication method') // [MQTT-4.12.0-1]
      return
    }
    this.#exchanges.begin(candidate.connection, candidate)
    this.#step(candidate, data)
  }

  #step(candidate: Admitted, data: Buffer | null): void {
    const exchange = this.#exchanges?.get(candidate.connection) ?? null
    const method = this.#options.authenticators.scram?.method
    if (this.#exchanges === null || exchange === null || method === undefined) return
    this.#act(candidate, method, this.#exchanges.step(exchange, data))
  }

  #act(candidate: Admitted, method: string, step: ExchangeStep): void {
    const { counters } = this.#options
    switch (step.kind) {
      case 'continue':
        this.#challenge(candidate, encodeAuth(0x18, { method, data: step.data })) // [MQTT-4.12.0-2]
        return
      case 'too-large':
        counters.authentication_failed_exchange++
        this.#refuse(candidate, 'packet-too-large', 'authentication data')
        return
      case 'failed':
        counters.authentication_failed_exchange++
        this.#refuse(candidate, 'not-authorized', step.reason, { method, data: step.data }) // [MQTT-4.12.0-4]
        return
      case 'done':
        this.#proved(candidate, method, step)
    }
  }

  #challenge(candidate: Admitted, auth: Uint8Array): void {
    const { acceptLoop: loop, connection, answers } = candidate
    if (!fits(auth.length, answers)) {
      this.#exchanges?.end(connection)
      this.#refuse(candidate, 'packet-too-large', 'the AUTH is above the Maximum Packet Size') // [MQTT-3.1.2-24]
      return
    }
    this.#options.counters.auth_packets_sent++
    this.#options.engine.challenge({ loop, connection }, auth)
  }

  /** A user name in the CONNECT is a claim like any other: it must be the one that was proved. */
  #proved(candidate: Admitted, method: string, step: ExchangeStep & { kind: 'done' }): void {
    const { username, superuser, data } = step
    if (candidate.username !== null && candidate.username !== username) {
      this.#denied(candidate, 'not-authorized', 'the user name is not the one that was proved')
      return
    }
    this.#options.counters.authentication_succeeded++
    const announced = { ...candidate.announced, authentication: { method, data } }
    this.#options.proceed({ ...candidate, username, superuser, announced })
  }

  #decoded(bytes: Buffer): AuthPacket | null {
    try {
      return decodeAuth(bytes)
    } catch (error) {
      if (!(error instanceof UndecodablePacket)) throw error
      this.#options.counters.packets_undecodable++
      return null
    }
  }

  #broken(candidate: Admitted, reason: string): void {
    this.#exchanges?.end(candidate.connection)
    this.#options.counters.authentication_failed_exchange++
    this.#refuse(candidate, 'protocol-error', reason)
  }

  #denied(candidate: Admitted, refusal: ConnectRefusal, reason: string): void {
    this.#options.counters.authentication_failed_credentials++
    this.#refuse(candidate, refusal, reason)
  }

  /** Reasons go to our log; who fails to prove an identity is told no more than the code. */
  #refuse(
    { acceptLoop: loop, connection, version, clientId, peer, answers }: Admitted,
    refusal: ConnectRefusal,
    reason: string,
    authentication: { readonly method: string; readonly data: Buffer | null } | null = null,
  ): void {
    const { counters, engine, log } = this.#options
    counters.connects_refused++
    log.info({ event: 'connect_refused', clientId, peer, refusal, reason }, 'a CONNECT was refused')
    const code = connectReason(refusal, version)
    const told = refusal === 'not-authorized' || refusal === 'bad-credentials' ? '' : reason
    const proof = authentication?.data === null ? null : authentication
    engine.refuse({ loop, connection }, encodeRefusal(version, code, answers, told, proof))
  }
}

function scramNonce(): string {
  return randomBytes(authLimits.scramNonceBytes).toString('base64')
}
