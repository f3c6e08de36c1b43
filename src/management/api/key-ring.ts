/** API keys as the edge thread holds them: hashes only, with a salt of this start. Secrets are random, so that one round is enough. */
import { createHmac, timingSafeEqual } from 'node:crypto'

export type ApiRole = 'administrator' | 'viewer'

/** Whoever asks. */
export interface ApiCaller {
  readonly key: string
  readonly role: ApiRole
}

/** Plain values, as they cross to another thread. */
export interface ApiKeys {
  readonly salt: string
  readonly keys: readonly (ApiCaller & { readonly hash: Uint8Array })[]
}

export function hashOf(salt: string, key: string, secret: string): Uint8Array {
  return createHmac('sha256', salt).update(key).update('\0').update(secret).digest()
}

export class KeyRing {
  readonly #salt: string
  /** By a hash of the key: what a search takes says nothing about the keys there are. */
  readonly #keys: ReadonlyMap<string, ApiKeys['keys'][number]>
  readonly #nobody: Uint8Array

  constructor({ salt, keys }: ApiKeys) {
    this.#salt = salt
    this.#keys = new Map(keys.map((one) => [this.#indexOf(one.key), one]))
    this.#nobody = hashOf(salt, '', '')
  }

  /** Null: the key is unknown or the secret another; both take the same time. */
  check(key: string, secret: string): ApiCaller | null {
    const found = this.#keys.get(this.#indexOf(key))
    const isSame = timingSafeEqual(hashOf(this.#salt, key, secret), found?.hash ?? this.#nobody)
    return found !== undefined && isSame ? { key: found.key, role: found.role } : null
  }

  #indexOf(key: string): string {
    return createHmac('sha256', this.#salt).update(key).digest('hex')
  }
}
