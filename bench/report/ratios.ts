/**
 * From a report of `causeway bench --json` to ratios that may be compared between commits: of Causeway to a peer or to the floor
 * measured in the same run, or of two things measured in one run. Absolute figures are of one machine on one day and stay out.
 */
import { z } from 'zod'
import { figureOf } from '../../src/cli/bench/result.js'

/** A report that cannot be used, in one sentence. */
export class UnusableReport extends Error {}

/** What one commit showed on one machine. */
export interface RatioRow {
  /** Twelve hexadecimal digits. */
  readonly commit: string
  /** Of the last report that was added, ISO 8601. */
  readonly at: string
  readonly machine: string
  /** By what was measured; below 1 is better than what it is compared with, where less is better. */
  readonly ratios: Readonly<Record<string, number>>
}

const optionsSchema = z.object({
  clients: z.number().nullable(),
  publishers: z.number().nullable(),
  subscribers: z.number().nullable(),
  filters: z.number().nullable(),
  qos: z.number(),
  sizeBytes: z.number(),
  rate: z.number(),
  window: z.number(),
  mqtt: z.union([z.literal(3), z.literal(4), z.literal(5)]),
  via: z.string(),
  io: z.number().nullable(),
  oneFilter: z.boolean(),
  before: z.number(),
  changes: z.number(),
  delayMs: z.number(),
})

const reportSchema = z.object({
  machine: z.object({
    at: z.string(),
    commit: z.string().nullable(),
    kernel: z.string(),
    processors: z.string(),
  }),
  workload: z.string(),
  options: optionsSchema,
  rounds: z
    .array(
      z.object({
        side: z.string(),
        figures: z.record(z.string(), z.number()),
        problems: z.array(z.string()),
        partial: z.boolean(),
      }),
    )
    .min(1),
})
type Report = z.infer<typeof reportSchema>

/** Figures of which less is better, and what they are called in the table. */
const measured = [
  ['brokerUs', 'CPU'],
  ['kibEach', 'memory'],
  ['usEach', 'time'],
] as const
/** Of a full window they would be those of a full queue. */
const timed = [
  ['p50Us', 'p50'],
  ['p99Us', 'p99'],
] as const

/** Workloads that compare two things of their own: figure, the one, the other, what it is called. */
const within: Readonly<Record<string, readonly (readonly [string, RegExp, RegExp, string])[]>> = {
  link: [['p50Us', /^hop, over the link$/, /^hop, local$/, 'hop p50 ÷ local']],
  bootstrap: [['p99Us', /^traffic, meanwhile$/, /^traffic, quiet$/, 'traffic p99 ÷ quiet']],
  scale: ['pairs', 'fan-out of 5', 'fan-out of 1'].map((load) => [
    'brokerUs',
    new RegExp(`^${load}, workers\\.io = 2$`),
    new RegExp(`^${load}, workers\\.io = 1$`),
    `${load}, CPU of 2 loops ÷ 1`,
  ]),
  core: (['exact', '\\+', '#', 'mixed'] as const).map((kind) => [
    'nsEach',
    new RegExp(`^match, ${kind}, (?!1,000 )`),
    new RegExp(`^match, ${kind}, 1,000 `),
    `match ${kind.replace('\\', '')}, most ÷ 1,000 filters`,
  ]),
}

/** @param text the output of `causeway bench … --json` @throws UnusableReport */
export function rowOf(text: string): RatioRow {
  const report = reportOf(text)
  const { commit, at, kernel, processors } = report.machine
  if (commit === null) throw new UnusableReport('it does not say of which commit it is')
  if (!/^[0-9a-f]{12}$/.test(commit))
    throw new UnusableReport(`${commit} is no commit: commit the changes, build, and measure again`)
  const bad = report.rounds.find(({ problems, partial }) => problems.length > 0 || partial)
  if (bad !== undefined)
    throw new UnusableReport(`a round of ${bad.side} is not clean: ${bad.problems[0] ?? 'partial'}`)
  const ratios = ratiosOf(report)
  if (Object.keys(ratios).length === 0)
    throw new UnusableReport(
      `${report.workload} was measured beside nothing: use --against mosquitto or --floor`,
    )
  return { commit, at, machine: `${processors}, Linux ${kernel}`, ratios }
}

/** `row` joins what its commit has from the same machine; of two ratios of one thing the later one stays. */
export function withRow(rows: readonly RatioRow[], row: RatioRow): RatioRow[] {
  const isSame = (one: RatioRow) => one.commit === row.commit && one.machine === row.machine
  const merged = { ...row, ratios: { ...rows.find(isSame)?.ratios, ...row.ratios } }
  return rows.some(isSame) ? rows.map((one) => (isSame(one) ? merged : one)) : [...rows, merged]
}

function reportOf(text: string): Report {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new UnusableReport('it is not JSON: make it with causeway bench … --json')
  }
  const parsed = reportSchema.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new UnusableReport(
    `it is no report of causeway bench: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`,
  )
}

function ratiosOf({ workload, options, rounds }: Report): Record<string, number> {
  const name = [workload, ...flagsOf(options)].join(' ')
  const sides = [...new Set(rounds.map(({ side }) => side))]
  const ratios: Record<string, number> = {}
  const note = (what: string, key: string, one: string, other: string) => {
    const [a, b] = [figureOf(one, key, rounds), figureOf(other, key, rounds)]
    if (a === undefined || b === undefined || b === 0) return
    ratios[`${name}: ${what}`] = Number((a / b).toPrecision(3))
  }
  if (workload === 'link' && options.delayMs > 0)
    throw new UnusableReport('a hop over a delayed line is compared with nothing')
  const own = within[workload]
  if (own !== undefined) {
    for (const [key, one, other, what] of own) {
      const [a, b] = [sides.find((side) => one.test(side)), sides.find((side) => other.test(side))]
      if (a !== undefined && b !== undefined) note(what, key, a, b)
    }
    return ratios
  }
  const [first, ...references] = sides
  for (const reference of references)
    for (const [key, what] of options.rate > 0 ? [...measured, ...timed] : measured)
      if (first !== undefined) note(`${what} ÷ ${reference}`, key, first, reference)
  return ratios
}

/** The options that make it another workload, as they are typed. */
function flagsOf(options: z.infer<typeof optionsSchema>): string[] {
  const version = { 3: '3.1', 4: '3.1.1', 5: '5' }[options.mqtt]
  const flags: readonly (readonly [flag: string, value: unknown, usual: unknown])[] = [
    ['--clients', options.clients, null],
    ['--publishers', options.publishers, null],
    ['--subscribers', options.subscribers, null],
    ['--filters', options.filters, null],
    ['--qos', options.qos, 0],
    ['--size', options.sizeBytes, 64],
    ['--rate', options.rate, 0],
    ['--window', options.window, 20_000],
    ['--mqtt', version, '3.1.1'],
    ['--via', options.via, 'tcp'],
    ['--io', options.io, null],
    ['--before', options.before, 0],
    ['--changes', options.changes, 0],
    ['--delay', options.delayMs, 0],
  ]
  const written = flags
    .filter(([, value, usual]) => value !== usual)
    .map(([flag, value]) => `${flag} ${value}`)
  return options.oneFilter ? [...written, '--one-filter'] : written
}
