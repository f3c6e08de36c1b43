/** Answers that say no, in EMQX's words. docs/operating/links.md */
import { type ConfigProblem, ConfigRefused, isSecret } from '../../config/index.js'
import { CausewayError } from '../../errors.js'
import type { ApiAnswer } from '../api/question.js'

/** A change that is not made; nothing has happened. */
export class Refused extends Error {
  readonly answer: ApiAnswer

  constructor(answer: ApiAnswer) {
    super('refused')
    this.answer = answer
  }
}

export const notFound: ApiAnswer = {
  status: 404,
  body: { code: 'NOT_FOUND', message: 'Cluster link not found' },
}

export const alreadyExists: ApiAnswer = {
  status: 400,
  body: { code: 'ALREADY_EXISTS', message: 'Cluster link already exists' },
}

export function badRequest(message: unknown): ApiAnswer {
  return { status: 400, body: { code: 'BAD_REQUEST', message } }
}

/** To whoever asks while the broker stops. */
export const isStopping: ApiAnswer = {
  status: 503,
  body: { code: 'SERVICE_UNAVAILABLE', message: 'the broker is stopping' },
}

export function internalError(message: string): ApiAnswer {
  return { status: 500, body: { code: 'INTERNAL_ERROR', message } }
}

/** What is wrong with one value of a link. @param path keys within the link, list indexes from 1 on */
export function invalid(
  path: string,
  reason: unknown,
  more: Readonly<Record<string, unknown>> = {},
): ApiAnswer {
  return badRequest({ kind: 'validation_error', path, reason, ...more })
}

/** @param index of the link in question; null: it is being deleted */
export function refusedConfig(error: unknown, index: number | null): ApiAnswer {
  if (!(error instanceof CausewayError)) throw error
  const own =
    index !== null && error instanceof ConfigRefused
      ? error.problems.filter(({ path }) => path[1] === 'links' && path[2] === index)
      : []
  return own.length > 0 ? invalidLink(own) : badRequest(error.message)
}

/** Links whose files do not fit: `error` is TLS_UNUSABLE. */
export function unusableTls(error: CausewayError): ApiAnswer {
  const { key = '', file, reason } = error.detail
  const path = String(key).replace(/^cluster\.links\.\d+\./, '')
  const about = typeof file === 'string' ? `${file}: ${reason}` : String(reason)
  return invalid(path, 'bad_ssl_config', { details: about })
}

function invalidLink(problems: readonly ConfigProblem[]): ApiAnswer {
  const [first] = problems
  if (first === undefined) throw new RangeError('no problem')
  const [word, details] = reasonOf(first)
  if (word === 'redundant_topics' || word === 'invalid_topics') {
    const alike = problems.filter((it) => it.path[3] === first.path[3] && reasonOf(it)[0] === word)
    const topics = alike.map((it) =>
      word === 'redundant_topics' ? it.value : { topic: it.value, reason: causeOf(it) },
    )
    return invalid(String(first.path[3]), { reason: word, topics })
  }
  const path = first.path.slice(3)
  const names = path.map((step) => (typeof step === 'number' ? String(step + 1) : String(step)))
  const shown =
    isSecret(names, first.value) || first.value === undefined ? {} : { value: first.value }
  return word === null
    ? invalid(names.join('.'), details, shown)
    : invalid(names.join('.'), word, { details, ...shown })
}

function reasonOf({ message }: ConfigProblem): [word: string | null, details: string] {
  const [, word, details] = /^([a-z]+(?:_[a-z]+)+): (.*)$/s.exec(message) ?? []
  return word === undefined ? [null, message] : [word, details ?? '']
}

function causeOf(problem: ConfigProblem): string {
  return /^[^:]*/.exec(reasonOf(problem)[1])?.[0] ?? ''
}
