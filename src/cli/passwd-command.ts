/**
 * `causeway passwd`: the line of one user for a bootstrap file. The password comes from a terminal without echo, twice, or from
 * standard input; it goes nowhere but into the hash.
 */
import { randomBytes } from 'node:crypto'
import { keysOf, type ScramHash, saltedPasswordHash, saltText, saslprep } from '../auth/index.js'
import { CausewayError } from '../errors.js'
import { authLimits } from '../limits.js'
import { hashPassword, type PasswordHash } from '../password-hash.js'
import { type PasswordSource, readPassword } from './password-prompt.js'

export type PasswdAlgorithm =
  | 'scrypt'
  | 'pbkdf2'
  | 'sha256'
  | 'sha512'
  | 'scram-sha-256'
  | 'scram-sha-512'

export interface PasswdOptions {
  readonly user: string
  readonly algorithm: PasswdAlgorithm
  readonly superuser: boolean
  /** Whether the header stands before the line. */
  readonly header: boolean
}

export interface PasswdResult {
  /** CSV, each line ended. */
  readonly lines: string
  /** The configuration that fits, for people. */
  readonly advice: string
}

/** OWASP's figure for PBKDF2 with SHA-512; some 100 ms of a core. */
const pbkdf2Iterations = 210_000

const hashes: Readonly<Record<Exclude<PasswdAlgorithm, `scram-${string}`>, PasswordHash>> = {
  scrypt: { name: 'scrypt', cost: 16_384, blockSize: 8, parallelization: 1, keyBytes: 64 },
  pbkdf2: { name: 'pbkdf2', macFunction: 'sha512', iterations: pbkdf2Iterations, keyBytes: 64 },
  sha256: { name: 'sha256', saltPosition: 'prefix' },
  sha512: { name: 'sha512', saltPosition: 'prefix' },
}

const configurations: Readonly<Record<keyof typeof hashes, string>> = {
  scrypt: '{ name = scrypt }',
  pbkdf2: `{ name = pbkdf2, mac_fun = sha512, iterations = ${pbkdf2Iterations} }`,
  sha256: '{ name = sha256, salt_position = prefix }',
  sha512: '{ name = sha512, salt_position = prefix }',
}

/** @throws CausewayError PASSWD_REFUSED */
export async function passwd(
  options: PasswdOptions,
  source: PasswordSource,
): Promise<PasswdResult> {
  if (options.user === '') throw refused('the user has no name')
  const password = await readPassword(source)
  if (password === '') throw refused('the password is empty')
  const { algorithm } = options
  if (algorithm === 'scram-sha-256') return scramUser(options, password, 'sha256')
  if (algorithm === 'scram-sha-512') return scramUser(options, password, 'sha512')
  return hashedUser(options, password, algorithm)
}

function hashedUser(
  { user, superuser, header }: PasswdOptions,
  password: string,
  algorithm: keyof typeof hashes,
): PasswdResult {
  const salt = saltText(hashes[algorithm])
  const hash = hashPassword({ algorithm: hashes[algorithm], password: Buffer.from(password), salt })
  const fields = [user, hash.toString('hex'), salt.toString(), `${superuser}`]
  return {
    lines: csv(header, ['user_id', 'password_hash', 'salt', 'is_superuser'], fields),
    advice: `password_hash_algorithm ${configurations[algorithm]}, bootstrap_type = hash`,
  }
}

function scramUser(
  { user, superuser, header }: PasswdOptions,
  password: string,
  hash: ScramHash,
): PasswdResult {
  const [name, secret] = [saslprep(user), saslprep(password)]
  if (!name || !secret) throw refused('a name or password that SASLprep (RFC 4013) does not allow')
  const iterations = authLimits.iterationsMin
  const salt = randomBytes(authLimits.saltBytes)
  const request = {
    algorithm: saltedPasswordHash(hash, iterations),
    password: Buffer.from(secret),
    salt,
  }
  const { storedKey, serverKey } = keysOf(hash, hashPassword(request))
  const binary = [storedKey, serverKey, salt].map((bytes) => bytes.toString('base64'))
  const names = ['user_id', 'stored_key', 'server_key', 'salt', 'iteration_count', 'is_superuser']
  return {
    lines: csv(header, names, [name, ...binary, `${iterations}`, `${superuser}`]),
    advice: `mechanism = scram, algorithm = ${hash}, bootstrap_type = hash`,
  }
}

function csv(withHeader: boolean, names: readonly string[], fields: readonly string[]): string {
  const rows = withHeader ? [names, fields] : [fields]
  return rows.map((row) => `${row.map(quoted).join(',')}\n`).join('')
}

function quoted(field: string): string {
  if (/[\r\n]/.test(field)) throw refused('a name may not go over a line’s end')
  return /[",]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field
}

function refused(why: string): CausewayError {
  return new CausewayError('PASSWD_REFUSED', `no line was made: ${why}`)
}
