/**
 * A row of a bootstrap file as a user: which columns there are, what each may hold. Columns as in EMQX; those of SCRAM, which
 * EMQX does not import, are named as EMQX names what it stores.
 *
 *     password_based  plain  user_id,password,is_superuser
 *                     hash   user_id,password_hash,salt,is_superuser            hash: hex, salt: text
 *     scram           plain  user_id,password,is_superuser
 *                     hash   user_id,stored_key,server_key,salt,iteration_count,is_superuser   keys, salt: base64
 */
import { authLimits, mqttLimits } from '../../limits.js'
import { hashBytes, type PasswordHash } from '../../password-hash.js'
import { digestBytes, type ScramCredential, type ScramHash, saslprep } from '../scram/index.js'
import { type Row, RowFault } from './rows.js'

export interface PlainUser {
  readonly userId: string
  readonly password: string
  readonly superuser: boolean
}

/** What is kept of a user who has a password. */
export interface PasswordCredential {
  readonly hash: Buffer
  readonly salt: Buffer
  readonly superuser: boolean
}

const columns = {
  plain: { needed: ['user_id', 'password'], optional: ['is_superuser'] },
  hash: { needed: ['user_id', 'password_hash'], optional: ['salt', 'is_superuser'] },
  scramHash: {
    needed: ['user_id', 'stored_key', 'server_key', 'salt'],
    optional: ['iteration_count', 'is_superuser'],
  },
} as const

/** @throws RowFault */
export function plainUser(row: Row): PlainUser {
  checkColumns(row, columns.plain)
  return { userId: userIdOf(row), password: filled(row, 'password'), superuser: superuserOf(row) }
}

/** @throws RowFault */
export function hashedUser(
  row: Row,
  algorithm: PasswordHash,
): { readonly userId: string; readonly credential: PasswordCredential } {
  checkColumns(row, columns.hash)
  const written = filled(row, 'password_hash')
  const hash = algorithm.name === 'plain' ? Buffer.from(written) : hexOf(row, written)
  const bytes = hashBytes(algorithm)
  if (bytes !== null && hash.length !== bytes) {
    const expected = `expected ${2 * bytes} hexadecimal digits for ${algorithm.name}`
    throw new RowFault(row.line, `password_hash: ${expected}, got ${written.length}`)
  }
  const salt = Buffer.from(row.fields.get('salt') ?? '')
  return { userId: userIdOf(row), credential: { hash, salt, superuser: superuserOf(row) } }
}

/** @throws RowFault */
export function scramUser(
  row: Row,
  algorithm: ScramHash,
  iterationCount: number,
): { readonly userId: string; readonly credential: ScramCredential } {
  checkColumns(row, columns.scramHash)
  const key = (name: string) => base64Of(row, name, digestBytes[algorithm])
  return {
    userId: scramUserId(row.line, userIdOf(row)),
    credential: {
      storedKey: key('stored_key'),
      serverKey: key('server_key'),
      salt: base64Of(row, 'salt', null),
      iterations: iterationsOf(row, iterationCount),
      superuser: superuserOf(row),
    },
  }
}

/** Names are compared as SASLprep leaves them. @throws RowFault */
export function scramUserId(line: number, userId: string): string {
  const prepared = saslprep(userId)
  if (prepared === null || prepared === '')
    throw new RowFault(line, 'user_id: not a name that SASLprep allows')
  return prepared
}

function checkColumns(
  { line, fields }: Row,
  {
    needed,
    optional,
  }: { readonly needed: readonly string[]; readonly optional: readonly string[] },
): void {
  for (const name of fields.keys()) {
    if (!needed.includes(name) && !optional.includes(name)) {
      const known = [...needed, ...optional].join(', ')
      throw new RowFault(line, `no such column: "${name}"; expected ${known}`)
    }
  }
  for (const name of needed)
    if (!fields.has(name)) throw new RowFault(line, `expected a value of ${name}`)
}

function userIdOf(row: Row): string {
  const userId = filled(row, 'user_id')
  if (Buffer.byteLength(userId) > mqttLimits.stringBytes)
    throw new RowFault(row.line, `user_id: longer than ${mqttLimits.stringBytes} bytes`)
  return userId
}

function filled({ line, fields }: Row, name: string): string {
  const value = fields.get(name) ?? ''
  if (value === '') throw new RowFault(line, `${name}: expected a value, got nothing`)
  return value
}

function superuserOf({ line, fields }: Row): boolean {
  const value = fields.get('is_superuser') ?? ''
  if (value === 'true') return true
  if (value === 'false' || value === '') return false
  throw new RowFault(line, 'is_superuser: expected true or false')
}

function iterationsOf({ line, fields }: Row, fallback: number): number {
  const value = fields.get('iteration_count') ?? ''
  if (value === '') return fallback
  const count = /^\d{1,9}$/.test(value) ? Number(value) : 0
  if (count < authLimits.iterationsMin || count > authLimits.iterationsMax)
    throw new RowFault(line, `iteration_count: expected at least ${authLimits.iterationsMin}`)
  return count
}

function hexOf({ line }: Row, value: string): Buffer {
  if (!/^(?:[0-9a-fA-F]{2})+$/.test(value))
    throw new RowFault(line, 'password_hash: expected hexadecimal digits')
  return Buffer.from(value, 'hex')
}

function base64Of(row: Row, name: string, bytes: number | null): Buffer {
  const written = filled(row, name)
  const value = Buffer.from(written, 'base64')
  if (value.toString('base64') !== written || (bytes !== null && value.length !== bytes)) {
    const what = bytes === null ? 'base64' : `${bytes} bytes in base64`
    throw new RowFault(row.line, `${name}: expected ${what}`)
  }
  return value
}
