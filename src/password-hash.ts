/**
 * Password hashing: from a password and a salt to the bytes that are stored. EMQX's algorithms, scrypt besides; bcrypt is not
 * in Node. Pure; any thread. What costs time (`isSlow`) belongs on a task thread.
 */
import { createHash, pbkdf2Sync, scryptSync } from 'node:crypto'

export type SaltPosition = 'prefix' | 'suffix' | 'disable'
export type SimpleHashName = 'plain' | 'md5' | 'sha' | 'sha256' | 'sha512'
export type MacFunction = 'sha' | 'sha224' | 'sha256' | 'sha384' | 'sha512'

export type PasswordHash =
  | { readonly name: SimpleHashName; readonly saltPosition: SaltPosition }
  | {
      readonly name: 'pbkdf2'
      readonly macFunction: MacFunction
      readonly iterations: number
      /** Bytes of the derived key. */
      readonly keyBytes: number
    }
  /** RFC 7914. Memory while hashing: 128 × cost × blockSize bytes. */
  | {
      readonly name: 'scrypt'
      readonly cost: number
      readonly blockSize: number
      readonly parallelization: number
      readonly keyBytes: number
    }

export interface HashRequest {
  readonly algorithm: PasswordHash
  readonly password: Uint8Array
  readonly salt: Uint8Array
}

const digests: Readonly<Record<MacFunction | 'md5', { name: string; bytes: number }>> = {
  md5: { name: 'md5', bytes: 16 },
  sha: { name: 'sha1', bytes: 20 },
  sha224: { name: 'sha224', bytes: 28 },
  sha256: { name: 'sha256', bytes: 32 },
  sha384: { name: 'sha384', bytes: 48 },
  sha512: { name: 'sha512', bytes: 64 },
}

/** Milliseconds rather than microseconds. */
export function isSlow({ name }: PasswordHash): boolean {
  return name === 'pbkdf2' || name === 'scrypt'
}

/** Bytes of what `hashPassword` returns; null: as many as the password has. */
export function hashBytes(algorithm: PasswordHash): number | null {
  if (algorithm.name === 'plain') return null
  if (algorithm.name === 'pbkdf2' || algorithm.name === 'scrypt') return algorithm.keyBytes
  return digests[algorithm.name].bytes
}

export function macBytes(macFunction: MacFunction): number {
  return digests[macFunction].bytes
}

export function hashPassword({ algorithm, password, salt }: HashRequest): Buffer {
  switch (algorithm.name) {
    case 'pbkdf2': {
      const { macFunction, iterations, keyBytes } = algorithm
      return pbkdf2Sync(password, salt, iterations, keyBytes, digests[macFunction].name)
    }
    case 'scrypt': {
      const { cost, blockSize, parallelization, keyBytes } = algorithm
      return scryptSync(password, salt, keyBytes, {
        cost,
        blockSize,
        parallelization,
        maxmem: scryptMemory(cost, blockSize, parallelization),
      })
    }
    default:
      return simpleHash(algorithm.name, salted(password, salt, algorithm.saltPosition))
  }
}

/** What OpenSSL asks for, with room for its own rounding. */
function scryptMemory(cost: number, blockSize: number, parallelization: number): number {
  return 128 * blockSize * (cost + parallelization + 2) + 1024 * 1024
}

function simpleHash(name: SimpleHashName, bytes: Buffer): Buffer {
  return name === 'plain' ? bytes : createHash(digests[name].name).update(bytes).digest()
}

function salted(password: Uint8Array, salt: Uint8Array, position: SaltPosition): Buffer {
  if (position === 'disable') return Buffer.from(password)
  return Buffer.concat(position === 'prefix' ? [salt, password] : [password, salt])
}
