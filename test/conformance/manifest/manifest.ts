/** The manifest as data. One row a statement: what it is about in our words, and the tests that prove it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Proof {
  readonly file: string
  /** The exact title; of a test whose title is made in a loop, one of those it makes. */
  readonly test: string
  /** Of test/vectors/malformed.json, where the test plays all rows and these are about the statement. */
  readonly rows?: readonly string[]
}

export interface Statement {
  readonly id: string
  readonly version: '3.1.1' | '5.0'
  /** Whose rule it is. What only a client has to keep needs no proof, and has one where the server holds it to that. */
  readonly side: 'server' | 'client' | 'both'
  /** What it asks, in our words. */
  readonly says: string
  readonly proof?: readonly Proof[]
  /** Why there is no proof. */
  readonly gap?: string
}

export interface Manifest {
  /** May only shrink. */
  readonly gapsAtMost: number
  readonly statements: readonly Statement[]
}

/** @param root of the checkout */
export function readManifest(root: string): Manifest {
  const path = join(root, 'test/conformance/manifest.json')
  // Cannot lie: what the rows hold is checked by the test that reads them.
  return JSON.parse(readFileSync(path, 'utf8')) as Manifest
}

/** One line of the table in the document. */
export interface Count {
  readonly version: string
  readonly side: string
  readonly all: number
  readonly proven: number
  readonly gaps: number
}

export function counts({ statements }: Manifest): Count[] {
  return (['3.1.1', '5.0'] as const).flatMap((version) =>
    (['server', 'both', 'client'] as const).map((side) => {
      const own = statements.filter((one) => one.version === version && one.side === side)
      return {
        version,
        side,
        all: own.length,
        proven: own.filter(({ proof = [] }) => proof.length > 0).length,
        gaps: own.filter(({ gap }) => gap !== undefined).length,
      }
    }),
  )
}

export function documentTable(rows: readonly Count[]): string {
  return [
    '| version | side | statements | proven | gaps |',
    '|---|---|---|---|---|',
    ...rows.map(
      ({ version, side, all, proven, gaps }) =>
        `| ${version} | ${side} | ${all} | ${proven} | ${gaps} |`,
    ),
  ].join('\n')
}

/** By chapter, section and number, as numbers. */
export function byNumbers(one: string, other: string): number {
  const numbers = (id: string) => (id.match(/\d+/g) ?? []).map(Number)
  const [left, right] = [numbers(one), numbers(other)]
  for (const [at, value] of left.entries()) {
    const difference = value - (right[at] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}
