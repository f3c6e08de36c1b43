/**
 * Decoding of the packets that need a decision. Every packet here is complete and was validated natively, so mqtt-packet
 * (which accepts much that a broker must not) only takes it apart: one parser per protocol version, used again and again.
 * Measured: SUBSCRIBE 1.2 µs, UNSUBSCRIBE 1.2 µs, CONNECT 2.3 µs of CPU with a warm parser.
 */
import mqttPacket, { type Packet, type Parser, type UserProperties } from 'mqtt-packet'
import type { ProtocolVersion } from '../native/index.js'
import type { AuthenticationProperties } from './encode.js'
import { plainConnect, plainSubscribe, plainUnsubscribe } from './plain-packets.js'
import {
  connectAtRest,
  disconnectAtRest,
  subscribeAtRest,
  unsubscribeAtRest,
} from './unused-bits.js'
import { type WillMessage, willMessage } from './will.js'

export interface ConnectPacket {
  readonly version: ProtocolVersion
  /** Bit 7 of the level in 3.1 and 3.1.1: another broker, which wants retained flags kept and its own messages not back. */
  readonly bridge: boolean
  readonly cleanStart: boolean
  readonly clientId: string
  readonly keepAliveSeconds: number
  readonly username: string | null
  readonly password: Buffer | null
  readonly will: WillMessage | null
  /** Version 5 properties with the defaults of §3.1.2.11 filled in. */
  readonly sessionExpirySeconds: number
  readonly receiveMaximum: number
  /** 0: none stated */
  readonly packetBytesMax: number
  readonly topicAliasMaximum: number
  readonly requestResponseInformation: boolean
  readonly requestProblemInformation: boolean
  readonly authentication: AuthenticationProperties | null
  readonly userProperties: UserProperties | null
}

export interface SubscribeRequest {
  /** As sent, `$share/` included. */
  readonly filter: string
  readonly qos: 0 | 1 | 2
  readonly noLocal: boolean
  readonly retainAsPublished: boolean
  readonly retainHandling: 0 | 1 | 2
}

export interface SubscribePacket {
  readonly packetId: number
  /** 0: none */
  readonly subscriptionId: number
  readonly requests: readonly SubscribeRequest[]
}

export interface UnsubscribePacket {
  readonly packetId: number
  readonly filters: readonly string[]
}

export interface DisconnectPacket {
  readonly reasonCode: number
  /** Null when the packet does not change it. */
  readonly sessionExpirySeconds: number | null
}

export interface AuthPacket {
  /** 0x18: continues, 0x19: begins again. */
  readonly reasonCode: number
  readonly authentication: AuthenticationProperties
}

/** Thrown when mqtt-packet refuses what the loop accepted: a defect of one of them, answered as a malformed packet. */
export class UndecodablePacket extends Error {
  override readonly name = 'UndecodablePacket'
}

/** @param bytes the whole packet, fixed header included @throws UndecodablePacket */
export function decodeConnect(bytes: Buffer): ConnectPacket {
  return plainConnect(bytes) ?? anyConnect(bytes)
}

/** @throws UndecodablePacket */
export function decodeSubscribe(bytes: Buffer, version: ProtocolVersion): SubscribePacket {
  return plainSubscribe(bytes, version) ?? anySubscribe(bytes, version)
}

/** @throws UndecodablePacket */
export function decodeUnsubscribe(bytes: Buffer, version: ProtocolVersion): UnsubscribePacket {
  return plainUnsubscribe(bytes, version) ?? anyUnsubscribe(bytes, version)
}

/** By mqtt-packet, like the next two. @throws UndecodablePacket */
function anyConnect(bytes: Buffer): ConnectPacket {
  const packet = connectDecoder(connectAtRest(bytes))
  if (packet.cmd !== 'connect') throw new UndecodablePacket(`expected CONNECT, got ${packet.cmd}`)
  const version = packet.protocolVersion ?? 4
  const properties = packet.properties ?? {}
  return {
    version,
    bridge: 'bridgeMode' in packet && packet.bridgeMode === true, // its types do not tell of it
    cleanStart: packet.clean ?? false,
    clientId: packet.clientId,
    keepAliveSeconds: packet.keepalive ?? 0,
    username: packet.username ?? null,
    password: packet.password ?? null,
    will: packet.will === undefined ? null : willMessage(bytes, packet.will, version),
    sessionExpirySeconds: properties.sessionExpiryInterval ?? 0,
    receiveMaximum: properties.receiveMaximum ?? 65_535,
    packetBytesMax: properties.maximumPacketSize ?? 0,
    topicAliasMaximum: properties.topicAliasMaximum ?? 0,
    requestResponseInformation: properties.requestResponseInformation ?? false,
    requestProblemInformation: properties.requestProblemInformation ?? true,
    authentication: authenticationOf(properties),
    userProperties: properties.userProperties ?? null,
  }
}

