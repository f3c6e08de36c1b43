/** What a SCRAM server stores instead of a password. Source: RFC 5802 §3. */
import { createHash, createHmac } from 'node:crypto'
import type { PasswordHash } from '../../password-hash.js'

export type ScramHash = 'sha256' | 'sha512'

export interface ScramCredential {
  readonly storedKey: Buffer
  readonly serverKey: Buffer
  readonly salt: Buffer
  readonly iterations: number
  readonly superuser: boolean
}

export const digestBytes: Readonly<Record<ScramHash, number>> = { sha256: 32, sha512: 64 }

/** How SaltedPassword is derived. */
export function saltedPasswordHash(hash: ScramHash, iterations: number): PasswordHash {
  return { name: 'pbkdf2', macFunction: hash, iterations, keyBytes: digestBytes[hash] }
}

export function keysOf(
  hash: ScramHash,
  saltedPassword: Uint8Array,
): { readonly storedKey: Buffer; readonly serverKey: Buffer } {
  const clientKey = hmac(hash, saltedPassword, 'Client Key')
  return {
    storedKey: createHash(hash).update(clientKey).digest(),
    serverKey: hmac(hash, saltedPassword, 'Server Key'),
  }
}

export function hmac(hash: ScramHash, key: Uint8Array, message: string | Uint8Array): Buffer {
  return createHmac(hash, key).update(message).digest()
}
