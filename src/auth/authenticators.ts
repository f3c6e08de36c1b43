/** The authenticators of the configuration with their users: opened once, before anything listens. */
import { createHash, randomBytes } from 'node:crypto'
import type { AuthenticatorConfig } from '../config/index.js'
import { authLimits } from '../limits.js'
import { hashBytes, type PasswordHash } from '../password-hash.js'
import type { ScramCredential, ScramServer } from './scram/index.js'
import { type HashElsewhere, loadPasswordUsers, loadScramUsers } from './users/load.js'
import type { PasswordCredential } from './users/record.js'

export interface PasswordAuthenticator {
  readonly userIdType: 'username' | 'clientid'
  readonly algorithm: PasswordHash
  readonly users: ReadonlyMap<string, PasswordCredential>
  /** Compared in place of a user who does not exist, so that both take the same time; equal to nothing. */
  readonly decoy: PasswordCredential
}

export interface ScramAuthenticator {
  /** Authentication Method. */
  readonly method: string
  readonly server: ScramServer
  readonly users: number
}

/** Null: not configured, or disabled. */
export interface Authenticators {
  readonly password: PasswordAuthenticator | null
  readonly scram: ScramAuthenticator | null
}

/** Everybody may connect. */
export const noAuthenticators: Authenticators = { password: null, scram: null }

/** @throws CausewayError AUTH_BOOTSTRAP_INVALID */
export async function openAuthenticators(
  chain: readonly AuthenticatorConfig[],
  hash: HashElsewhere,
): Promise<Authenticators> {
  let { password, scram } = noAuthenticators
  for (const config of chain) {
    if (!config.enable) continue
    if (config.mechanism === 'scram') {
      const users = await loadScramUsers(config, hash)
      const { algorithm, iterationCount: iterations } = config
      const secret = secretOf(users)
      scram = {
        method: algorithm === 'sha256' ? 'SCRAM-SHA-256' : 'SCRAM-SHA-512',
        server: {
          hash: algorithm,
          iterations,
          secret,
          find: (username) => users.get(username) ?? null,
        },
        users: users.size,
      }
    } else {
      const users = await loadPasswordUsers(config, hash)
      const { userIdType, hash: algorithm } = config
      password = { userIdType, algorithm, users, decoy: decoyOf(algorithm) }
    }
  }
  return { password, scram }
}

/**
 * Decides the salts of names that nobody has. Made of the users' own keys, it is unknown to others and lasts as long as the real
 * salts do: a restart does not tell them apart.
 */
function secretOf(users: ReadonlyMap<string, ScramCredential>): Buffer {
  if (users.size === 0) return randomBytes(32)
  const digest = createHash('sha512').update('decoy salts')
  for (const { serverKey } of users.values()) digest.update(serverKey)
  return digest.digest()
}

function decoyOf(algorithm: PasswordHash): PasswordCredential {
  const bytes = hashBytes(algorithm) ?? 64
  const salt = Buffer.from(randomBytes(authLimits.saltBytes).toString('hex'))
  return { hash: randomBytes(bytes), salt, superuser: false }
}
