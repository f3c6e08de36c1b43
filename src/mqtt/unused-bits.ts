/**
 * MQTT 3.1 leaves bits "not used" that later versions reserve. A server disregards them, and so do our loops; mqtt-packet
 * refuses them in every version. So packets of version 3 are given to it with those bits at rest. Every packet here has
 * been validated: lengths are right. Source: MQTT 3.1 §2.1 (DUP of SUBSCRIBE and UNSUBSCRIBE), §3.1, §3.8.
 */
const connectFlag = {
  unused: 0x01,
  will: 0x04,
  willQosAndRetain: 0x38,
  password: 0x40,
  username: 0x80,
}
const protocolName = 'MQIsdp'

/** A CONNECT of another version comes back as it is; the given bytes are never changed. */
export function connectAtRest(bytes: Buffer): Buffer {
  const start = variableHeader(bytes)
  if (bytes.readUInt16BE(start) !== protocolName.length) return bytes
  const flagsAt = start + 2 + protocolName.length + 1
  let flags = (bytes[flagsAt] ?? 0) & ~connectFlag.unused
  if ((flags & connectFlag.will) === 0) flags &= ~connectFlag.willQosAndRetain
  let at = afterText(bytes, flagsAt + 1 + 2)
  if ((flags & connectFlag.will) !== 0) at = afterText(bytes, afterText(bytes, at))
  // The Remaining Length takes precedence over the flags of user name and password: both may be left out.
  for (const flag of [connectFlag.username, connectFlag.password]) {
    if ((flags & flag) === 0) continue
    if (at >= bytes.length) flags &= ~flag
    else at = afterText(bytes, at)
  }
  const atRest = withFirstByte(bytes, 0x10)
  atRest[flagsAt] = flags
  return atRest
}

/** Version 3 only. */
export function subscribeAtRest(bytes: Buffer): Buffer {
  const atRest = withFirstByte(bytes, 0x82)
  for (let at = variableHeader(bytes) + 2; at < bytes.length; at++) {
    at = afterText(bytes, at)
    atRest[at] = (bytes[at] ?? 0) & 0x03
  }
  return atRest
}

/** Version 3 only. */
export function unsubscribeAtRest(bytes: Buffer): Buffer {
  return withFirstByte(bytes, 0xa2)
}

/** Version 3 only. */
export function disconnectAtRest(bytes: Buffer): Buffer {
  return withFirstByte(bytes, 0xe0)
}

function withFirstByte(bytes: Buffer, first: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[0] = first
  return copy
}

/** Behind the first byte and the Remaining Length. */
function variableHeader(bytes: Buffer): number {
  let at = 1
  while ((bytes[at] ?? 0) >= 0x80) at++
  return at + 1
}

function afterText(bytes: Buffer, at: number): number {
  return at + 2 + bytes.readUInt16BE(at)
}
