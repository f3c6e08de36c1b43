/**
 * Walks over the schema: which keys exist where, which written keys are ignored, which name was
 * probably meant, and whether a path is a list (for environment variables with an index).
 */

import type { PlainValue } from '../hocon/index.js'
import { nodeOf, type SchemaNode } from './key.js'
import { rootSchema } from './root.js'

export type Path = readonly PropertyKey[]

/** The schema at a path; null where it has nothing. List indexes and map names match anything. */
export function schemaAt(path: Path): SchemaNode | null {
  let node = nodeOf(rootSchema)
  for (const step of path) {
    if (node.kind === 'section') {
      const name = String(step)
      const next = Object.hasOwn(node.keys, name) ? node.keys[name] : undefined
      if (next === undefined) return null
      node = nodeOf(next)
    } else if (node.kind === 'map' || node.kind === 'list') {
      node = nodeOf(node.of)
    } else {
      return null
    }
  }
  return node
}

export interface IgnoredKey {
  readonly path: Path
  readonly why: string
}

/** Keys of `data` that are accepted and have no effect, in the order written. */
export function ignoredKeys(data: PlainValue): IgnoredKey[] {
  const found: IgnoredKey[] = []
  collectIgnored(data, nodeOf(rootSchema), [], found)
  return found
}

function collectIgnored(data: PlainValue, node: SchemaNode, path: Path, found: IgnoredKey[]): void {
  if (node.kind === 'ignored') {
    found.push({ path, why: node.why })
  } else if (node.kind === 'leaf') {
    if (node.asleep !== undefined) found.push({ path, why: node.asleep })
  } else if (node.kind === 'list' && Array.isArray(data)) {
    data.forEach((item, index) => {
      collectIgnored(item, nodeOf(node.of), [...path, index], found)
    })
  } else if (isObject(data) && (node.kind === 'section' || node.kind === 'map')) {
    for (const [name, value] of Object.entries(data)) {
      const schema =
        node.kind === 'map' ? node.of : Object.hasOwn(node.keys, name) ? node.keys[name] : undefined
      if (schema !== undefined) collectIgnored(value, nodeOf(schema), [...path, name], found)
    }
  }
}

/** A documented key. */
export interface DocumentedKey {
  /** `listeners.tcp.<name>.bind`, `cluster.links[].name`. */
  readonly path: string
  readonly type: string
  readonly fallback: string
  readonly meaning: string
}

/** Every key that has an effect, or will have one, in the order of the schema. */
export function documentedKeys(): DocumentedKey[] {
  return collectDocumented(nodeOf(rootSchema), '')
}

function collectDocumented(node: SchemaNode, path: string): DocumentedKey[] {
  switch (node.kind) {
    case 'ignored':
      return []
    case 'leaf':
      return [
        {
          path,
          type: node.type,
          fallback: node.fallback ?? 'required',
          meaning:
            node.asleep === undefined
              ? node.meaning
              : `${node.meaning} **No effect yet:** ${node.asleep}.`,
        },
      ]
    case 'list':
      return collectDocumented(nodeOf(node.of), `${path}[]`)
    case 'map':
      return collectDocumented(nodeOf(node.of), `${path}.<name>`)
    case 'section':
      return Object.entries(node.keys).flatMap(([name, schema]) =>
        collectDocumented(nodeOf(schema), path === '' ? name : `${path}.${name}`),
      )
  }
}

/** The known key of a section that `unknown` most resembles; null when none is near. */
export function nearestKey(section: Path, unknown: string): string | null {
  const node = schemaAt(section)
  if (node?.kind !== 'section') return null
  let nearest: string | null = null
  // A swap of two letters is two edits; in a very short name that would fit anything.
  let least = (unknown.length < 4 ? 1 : Math.max(2, Math.floor(unknown.length / 3))) + 1
  for (const [name, schema] of Object.entries(node.keys)) {
    if (nodeOf(schema).kind === 'ignored') continue
    const distance = editDistance(unknown.toLowerCase(), name)
    if (distance < least) {
      least = distance
      nearest = name
    }
  }
  return nearest
}

/** Levenshtein distance, capped to names of 64 characters so that a hostile key costs nothing. */
function editDistance(a: string, b: string): number {
  if (a.length > 64) return Number.POSITIVE_INFINITY
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const changed = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(changed, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}

function isObject(data: PlainValue): data is { [key: string]: PlainValue } {
  return typeof data === 'object' && data !== null && !Array.isArray(data)
}
