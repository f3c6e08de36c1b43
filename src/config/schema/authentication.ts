/** `authentication`: the chain of authenticators, with EMQX's names; scrypt is ours. */

import type { z } from 'zod'
import { authLimits } from '../../limits.js'
import { macBytes, type PasswordHash } from '../../password-hash.js'
import type { AuthenticatorConfig } from '../config.js'
import * as form from './form.js'
import { type EntryProblem, entries, entry, ignored, key, required, section, unset } from './key.js'

const iterations = form.integer(1, authLimits.iterationsMax)
const simpleNames = ['plain', 'md5', 'sha', 'sha256', 'sha512'] as const
const hashNames = [...simpleNames, 'pbkdf2', 'scrypt'] as const

/** EMQX has bcrypt, Node has not. */
const hashName: form.Form<(typeof hashNames)[number]> = {
  type: form.oneOf(...hashNames).type,
  read: (raw) =>
    raw === 'bcrypt'
      ? new form.Refusal('bcrypt is not supported: use pbkdf2 or scrypt (`causeway passwd`)')
      : form.oneOf(...hashNames).read(raw),
}

/** scrypt's N: RFC 7914 wants a power of two; 2^20 with r = 8 takes 1 GiB. */
const cost: form.Form<number> = {
  type: 'a power of 2 from 2 to 1048576',
  read: (raw) => {
    const value = form.integer(2, 2 ** 20).read(raw)
    return typeof value === 'number' && Number.isInteger(Math.log2(value))
      ? value
      : new form.Refusal()
  },
}

const hashAlgorithm = section({
  name: key(hashName, 'sha256', 'How passwords are stored.'),
  salt_position: unset(
    form.oneOf('prefix', 'suffix', 'disable'),
    'Where the salt stands; of plain, md5, sha, sha256, sha512. Unset: prefix.',
  ),
  mac_fun: unset(
    form.oneOf('sha', 'sha224', 'sha256', 'sha384', 'sha512'),
    'Hash function of pbkdf2, which must have one.',
  ),
  iterations: unset(iterations, 'Rounds of pbkdf2, which must have them.'),
  dk_length: unset(
    form.integer(16, 1024),
    'Bytes of the derived key of pbkdf2 and scrypt; unset: as many as `mac_fun` has, 64 for scrypt.',
  ),
  cost: unset(cost, "scrypt's N; unset: 16384. Not in EMQX."),
  block_size: unset(form.integer(1, 64), "scrypt's r; unset: 8. Not in EMQX."),
  parallelization: unset(form.integer(1, 64), "scrypt's p; unset: 1. Not in EMQX."),
  salt_rounds: ignored('it is of bcrypt, which is not supported'),
})

const keys = {
  mechanism: required(
    form.oneOf('password_based', 'scram'),
    'User name and password, or the SCRAM exchange of MQTT 5.',
  ),
  backend: required(form.oneOf('built_in_database'), 'Where the users are: in `bootstrap_file`.'),
  enable: key(form.boolean, true, 'Whether the authenticator is asked.'),
  user_id_type: unset(
    form.oneOf('username', 'clientid'),
    'What names a user; of password_based. Unset: username.',
  ),
  password_hash_algorithm: hashAlgorithm,
  algorithm: unset(
    form.oneOf('sha256', 'sha512'),
    'SCRAM-SHA-256 or SCRAM-SHA-512; of scram. Unset: sha256.',
  ),
  iteration_count: unset(
    form.integer(authLimits.iterationsMin, authLimits.iterationsMax),
    'PBKDF2 rounds of scram. Unset: 4096.',
  ),
  bootstrap_file: unset(form.text, 'Users: a CSV or JSON file, read at start.'),
  bootstrap_type: key(
    form.oneOf('plain', 'hash'),
    'plain',
    'Whether the file holds passwords, or what `causeway passwd` makes of them.',
  ),
  user_group: ignored('each authenticator has its own users'),
  precondition: ignored('the authenticator is always asked'),
}

type Authenticator = z.output<z.ZodObject<typeof keys>>
type HashAlgorithm = Authenticator['password_hash_algorithm']

export const authenticationSchema = entries(entry(keys, problems), authLimits.authenticators)

export function toAuthentication(chain: readonly Authenticator[]): AuthenticatorConfig[] {
  return chain.map((one, index): AuthenticatorConfig => {
    const common = {
      path: `authentication.${index + 1}`,
      enable: one.enable,
      bootstrapFile: one.bootstrap_file,
      bootstrapType: one.bootstrap_type,
    }
    if (one.mechanism === 'scram') {
      return {
        ...common,
        mechanism: 'scram',
        algorithm: one.algorithm ?? 'sha256',
        iterationCount: one.iteration_count ?? authLimits.iterationsMin,
      }
    }
    return {
      ...common,
      mechanism: 'password_based',
      userIdType: one.user_id_type ?? 'username',
      hash: toHash(one.password_hash_algorithm),
    }
  })
}

function toHash(algorithm: HashAlgorithm): PasswordHash {
  const { name } = algorithm
  if (name === 'pbkdf2') {
    const macFunction = algorithm.mac_fun ?? 'sha256'
    return {
      name,
      macFunction,
      iterations: algorithm.iterations ?? authLimits.iterationsMin,
      keyBytes: algorithm.dk_length ?? macBytes(macFunction),
    }
  }
  if (name === 'scrypt') {
    return {
      name,
      cost: algorithm.cost ?? 16_384,
      blockSize: algorithm.block_size ?? 8,
      parallelization: algorithm.parallelization ?? 1,
      keyBytes: algorithm.dk_length ?? 64,
    }
  }
  return {
    name,
    saltPosition: algorithm.salt_position ?? (name === 'plain' ? 'disable' : 'prefix'),
  }
}

// ------------------------------------------------------------------------------------- relations

function problems(one: Authenticator): EntryProblem[] {
  const { mechanism } = one
  const foreign =
    mechanism === 'scram'
      ? written({ user_id_type: one.user_id_type })
      : written({ algorithm: one.algorithm, iteration_count: one.iteration_count })
  return [
    ...foreign.map((name) => ({ path: [name], message: `${mechanism} has no such key` })),
    ...hashProblems(one.password_hash_algorithm),
  ]
}

function hashProblems(algorithm: HashAlgorithm): EntryProblem[] {
  const at = (name: string, message: string): EntryProblem => ({
    path: ['password_hash_algorithm', name],
    message,
  })
  const { name, salt_position, mac_fun, iterations, dk_length, cost, block_size } = algorithm
  const scrypt = { cost, block_size, parallelization: algorithm.parallelization }
  const foreign =
    name === 'pbkdf2'
      ? { salt_position, ...scrypt }
      : name === 'scrypt'
        ? { salt_position, mac_fun, iterations }
        : { mac_fun, iterations, dk_length, ...scrypt }
  const missing = name === 'pbkdf2' ? absent({ mac_fun, iterations }) : []
  return [
    ...written(foreign).map((key) => at(key, `${name} has no such key`)),
    ...missing.map((key) => at(key, `required_field: pbkdf2 needs ${key}`)),
    ...(name === 'plain' && (salt_position === 'prefix' || salt_position === 'suffix')
      ? [at('salt_position', 'plain takes no salt: expected disable')]
      : []),
  ]
}

function written(keys: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(keys).filter((name) => keys[name] !== null)
}

function absent(keys: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(keys).filter((name) => keys[name] === null)
}
