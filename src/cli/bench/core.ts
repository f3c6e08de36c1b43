/**
 * What the router alone does on this machine, on one processor, without sockets: subscriptions made and ended, and topics matched
 * that are in no cache, among 1,000 filters up to a million. Everything a match finds is known before, and compared.
 */
import { packTexts, workbench } from '../../native/index.js'
import { benchFailed } from './failure.js'
import { type FilterKind, filterKinds, filterOf, scattered, topicOf } from './filters.js'
import type { BenchOptions } from './options.js'
import { figureOf, type Round } from './result.js'
import { shown } from './table.js'

const filtersMost = 1_000_000
const filtersFewest = 1_000
/** Of one call: the crossing of the seam is lost in them, and Ctrl-C is heard between two. */
const perCall = 10_000
const topicsDrawnMost = 200_000
const topicsEachFilter = 100

/** @throws CausewayError BENCH_FAILED: a match that is wrong */
export async function coreRounds(
  options: BenchOptions,
  _folder: string,
  progress: (text: string) => void,
): Promise<Round[]> {
  const most = options.filters ?? filtersMost
  const sizes = most > filtersFewest ? [filtersFewest, most] : [Math.max(1, most)]
  const rounds: Round[] = []
  for (let round = 0; round < options.rounds; round++)
    for (const kind of filterKinds)
      for (const filters of sizes) {
        progress(`${kind}: ${filters.toLocaleString('en')} filters`)
        await new Promise(setImmediate) // signals are heard
        rounds.push(...measured(kind, filters))
      }
  return rounds
}

/** How much more a match costs among many filters than among few. */
export function coreConclusion(rounds: readonly Round[]): string {
  const ratios = filterKinds.flatMap((kind) => {
    const [few, many] = [...new Set(rounds.map(({ side }) => side))]
      .filter((side) => side.startsWith(`match, ${kind},`))
      .map((side) => figureOf(side, 'nsEach', rounds))
    return few === undefined || many === undefined ? [] : [`${kind} ${shown(many / few, 2)} ×`]
  })
  return ratios.length === 0
    ? ''
    : `a match among many filters against one among few: ${ratios.join(', ')}`
}

function measured(kind: FilterKind, filters: number): Round[] {
  const texts = packed(filters, (n) => filterOf(kind, n))
  const drawn = scattered(Math.min(topicsDrawnMost, topicsEachFilter * filters), filters)
  const topics = packed(drawn.length, (n) => topicOf(kind, drawn[n] ?? 0))
  const router = workbench.router()
  try {
    const of = (what: string, nsEach: number, more: Readonly<Record<string, number>> = {}) =>
      roundOf(`${what}, ${kind}, ${filters.toLocaleString('en')} filters`, nsEach, more)
    const subscribed = timed(texts, filters, (batch) => router.subscribe(batch))
    const bytesEach = router.bytes() / filters
    const match = (how: 'together' | 'alone') =>
      timed(topics, drawn.length, (batch) => router.match(batch, how))
    match('together') // caches of the processor hold of the index what they can
    const matched = match('together')
    const matchedAlone = match('alone')
    const unsubscribed = timed(texts, filters, (batch) => router.unsubscribe(batch))
    return [
      of('match', matched),
      of('match alone', matchedAlone),
      of('subscribe', subscribed, { bytesEach }),
      of('unsubscribe', unsubscribed),
    ]
  } finally {
    router.close()
  }
}

/** @param wanted the sum of what `run` returns @returns nanoseconds of processor time each: others on this machine do not show */
function timed(batches: readonly Buffer[], wanted: number, run: (batch: Buffer) => number): number {
  let done = 0
  const before = process.cpuUsage()
  for (const batch of batches) done += run(batch)
  const { user, system } = process.cpuUsage(before)
  if (done !== wanted) throw benchFailed(`the router found ${done} where ${wanted} are right`)
  return ((user + system) * 1e3) / wanted
}

function packed(count: number, textOf: (n: number) => string): Buffer[] {
  return Array.from({ length: Math.ceil(count / perCall) }, (_, call) => {
    const from = call * perCall
    const length = Math.min(perCall, count - from)
    return packTexts(Array.from({ length }, (_, at) => textOf(from + at)))
  })
}

function roundOf(side: string, nsEach: number, more: Readonly<Record<string, number>>): Round {
  return {
    workload: 'core',
    side,
    figures: { nsEach, perSecond: 1e9 / nsEach, ...more },
    problems: [],
    partial: false,
    latency: null,
    timeline: [],
  }
}
