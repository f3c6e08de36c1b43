/**
 * Golden transcripts: what a script did, line by line, compared with a file that a person has read. `UPDATE=1` rewrites the
 * files; review the diff.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The checkout, wherever the compiled test lies in it. */
export const root = (() => {
  let directory = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(directory, 'package.json'))) directory = dirname(directory)
  return directory
})()

export function assertTranscript(name: string, lines: readonly string[]): void {
  const path = join(root, 'test/unit/link/transcripts', `${name}.txt`)
  const actual = `${lines.join('\n')}\n`
  if (process.env.UPDATE === '1') {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, actual)
    return
  }
  assert.equal(
    actual,
    readFileSync(path, 'utf8'),
    `${name}: the transcript differs; UPDATE=1 rewrites it`,
  )
}

/** One event or effect on one line: kind first, byte arrays by length, big numbers plain. */
export function describe(thing: object): string {
  const { kind, ...rest } = thing as { kind: string } // events and effects all have a kind
  const fields = Object.entries(rest).map(([key, value]) => `${key}=${text(value)}`)
  return [kind, ...fields].join(' ')
}

function text(value: unknown): string {
  if (typeof value === 'bigint') return String(value)
  if (value instanceof Uint8Array) return `<${value.byteLength} bytes>`
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner === 'bigint') return String(inner)
    return inner === Number.POSITIVE_INFINITY ? 'never' : inner
  })
}
