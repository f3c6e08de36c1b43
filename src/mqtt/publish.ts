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
  const topicBytes = Buffer.byteLength(topic)
  const idBytes = qos > 0 ? 2 : 0
  const remaining =
    2 + topicBytes + idBytes + varintBytes(properties.length) + properties.length + payload.length
  const packet = Buffer.allocUnsafeSlow(1 + varintBytes(remaining) + remaining)
  packet[0] = 0x30 | (qos << 1) | (retain ? 1 : 0)
  let at = writeVarint(packet, 1, remaining)
  at = packet.writeUInt16BE(topicBytes, at)
  at += packet.write(topic, at)
  if (qos > 0) at = packet.writeUInt16BE(packetId, at)
  at = writeVarint(packet, at, properties.length)
  at += properties.copy(packet, at)
  packet.set(payload, at)
  return packet
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
