/**
 * Stretches of pages that are made from the code: `<!-- generated: name -->` … `<!-- end -->`.
 * `UPDATE_DOCS=1 npm test -- unit` rewrites them; the change is then reviewed as a diff.
 */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../../house/tree.js'

const update = process.env.UPDATE_DOCS === '1'

/** Compares a stretch of docs/operating/`page` with `content`, or rewrites it. */
export function assertGenerated(page: string, name: string, content: string): void {
  const path = pagePath(page)
  const text = readFileSync(path, 'utf8')
  const open = `<!-- generated: ${name} -->\n`
  const start = text.indexOf(open)
  assert.ok(start >= 0, `${page} has no place for ${name}: expected ${open}`)
  const from = start + open.length
  const to = text.indexOf('<!-- end -->', from)
  assert.ok(to >= 0, `${page}: the place for ${name} does not end`)
  if (update) writeFileSync(path, `${text.slice(0, from)}${content}\n${text.slice(to)}`)
  else assert.equal(text.slice(from, to), `${content}\n`, `${page} differs: run UPDATE_DOCS=1`)
}

/** The names of all generated stretches of a page. */
export function generatedNames(page: string): string[] {
  const found = readFileSync(pagePath(page), 'utf8').matchAll(/<!-- generated: (.*) -->/g)
  return [...found].map(([, name = '']) => name)
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n')
}

function pagePath(page: string): string {
  return join(packageRoot(), 'docs', 'operating', page)
}
