/**
 * The MQTT packets that the link room writes and reads: few per second, so through mqtt-packet, but for PUBLISH (mqtt/publish.ts
 * says why). Messages never come here.
 * Everything read here has been validated by the loop already; what does not fit the link's needs is `malformed`, not an
 * exception.
 */
import mqttPacket, { type Packet } from 'mqtt-packet'
import { linkLimits } from '../limits.js'
import {
  decodePacket,
  publishAround,
  publishPacket,
  publishRoom,
  UndecodablePacket,
} from '../mqtt/index.js'
import type { ProtocolVersion } from '../native/index.js'

/** What a dialled connection may bring, decoded. */
export type ServerPacket =
  | {
      readonly type: 'connack'
      readonly reasonCode: number
      readonly sessionPresent: boolean
      readonly receiveMaximum: number // 65535 when absent
      readonly packetBytesMax: number // 0 when absent
      readonly maximumQos: number // 2 when absent
      readonly serverKeepAliveSeconds: number | null
      readonly reasonString: string
    }
  | { readonly type: 'suback'; readonly packetId: number; readonly reasonCodes: readonly number[] }
  | { readonly type: 'puback'; readonly packetId: number; readonly reasonCode: number }
  | {
      readonly type: 'publish'
      readonly topic: string
      readonly qos: number
      readonly packetId: number
      readonly correlation: string | null
      readonly payload: Buffer
    }
  | { readonly type: 'pingresp' }
  | { readonly type: 'disconnect'; readonly reasonCode: number; readonly reasonString: string }
  /** A valid packet that a server has no reason to send us, or bytes that do not decode; `what` names it. */
  | { readonly type: 'malformed'; readonly what: string }

export type ServerPublish = ServerPacket & { readonly type: 'publish' }

/** A PUBLISH received on the route channel. Text properties are null when absent. */
export interface Carrier {
  readonly topic: string
  readonly qos: 0 | 1 | 2
  readonly packetId: number
  readonly payload: Buffer
  readonly responseTopic: string | null
  readonly correlationData: Buffer | null
}

const version5 = { protocolVersion: 5 } as const

export const pingreq: Uint8Array = Buffer.from([0xc0, 0x00])

/**
 * As EMQX's: version 5, Clean Start, keep alive 60, no properties. A password alone has an empty user name in front, as the library
 * writes none without. Source: docs/protocol/cluster-link.md "Connections".
 */
export function encodeConnect(
  clientId: string,
  username: string | null,
  password: string | null,
): Buffer {
  return mqttPacket.generate({
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: 5,
    clean: true,
    clientId,
    keepalive: linkLimits.keepAliveSeconds,
    ...(username === null && password === null ? {} : { username: username ?? '' }),
    ...(password === null ? {} : { password: Buffer.from(password) }),
  })
}

export function encodeSubscribe(packetId: number, filter: string): Buffer {
  return mqttPacket.generate(
    {
      cmd: 'subscribe',
      messageId: packetId,
      subscriptions: [{ topic: filter, qos: 1, nl: false, rap: false, rh: 0 }],
    },
    version5,
  )
}

interface Request {
  readonly responseTopic?: string
  readonly correlationData: Buffer
}

const noProperties = Buffer.alloc(0)

/** @param request present on actor_init only */
export function encodePublish(
  topic: string,
  qos: 0 | 1,
  packetId: number,
  payload: Uint8Array,
  request: Request | null,
): Buffer {
  const properties = request === null ? noProperties : requestProperties(request)
  return publishPacket(topic, payload, qos, false, properties, packetId)
}

/** A route batch of QoS 1. What a task thread made lies in shared memory with room before it (`batchMemory`) and stays there. */
export function encodeRouteBatch(topic: string, packetId: number, payload: Uint8Array): Buffer {
  return payload.buffer instanceof SharedArrayBuffer
    ? publishAround(payload, topic, packetId)
    : encodePublish(topic, 1, packetId, payload, null)
}

/** Where a task thread writes batches for this topic, one after the other. */
export function batchMemory(topic: string): Uint8Array<SharedArrayBuffer> {
  const room = publishRoom(topic)
  return new Uint8Array(new SharedArrayBuffer(room + linkLimits.batchBytes), room)
}

