/**
 * Packets written byte by byte. Nothing here refuses anything: what a library would not write is what these tests are for.
 * Source: MQTT 5.0 §1.5, §2.1.
 */
export type Version = 3 | 4 | 5

/** A byte, or bytes. */
export type Piece = number | Uint8Array

export function bytes(...pieces: readonly Piece[]): Buffer {
  return Buffer.concat(
    pieces.map((piece) => (typeof piece === 'number' ? Uint8Array.of(piece) : piece)),
  )
}

export function hex(digits: string): Buffer {
  return Buffer.from(digits.replaceAll(' ', ''), 'hex')
}

export function u16(value: number): Buffer {
  return bytes(value >> 8, value & 0xff)
}

export function u32(value: number): Buffer {
  const four = Buffer.alloc(4)
  four.writeUInt32BE(value)
  return four
}

/** A Variable Byte Integer in its shortest form. §1.5.5 */
export function varint(value: number): Buffer {
  const digits: number[] = []
  let left = value
  do {
    digits.push((left & 0x7f) | (left > 0x7f ? 0x80 : 0))
    left >>>= 7
  } while (left > 0)
  return bytes(...digits)
}

/** Binary Data, and a UTF-8 Encoded String if what is given is one. §1.5.4, §1.5.6 */
export function text(value: string | Uint8Array): Buffer {
  const content = typeof value === 'string' ? Buffer.from(value) : value
  return bytes(u16(content.length), content)
}

/** A fixed header whose Remaining Length is right, and what follows it. */
export function packet(first: number, ...body: readonly Piece[]): Buffer {
  const whole = bytes(...body)
  return bytes(first, varint(whole.length), whole)
}

/** A Property Length that is right, and the properties. */
export function block(...properties: readonly Piece[]): Buffer {
  const whole = bytes(...properties)
  return bytes(varint(whole.length), whole)
}

const none = new Uint8Array(0)

/** An empty property block where the version has one. */
export function noProperties(version: Version): Uint8Array {
  return version === 5 ? Uint8Array.of(0) : none
}

export interface ConnectParts {
  readonly version: Version
  readonly protocolName?: Uint8Array
  readonly level?: number
  readonly flags?: number
  readonly clientId?: string | Uint8Array
  readonly properties?: Uint8Array
  /** Everything behind the client id: will, user name, password. */
  readonly rest?: readonly Piece[]
}

let clientIds = 0

/** A client id that no other CONNECT of this process has. */
export function freshClientId(): string {
  return `hostile-${++clientIds}`
}

/** The body of a CONNECT: clean, keep-alive 0, a client id of its own. */
export function connectBody(parts: ConnectParts): Buffer {
  const { version, flags = 0x02, clientId = freshClientId(), rest = [] } = parts
  return bytes(
    parts.protocolName ?? text(version === 3 ? 'MQIsdp' : 'MQTT'),
    parts.level ?? version,
    flags,
    u16(0),
    parts.properties ?? noProperties(version),
    text(clientId),
    ...rest,
  )
}

export function connect(parts: ConnectParts): Buffer {
  return packet(0x10, connectBody(parts))
}

/** PUBLISH; `middle` is the packet id of QoS 1 and 2. */
export function publish(
  version: Version,
  topic: string | Uint8Array,
  more: {
    readonly first?: number
    readonly middle?: Uint8Array
    readonly properties?: Uint8Array
    readonly payload?: string
  } = {},
): Buffer {
  const { first = 0x30, middle = none, properties = noProperties(version), payload = 'x' } = more
  return packet(first, text(topic), middle, properties, Buffer.from(payload))
}

export function subscribe(version: Version, filter: string | Uint8Array, options = 0): Buffer {
  return packet(0x82, u16(1), noProperties(version), text(filter), options)
}

export function unsubscribe(version: Version, filter: string | Uint8Array): Buffer {
  return packet(0xa2, u16(1), noProperties(version), text(filter))
}
