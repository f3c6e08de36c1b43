/** Answers that the front gives by itself, in EMQX's form: `{ code, message }`, with EMQX's codes where EMQX has one. */
import { apiLimits } from '../../limits.js'
import type { Unanswered } from './questions.js'

export interface Refusal {
  readonly status: 400 | 401 | 403 | 404 | 405 | 413 | 415 | 500 | 503
  readonly code: string
  readonly message: string
  readonly headers?: Readonly<Record<string, string>>
}

const challenge = { 'WWW-Authenticate': 'Basic realm="causeway", charset="UTF-8"' }
// What is left of the body is not waited for.
const close = { Connection: 'close' }

export const refusals = {
  header: {
    status: 401,
    code: 'AUTHORIZATION_HEADER_ERROR',
    message: 'expected an API key and its secret by HTTP Basic authentication',
    headers: challenge,
  },
  token: {
    status: 401,
    code: 'BAD_TOKEN',
    message: 'there are no tokens: expected an API key and its secret by HTTP Basic authentication',
    headers: challenge,
  },
  credentials: {
    status: 401,
    code: 'BAD_API_KEY_OR_SECRET',
    message: 'Check api_key/api_secret',
    headers: challenge,
  },
  role: {
    status: 403,
    code: 'UNAUTHORIZED_ROLE',
    message: 'an API key with the role viewer may only read',
  },
  path: { status: 404, code: 'NOT_FOUND', message: 'there is no such path' },
  large: {
    status: 413,
    code: 'PAYLOAD_TOO_LARGE',
    message: `the body has more than ${apiLimits.bodyBytes} bytes`,
    headers: close,
  },
  type: {
    status: 415,
    code: 'UNSUPPORTED_MEDIA_TYPE',
    message: 'expected a body with Content-Type: application/json',
    headers: close,
  },
  name: {
    status: 400,
    code: 'BAD_REQUEST',
    message: 'expected an object with the name of the link',
  },
  mistake: { status: 500, code: 'INTERNAL_ERROR', message: 'a mistake of ours: see the log' },
} as const satisfies Record<string, Refusal>

const silence = {
  busy: 'too many requests wait for an answer; ask again',
  late: `no answer in ${apiLimits.answerMs / 1_000} s; what was asked may still be done`,
} as const satisfies Record<Unanswered, string>

export function unanswered(why: Unanswered): Refusal {
  return {
    status: 503,
    code: 'SERVICE_UNAVAILABLE',
    message: silence[why],
    headers: { 'Retry-After': '1' },
  }
}

export function badBody(why: string): Refusal {
  return { status: 400, code: 'BAD_REQUEST', message: why }
}

/** @param methods of the path, HEAD aside */
export function otherMethod(methods: readonly string[]): Refusal {
  const allowed = methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]))
  const message = `expected ${allowed.join(', ')}`
  const headers = { ...close, Allow: allowed.join(', ') }
  return { status: 405, code: 'METHOD_NOT_ALLOWED', message, headers }
}
