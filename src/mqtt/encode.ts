/**
 * Encoding of what the control plane answers. The answers of storms (SUBACK, UNSUBACK, a CONNACK refusal) are a few bytes
 * and written by hand; what has properties goes through mqtt-packet. Every function returns bytes that the caller owns.
 */
import mqttPacket, { type IConnackPacket } from 'mqtt-packet'
import type { ProtocolVersion } from '../native/index.js'

/** Its two-byte numbers, made in advance: 65,536 buffers, 11 MB and 40 ms, for an encoder that is hardly used. */
mqttPacket.writeToStream.cacheNumbers = false

export type ConnackProperties = NonNullable<IConnackPacket['properties']>

/** What a client asked of the packets it is sent; versions below 5 cannot ask. */
export interface AnswerTerms {
  /** Maximum Packet Size: no packet to it is larger [MQTT-3.1.2-24]; 0: no limit. */
  readonly packetBytesMax: number
  /** Request Problem Information: whether reason strings are welcome [MQTT-3.1.2-29]. */
  readonly problemInformation: boolean
}

/** Authentication Method and Authentication Data. */
export interface AuthenticationProperties {
  readonly method: string
  /** Null: none. */
  readonly data: Buffer | null
}

export function fits(bytes: number, { packetBytesMax }: AnswerTerms): boolean {
  return packetBytesMax === 0 || bytes <= packetBytesMax
}

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
 * A CONNACK that refuses: session present is 0 [MQTT-3.2.2-6]. What would not fit, or was not asked for, is left out: first the
 * reason string [MQTT-3.2.2-19], then the rest; empty when not even the reason code fits.
 * @param reasonString '' for none; version 5 only
 */
export function encodeRefusal(
  version: ProtocolVersion,
  reasonCode: number,
  terms: AnswerTerms,
  reasonString = '',
  authentication: AuthenticationProperties | null = null,
): Uint8Array {
  if (version !== 5) return Buffer.from([0x20, 2, 0, reasonCode])
  const told = terms.problemInformation && reasonString !== '' ? { reasonString } : {} // [MQTT-3.1.2-29]
  const proof = authenticationProperties(authentication)
  for (const properties of [{ ...told, ...proof }, proof]) {
    if (Object.keys(properties).length === 0) continue
    const packet = mqttPacket.generate(
      { cmd: 'connack', sessionPresent: false, reasonCode, properties },
      { protocolVersion: 5 },
    )
    if (fits(packet.length, terms)) return packet
  }
  const bare = Buffer.from([0x20, 3, 0, reasonCode, 0])
  return fits(bare.length, terms) ? bare : nothing
}

/** The server's AUTH: continue (0x18) or success (0x00). It never tells a reason [MQTT-3.15.2-2] [MQTT-3.15.2-3]. */
export function encodeAuth(
  reasonCode: 0x00 | 0x18,
  authentication: AuthenticationProperties, // [MQTT-4.12.0-5]
): Uint8Array {
  const properties = authenticationProperties(authentication)
  return mqttPacket.generate({ cmd: 'auth', reasonCode, properties }, { protocolVersion: 5 })
}

export function authenticationProperties(authentication: AuthenticationProperties | null): {
  authenticationMethod?: string
  authenticationData?: Buffer
} {
  if (authentication === null) return {}
  const { method, data } = authentication
  return {
    authenticationMethod: method,
    ...(data === null ? {} : { authenticationData: data }),
  }
}

/** Bytes of the SUBACK or UNSUBACK for so many filters. */
export function acknowledgementBytes(version: ProtocolVersion, filters: number): number {
  const remaining = 2 + (version === 5 ? 1 : 0) + filters
  return 1 + varintBytes(remaining) + remaining
}

/** One reason code per filter, in order [MQTT-3.8.4-6] [MQTT-3.9.3-1]. */
export function encodeSuback(
  version: ProtocolVersion,
  packetId: number,
  reasonCodes: readonly number[],
): Uint8Array {
  return acknowledgement(0x90, version, packetId, reasonCodes)
}

/** One reason code per filter, in order [MQTT-3.11.3-1]; versions below 5 carry none. */
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
  // An empty property section [MQTT-2.2.2-1]: no reason string and no user properties [MQTT-3.9.2-1] [MQTT-3.9.2-2]
  // [MQTT-3.11.2-1] [MQTT-3.11.2-2].
  const propertyBytes = version === 5 ? 1 : 0
  const remaining = 2 + propertyBytes + codes.length
  const lengthBytes = varintBytes(remaining)
  const packet = Buffer.allocUnsafe(1 + lengthBytes + remaining) // every byte is written
  packet[0] = first
  let at = 1
  for (let rest = remaining; at <= lengthBytes; rest >>>= 7)
    packet[at++] = (rest & 127) | (at <= lengthBytes ? 128 : 0)
  packet[at++] = packetId >>> 8 // [MQTT-2.2.1-6]
  packet[at++] = packetId & 0xff
  if (version === 5) packet[at++] = 0
  for (let i = 0; i < codes.length; i++) packet[at++] = codes[i] ?? 0
  return packet
}

function varintBytes(value: number): number {
  return value < 128 ? 1 : value < 16_384 ? 2 : value < 2_097_152 ? 3 : 4
}
