/**
 * User name and password of a CONNECT against the users. The password is held from the CONNECT until its turn among the CONNECTs
 * of its client id is over, and nowhere afterwards.
 */
import { timingSafeEqual } from 'node:crypto'
import type { Admitted } from '../connection/index.js'
import type { ControlCounters } from '../metrics/index.js'
import { hashPassword, isSlow } from '../password-hash.js'
import type { Verdict } from '../session/index.js'
import type { PasswordAuthenticator } from './authenticators.js'
import type { HashQueue } from './hash-queue.js'

export interface PasswordCheckOptions {
  readonly authenticator: PasswordAuthenticator
  readonly queue: HashQueue
  readonly counters: ControlCounters
}

export class PasswordCheck {
  readonly #options: PasswordCheckOptions
  /** By connection. Bound: the connections in admission. */
  readonly #passwords = new Map<number, Buffer>()

  constructor(options: PasswordCheckOptions) {
    this.#options = options
  }

  /** Passwords that are held. */
  get pending(): number {
    return this.#passwords.size
  }

  hold(connection: number, password: Buffer): void {
    this.#passwords.set(connection, Buffer.from(password)) // the packet's own bytes are a view of a whole batch
  }

  forget(connection: number): void {
    this.#passwords.delete(connection)
  }

  check(candidate: Admitted, answer: (verdict: Verdict<Admitted>) => void): void {
    const { connection } = candidate
    const { authenticator, queue, counters } = this.#options
    const { algorithm, users, decoy } = authenticator
    const password = this.#passwords.get(connection)
    if (password === undefined) return // closed: nobody waits for a verdict
    const userId =
      authenticator.userIdType === 'clientid' ? candidate.clientId : (candidate.username ?? '')
    const user = users.get(userId)
    const { hash: expected, salt } = user ?? decoy
    const decide = (hash: Buffer) => {
      this.forget(connection)
      const right = expected.length === hash.length && timingSafeEqual(expected, hash)
      if (right && user !== undefined) {
        counters.authentication_succeeded++
        answer({ kind: 'admitted', candidate: { ...candidate, superuser: user.superuser } })
        return
      }
      counters.authentication_failed_credentials++
      const reason = user === undefined ? 'there is no such user' : 'the password is wrong'
      answer({ kind: 'refused', refusal: 'bad-credentials', reason })
    }
    const request = { algorithm, password, salt }
    if (!isSlow(algorithm)) {
      decide(hashPassword(request))
      return
    }
    const busy = (reason: string) => {
      this.forget(connection)
      answer({ kind: 'refused', refusal: 'server-busy', reason })
    }
    const queued = queue.push({
      request,
      wanted: () => this.#passwords.has(connection),
      done: decide,
      failed: (error) => busy(error instanceof Error ? error.message : String(error)),
    })
    if (queued) return
    counters.authentication_queue_full++
    busy('too many passwords wait to be checked')
  }
}
