/**
 * The will of a CONNECT as the PUBLISH that it becomes: MQTT 5 bytes, made once, kept until due.
 *
 * mqtt-packet groups User Properties by name, which loses their order; so the property section is taken from the packet's
 * own bytes, without the Will Delay Interval [MQTT-3.1.3-10].
 */
import { mqttLimits } from '../limits.js'
import type { ProtocolVersion } from '../native/index.js'
import { publishPacket } from './publish.js'

export interface WillMessage {
  readonly topic: string
  readonly qos: 0 | 1 | 2
  readonly retain: boolean
  /** 0 ≤ n < 2^32; 0 for versions below 5. */
  readonly delaySeconds: number
  /** MQTT 5 PUBLISH, whole; with QoS > 0 its packet id is 1. Owns its bytes. */
  readonly packet: Uint8Array
}

/** What mqtt-packet decoded of it. */
export interface DecodedWill {
  readonly topic: string
  readonly payload: Buffer | string
  readonly qos?: 0 | 1 | 2
  readonly retain?: boolean
  readonly properties?: { readonly willDelayInterval?: number }
}

const willDelayInterval = 0x18

/** @param connect the whole CONNECT, valid, fixed header included */
export function willMessage(
  connect: Buffer,
  will: DecodedWill,
  version: ProtocolVersion,
): WillMessage {
  const properties = version === 5 ? withoutDelay(willProperties(connect)) : Buffer.alloc(0)
  const qos = will.qos ?? 0
  const retain = will.retain ?? false
  return {
    topic: will.topic,
    qos,
    retain,
    delaySeconds: will.properties?.willDelayInterval ?? 0,
    packet: publishPacket(will.topic, payloadOf(will), qos, retain, properties),
  }
}

/** The same will under a mountpoint; `$LINK/` has none. Null: no packet could name such a topic. */
export function mountedWill(will: WillMessage, mountpoint: string): WillMessage | null {
  if (mountpoint === '' || will.topic.startsWith('$LINK/')) return will
  const [, delayed = '', behind = ''] = /^(\$delayed\/\d+\/)?(.*)$/s.exec(will.topic) ?? []
  const topic = delayed + mountpoint + behind
  const whole = Buffer.from(will.packet.buffer, will.packet.byteOffset, will.packet.byteLength)
  const start = readVarint(whole, 1).end
  const rest = whole.subarray(start + 2 + whole.readUInt16BE(start))
  const topicBytes = Buffer.from(topic)
  if (topicBytes.length > mqttLimits.stringBytes) return null // [MQTT-4.7.3-3]
  const remaining = 2 + topicBytes.length + rest.length
  const packet = Buffer.concat([
    whole.subarray(0, 1),
    varint(remaining),
    Buffer.from([topicBytes.length >> 8, topicBytes.length & 0xff]),
    topicBytes,
    rest,
  ])
  return { ...will, topic, packet }
}

/** A variable byte integer. MQTT 5.0 §1.5.5. */
function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest > 127; rest >>>= 7) bytes.push((rest & 127) | 128)
  return Buffer.from([...bytes, rest])
}

function payloadOf(will: DecodedWill): Buffer {
  return typeof will.payload === 'string' ? Buffer.from(will.payload) : will.payload
}

/** The section's content, a view into `connect`. Layout: MQTT 5.0 §3.1. */
function willProperties(connect: Buffer): Buffer {
  let at = readVarint(connect, 1).end // fixed header
  at += 2 + connect.readUInt16BE(at) // protocol name
  at += 1 + 1 + 2 // level, flags, keep alive
  const properties = readVarint(connect, at)
  at = properties.end + properties.value
  at += 2 + connect.readUInt16BE(at) // client id
  const section = readVarint(connect, at)
  return connect.subarray(section.end, section.end + section.value)
}

/** The delay is about when, not part of the message. It occurs once at most; everything else is copied as it stands. */
function withoutDelay(section: Buffer): Buffer {
  for (let at = 0; at < section.length; ) {
    const end = propertyEnd(section, at)
    if (section[at] === willDelayInterval)
      return Buffer.concat([section.subarray(0, at), section.subarray(end)])
    at = end
  }
  return section
}

/** Where the will property that begins at `at` ends. The kinds that a will may have: MQTT 5.0 §3.1.3.2. */
function propertyEnd(section: Buffer, at: number): number {
  const value = at + 1
  switch (section[at]) {
    case 0x01: // Payload Format Indicator
      return value + 1
    case 0x02: // Message Expiry Interval
    case willDelayInterval:
      return value + 4
    case 0x26: {
      // User Property: two strings
      const second = value + 2 + section.readUInt16BE(value)
      return second + 2 + section.readUInt16BE(second)
    }
    default: // Content Type, Response Topic, Correlation Data: a length and bytes
      return value + 2 + section.readUInt16BE(value)
  }
}

function readVarint(source: Buffer, at: number): { value: number; end: number } {
  let value = 0
  let shift = 0
  let position = at
  let byte: number
  do {
    byte = source.readUInt8(position++)
    value |= (byte & 127) << shift
    shift += 7
  } while (byte > 127 && shift < 28)
  return { value, end: position }
}
