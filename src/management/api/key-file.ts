/** `api_key.bootstrap_file`, EMQX's format: `key:secret` or `key:secret:role` a line; `#` begins a comment line. */
import { randomBytes } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { CausewayError } from '../../errors.js'
import { apiLimits } from '../../limits.js'
import { type ApiKeys, type ApiRole, hashOf } from './key-ring.js'

const saltBytes = 32

/** Null: no key, as there is no file. @throws CausewayError API_KEYS_INVALID with file and line; it holds no secret */
export function readApiKeys(file: string | null): ApiKeys {
  return apiKeys(file === null ? '' : contentsOf(file), file ?? '', randomBytes(saltBytes))
}

/** @param file for messages @throws CausewayError API_KEYS_INVALID */
export function apiKeys(text: string, file: string, saltOf: Uint8Array): ApiKeys {
  const salt = Buffer.from(saltOf).toString('hex')
  const lines = new Map<string, number>()
  const keys = text.split('\n').flatMap((written, index) => {
    const line = index + 1
    const wrong = (why: string) => invalid(`${file}:${line}: ${why}`)
    const row = written.trim()
    if (row === '' || row.startsWith('#')) return []
    const [key = '', secret = '', role = 'administrator', ...more] = row.split(':')
    if (key === '' || secret === '' || more.length > 0)
      throw wrong('expected key:secret or key:secret:role')
    if (/[\s\p{Cc}]/u.test(key + secret)) throw wrong('a key or secret holds a blank')
    if (
      Buffer.byteLength(key) > apiLimits.keyBytes ||
      Buffer.byteLength(secret) > apiLimits.keyBytes
    )
      throw wrong(`a key or secret is longer than ${apiLimits.keyBytes} bytes`)
    if (!isRole(role)) throw wrong('expected the role administrator or viewer')
    const first = lines.get(key)
    if (first !== undefined) throw wrong(`the key of line ${first} again`)
    lines.set(key, line)
    if (lines.size > apiLimits.keys) throw wrong(`more than ${apiLimits.keys} keys`)
    return [{ key, role, hash: hashOf(salt, key, secret) }]
  })
  return { salt, keys }
}

function contentsOf(file: string): string {
  try {
    const { size } = statSync(file)
    if (size > apiLimits.keyFileBytes)
      throw invalid(`${file}: ${size} bytes, more than ${apiLimits.keyFileBytes}`)
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file))
  } catch (error) {
    if (error instanceof CausewayError) throw error
    const why = error instanceof TypeError ? 'not UTF-8' : reasonOf(error)
    throw invalid(`${file}: cannot be read: ${why}`)
  }
}

function isRole(text: string): text is ApiRole {
  return text === 'administrator' || text === 'viewer'
}

function invalid(why: string): CausewayError {
  return new CausewayError('API_KEYS_INVALID', `api_key.bootstrap_file: ${why}`)
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
