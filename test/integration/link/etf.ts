/**
 * External Term Format as far as a link needs it, written independently of the broker's: what EMQX says in tests, and how a
 * test reads what the broker says. Source: docs/protocol/cluster-link.md "Payloads".
 */
import { inflateSync } from 'node:zlib'

export class Atom {
  readonly name: string
  constructor(name: string) {
    this.name = name
  }
}

export class Tuple {
  readonly elements: readonly Term[]
  constructor(...elements: readonly Term[]) {
    this.elements = elements
  }
}

/** Binaries are buffers; text is written as a binary too. Maps keep the order of their pairs. */
export type Term =
  | bigint
  | Buffer
  | string
  | Atom
  | Tuple
  | readonly Term[]
  | ReadonlyMap<Term, Term>

const version = 131
const tag = {
  compressed: 80,
  smallInteger: 97,
  integer: 98,
  atom: 100,
  smallTuple: 104,
  nil: 106,
  string: 107,
  list: 108,
  binary: 109,
  smallBig: 110,
  map: 116,
  atomUtf8: 118,
  smallAtomUtf8: 119,
} as const

export function encodeTerm(term: Term): Buffer {
  return Buffer.concat([Buffer.from([version]), encode(term)])
}

function encode(term: Term): Buffer {
  if (typeof term === 'bigint') return encodeInteger(term)
  if (typeof term === 'string') return encode(Buffer.from(term))
  if (Buffer.isBuffer(term)) return Buffer.concat([sized(tag.binary, term.length), term])
  if (term instanceof Atom) {
    const name = Buffer.from(term.name)
    return Buffer.concat([Buffer.from([tag.smallAtomUtf8, name.length]), name])
  }
  if (term instanceof Tuple) {
    const head = Buffer.from([tag.smallTuple, term.elements.length])
    return Buffer.concat([head, ...term.elements.map(encode)])
  }
  if (term instanceof Map) {
    const pairs = [...term].flat().map(encode)
    return Buffer.concat([sized(tag.map, term.size), ...pairs])
  }
  // Cannot lie: arrays are what is left of the union.
  const list = term as readonly Term[]
  if (list.length === 0) return Buffer.from([tag.nil])
  return Buffer.concat([sized(tag.list, list.length), ...list.map(encode), Buffer.from([tag.nil])])
}

function encodeInteger(value: bigint): Buffer {
  if (value >= 0n && value < 256n) return Buffer.from([tag.smallInteger, Number(value)])
  const bytes: number[] = []
  for (let rest = value < 0n ? -value : value; rest > 0n; rest >>= 8n)
    bytes.push(Number(rest & 255n))
  return Buffer.from([tag.smallBig, bytes.length, value < 0n ? 1 : 0, ...bytes])
}

function sized(head: number, size: number): Buffer {
  const bytes = Buffer.alloc(5)
  bytes[0] = head
  bytes.writeUInt32BE(size, 1)
  return bytes
}

/** @throws Error on anything that is not one term of the tags above */
export function decodeTerm(payload: Buffer): Term {
  const reader = new Reader(payload)
  if (reader.u8() !== version) throw new Error('no version byte')
  const term = reader.term()
  if (!reader.isAtEnd) throw new Error('bytes behind the term')
  return term
}

class Reader {
  #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  u8(): number {
    this.#at += 1
    return this.#bytes.readUInt8(this.#at - 1)
  }

  term(): Term {
    const head = this.u8()
    switch (head) {
      case tag.compressed:
        this.#at += 4
        this.#bytes = inflateSync(this.#bytes.subarray(this.#at))
        this.#at = 0
        return this.term()
      case tag.smallInteger:
        return BigInt(this.u8())
      case tag.integer:
        this.#at += 4
        return BigInt(this.#bytes.readInt32BE(this.#at - 4))
      case tag.smallBig:
        return this.#big(this.u8())
      case tag.atom:
      case tag.atomUtf8:
        return new Atom(this.#take(this.#u16()).toString())
      case tag.smallAtomUtf8:
        return new Atom(this.#take(this.u8()).toString())
      case tag.smallTuple:
        return new Tuple(...this.#terms(this.u8()))
      case tag.nil:
        return []
      case tag.string:
        return [...this.#take(this.#u16())].map(BigInt)
      case tag.list:
        return this.#list(this.#u32())
      case tag.binary:
        return this.#take(this.#u32())
      case tag.map:
        return this.#map(this.#u32())
      default:
        throw new Error(`tag ${head}`)
    }
  }

  #big(bytes: number): bigint {
    const isNegative = this.u8() === 1
    const value = [...this.#take(bytes)].reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
    return isNegative ? -value : value
  }

  #terms(count: number): Term[] {
    return Array.from({ length: count }, () => this.term())
  }

  #list(count: number): Term[] {
    const elements = this.#terms(count)
    const tail = this.term()
    if (!Array.isArray(tail) || tail.length > 0) throw new Error('an improper list')
    return elements
  }

  #map(pairs: number): Map<Term, Term> {
    return new Map(Array.from({ length: pairs }, () => [this.term(), this.term()]))
  }

  #u16(): number {
    this.#at += 2
    return this.#bytes.readUInt16BE(this.#at - 2)
  }

  #u32(): number {
    this.#at += 4
    return this.#bytes.readUInt32BE(this.#at - 4)
  }

  #take(count: number): Buffer {
    if (this.#at + count > this.#bytes.length) throw new Error('cut short')
    this.#at += count
    return this.#bytes.subarray(this.#at - count, this.#at)
  }
}

/** The names of all atoms in a term. */
export function atomsIn(term: Term): string[] {
  if (term instanceof Atom) return [term.name]
  if (term instanceof Tuple) return term.elements.flatMap(atomsIn)
  if (term instanceof Map) return [...term].flat().flatMap(atomsIn)
  return Array.isArray(term) ? term.flatMap(atomsIn) : []
}

/** A term as plain values to compare: maps as objects, binaries as text, atoms in quotes, tuples as lists. */
export function plain(term: Term): unknown {
  if (term instanceof Atom) return `'${term.name}'`
  if (term instanceof Tuple) return term.elements.map(plain)
  if (term instanceof Map)
    return Object.fromEntries([...term].map(([key, value]) => [String(plain(key)), plain(value)]))
  if (Buffer.isBuffer(term)) return term.toString()
  return Array.isArray(term) ? term.map(plain) : term
}
