import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import test from 'node:test'
import { configurationReference } from '../../../src/config/index.js'
import { errorCodes } from '../../../src/errors.js'

const operating = new URL('../../../../docs/operating/', import.meta.url)
/** `UPDATE_DOCS=1 npm test` rewrites what is generated; the change is then reviewed as a diff. */
const update = process.env.UPDATE_DOCS === '1'

/** The stretch of a page between `<!-- name -->` and `<!-- end -->`, compared or rewritten. */
function generated(page: string, name: string, content: string): void {
  const url = new URL(page, operating)
  const text = readFileSync(url, 'utf8')
  const open = `<!-- generated: ${name} -->\n`
  const start = text.indexOf(open)
  assert.ok(start >= 0, `${page} has no place for ${name}: expected ${open}`)
  const from = start + open.length
  const to = text.indexOf('<!-- end -->', from)
  assert.ok(to >= 0, `${page}: the place for ${name} does not end`)
  if (update) writeFileSync(url, `${text.slice(0, from)}${content}\n${text.slice(to)}`)
  else assert.equal(text.slice(from, to), `${content}\n`)
}

test('the configuration page lists every key with type, default and meaning', () => {
  const reference = configurationReference()
  for (const [section, table] of reference) generated('configuration.md', section, table)
  const page = readFileSync(new URL('configuration.md', operating), 'utf8')
  assert.deepEqual(
    [...page.matchAll(/<!-- generated: (.*) -->/g)].map(([, name]) => name).sort(),
    [...reference.keys()].sort(),
  )
})

test('the page of errors lists every code with its sentence', () => {
  const rows = Object.entries(errorCodes).map(([code, sentence]) => `| \`${code}\` | ${sentence} |`)
  generated('errors.md', 'error codes', ['| code | meaning |', '|---|---|', ...rows].join('\n'))
})
