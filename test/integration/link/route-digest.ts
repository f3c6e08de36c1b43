/**
 * The drift checksum of a set of routes as the protocol page defines it, computed the slow way: SipHash-2-4 in big integers.
 * Source: docs/protocol/cluster-link.md "Drift checksum".
 */
import { encodeTerm } from './etf.js'

const mask = (1n << 64n) - 1n

/** @param routes filters with their route ids */
export function routeDigest(
  key: Uint8Array,
  routes: readonly (readonly [filter: string, routeId: string])[],
): Buffer {
  let sum = 0n
  for (const [filter, routeId] of routes)
    sum += sipHash(key, Buffer.concat([raw(filter), raw(routeId)]))
  const digest = Buffer.alloc(16)
  digest.writeBigUInt64BE(BigInt(routes.length), 0)
  digest.writeBigUInt64BE(sum & mask, 8)
  return digest
}

/** Without the version byte. */
function raw(text: string): Buffer {
  return encodeTerm(text).subarray(1)
}

function sipHash(key: Uint8Array, message: Buffer): bigint {
  const words = Buffer.from(key)
  const low = words.readBigUInt64LE(0)
  const high = words.readBigUInt64LE(8)
  let [v0, v1, v2, v3] = [
    low ^ 0x736f6d6570736575n,
    high ^ 0x646f72616e646f6dn,
    low ^ 0x6c7967656e657261n,
    high ^ 0x7465646279746573n,
  ]
  const rotate = (value: bigint, by: bigint) => ((value << by) | (value >> (64n - by))) & mask
  const round = () => {
    v0 = (v0 + v1) & mask
    v1 = rotate(v1, 13n) ^ v0
    v0 = rotate(v0, 32n)
    v2 = (v2 + v3) & mask
    v3 = rotate(v3, 16n) ^ v2
    v0 = (v0 + v3) & mask
    v3 = rotate(v3, 21n) ^ v0
    v2 = (v2 + v1) & mask
    v1 = rotate(v1, 17n) ^ v2
    v2 = rotate(v2, 32n)
  }
  const padded = Buffer.alloc(Math.floor(message.length / 8) * 8 + 8)
  message.copy(padded)
  padded[padded.length - 1] = message.length & 0xff
  for (let at = 0; at < padded.length; at += 8) {
    const word = padded.readBigUInt64LE(at)
    v3 ^= word
    round()
    round()
    v0 ^= word
  }
  v2 ^= 0xffn
  for (let i = 0; i < 4; i++) round()
  return v0 ^ v1 ^ v2 ^ v3
}
