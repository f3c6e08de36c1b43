/**
 * An offer: a connection that its sender has dialled may carry what the receiver has for it.
 *
 *   routes <packet bytes>      the route channel
 *   <place> <packet bytes>     message connection number <place>, from 1
 *
 * Source: docs/protocol/cluster-link.md "Accepting only".
 */
import { linkLimits } from '../limits.js'
import type { PeerLimits } from './connection.js'

export interface Offer {
  /** Of a message connection, from 0; null: the route channel. */
  readonly place: number | null
  /** Largest packet that its sender takes. */
  readonly packetBytesMax: number
}

export function encodeOffer({ place, packetBytesMax }: Offer): Buffer {
  return Buffer.from(`${place === null ? 'routes' : place + 1} ${packetBytesMax}`)
}

/** Null: something else, or less than a link needs. */
export function decodeOffer(payload: Uint8Array): Offer | null {
  if (payload.byteLength > offerBytesMax) return null
  const [, channel, bytes] =
    /^(routes|[1-9]\d{0,3}) (\d{1,10})$/.exec(Buffer.from(payload).toString('latin1')) ?? []
  if (channel === undefined || bytes === undefined) return null
  const packetBytesMax = Number(bytes)
  if (packetBytesMax < linkLimits.peerPacketBytesMin) return null
  return { place: channel === 'routes' ? null : Number(channel) - 1, packetBytesMax }
}

/** Its CONNECT has no Receive Maximum. [MQTT-3.1.2-11] */
export function limitsOf({ packetBytesMax }: Offer): PeerLimits {
  return { receiveMaximum: 65_535, packetBytesMax }
}

const offerBytesMax = 32