/** @throws UndecodablePacket */
function anySubscribe(bytes: Buffer, version: ProtocolVersion): SubscribePacket {
  const packet = decoders[version](version === 3 ? subscribeAtRest(bytes) : bytes)
  if (packet.cmd !== 'subscribe')
    throw new UndecodablePacket(`expected SUBSCRIBE, got ${packet.cmd}`)
  return {
    packetId: packet.messageId ?? 0,
    subscriptionId: packet.properties?.subscriptionIdentifier ?? 0,
    requests: packet.subscriptions.map(({ topic, qos, nl, rap, rh }) => ({
      filter: topic,
      qos,
      noLocal: nl ?? false,
      retainAsPublished: rap ?? false,
      retainHandling: rh === 1 || rh === 2 ? rh : 0,
    })),
  }
}

/** What a bridge of 3.1 or 3.1.1 means by it, which has no options to say so: as brokers that know the bit do it. */
export function asBridge(packet: SubscribePacket): SubscribePacket {
  return {
    ...packet,
    requests: packet.requests.map((request) => ({ ...request, retainAsPublished: true })),
  }
}

/** @throws UndecodablePacket */
function anyUnsubscribe(bytes: Buffer, version: ProtocolVersion): UnsubscribePacket {
  const packet = decoders[version](version === 3 ? unsubscribeAtRest(bytes) : bytes)
  if (packet.cmd !== 'unsubscribe')
    throw new UndecodablePacket(`expected UNSUBSCRIBE, got ${packet.cmd}`)
  return { packetId: packet.messageId ?? 0, filters: packet.unsubscriptions }
}

/** @throws UndecodablePacket */
export function decodeDisconnect(bytes: Buffer, version: ProtocolVersion): DisconnectPacket {
  if (bytes.length === 2) return { reasonCode: 0, sessionExpirySeconds: null } // MQTT 5.0 §3.14.2.1
  const packet = decoders[version](version === 3 ? disconnectAtRest(bytes) : bytes)
  if (packet.cmd !== 'disconnect')
    throw new UndecodablePacket(`expected DISCONNECT, got ${packet.cmd}`)
  return {
    reasonCode: packet.reasonCode ?? 0,
    sessionExpirySeconds: packet.properties?.sessionExpiryInterval ?? null,
  }
}

/** @throws UndecodablePacket */
export function decodeAuth(bytes: Buffer): AuthPacket {
  const packet = decoders[5](bytes)
  if (packet.cmd !== 'auth') throw new UndecodablePacket(`expected AUTH, got ${packet.cmd}`)
  const authentication = authenticationOf(packet.properties ?? {})
  if (authentication === null) throw new UndecodablePacket('an AUTH without a method')
  return { reasonCode: packet.reasonCode, authentication }
}

/** mqtt-packet gives the data of an empty property as an empty buffer, and an absent one as undefined. */
function authenticationOf(properties: {
  readonly authenticationMethod?: string
  readonly authenticationData?: Buffer
}): AuthenticationProperties | null {
  const { authenticationMethod: method, authenticationData: data } = properties
  return method === undefined ? null : { method, data: data ?? null }
}

/** A server's packet on a dialled connection, or a client's PUBLISH or AUTH. @throws UndecodablePacket */
export function decodePacket(bytes: Buffer, version: ProtocolVersion): Packet {
  return decoders[version](bytes)
}

type Decoder = (bytes: Buffer) => Packet

/** CONNECT changes the version of the parser that read it, so it has one of its own. */
const connectDecoder = decoder(4)
const decoders: Readonly<Record<ProtocolVersion, Decoder>> = {
  3: decoder(3),
  4: decoder(4),
  5: decoder(5),
}

/** mqtt-packet calls back before `parse` returns. After an error or leftover bytes the parser is replaced. */
function decoder(version: ProtocolVersion): Decoder {
  let parsed: Packet | null = null
  let failure: string | null = null
  let parser = create()
  return (bytes) => {
    parsed = null
    failure = null
    const leftOver = parser.parse(bytes)
    // Read through a function: the callbacks above assign, which the compiler cannot see.
    const result = taken()
    if (result.packet !== null && result.failure === null && leftOver === 0) return result.packet
    parser = create()
    throw new UndecodablePacket(result.failure ?? 'the packet is incomplete')
  }

  function taken(): { packet: Packet | null; failure: string | null } {
    return { packet: parsed, failure }
  }

  function create(): Parser {
    const fresh = mqttPacket.parser({ protocolVersion: version })
    fresh.on('packet', (packet) => {
      parsed = packet
    })
    fresh.on('error', (error: unknown) => {
      failure = error instanceof Error ? error.message : String(error)
    })
    return fresh
  }
}
