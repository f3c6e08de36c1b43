/** What scenarios print, and how they end. */
import { cpus } from 'node:os'

/** Runs a scenario; the exit code says whether its bounds were met. */
export async function scenario(run: () => Promise<boolean>): Promise<void> {
  const [cpu] = cpus()
  say(`${cpus().length} cores of ${cpu?.model ?? 'an unknown processor'}, Node ${process.version}`)
  const isMet = await run()
  say(isMet ? 'within its bounds' : 'OUT OF ITS BOUNDS')
  process.exitCode = isMet ? 0 : 1
}

export function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** Rows of the same columns. */
export function table(rows: readonly Readonly<Record<string, unknown>>[]): void {
  const columns = Object.keys(rows[0] ?? {})
  const cells = [columns, ...rows.map((row) => columns.map((column) => text(row[column])))]
  const widths = columns.map((_, at) => Math.max(...cells.map((row) => row[at]?.length ?? 0)))
  for (const row of cells) say(row.map((cell, at) => cell.padStart(widths[at] ?? 0)).join('  '))
}

function text(value: unknown): string {
  if (typeof value === 'number' && !Number.isInteger(value)) return value.toFixed(1)
  return String(value)
}

/** The value that a share of all lies at or below. @param share 0 … 1   @param values are sorted here */
export function quantile(values: number[], share: number): number {
  values.sort((a, b) => a - b)
  return values[Math.min(values.length - 1, Math.ceil(values.length * share) - 1)] ?? Number.NaN
}
