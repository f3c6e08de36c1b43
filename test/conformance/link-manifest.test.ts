/**
 * Cluster linking's own manifests are whole and true: every rule of the wire contract names the file that keeps it and the tests
 * that prove it, or says why not; every scenario of EMQX's suites is somewhere. Titles are looked up, so a renamed test is noticed.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { packageRoot, readTree } from '../house/tree.js'
import { titlesOf } from './manifest/titles.js'

interface Proof {
  readonly file: string
  readonly title: string
}

interface Rule {
  /** Of the wire contract; those that are ours say so. */
  readonly section: string
  readonly rule: string
  /** The file that keeps it. */
  readonly code: string
  readonly proof?: readonly Proof[]
  /** Why there is none. */
  readonly gap?: string
}

interface Scenario {
  readonly number: number
  readonly proof?: readonly Proof[]
  /** What it needs that is not here: then it belongs to that. */
  readonly apart?: string
}

/** What linking has to stand besides them, in our words. */
interface Must {
  readonly must: string
  readonly proof: readonly Proof[]
}

/** Those of the wire contract. */
const mustCount = 13
/** Scenarios of EMQX's suites. */
const scenarioCount = 45
/** Admitted gaps may only become fewer. */
const gapsMax = 1

const root = packageRoot()
const tree = readTree(root)
// Cannot lie: each test below checks the fields that it reads.
const { rules } = read('rules') as { readonly rules: readonly Rule[] }
const { scenarios, musts } = read('scenarios') as {
  readonly scenarios: readonly Scenario[]
  readonly musts: readonly Must[]
}

/** Where other loops have their rows. */
const loops = ['test/vectors/emqx-capture.json', 'test/unit/config/bad-inputs.ts'].map((path) =>
  readFileSync(join(root, path), 'utf8'),
)

function read(name: string): unknown {
  return JSON.parse(readFileSync(join(root, `test/conformance/link/${name}.json`), 'utf8'))
}

function missing({ file, title }: Proof): string[] {
  const source = tree.get(file)
  if (source === undefined) return [`${file} does not exist`]
  const holes = titlesOf(source).holes(title)
  if (holes === null) return [`${file} has no test "${title}"`]
  // Titles made in a loop: the row that fills them has to be there too.
  return holes
    .flatMap((hole) => hole.split(' '))
    .filter((word) => !source.includes(word) && !loops.some((rows) => rows.includes(word)))
    .map((word) => `${file} has no row for "${word}" of "${title}"`)
}

test('every rule of the link protocol has its code and a proof that exists, or admits the gap', () => {
  const wrong = rules.flatMap(({ section, rule, code, proof = [], gap }) => {
    const here = `${section} ${rule}`
    return [
      ...(tree.has(code) ? [] : [`${here}: there is no ${code}`]),
      ...(proof.length > 0 === (gap === undefined) ? [] : [`${here}: a proof or a gap`]),
      ...proof.flatMap(missing).map((what) => `${here}: ${what}`),
    ]
  })
  assert.deepEqual(wrong, [])
  assert.ok(rules.filter(({ gap }) => gap !== undefined).length <= gapsMax)
  const names = rules.map(({ section, rule }) => `${section} ${rule}`)
  assert.equal(new Set(names).size, names.length)
})

test('every scenario of EMQX’s own suites is a test, or says what it needs that is not here', () => {
  assert.deepEqual(
    scenarios.map(({ number }) => number),
    Array.from({ length: scenarioCount }, (_, at) => at + 1),
  )
  const wrong = scenarios.flatMap(({ number, proof = [], apart }) => [
    ...(proof.length > 0 === (apart === undefined) ? [] : [`${number}: a proof or a reason`]),
    ...proof.flatMap(missing).map((what) => `${number}: ${what}`),
  ])
  assert.deepEqual(wrong, [])
})

test('everything else that linking has to stand is a test', () => {
  assert.equal(new Set(musts.map(({ must }) => must)).size, mustCount)
  assert.deepEqual(
    musts.flatMap(({ must, proof }) => [
      ...(proof.length > 0 ? [] : [`${must}: no proof`]),
      ...proof.flatMap(missing).map((what) => `${must}: ${what}`),
    ]),
    [],
  )
})
