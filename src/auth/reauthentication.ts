/**
 * Re-authentication: a client that is served proves again who it is, by the method of its CONNECT. Everything else goes on
 * meanwhile on the strength of what was proved before; only the AUTH packets themselves are barriers. Source: MQTT 5.0 §4.12.1.
 */
import type { Clock, Timers } from '../clock.js'
import type { Admitted } from '../connection/index.js'
import type { Log } from '../log.js'
import type { ControlCounters } from '../metrics/index.js'
import { decodeAuth, disconnectReason, encodeAuth, encodeDisconnect, fits } from '../mqtt/index.js'
import type { Engine, EngineEvent, SessionAddress } from '../native/index.js'
import type { Session } from '../session/index.js'
import type { Slicer } from '../slices.js'
import type { Authenticators } from './authenticators.js'
import { type ExchangeStep, Exchanges } from './exchanges.js'

export interface ReauthenticationOptions {
  readonly authenticators: Authenticators
  readonly engine: Pick<Engine, 'close'>
  readonly clock: Clock
  readonly timers: Timers
  readonly slicer: Slicer
  readonly log: Log
  readonly counters: ControlCounters
  readonly nonce: () => string
}

interface Serving {
  readonly candidate: Admitted
  readonly address: SessionAddress
}

interface Answer {
  readonly reply: Uint8Array
  readonly next: 'resume' | 'close'
}

export class Reauthentication {
  readonly #options: ReauthenticationOptions
  readonly #exchanges: Exchanges<Serving> | null

  constructor(options: ReauthenticationOptions) {
    this.#options = options
    const { scram } = options.authenticators
    this.#exchanges =
      scram === null
        ? null
        : new Exchanges<Serving>({
            ...options,
            server: scram.server,
            expired: ({ of: serving }) => this.#expired(serving),
          })
  }

  get exchanges(): number {
    return this.#exchanges?.size ?? 0
  }

  /** @throws UndecodablePacket */
  answer(
    event: EngineEvent & { kind: 'packet' },
    { address }: Session,
    candidate: Admitted,
  ): Answer {
    const { connection, announced } = candidate
    const method = announced.authentication?.method
    if (method === undefined || this.#exchanges === null)
      return this.#failed(candidate, 'protocolError', 'no method in CONNECT') // [MQTT-4.12.0-7]
    const { reasonCode, authentication } = decodeAuth(event.packet)
    if (authentication.method !== method)
      return this.#failed(candidate, 'protocolError', 'another method') // [MQTT-4.12.1-1]
    const begins = reasonCode === 0x19
    const open = this.#exchanges.get(connection)
    if (begins === (open !== null))
      return this.#failed(candidate, 'protocolError', begins ? 'begun already' : 'not begun')
    const exchange = open ?? this.#exchanges.begin(connection, { candidate, address })
    return this.#act(candidate, method, this.#exchanges.step(exchange, authentication.data))
  }

  closed(connection: number): void {
    this.#exchanges?.end(connection)
  }

  stop(): void {
    this.#exchanges?.stop()
  }

  // ------------------------------------------------------------------------------------- private

  #act(candidate: Admitted, method: string, step: ExchangeStep): Answer {
    switch (step.kind) {
      case 'continue':
        return this.#goesOn(candidate, encodeAuth(0x18, { method, data: step.data })) // [MQTT-4.12.0-2]
      case 'too-large':
        return this.#failed(candidate, 'packetTooLarge', 'authentication data')
      case 'failed':
        return this.#failed(candidate, 'notAuthorized', step.reason)
      case 'done': {
        // The session and its grants belong to who connected.
        if (step.username !== candidate.username)
          return this.#failed(candidate, 'notAuthorized', 'another user')
        this.#options.counters.reauthentications_succeeded++
        return this.#goesOn(candidate, encodeAuth(0x00, { method, data: step.data }))
      }
    }
  }

  #goesOn(candidate: Admitted, reply: Uint8Array): Answer {
    if (!fits(reply.length, candidate.answers))
      return this.#failed(candidate, 'packetTooLarge', 'the AUTH is above the Maximum Packet Size') // [MQTT-3.1.2-24]
    this.#options.counters.auth_packets_sent++
    return { reply, next: 'resume' }
  }

  /** DISCONNECT and the end of the connection [MQTT-4.12.1-2]. */
  #failed(candidate: Admitted, code: keyof typeof disconnectReason, reason: string): Answer {
    const { connection, version } = candidate
    this.#exchanges?.end(connection)
    this.#note(candidate, reason)
    return { reply: encodeDisconnect(version, disconnectReason[code]), next: 'close' }
  }

  #expired({ candidate, address }: Serving): void {
    this.#options.counters.authentication_timeouts++
    this.#note(candidate, 'the re-authentication took too long')
    this.#options.engine.close(
      { loop: address.loop, connection: candidate.connection },
      encodeDisconnect(candidate.version, disconnectReason.notAuthorized),
      disconnectReason.notAuthorized,
    )
  }

  #note({ clientId, peer }: Admitted, reason: string): void {
    this.#options.counters.reauthentications_failed++
    this.#options.log.info(
      { event: 'reauthentication_failed', clientId, peer, reason },
      'a re-authentication failed',
    )
  }
}
