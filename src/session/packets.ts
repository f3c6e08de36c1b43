/**
 * Packets of a connected client that need a decision: SUBSCRIBE, UNSUBSCRIBE, DISCONNECT, AUTH. Each is a barrier: its
 * connection is not parsed on before the one answer that every path here gives, or a close.
 */

import { mqttLimits } from '../limits.js'
import type { Log } from '../log.js'
import type { ControlCounters } from '../metrics/index.js'
import {
  acknowledgementBytes,
  asBridge,
  decodeDisconnect,
  decodeSubscribe,
  decodeUnsubscribe,
  disconnectReason,
  encodeDisconnect,
  encodeSuback,
  encodeUnsuback,
  fits,
  isShared,
  parseSubscriptionName,
  type SubscribePacket,
  type SubscribeRequest,
  UndecodablePacket,
} from '../mqtt/index.js'
import type { AnswerCommand, Engine, EngineEvent } from '../native/index.js'
import type { SubscriptionLedger } from './ledger.js'
import type { SessionObserver } from './observer.js'
import type { Candidate, Session } from './session.js'
import {
  type Authorize,
  type Outcome,
  type SubscriptionPolicy,
  subscribe,
  unsubscribe,
} from './subscriptions.js'

/**
 * Decides about an AUTH of a connection that is served. The answer is written and the connection parsed on, or closed.
 * @throws UndecodablePacket
 */
export type Reauthenticate<C extends Candidate> = (
  event: EngineEvent & { kind: 'packet' },
  session: Session,
  candidate: C,
) => { readonly reply: Uint8Array; readonly next: AnswerCommand['next'] }

export interface PacketOptions<C extends Candidate> {
  readonly engine: Pick<Engine, 'answer'>
  readonly log: Log
  readonly counters: ControlCounters
  readonly subscriptions: SubscriptionPolicy
  readonly authorize: Authorize
  readonly ledger: SubscriptionLedger
  readonly reauthenticate: Reauthenticate<C>
  readonly observer: Pick<SessionObserver<C>, 'subscribed' | 'unsubscribed'>
}

/** What a DISCONNECT asks for; the client's state machine answers it. */
export interface Goodbye {
  readonly publishWill: boolean
  /** Null: unchanged. */
  readonly expiryMs: number | null
}

export class Packets<C extends Candidate> {
  readonly #options: PacketOptions<C>

  constructor(options: PacketOptions<C>) {
    this.#options = options
  }

  /** Answers the packet, or returns the goodbye that it is. */
  handle(event: EngineEvent & { kind: 'packet' }, session: Session, candidate: C): Goodbye | null {
    try {
      return this.#decide(event, session, candidate)
    } catch (error) {
      if (!(error instanceof UndecodablePacket)) throw error
      const { log, counters } = this.#options
      counters.packets_undecodable++
      log.error(
        {
          event: 'packet_undecodable',
          clientId: session.clientId,
          type: event.type,
          reason: error.message,
        },
        'a packet that the data plane accepted cannot be decoded',
      )
      this.#close(session, candidate, disconnectReason.malformed)
      return null
    }
  }

  /** Closes the connection of a client that said DISCONNECT. */
  goodbye(session: Session, candidate: C, protocolError: boolean): void {
    if (protocolError) this.#close(session, candidate, disconnectReason.protocolError)
    else this.#answer(session, candidate, [], new Uint8Array(0), 'close') // [MQTT-3.14.4-1]
  }

