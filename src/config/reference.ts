/**
 * The tables of docs/operating/configuration.md, made from the schema; a unit test keeps the page
 * equal to them.
 */

import { type DocumentedKey, documentedKeys } from './schema/index.js'

/** One Markdown table per section: section name → table. */
export function configurationReference(): ReadonlyMap<string, string> {
  const bySection = new Map<string, DocumentedKey[]>()
  for (const key of documentedKeys()) {
    const section = sectionOf(key.path)
    bySection.set(section, [...(bySection.get(section) ?? []), key])
  }
  return new Map([...bySection].map(([section, keys]) => [section, table(keys)]))
}

/** The part of the path before the first free name, list or last key: what a table is about. */
function sectionOf(path: string): string {
  const parts = path.split('.')
  if (parts.length === 1) return 'top level'
  if (parts[0] === 'listeners') return `listeners.${parts[1]}`
  return path.startsWith('cluster.links[]') ? 'cluster.links' : (parts[0] ?? path)
}

function table(keys: readonly DocumentedKey[]): string {
  const rows = keys.map(({ path, type, fallback, meaning }) => {
    const written =
      fallback === '' ? 'unset' : fallback === 'required' ? '**required**' : `\`${fallback}\``
    return `| \`${path}\` | ${type} | ${written} | ${meaning} |`
  })
  return ['| key | type | default | meaning |', '|---|---|---|---|', ...rows].join('\n')
}
