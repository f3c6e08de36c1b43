/**
 * PUBLISH as the broker itself writes it: MQTT 5 bytes, which the data plane fans out to clients of every version, or sends to a
 * linked cluster. Not through mqtt-packet: it keeps what it has made of each length below 16,384, and with it the 8 KiB of
 * Node's pool that the two bytes lie in, up to 134 MB.
 */

const anyPacketId = 1

/**
 * Fixed header, topic, packet id, properties, payload. The caller owns the bytes, which are not from the buffer pool: a will lives
 * as long as its session.
 * @param properties the section's content  @param packetId with QoS > 0
 * @throws RangeError when the topic is longer than a topic may be
 */
export function publishPacket(
  topic: string,
  payload: Uint8Array,
  qos: 0 | 1 | 2,
  retain: boolean,
  properties: Buffer,
  packetId = anyPacketId,
): Buffer {
  const flags = (qos << 1) | (retain ? 1 : 0)
  const head = { topic, flags, properties, packetId: qos > 0 ? packetId : null }
  const headBytes = bytesOfHead(head, payload.length)
  const packet = Buffer.allocUnsafeSlow(headBytes + payload.length)
  writeHead(packet, head, payload.length)
  packet.set(payload, headBytes)
  return packet
}

/**
 * The same around a payload that has `publishRoom(topic)` bytes before it in its memory: those are written, nothing is copied.
 * QoS 1, no properties. The packet lies in that memory.
 */
export function publishAround(payload: Uint8Array, topic: string, packetId: number): Buffer {
  const head = { topic, flags: 1 << 1, properties: noProperties, packetId }
  const headBytes = bytesOfHead(head, payload.length)
  const packet = Buffer.from(
    payload.buffer,
    payload.byteOffset - headBytes,
    headBytes + payload.length,
  )
  writeHead(packet, head, payload.length)
  return packet
}

/** Most bytes before the payload of a PUBLISH of QoS 1 without properties: fixed header 5, topic length 2, id 2, no properties 1. */
export function publishRoom(topic: string): number {
  return 10 + Buffer.byteLength(topic)
}

interface Head {
  readonly topic: string
  readonly flags: number // of the first byte
  readonly properties: Buffer
  readonly packetId: number | null // null with QoS 0
}

const noProperties = Buffer.alloc(0)

function bytesOfHead(head: Head, payloadBytes: number): number {
  const bytes = bytesBehindLength(head)
  return 1 + varintBytes(bytes + payloadBytes) + bytes
}

/** From the topic to the end of the properties. */
function bytesBehindLength({ topic, packetId, properties }: Head): number {
  const idBytes = packetId === null ? 0 : 2
  const propertyBytes = varintBytes(properties.length) + properties.length
  return 2 + Buffer.byteLength(topic) + idBytes + propertyBytes
}

function writeHead(packet: Buffer, head: Head, payloadBytes: number): void {
  const { topic, flags, packetId, properties } = head
  packet[0] = 0x30 | flags
  let at = writeVarint(packet, 1, bytesBehindLength(head) + payloadBytes)
  at = packet.writeUInt16BE(Buffer.byteLength(topic), at)
  at += packet.write(topic, at)
  if (packetId !== null) at = packet.writeUInt16BE(packetId, at)
  at = writeVarint(packet, at, properties.length)
  properties.copy(packet, at)
}

function varintBytes(value: number): number {
  return value < 128 ? 1 : value < 16_384 ? 2 : value < 2_097_152 ? 3 : 4
}

function writeVarint(target: Buffer, at: number, value: number): number {
  let rest = value
  let position = at
  while (rest > 127) {
    target[position++] = (rest & 127) | 128
    rest >>>= 7
  }
  target[position++] = rest
  return position
}