/** Response Topic, then Correlation Data. MQTT 5.0 §3.3.2.3. */
function requestProperties(request: Request): Buffer {
  const { responseTopic, correlationData } = request
  const text = responseTopic === undefined ? [] : ([0x08, Buffer.from(responseTopic)] as const)
  return Buffer.concat(
    [...text, 0x09, correlationData].map((part) =>
      typeof part === 'number' ? Buffer.from([part]) : Buffer.concat([twoBytes(part.length), part]),
    ),
  )
}

function twoBytes(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}

/** PUBACK, or PUBREC for a carrier of QoS 2. Versions below 5 know no reason. */
export function encodeAcknowledgement(
  qos: 1 | 2,
  packetId: number,
  reasonCode: number,
  version: ProtocolVersion,
): Buffer {
  const cmd = qos === 1 ? 'puback' : 'pubrec'
  const packet: Packet =
    version === 5 ? { cmd, messageId: packetId, reasonCode } : { cmd, messageId: packetId }
  return mqttPacket.generate(packet, { protocolVersion: version })
}

export function decodeServerPacket(bytes: Buffer): ServerPacket {
  const packet = decode(bytes, 5)
  if (typeof packet === 'string') return { type: 'malformed', what: packet }
  switch (packet.cmd) {
    case 'connack': {
      const properties = packet.properties ?? {}
      return {
        type: 'connack',
        reasonCode: packet.reasonCode ?? packet.returnCode ?? 0,
        sessionPresent: packet.sessionPresent,
        receiveMaximum: properties.receiveMaximum ?? 65_535,
        packetBytesMax: properties.maximumPacketSize ?? 0,
        maximumQos: properties.maximumQoS ?? 2,
        serverKeepAliveSeconds: properties.serverKeepAlive ?? null,
        reasonString: properties.reasonString ?? '',
      }
    }
    case 'suback':
      return {
        type: 'suback',
        packetId: packet.messageId ?? 0,
        reasonCodes: packet.granted.map((code) => (typeof code === 'number' ? code : 0x80)),
      }
    case 'puback':
      return { type: 'puback', packetId: packet.messageId ?? 0, reasonCode: packet.reasonCode ?? 0 }
    case 'publish':
      // We allow no aliases [MQTT-3.1.2-26] and number no subscription.
      if (packet.topic === '' || packet.properties?.topicAlias !== undefined)
        return { type: 'malformed', what: 'a PUBLISH with a Topic Alias, which we did not allow' }
      if (packet.properties?.subscriptionIdentifier !== undefined)
        return {
          type: 'malformed',
          what: 'a PUBLISH for a numbered subscription, which we do not have',
        }
      return {
        type: 'publish',
        topic: packet.topic,
        qos: packet.qos,
        packetId: packet.messageId ?? 0,
        correlation: packet.properties?.correlationData?.toString('latin1') ?? null,
        payload: toBuffer(packet.payload),
      }
    case 'pingresp':
      return { type: 'pingresp' }
    case 'disconnect':
      return {
        type: 'disconnect',
        reasonCode: packet.reasonCode ?? 0,
        reasonString: packet.properties?.reasonString ?? '',
      }
    default:
      return { type: 'malformed', what: `an unexpected ${packet.cmd.toUpperCase()}` }
  }
}

/** The PUBLISH of a `link-publish` event, or null when mqtt-packet and the loop disagree about it. */
export function decodeCarrier(bytes: Buffer, version: ProtocolVersion): Carrier | null {
  const packet = decode(bytes, version)
  if (typeof packet === 'string' || packet.cmd !== 'publish') return null
  return {
    topic: packet.topic,
    qos: packet.qos,
    packetId: packet.messageId ?? 0,
    payload: toBuffer(packet.payload),
    responseTopic: packet.properties?.responseTopic ?? null,
    correlationData: packet.properties?.correlationData ?? null,
  }
}

/** The packet, or what is wrong. */
function decode(bytes: Buffer, version: ProtocolVersion): Packet | string {
  try {
    return decodePacket(bytes, version)
  } catch (error) {
    if (error instanceof UndecodablePacket) return `a malformed packet (${error.message})`
    throw error
  }
}

function toBuffer(payload: string | Buffer): Buffer {
  return typeof payload === 'string' ? Buffer.from(payload) : payload
}
