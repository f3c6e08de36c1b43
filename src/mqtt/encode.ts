/**
 * Encoding of what the control plane answers. The answers of storms (SUBACK, UNSUBACK, a CONNACK refusal) are a few bytes
 * and written by hand; what has properties goes through mqtt-packet. Every function returns bytes that the caller owns.
 */
import mqttPacket, { type IConnackPacket } from 'mqtt-packet'
import type { ProtocolVersion } from '../native/index.js'

export type ConnackProperties = NonNullable<IConnackPacket['properties']>

const nothing: Uint8Array = new Uint8Array(0)

/** A CONNACK that accepts. MQTT 3.1 has no session-present flag: its byte is reserved and stays 0. */
export function encodeConnack(
  version: ProtocolVersion,
  sessionPresent: boolean,
  properties: ConnackProperties,
): Uint8Array {
  if (version !== 5) return Buffer.from([0x20, 2, version === 4 && sessionPresent ? 1 : 0, 0])
  return mqttPacket.generate(
    { cmd: 'connack', sessionPresent, reasonCode: 0, properties },
    { protocolVersion: 5 },
  )
}

/**
 * A CONNACK that refuses: session present is 0 [MQTT-3.2.2-6]. A reason string that would make it larger than the client
 * takes is left out [MQTT-3.2.2-19]; nothing is said to a client that takes not even the rest [MQTT-3.1.2-24].
 * @param reasonString '' for none; version 5 only @param packetBytesMax 0: the client states none
 */
export function encodeRefusal(
  version: ProtocolVersion,
  reasonCode: number,
  reasonString = '',
  packetBytesMax = 0,
): Uint8Array {
  if (version !== 5) return Buffer.from([0x20, 2, 0, reasonCode])
  const bare = Buffer.from([0x20, 3, 0, reasonCode, 0])
  if (!fits(bare.length, packetBytesMax)) return nothing
  if (reasonString === '') return bare
  const properties = { reasonString }
  const whole = mqttPacket.generate(
    { cmd: 'connack', sessionPresent: false, reasonCode, properties },
    { protocolVersion: 5 },
  )
  return fits(whole.length, packetBytesMax) ? whole : bare
}

/** Whether a client takes a packet of this size. @param packetBytesMax 0: it states none */
export function fits(bytes: number, packetBytesMax: number): boolean {
  return packetBytesMax === 0 || bytes <= packetBytesMax
}

/** One reason code per filter, in order [MQTT-3.8.4-5] [MQTT-3.8.4-6]. */
export function encodeSuback(
  version: ProtocolVersion,
  packetId: number,
  reasonCodes: readonly number[],
): Uint8Array {
  return acknowledgement(0x90, version, packetId, reasonCodes)
}

/** Versions below 5 carry no reason codes. */
export function encodeUnsuback(
  version: ProtocolVersion,
  packetId: number,
  reasonCodes: readonly number[],
): Uint8Array {
  return acknowledgement(0xb0, version, packetId, version === 5 ? reasonCodes : [])
}

/** Empty for versions below 5: there a server just closes. */
export function encodeDisconnect(version: ProtocolVersion, reasonCode: number): Uint8Array {
  return version === 5 ? Buffer.from([0xe0, 1, reasonCode]) : nothing
}

function acknowledgement(
  first: number,
  version: ProtocolVersion,
  packetId: number,
  codes: readonly number[],
): Uint8Array {
  const propertyBytes = version === 5 ? 1 : 0 // an empty property section
  const remaining = 2 + propertyBytes + codes.length
  const lengthBytes = bytesOfLength(remaining)
  const packet = Buffer.alloc(1 + lengthBytes + remaining)
  packet[0] = first
  let at = 1
  for (let rest = remaining; at <= lengthBytes; rest >>>= 7)
    packet[at++] = (rest & 127) | (at <= lengthBytes ? 128 : 0)
  at = packet.writeUInt16BE(packetId, at)
  at += propertyBytes
  for (const code of codes) packet[at++] = code
  return packet
}

/** The size of a version 5 SUBACK or UNSUBACK for so many filters. */
export function acknowledgementBytes(filters: number): number {
  const remaining = 3 + filters // packet identifier, an empty property section, codes
  return 1 + bytesOfLength(remaining) + remaining
}

function bytesOfLength(remaining: number): number {
  return remaining < 128 ? 1 : remaining < 16_384 ? 2 : remaining < 2_097_152 ? 3 : 4
}
