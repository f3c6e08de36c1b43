/**
 * One question and its answer: a line of JSON each, then the broker closes. Documented in docs/operating/control.md.
 *
 *     {"command":"links","name":"eu"}\n  →  {"ok":true,"result":[…]}\n  or  {"ok":false,"error":{"code":"…","message":"…"}}\n
 */
import { managementLimits } from '../limits.js'

export type ControlRequest =
  | { readonly command: 'status' }
  /** `name`: of this link alone. */
  | { readonly command: 'links'; readonly name?: string }
  /** A page of the routes held for this link, from 0 or the last page's `next` on. */
  | { readonly command: 'routes'; readonly link: string; readonly from: number }
  /** A page of the clients, from the beginning or from a page's `next` on. */
  | { readonly command: 'clients'; readonly limit: number; readonly cursor: string | null }
  | { readonly command: 'client'; readonly clientid: string }
  | { readonly command: 'reload' }

/** A result that is JSON already: what is long is put together in slices. */
export class JsonText {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

export interface ControlFailure {
  readonly code: string
  /** For people, complete by itself; may have several lines. */
  readonly message: string
}

export type ControlAnswer =
  | { readonly ok: true; readonly result: unknown }
  | { readonly ok: false; readonly error: ControlFailure }

/** Null: it is no request. */
export function parseRequest(line: string): ControlRequest | null {
  const request = parsed(line)
  if (typeof request !== 'object' || request === null || !('command' in request)) return null
  switch (request.command) {
    case 'status':
    case 'reload':
      return { command: request.command }
    case 'links':
      if (!('name' in request)) return { command: 'links' }
      return typeof request.name === 'string' ? { command: 'links', name: request.name } : null
    case 'routes': {
      const { link, from = 0 } = fieldsOf(request)
      if (typeof link !== 'string' || !isPosition(from)) return null
      return { command: 'routes', link, from }
    }
    case 'clients': {
      const { clientsPerPage } = managementLimits
      const { limit = clientsPerPage, cursor = null } = fieldsOf(request)
      if (!isPosition(limit) || limit < 1 || limit > clientsPerPage) return null
      return typeof cursor === 'string' || cursor === null
        ? { command: 'clients', limit, cursor }
        : null
    }
    case 'client': {
      const { clientid } = fieldsOf(request)
      return typeof clientid === 'string' ? { command: 'client', clientid } : null
    }
    default:
      return null
  }
}

/** Any value has fields, most undefined. */
function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return Object(value)
}

/** Of 32 bits. */
function isPosition(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 2 ** 32
}

/** @throws Error when it is no answer */
export function parseAnswer(line: string): ControlAnswer {
  const answer = parsed(line)
  if (typeof answer === 'object' && answer !== null && 'ok' in answer) {
    if (answer.ok === true && 'result' in answer) return { ok: true, result: answer.result }
    if (answer.ok === false && 'error' in answer)
      return { ok: false, error: failureOf(answer.error) }
  }
  throw new Error('the broker answered something that is no answer')
}

function failureOf(error: unknown): ControlFailure {
  const { code, message } = fieldsOf(error)
  return { code: String(code), message: String(message) }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return null
  }
}
