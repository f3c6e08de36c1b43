/**
 * bench/results/ratios.jsonl: a line a commit and machine, in the order they were measured first; and the table that people read.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { z } from 'zod'
import { aligned } from '../../src/cli/bench/table.js'
import { type RatioRow, UnusableReport } from './ratios.js'

const rowSchema = z.object({
  commit: z.string(),
  at: z.string(),
  machine: z.string(),
  ratios: z.record(z.string(), z.number()),
})

/** Columns that fit beside each other. */
const commitsShown = 6

/** None where the file is missing. @throws UnusableReport with the line */
export function readRows(file: string): RatioRow[] {
  if (!existsSync(file)) return []
  const lines = readFileSync(file, 'utf8').split('\n')
  return lines.flatMap((line, at) => {
    if (line.trim() === '') return []
    const parsed = rowSchema.safeParse(jsonOf(line))
    if (!parsed.success) throw new UnusableReport(`${file}, line ${at + 1} is no row of ratios`)
    return [parsed.data]
  })
}

export function writeRows(file: string, rows: readonly RatioRow[]): void {
  writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
}

/** What was measured down, the last commits across; a machine a table. */
export function ratioTable(rows: readonly RatioRow[]): string {
  const machines = [...new Set(rows.map(({ machine }) => machine))]
  return machines
    .map((machine) => {
      const last = rows.filter((row) => row.machine === machine).slice(-commitsShown)
      const names = [...new Set(last.flatMap(({ ratios }) => Object.keys(ratios)))].sort()
      const head = ['', ...last.map(({ commit }) => commit)]
      const days = ['', ...last.map(({ at }) => at.slice(0, 10))]
      const cells = names.map((name) => [
        name,
        ...last.map(({ ratios }) => ratios[name]?.toString() ?? '–'),
      ])
      return `${machine}\n${aligned([head, days, ...cells])}`
    })
    .join('\n\n')
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return null
  }
}
