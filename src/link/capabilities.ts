/**
 * How two Causeways recognise each other: a map under integer key 1000 of actor_init and its answer, which EMQX ignores.
 *
 *   #{<<"caps">> => [<<"drift/1">>], <<"drift_key">> => <<32 hex digits>>, <<"id">> => <<instance>>, <<"sw">> => <<"causeway">>}
 *
 * as a raw term without version byte. `instance` is random per process; whoever receives its own is talking to itself.
 * Source: docs/protocol/cluster-link.md "Capabilities".
 */

import type { LinkConfig } from '../config/index.js'
import { linkLimits } from '../limits.js'

/** Extensions, with the version of their wire form. Announced when the link's configuration asks for them. */
export type CapabilityName = 'accept/1' | 'drift/1' | 'retained/1' | 'transit/1'

export interface Capabilities {
  readonly software: string
  readonly instance: string
  /** Extensions by name and version; also those that we do not know. */
  readonly names: readonly string[]
  /** Of the answer: under which key the sender's checksums are counted. Null: absent, or not 16 bytes in hex. */
  readonly driftKey: Buffer | null
  /** Of an answer with `accept/1`: message connections that its sender has use for; 0 without. */
  readonly acceptSlots: number
}

/** What we announce beside who we are. */
export interface Announced {
  readonly names?: readonly CapabilityName[]
  /** 16 bytes. */
  readonly driftKey?: Uint8Array
  /** 1 ≤ n ≤ `linkLimits.acceptedSlots` */
  readonly acceptSlots?: number
}

/** What the link's configuration asks the far end for; `accept/1` is said in answers alone. */
export function askedOf({
  driftCheck,
  retainedSync,
  transit,
}: Pick<LinkConfig, 'driftCheck' | 'retainedSync' | 'transit'>): readonly CapabilityName[] {
  return [
    ...(driftCheck ? (['drift/1'] as const) : []),
    ...(retainedSync.length > 0 ? (['retained/1'] as const) : []),
    ...(transit ? (['transit/1'] as const) : []),
  ]
}

const tagNil = 106
const tagList = 108
const tagBinary = 109
const tagMap = 116
const namesMax = 64

export function encodeCapabilities(
  instance: string,
  { names = [], driftKey, acceptSlots }: Announced = {},
): Buffer {
  const slots =
    acceptSlots === undefined ? [] : [binary('accept_slots'), binary(String(acceptSlots))]
  const key =
    driftKey === undefined
      ? []
      : [binary('drift_key'), binary(Buffer.from(driftKey).toString('hex'))]
  return Buffer.concat([
    head(tagMap, 3 + (slots.length + key.length) / 2),
    ...slots,
    binary('caps'),
    ...(names.length === 0 ? [] : [head(tagList, names.length)]),
    ...names.map(binary),
    Buffer.from([tagNil]),
    ...key,
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
  const texts = new Map<string, string>()
  let names: readonly string[] = []
  for (let pair = 0; pair < pairs; pair++) {
    const key = reader.binary()
    if (key === null) return null
    const value = reader.value()
    if (value === null) return null
    if (typeof value === 'string') texts.set(key, value)
    else if (key === 'caps') names = value
  }
  const software = texts.get('sw')
  const instance = texts.get('id')
  if (software === undefined || instance === undefined) return null
  const acceptSlots = names.includes('accept/1') ? slotsOf(texts.get('accept_slots')) : 0
  return { software, instance, names, driftKey: keyOf(texts.get('drift_key')), acceptSlots }
}

/** More than we would open counts as that many. */
function slotsOf(text: string | undefined): number {
  if (text === undefined || !/^[1-9]\d{0,4}$/.test(text)) return 0
  return Math.min(Number(text), linkLimits.acceptedSlots)
}

function keyOf(hex: string | undefined): Buffer | null {
  return hex !== undefined && /^[0-9a-f]{32}$/.test(hex) ? Buffer.from(hex, 'hex') : null
}

function head(tag: number, count: number): Buffer {
  const bytes = Buffer.alloc(5)
  bytes[0] = tag
  bytes.writeUInt32BE(count, 1)
  return bytes
}

function binary(text: string): Buffer {
  const bytes = Buffer.from(text)
  return Buffer.concat([head(tagBinary, bytes.length), bytes])
}

/** Reads binaries and lists of them; refuses the rest. Every length is checked against what is left. */
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

  /** A binary, or a list of at most `namesMax` binaries. */
  value(): string | readonly string[] | null {
    if (this.#nil()) return []
    const count = this.head(tagList)
    if (count === null) return this.binary()
    if (count > namesMax) return null
    const items: string[] = []
    for (let item = 0; item < count; item++) {
      const text = this.binary()
      if (text === null) return null
      items.push(text)
    }
    return this.#nil() ? items : null
  }

  #nil(): boolean {
    if (this.#bytes[this.#at] !== tagNil) return false
    this.#at++
    return true
  }
}
