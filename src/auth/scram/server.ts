/**
 * The server's side of one SCRAM exchange, a pure function of the messages: no clock, no randomness of its own. Two messages of
 * the client, two answers. Source: RFC 5802 §3, §5; RFC 7677.
 *
 * A name that does not exist is answered as one that does, with a salt that is always the same for it, and fails where a wrong
 * password fails: nobody learns which names exist.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { digestBytes, hmac, type ScramCredential, type ScramHash } from './keys.js'
import {
  parseClientFinal,
  parseClientFirst,
  type ScramError,
  ScramFault,
  serverFirst,
} from './message.js'
import { saslprep } from './saslprep.js'

/** What the exchange knows between two messages. */
export type ScramState =
  | { readonly kind: 'begun' }
  | {
      readonly kind: 'challenged'
      readonly username: string
      readonly gs2Header: string
      readonly nonce: string
      /** client-first-message-bare, server-first-message: the beginning of what is signed. */
      readonly signed: string
      readonly credential: ScramCredential
      readonly exists: boolean
    }

export type ScramStep =
  | { readonly kind: 'continue'; readonly state: ScramState; readonly message: Buffer }
  | {
      readonly kind: 'done'
      readonly username: string
      readonly superuser: boolean
      readonly message: Buffer
    }
  | { readonly kind: 'failed'; readonly error: ScramError; readonly message: Buffer }

export interface ScramServer {
  readonly hash: ScramHash
  /** Iteration count that names without a user are told. */
  readonly iterations: number
  /** Makes the salts of names without a user; as stable as the salts of the others. */
  readonly secret: Buffer
  readonly find: (username: string) => ScramCredential | null
}

const saltBytes = 16

export const begun: ScramState = { kind: 'begun' }

/** @param nonce the server's part, printable, fresh and unguessable */
export function scramStep(
  server: ScramServer,
  state: ScramState,
  message: Uint8Array,
  nonce: string,
): ScramStep {
  try {
    return state.kind === 'begun'
      ? challenge(server, message, nonce)
      : verify(server, state, message)
  } catch (error) {
    if (!(error instanceof ScramFault)) throw error
    return failed(error.error)
  }
}

function challenge(server: ScramServer, message: Uint8Array, serverNonce: string): ScramStep {
  const first = parseClientFirst(message)
  const username = saslprep(first.username)
  if (username === null || username === '') return failed('invalid-username-encoding')
  // Acting for somebody else would need grants that do not exist.
  if (first.authorizationId !== null && first.authorizationId !== first.username)
    return failed('other-error')
  const found = server.find(username)
  const credential = found ?? decoy(server, username)
  const nonce = first.nonce + serverNonce
  const answer = serverFirst(nonce, credential.salt, credential.iterations)
  return {
    kind: 'continue',
    state: {
      kind: 'challenged',
      username,
      gs2Header: first.gs2Header,
      nonce,
      signed: `${first.bare},${answer}`,
      credential,
      exists: found !== null,
    },
    message: Buffer.from(answer),
  }
}

function verify(
  { hash }: ScramServer,
  state: ScramState & { kind: 'challenged' },
  message: Uint8Array,
): ScramStep {
  const final = parseClientFinal(message)
  if (!same(final.channelBinding, Buffer.from(state.gs2Header)))
    return failed('channel-bindings-dont-match')
  if (!same(Buffer.from(final.nonce), Buffer.from(state.nonce))) return failed('other-error')
  const { storedKey, serverKey, superuser } = state.credential
  if (final.proof.length !== digestBytes[hash]) return failed('invalid-proof')
  const signed = `${state.signed},${final.withoutProof}`
  const clientKey = exclusiveOr(final.proof, hmac(hash, storedKey, signed))
  const proven = same(createHash(hash).update(clientKey).digest(), storedKey)
  if (!proven || !state.exists) return failed('invalid-proof')
  const signature = hmac(hash, serverKey, signed).toString('base64')
  const { username } = state
  return { kind: 'done', username, superuser, message: Buffer.from(`v=${signature}`) }
}

/** Keys that no password has, found in the same time for every name. */
function decoy({ hash, secret, iterations }: ScramServer, username: string): ScramCredential {
  const bytes = hmac('sha512', secret, username)
  return {
    storedKey: Buffer.alloc(digestBytes[hash], bytes),
    serverKey: Buffer.alloc(digestBytes[hash], bytes),
    salt: bytes.subarray(0, saltBytes),
    iterations,
    superuser: false,
  }
}

function failed(error: ScramError): ScramStep {
  return { kind: 'failed', error, message: Buffer.from(`e=${error}`) }
}

/** Both of one length. */
function exclusiveOr(a: Buffer, b: Buffer): Buffer {
  return Buffer.from(a.map((byte, at) => byte ^ (b[at] ?? 0)))
}

function same(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}
