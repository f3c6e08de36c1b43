/**
 * Our side of a link whose far end accepts only: offers it the connections that we dial, and takes in the route operations that
 * come down the route connection. Messages are taken in by the loops.
 *
 *   answer with accept/1 ─▶ carry messages both ways, offer routes ─▶ (each heartbeat) offer again
 *
 * Source: docs/protocol/cluster-link.md "Accepting only".
 */
import { type Arrival, DialledArrival } from './arrival.js'
import type { Line } from './line.js'
import { encodeOffer } from './offer.js'
import { offerTopic, routeTopic } from './topics.js'
import { encodePublish, type ServerPublish } from './wire.js'

export interface CarriageParts {
  readonly clusterName: string
  /** The far end's cluster name: nobody else's routes come this way. */
  readonly farName: string
  /** Largest packet that we take. */
  readonly packetBytesMax: number
  /** The route connection. */
  line(): Line
  arrived(arrival: Arrival): void
  /** The far end broke the rules of the route channel, and was hung up on. */
  broken(): void
}

export class Carriage {
  readonly #parts: CarriageParts
  /** Of the connection under way. */
  #carries = false

  constructor(parts: CarriageParts) {
    this.#parts = parts
  }

  /** A new connection begins, or a handshake has told whether the far end has use for it. */
  carry(carries: boolean): void {
    this.#carries = carries
    this.offer()
  }

  /** With each heartbeat: the far end may have used another connection before. Nothing when it has no use for it. */
  offer(): void {
    if (!this.#carries) return
    const { clusterName, line, packetBytesMax } = this.#parts
    const payload = encodeOffer({ place: null, packetBytesMax })
    line().send(encodePublish(offerTopic(clusterName), 0, 0, payload, null))
  }

  /** Whether the PUBLISH was a route operation of the far end; then it is dealt with. */
  taken({ topic, qos }: ServerPublish, packet: Buffer): boolean {
    const { arrived, broken, farName } = this.#parts
    const line = this.#parts.line()
    const { address } = line
    if (!this.#carries || address === null || qos > 1 || topic !== routeTopic(farName)) return false
    const arrival = new DialledArrival({
      ...address,
      packet,
      send: (bytes) => line.send(bytes),
      close: (reasonCode) => {
        line.perform({ kind: 'hang-up', reasonCode })
        broken()
      },
    })
    arrived(arrival)
    return true
  }
}
