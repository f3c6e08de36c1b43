/**
 * The manifest is whole and true: every statement once, every server-side one with a proof that exists or a gap that is
 * admitted, and no tag anywhere that it does not know. The tests of this folder and the manifest name each other.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { packageRoot, readTree } from '../house/tree.js'
import {
  byNumbers,
  counts,
  documentTable,
  readManifest,
  type Statement,
} from './manifest/manifest.js'
import { type Titles, taggedTests, tagsOf, titlesOf } from './manifest/titles.js'

const root = packageRoot()
const tree = readTree(root)
const manifest = readManifest(root)
// Cannot lie: the native suite reads the same rows and checks their shape.
const rows = JSON.parse(readFileSync(join(root, 'test/vectors/malformed.json'), 'utf8')) as {
  readonly name: string
  readonly spec: string
}[]
const label = ({ version, id }: Statement) => `${version} ${id}`

/** How many statements the two specifications have: none may be lost from the manifest. */
const wholes = { '3.1.1': 141, '5.0': 251 } as const

test('every statement of both specifications is there once, well formed and in order', () => {
  const labels = manifest.statements.map(label)
  assert.equal(new Set(labels).size, labels.length)
  for (const version of ['3.1.1', '5.0'] as const) {
    const own = manifest.statements.filter((one) => one.version === version)
    assert.equal(own.length, wholes[version], version)
    const ordered = own.map(({ id }) => id).sort(byNumbers)
    assert.deepEqual(
      own.map(({ id }) => id),
      ordered,
    )
  }
  for (const one of manifest.statements) {
    assert.match(one.id, /^MQTT-\d+\.\d+\.\d+-\d+$/, label(one))
    assert.ok(['server', 'client', 'both'].includes(one.side), label(one))
    assert.ok(one.says.length > 10 && one.says.length < 130, label(one))
  }
})

test('every server-side statement has a proof or an admitted gap, never both', () => {
  for (const one of manifest.statements) {
    const proofs = one.proof?.length ?? 0
    if (one.gap !== undefined) {
      assert.ok(one.gap.length > 10, `${label(one)}: a gap says why`)
      assert.equal(proofs, 0, `${label(one)}: a proof or a gap`)
    } else if (one.side !== 'client') {
      assert.ok(proofs > 0, `${label(one)} has neither proof nor gap`)
    }
  }
})

test('the gaps are as many as admitted: a closed one lowers the number', () => {
  const gaps = manifest.statements.filter(({ gap }) => gap !== undefined)
  assert.equal(gaps.length, manifest.gapsAtMost, gaps.map(label).join(', '))
})

test('every proof names a test that exists, by its exact title, and rows that exist', () => {
  const known = new Map<string, Titles>()
  const names = new Set(rows.map(({ name }) => name))
  for (const one of manifest.statements) {
    for (const { file, test: title, rows: named = [] } of one.proof ?? []) {
      const source = tree.get(file)
      assert.ok(source, `${label(one)}: there is no ${file}`)
      const titles = known.get(file) ?? titlesOf(source)
      known.set(file, titles)
      assert.ok(titles.has(title), `${label(one)}: ${file} has no test '${title}'`)
      for (const row of named) assert.ok(names.has(row), `${label(one)}: there is no row '${row}'`)
    }
  }
})

test('a tag in a test of a chapter and a proof in the manifest imply each other', () => {
  const claimed = new Set<string>()
  const proven = new Set<string>()
  for (const [folder, version] of [
    ['v311', '3.1.1'],
    ['v5', '5.0'],
  ] as const) {
    for (const [path, source] of tree) {
      if (!path.startsWith(`test/conformance/${folder}/`)) continue
      for (const { title, tags } of taggedTests(source))
        for (const tag of tags) claimed.add(`${version} ${tag}: ${path}: ${title}`)
    }
    for (const one of manifest.statements.filter((statement) => statement.version === version)) {
      for (const { file, test: title } of one.proof ?? [])
        if (/^test\/conformance\/v\d+\//.test(file)) proven.add(`${label(one)}: ${file}: ${title}`)
    }
  }
  assert.deepEqual([...claimed].sort(), [...proven].sort())
})

test('every row of a malformed packet names a statement', () => {
  const ids = new Set(manifest.statements.map(({ id }) => id))
  const unknown = rows
    .filter(({ spec }) => !ids.has(spec))
    .map(({ name, spec }) => `${name}: ${spec}`)
  assert.deepEqual(unknown, [])
})

test('every tag in a comment of the code names a statement', () => {
  const ids = new Set(manifest.statements.map(({ id }) => id))
  const unknown: string[] = []
  for (const [path, source] of tree) {
    if (!/^(?:src|native|test)\/.*\.(?:ts|cc|h)$/.test(path)) continue
    for (const tag of tagsOf(source)) if (!ids.has(tag)) unknown.push(`${path}: ${tag}`)
  }
  assert.deepEqual(unknown, [])
})

test('the document says what the manifest holds', () => {
  const page = tree.get('docs/protocol/conformance.md') ?? ''
  const table = documentTable(counts(manifest))
  assert.ok(page.includes(table), `docs/protocol/conformance.md should hold:\n${table}`)
})
