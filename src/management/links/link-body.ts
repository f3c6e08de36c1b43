/** From the body of a request to a link as it is kept: whose name it has, which secrets it keeps. */
import { isSecret, type PlainObject } from '../../config/index.js'
import { configLimits } from '../../limits.js'
import { badRequest, invalid, Refused } from './answer.js'

/** What stands for a secret in every answer. */
export const redacted = '******'

/** Parts of an answer that are no part of a link; who sends back what was received means nothing by them. */
const readOnly = new Set(['status', 'node_status', 'route_status'])
const nameBytesMax = 255
const nameForm = /^[0-9a-zA-Z][-0-9a-zA-Z_]*$/

/** @throws Refused */
export function objectOf(body: unknown): PlainObject {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new Refused(badRequest('the body must be a JSON object: a link'))
  if (depthOf(body) > configLimits.nestingDepth - 8)
    throw new Refused(badRequest('the body has too many objects and arrays inside each other'))
  return body as PlainObject // from JSON, where nothing else can come from
}

/** The name of a new link. @throws Refused */
export function newName(body: PlainObject): string {
  const name = Object.hasOwn(body, 'name') ? body.name : undefined
  if (name === undefined || name === null) throw new Refused(invalid('name', 'required_field'))
  if (typeof name !== 'string')
    throw new Refused(invalid('name', 'expected a string', { value: name }))
  if (name === '') throw new Refused(invalid('name', 'Name cannot be empty string'))
  if (Buffer.byteLength(name) >= nameBytesMax)
    throw new Refused(invalid('name', `Name length must be less than ${nameBytesMax}`))
  if (!nameForm.test(name)) {
    const reason =
      'Invalid name format. A name begins with a letter or a digit; letters, digits, - and _ may follow'
    throw new Refused(invalid('name', reason, { value: name }))
  }
  return name
}

/**
 * The link to keep. Where `******` stands in place of a secret, that of `before` stays.
 * @param before what is kept of it now; null: it is new
 * @throws Refused there is no such secret
 */
export function linkToKeep(
  body: PlainObject,
  name: string,
  before: PlainObject | null,
): PlainObject {
  const rest = Object.entries(body).filter(([key]) => key !== 'name' && !readOnly.has(key))
  return withSecrets(Object.fromEntries([['name', name], ...rest]), before, [])
}

/** The same object with `******` in place of secrets. */
export function withoutSecrets(link: PlainObject, path: readonly string[] = []): PlainObject {
  return mapped(link, (key, value) => {
    const at = [...path, key]
    if (isObject(value)) return withoutSecrets(value, at)
    return value !== null && isSecret(at, value) ? redacted : value
  })
}

function withSecrets(
  link: PlainObject,
  before: PlainObject | null,
  path: readonly string[],
): PlainObject {
  return mapped(link, (key, value) => {
    const at = [...path, key]
    const known = before !== null && Object.hasOwn(before, key) ? before[key] : undefined
    if (isObject(value)) return withSecrets(value, isObject(known) ? known : null, at)
    if (value !== redacted || !(isSecret(at, value) || at.join('.') === 'ssl.keyfile')) return value
    if (known !== undefined && known !== null && isSecret(at, known)) return known
    const reason = `${redacted} stands for a secret that is kept, and there is none: send the secret itself, or leave it out`
    throw new Refused(invalid(at.join('.'), reason))
  })
}

function mapped(
  object: PlainObject,
  change: (key: string, value: PlainObject[string]) => PlainObject[string],
): PlainObject {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(key, value)]))
}

function isObject(value: unknown): value is PlainObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function depthOf(value: unknown): number {
  let depth = 0
  for (let level = [value]; level.length > 0; depth++) {
    if (depth > configLimits.nestingDepth) return depth
    level = level.flatMap((it) => (typeof it === 'object' && it !== null ? Object.values(it) : []))
  }
  return depth
}
