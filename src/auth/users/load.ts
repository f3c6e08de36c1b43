/**
 * The users of one authenticator, read from its bootstrap file at start. Passwords are hashed on the task threads; afterwards
 * nothing remembers them.
 */
import { randomBytes } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import type {
  AuthenticatorConfig,
  PasswordAuthenticatorConfig,
  ScramAuthenticatorConfig,
} from '../../config/index.js'
import { CausewayError } from '../../errors.js'
import { authLimits } from '../../limits.js'
import { type HashRequest, hashPassword, isSlow, type PasswordHash } from '../../password-hash.js'
import { keysOf, type ScramCredential, saltedPasswordHash, saslprep } from '../scram/index.js'
import { hashedUser, type PasswordCredential, plainUser, scramUser, scramUserId } from './record.js'
import { type Row, RowFault, readCsv, readJson } from './rows.js'

export type HashElsewhere = (request: HashRequest) => Promise<Uint8Array>

interface Named<T> {
  readonly line: number
  readonly userId: string
  readonly make: () => T | Promise<T>
}

/** @throws CausewayError AUTH_BOOTSTRAP_INVALID with file and line */
export function loadPasswordUsers(
  config: PasswordAuthenticatorConfig,
  hash: HashElsewhere,
): Promise<ReadonlyMap<string, PasswordCredential>> {
  return load(config, (row): Named<PasswordCredential> => {
    if (config.bootstrapType === 'hash') {
      const { userId, credential } = hashedUser(row, config.hash)
      return { line: row.line, userId, make: () => credential }
    }
    const { userId, password, superuser } = plainUser(row)
    const salt = saltText(config.hash)
    const request = { algorithm: config.hash, password: Buffer.from(password), salt }
    return {
      line: row.line,
      userId,
      make: async () => ({ hash: await hashed(request, hash), salt, superuser }),
    }
  })
}

/** @throws CausewayError AUTH_BOOTSTRAP_INVALID with file and line */
export function loadScramUsers(
  config: ScramAuthenticatorConfig,
  hash: HashElsewhere,
): Promise<ReadonlyMap<string, ScramCredential>> {
  const { algorithm, iterationCount: iterations } = config
  return load(config, (row): Named<ScramCredential> => {
    if (config.bootstrapType === 'hash') {
      const { userId, credential } = scramUser(row, algorithm, iterations)
      return { line: row.line, userId, make: () => credential }
    }
    const { userId, password, superuser } = plainUser(row)
    const prepared = saslprep(password)
    if (prepared === null || prepared === '')
      throw new RowFault(row.line, 'password: not a text that SASLprep allows')
    const salt = randomBytes(authLimits.saltBytes)
    const request = {
      algorithm: saltedPasswordHash(algorithm, iterations),
      password: Buffer.from(prepared),
      salt,
    }
    return {
      line: row.line,
      userId: scramUserId(row.line, userId),
      make: async () => ({
        ...keysOf(algorithm, await hashed(request, hash)),
        salt,
        iterations,
        superuser,
      }),
    }
  })
}

/** As EMQX: hexadecimal text, which enters the hash as it stands. */
export function saltText(algorithm: PasswordHash): Buffer {
  if ('saltPosition' in algorithm && algorithm.saltPosition === 'disable') return Buffer.alloc(0)
  return Buffer.from(randomBytes(authLimits.saltBytes).toString('hex'))
}

async function hashed(request: HashRequest, hash: HashElsewhere): Promise<Buffer> {
  return isSlow(request.algorithm) ? Buffer.from(await hash(request)) : hashPassword(request)
}

async function load<T>(
  { path, bootstrapFile: file }: AuthenticatorConfig,
  read: (row: Row) => Named<T>,
): Promise<ReadonlyMap<string, T>> {
  if (file === null) return new Map()
  try {
    return await made(unique((await rowsOf(file)).map(read)))
  } catch (error) {
    throw explained(error, file, `${path}.bootstrap_file`)
  }
}

async function rowsOf(file: string): Promise<Row[]> {
  const { size } = await stat(file)
  if (size > authLimits.bootstrapBytes)
    throw new RowFault(0, `larger than ${authLimits.bootstrapBytes} bytes`)
  if (file.endsWith('.csv')) return readCsv(await readFile(file, 'utf8'))
  if (file.endsWith('.json')) return readJson(await readFile(file, 'utf8'))
  throw new RowFault(0, 'expected a name that ends in .csv or .json')
}

function unique<T>(users: readonly Named<T>[]): readonly Named<T>[] {
  const lines = new Map<string, number>()
  for (const { userId, line } of users) {
    const first = lines.get(userId)
    if (first !== undefined)
      throw new RowFault(line, `user_id: "${userId}" stands in line ${first} already`)
    lines.set(userId, line)
  }
  return users
}

/** As many at once as logins may be: the rest waits here, not in the queue of the task threads. */
async function made<T>(users: readonly Named<T>[]): Promise<ReadonlyMap<string, T>> {
  const all = new Map<string, T>()
  const waiting = users.values()
  const worker = async () => {
    for (const { userId, make } of waiting) all.set(userId, await make())
  }
  await Promise.all(Array.from({ length: authLimits.hashesAtOnce }, worker))
  return all
}

function explained(error: unknown, file: string, key: string): unknown {
  if (error instanceof CausewayError) return error
  const line = error instanceof RowFault ? error.line : 0
  const message = error instanceof Error ? error.message : String(error)
  const place = line === 0 ? file : `${file}:${line}`
  return new CausewayError('AUTH_BOOTSTRAP_INVALID', `${place}: ${message} (${key})`, {
    detail: { file, line, key },
    cause: error,
  })
}
