/**
 * CONNECT, SUBSCRIBE and UNSUBSCRIBE as most clients send them, without a will and without properties, taken apart by hand:
 * a storm of 100,000 clients is made of these. Null for all others, which mqtt-packet takes apart or refuses (decode.ts); a
 * test holds the two against each other. Every packet here was validated natively: texts are UTF-8, options are allowed.
 * Source: MQTT 5.0 §3.1, §3.8, §3.10.
 */
import type { ProtocolVersion } from '../native/index.js'
import type {
  ConnectPacket,
  SubscribePacket,
  SubscribeRequest,
  UnsubscribePacket,
} from './decode.js'

const firstByte = { connect: 0x10, subscribe: 0x82, unsubscribe: 0xa2 }
const nameBytes = 'MQTT'.length
const connectFlag = { cleanStart: 0x02, will: 0x04, password: 0x40, username: 0x80 }
const subscribeOption = { qos: 0x03, noLocal: 0x04, retainAsPublished: 0x08, retainHandling: 0x30 }

/** Versions 3.1.1 and 5, and no bridge. */
export function plainConnect(bytes: Buffer): ConnectPacket | null {
  if (bytes[0] !== firstByte.connect) return null
  let at = variableHeader(bytes)
  if (u16(bytes, at) !== nameBytes) return null
  at += 2 + nameBytes
  const version = byte(bytes, at)
  const flags = byte(bytes, at + 1)
  if ((version !== 4 && version !== 5) || (flags & connectFlag.will) !== 0) return null
  const keepAliveSeconds = u16(bytes, at + 2)
  at += 4
  if (version === 5 && byte(bytes, at++) !== 0) return null
  const clientId = text(bytes, at)
  at = behind(bytes, at)
  let username: string | null = null
  if ((flags & connectFlag.username) !== 0) {
    username = text(bytes, at)
    at = behind(bytes, at)
  }
  let password: Buffer | null = null
  if ((flags & connectFlag.password) !== 0) {
    password = bytes.subarray(at + 2, behind(bytes, at))
    at = behind(bytes, at)
  }
  if (at !== bytes.length) return null
  return {
    version,
    bridge: false,
    cleanStart: (flags & connectFlag.cleanStart) !== 0,
    clientId,
    keepAliveSeconds,
    username,
    password,
    will: null,
    sessionExpirySeconds: 0,
    receiveMaximum: 65_535,
    packetBytesMax: 0,
    topicAliasMaximum: 0,
    requestResponseInformation: false,
    requestProblemInformation: true,
    authentication: null,
    userProperties: null,
  }
}

/** Versions 3.1.1 and 5. */
export function plainSubscribe(bytes: Buffer, version: ProtocolVersion): SubscribePacket | null {
  if (version === 3 || bytes[0] !== firstByte.subscribe) return null
  const header = variableHeader(bytes)
  let at = payloadBehindId(bytes, header, version)
  if (at === null) return null
  const requests: SubscribeRequest[] = []
  while (at < bytes.length) {
    const filter = filterText(bytes, at)
    at = behind(bytes, at)
    const options = byte(bytes, at++)
    requests.push({
      filter,
      qos: upTo2(options & subscribeOption.qos),
      noLocal: (options & subscribeOption.noLocal) !== 0,
      retainAsPublished: (options & subscribeOption.retainAsPublished) !== 0,
      retainHandling: upTo2((options & subscribeOption.retainHandling) >> 4),
    })
  }
  return at === bytes.length ? { packetId: u16(bytes, header), subscriptionId: 0, requests } : null
}

/** Versions 3.1.1 and 5. */
export function plainUnsubscribe(
  bytes: Buffer,
  version: ProtocolVersion,
): UnsubscribePacket | null {
  if (version === 3 || bytes[0] !== firstByte.unsubscribe) return null
  const header = variableHeader(bytes)
  let at = payloadBehindId(bytes, header, version)
  if (at === null) return null
  const filters: string[] = []
  while (at < bytes.length) {
    filters.push(text(bytes, at))
    at = behind(bytes, at)
  }
  return at === bytes.length ? { packetId: u16(bytes, header), filters } : null
}

/** Behind the first byte and the Remaining Length. */
function variableHeader(bytes: Buffer): number {
  let at = 1
  while (byte(bytes, at) >= 0x80) at++
  return at + 1
}

/** Where the payload begins behind a packet identifier at `at`; null: there are properties. */
function payloadBehindId(bytes: Buffer, at: number, version: ProtocolVersion): number | null {
  if (version !== 5) return at + 2
  return byte(bytes, at + 2) === 0 ? at + 3 : null
}

function byte(bytes: Buffer, at: number): number {
  return bytes[at] ?? 0
}

function u16(bytes: Buffer, at: number): number {
  return (byte(bytes, at) << 8) | byte(bytes, at + 1)
}

function text(bytes: Buffer, at: number): string {
  return bytes.toString('utf8', at + 2, behind(bytes, at))
}

/** Short filters that came lately, one a place: what many ask for is one string for all of them, and made once. */
const recentFilters: string[] = new Array(64).fill('')
const recentBytes = 64

function filterText(bytes: Buffer, at: number): string {
  const length = u16(bytes, at)
  if (length > recentBytes) return text(bytes, at)
  const place = (length + byte(bytes, at + 1 + length)) % recentFilters.length
  const recent = recentFilters[place] ?? ''
  if (recent.length === length && isSameAscii(recent, bytes, at + 2)) return recent
  const filter = text(bytes, at)
  recentFilters[place] = filter
  return filter
}

/** Whether `value` is what the bytes from `at` on say, and is ASCII, where a byte is a character. */
function isSameAscii(value: string, bytes: Buffer, at: number): boolean {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i)
    if (code !== bytes[at + i] || code >= 0x80) return false
  }
  return true
}

/** Behind the text or the binary data at `at`. */
function behind(bytes: Buffer, at: number): number {
  return at + 2 + u16(bytes, at)
}

/** A field that may be 0, 1 or 2, and is: the loop refuses 3. */
function upTo2(value: number): 0 | 1 | 2 {
  return value === 0 ? 0 : value === 1 ? 1 : 2
}