  #decide(event: EngineEvent & { kind: 'packet' }, session: Session, candidate: C): Goodbye | null {
    const { version } = candidate
    switch (event.type) {
      case 'subscribe': {
        const decoded = decodeSubscribe(event.packet, version)
        const packet = candidate.bridge ? asBridge(decoded) : decoded
        if (packet.requests.some(isSharedWithoutLocal)) {
          this.#close(session, candidate, disconnectReason.protocolError) // [MQTT-3.8.3-4]
          return null
        }
        if (this.#acknowledgeable(session, candidate, packet.requests.length))
          this.#subscribe(session, candidate, packet)
        return null
      }
      case 'unsubscribe': {
        const packet = decodeUnsubscribe(event.packet, version)
        if (!this.#acknowledgeable(session, candidate, packet.filters.length)) return null
        const { ops, reasonCodes } = unsubscribe(
          session,
          candidate.mountpoint,
          packet,
          this.#options.ledger,
        )
        this.#options.counters.subscriptions_removed += ops.length
        this.#answer(
          session,
          candidate,
          ops,
          encodeUnsuback(version, packet.packetId, reasonCodes),
          'resume',
        )
        if (ops.length > 0) this.#options.observer.unsubscribed?.(candidate, ops)
        return null
      }
      case 'disconnect': {
        const { reasonCode, sessionExpirySeconds } = decodeDisconnect(event.packet, version)
        return {
          publishWill: reasonCode !== disconnectReason.normal, // [MQTT-3.1.2-10] [MQTT-3.14.4-3]
          expiryMs: sessionExpirySeconds === null ? null : expiryMs(sessionExpirySeconds),
        }
      }
      case 'auth': {
        const { reply, next } = this.#options.reauthenticate(event, session, candidate)
        this.#answer(session, candidate, [], reply, next)
        return null
      }
    }
  }

  /**
   * Whether the acknowledgement of so many filters fits the client's Maximum Packet Size [MQTT-3.1.2-24]. If not, nothing is
   * done and the connection ends: an acknowledgement cannot be left out (MQTT 5.0 §4.13).
   */
  #acknowledgeable(session: Session, candidate: C, filters: number): boolean {
    if (fits(acknowledgementBytes(candidate.version, filters), candidate.answers)) return true
    this.#options.counters.acknowledgements_too_large++
    this.#close(session, candidate, disconnectReason.packetTooLarge)
    return false
  }

  #subscribe(session: Session, candidate: C, packet: SubscribePacket): void {
    const { counters, subscriptions, authorize, ledger } = this.#options
    const { ops, reasonCodes }: Outcome = subscribe(
      session,
      candidate,
      packet,
      subscriptions,
      authorize,
      ledger,
    )
    counters.subscriptions_added += ops.length
    if (ops.length < reasonCodes.length) this.#noteRefused(session, packet, reasonCodes)
    this.#answer(
      session,
      candidate,
      ops,
      encodeSuback(candidate.version, packet.packetId, reasonCodes),
      'resume',
    )
    if (ops.length > 0) this.#options.observer.subscribed?.(candidate, session, ops)
  }

  #noteRefused(
    session: Session,
    { requests }: SubscribePacket,
    reasonCodes: readonly number[],
  ): void {
    const refused = requests.filter((_, at) => (reasonCodes[at] ?? 0) >= 0x80)
    this.#options.counters.subscriptions_refused += refused.length
    const shown = refused[0]?.filter ?? ''
    this.#options.log.debug(
      {
        event: 'subscription_refused',
        clientId: session.clientId,
        filter: shown,
        count: refused.length,
        shared: parseSubscriptionName(shown)?.group ?? null,
      },
      'a subscription was refused',
    )
  }

  #close(session: Session, candidate: C, reasonCode: number): void {
    this.#answer(session, candidate, [], encodeDisconnect(candidate.version, reasonCode), 'close')
  }

  #answer(
    { address }: Session,
    { connection }: C,
    ops: AnswerCommand['ops'],
    reply: Uint8Array,
    next: AnswerCommand['next'],
  ): void {
    const { loop, session, generation } = address
    this.#options.engine.answer({ loop, session, generation, connection, ops, reply, next })
  }
}

function isSharedWithoutLocal({ filter, noLocal }: SubscribeRequest): boolean {
  return noLocal && isShared(filter)
}

function expiryMs(seconds: number): number {
  return seconds === mqttLimits.intervalSeconds ? Number.POSITIVE_INFINITY : seconds * 1000
}
