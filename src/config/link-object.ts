/** One of `cluster.links` as the API shows it: as written, with every default filled in, under the names of the keys. */
import type { z } from 'zod'
import type { PlainObject, PlainValue } from './hocon/index.js'
import { nodeOf, schemaAt } from './schema/index.js'

/** @param written valid; what is no secret of it stays as it was written, `15s` and `256MB` */
export function linkWithDefaults(written: PlainObject): PlainObject {
  const link = schemaAt(['cluster', 'links', 0])
  if (link?.kind !== 'section') throw new TypeError('cluster.links has no entries')
  return sectionWithDefaults(written, link.keys)
}

/** Whether nobody may read what stands at these keys of a link. */
export function isSecret(path: readonly string[], value: unknown): boolean {
  const key = path.join('.')
  if (key === 'password' || key === 'ssl.password') return true
  return key === 'ssl.keyfile' && typeof value === 'string' && value.includes('-----BEGIN ')
}

function sectionWithDefaults(
  written: PlainObject,
  keys: Readonly<Record<string, z.ZodType>>,
): PlainObject {
  const shown = new Map<string, PlainValue>()
  const older = new Map<string, PlainValue>()
  for (const [name, schema] of Object.entries(keys)) {
    const node = nodeOf(schema)
    const raw = Object.hasOwn(written, name) ? written[name] : undefined
    if (node.kind === 'section') {
      shown.set(name, sectionWithDefaults(isObject(raw) ? raw : {}, node.keys))
    } else if (node.kind === 'leaf') {
      const value = raw === undefined ? fallback(node.value) : spelled(raw, schema)
      if (value !== undefined)
        (node.aliasOf === undefined ? shown : older).set(node.aliasOf ?? name, value)
    } else if (raw !== undefined) {
      shown.set(name, raw)
    }
  }
  // As in the configuration, the older name decides where both are written.
  for (const [name, value] of older) shown.set(name, value)
  return Object.fromEntries(shown)
}

function fallback(value: string | number | boolean | readonly string[] | undefined) {
  return typeof value === 'object' ? [...value] : value
}

/** Text where text is the value; truth, numbers and lists as such, however they were written. */
function spelled(raw: PlainValue, schema: z.ZodType): PlainValue {
  const data: unknown = schema.safeParse(raw).data
  if (typeof data === 'boolean') return data
  if (typeof data === 'number' && String(data) === raw) return data
  if (Array.isArray(data) && data.every((it) => typeof it === 'string')) return data
  return Array.isArray(raw) ? raw.join(',') : raw
}

function isObject(value: PlainValue | undefined): value is PlainObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
