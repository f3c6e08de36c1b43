/**
 * How two Causeways recognise each other: a map under integer key 1000 of actor_init and its answer, which EMQX ignores.
 *
 *   #{<<"caps">> => [], <<"id">> => <<instance>>, <<"sw">> => <<"causeway">>}     raw term, no version byte
 *
 * `instance` is random per process; whoever receives its own is talking to itself.
 * Source: docs/protocol/cluster-link.md "Capabilities".
 */

export interface Capabilities {
  readonly software: string
  readonly instance: string
}

const tagNil = 106
const tagList = 108
const tagBinary = 109
const tagMap = 116

export function encodeCapabilities(instance: string): Buffer {
  const count = Buffer.alloc(5)
  count[0] = tagMap
  count.writeUInt32BE(3, 1)
  return Buffer.concat([
    count,
    binary('caps'),
    Buffer.from([tagNil]),
    binary('id'),
    binary(instance),
    binary('sw'),
    binary('causeway'),
  ])
}

/** Null when the bytes are not such a map: whoever wrote them is not known to be a Causeway. */
export function decodeCapabilities(raw: Uint8Array): Capabilities | null {
  const reader = new TermReader(raw)
  const pairs = reader.head(tagMap)
  if (pairs === null || pairs > 64) return null
  let software: string | null = null
  let instance: string | null = null
  for (let pair = 0; pair < pairs; pair++) {
    const key = reader.binary()
    if (key === null) return null
    if (key === 'id' || key === 'sw') {
      const value = reader.binary()
      if (value === null) return null
      if (key === 'id') instance = value
      else software = value
    } else if (!reader.skip()) return null
  }
  return software === null || instance === null ? null : { software, instance }
}

function binary(text: string): Buffer {
  const bytes = Buffer.from(text)
  const head = Buffer.alloc(5)
  head[0] = tagBinary
  head.writeUInt32BE(bytes.length, 1)
  return Buffer.concat([head, bytes])
}

/** Reads what we write, and skips lists of binaries; refuses the rest. Every length is checked against what is left. */
class TermReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(raw: Uint8Array) {
    this.#bytes = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength)
  }

  /** The 32-bit count behind `tag`, or null when another tag or the end comes. */
  head(tag: number): number | null {
    if (this.#at + 5 > this.#bytes.length || this.#bytes[this.#at] !== tag) return null
    const count = this.#bytes.readUInt32BE(this.#at + 1)
    this.#at += 5
    return count
  }

  binary(): string | null {
    const length = this.head(tagBinary)
    if (length === null || length > this.#bytes.length - this.#at) return null
    this.#at += length
    return this.#bytes.toString('utf8', this.#at - length, this.#at)
  }

  skip(): boolean {
    if (this.#nil()) return true
    const items = this.head(tagList)
    if (items === null) return this.binary() !== null
    for (let item = 0; item < items; item++) if (this.binary() === null) return false
    return this.#nil()
  }

  #nil(): boolean {
    if (this.#bytes[this.#at] !== tagNil) return false
    this.#at++
    return true
  }
}
