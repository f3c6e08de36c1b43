/**
 * Keeps the ratios of reports, and prints the table:
 *
 *   node dist/cli/main.js bench pairs --against mosquitto --rounds 3 --json > pairs.json
 *   node dist-bench/bench/report/append.js pairs.json …        without a report: the table alone
 *
 * Exit code 3: a report cannot be used, and then nothing is written.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ratioTable, readRows, writeRows } from './ratio-file.js'
import { type RatioRow, rowOf, UnusableReport, withRow } from './ratios.js'

const exitUnusable = 3
/** Beside the sources, from dist-bench/bench/report. */
const file = join(
  fileURLToPath(new URL('../../../', import.meta.url)),
  'bench/results/ratios.jsonl',
)

try {
  const reports = process.argv.slice(2)
  const rows = reports.reduce((sum, report) => withRow(sum, rowIn(report)), readRows(file))
  if (reports.length > 0) writeRows(file, rows)
  process.stdout.write(`${rows.length === 0 ? 'no ratios are kept yet' : ratioTable(rows)}\n`)
} catch (error) {
  if (!(error instanceof UnusableReport)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = exitUnusable
}

function rowIn(report: string): RatioRow {
  try {
    return rowOf(readFileSync(report, 'utf8'))
  } catch (error) {
    if (error instanceof Error) throw new UnusableReport(`${report}: ${error.message}`)
    throw error
  }
}
