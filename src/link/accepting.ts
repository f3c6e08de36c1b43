/**
 * Links that accept only: who carries our side of them, and what happens on the connections that do. A link that nobody carries
 * receives, and forwards nothing: what would wait for ever is not kept.
 *
 *   offer ─▶ its outbound side ─▶ forwards          heartbeat, and nobody has offered ─▶ receives only, a warning
 *
 * Source: docs/protocol/cluster-link.md "Accepting only"; docs/decisions/0025-accept-only.md.
 */
import type { EngineEvent } from '../native/index.js'
import type { AcceptedLines } from './accepted-line.js'
import type { Arrival } from './arrival.js'
import type { Aliveness } from './inbound-listener.js'
import { decodeOffer } from './offer.js'
import type { Outbound } from './outbound.js'
import { isResponseTopicOf } from './topics.js'
import type { Carrier } from './wire.js'

export interface AcceptingParts {
  readonly clusterName: string
  outbound(link: number): Outbound | undefined
  /** What `forwards` says of a link has changed. */
  changed(): void
}

export class Accepting {
  readonly lines: AcceptedLines = new Map()
  readonly #parts: AcceptingParts
  /** Links whose far end has carried our side since it last did not. */
  readonly #carried = new Set<number>()
  /** By link: the connection that was complained of. */
  readonly #warned = new Map<number, number>()
  /** Links that accept only since their far end has dialled: it does not know yet. */
  readonly #turned = new Set<number>()

  constructor(parts: AcceptingParts) {
    this.#parts = parts
  }

  /** During an outage too: what matches waits for the far end to dial again. */
  forwards(link: number, acceptOnly: boolean): boolean {
    return !acceptOnly || this.#carried.has(link)
  }

  /** Text: why it is of no use. */
  offered(
    link: number,
    { loop, connection, version }: Arrival,
    payload: Uint8Array,
  ): string | null {
    const offer = decodeOffer(payload)
    const outbound = this.#parts.outbound(link)
    if (offer === null || outbound === undefined || version !== 5)
      return 'offers a connection in a way that we do not understand'
    const refusal = outbound.offered(offer, { loop, connection })
    if (refusal !== null || offer.place !== null || this.#carried.has(link)) return refusal
    this.#carried.add(link)
    this.#parts.changed()
    return null
  }

  /** A heartbeat has come: by now its connection would have been offered. What is missing is said once a connection. */
  alive(link: number, connection: number): Aliveness {
    const outbound = this.#parts.outbound(link)
    if (outbound === undefined || outbound.carried) {
      this.#warned.delete(link)
      this.#turned.delete(link)
      return { kind: 'fine' }
    }
    if (this.#turned.delete(link)) return { kind: 'must-dial-again' }
    if (this.#carried.delete(link)) this.#parts.changed()
    if (this.#warned.get(link) === connection) return { kind: 'fine' }
    this.#warned.set(link, connection)
    return {
      kind: 'missing',
      text: 'does not carry our side of the link (is it a Causeway that knows accept_only?): we receive, and forward nothing',
    }
  }

  /** The answer to our own actor_init, or another message to us. False: the connection does not carry us. */
  answered(
    { connection }: Arrival,
    { topic, qos, packetId, correlationData, payload }: Carrier,
  ): boolean {
    const line = this.lines.get(connection)
    if (line === undefined || qos === 2 || !isResponseTopicOf(topic, this.#parts.clusterName))
      return false
    const correlation = correlationData?.toString('latin1') ?? null
    // Acknowledged by whoever asks.
    line.onMessage({ type: 'publish', topic, qos: 0, packetId, correlation, payload })
    return true
  }

  /** True: it was for one of ours. */
  onPacket({ connection, packet }: EngineEvent & { kind: 'client-packet' }): boolean {
    const line = this.lines.get(connection)
    line?.onPacket(packet)
    return line !== undefined
  }

  onClosed(connection: number): void {
    this.lines.get(connection)?.onClosed()
  }

  /** The link accepts only from now on, or dials from now on. */
  turned(link: number, acceptOnly: boolean): void {
    this.forget(link)
    if (acceptOnly) this.#turned.add(link)
  }

  /** The link is gone. */
  forget(link: number): void {
    this.#carried.delete(link)
    this.#warned.delete(link)
    this.#turned.delete(link)
  }
}
