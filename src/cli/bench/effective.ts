/**
 * How long a subscription in the west takes to be effective in the east: from SUBACK there until a message published here
 * arrives. While others in the west change filters, `--duration` is measured in two halves: what grows, lag or memory, is
 * more in the second.
 */
import { setTimeout as delay } from 'node:timers/promises'
import {
  type LoadEndpoint,
  type LoadReading,
  loadRoom,
  type ProbeReading,
} from '../../native/index.js'
import { shares } from './distribution.js'
import { benchFailed } from './failure.js'
import type { BenchOptions } from './options.js'
import { machineBusySeconds, processorTime, residentKiB } from './processor.js'
import {
  type Figures,
  figureOf,
  latencyFigures,
  problemsOf,
  type Round,
  rateMissed,
  rateShare,
} from './result.js'
import { planOf, Run, runNumber } from './run.js'
import type { Side } from './side.js'
import { shown } from './table.js'

const probeRounds = 1_000
/** Through a long line each takes two of its ways. */
const probeRoundsFar = 200
/** Before: both control threads run interpreted code at first, and share their processor with the compiler for some 2,000 more. */
const probeWarmUps = 2_500
const probeWarmUpsFar = 200
const probePollMs = 20
const probeGapUs = 100
/** No bound: its time ends it. */
const probeRoundsMax = 0xffff_fffe
/** One request of each is outstanding: enough of them for 50,000 changes a second at a millisecond each. */
const changers = 200
const changerFilters = 100

const quiet = 'subscription effective'
const halves = [
  'subscription effective, first half',
  'subscription effective, second half',
] as const

/** A round alone, or two while `--changes` filters a second change. @throws CausewayError BENCH_FAILED */
export async function effectiveRounds(
  options: BenchOptions,
  east: Side,
  west: Side,
  progress: (text: string) => void,
): Promise<Round[]> {
  const told = (what: string, rounds: number) => (done: number) =>
    progress(`${what}: ${done}${rounds === probeRoundsMax ? '' : ` of ${rounds}`}`)
  const isFar = options.delayMs > 0
  const warmUps = isFar ? probeWarmUpsFar : probeWarmUps
  const onRound = told('subscription effective, warm-up', warmUps)
  await probe(east.endpoint, west.endpoint, { rounds: warmUps, onRound })
  if (options.changes > 0) return changingRounds(options, east, west, progress)
  const rounds = isFar ? probeRoundsFar : probeRounds
  const reading = await probe(east.endpoint, west.endpoint, {
    rounds,
    onRound: told(quiet, rounds),
  })
  return [roundOf(quiet, reading, {}, [])]
}

/** What the two halves say of each other: '' without them. */
export function effectiveConclusion(rounds: readonly Round[]): string {
  const [p99, rss] = ['p99Us', 'rssKiB'].map((key) =>
    halves.map((side) => figureOf(side, key, rounds)),
  )
  const [p99First, p99Second] = p99 ?? []
  const [rssFirst, rssSecond] = rss ?? []
  if (p99First === undefined || p99Second === undefined) return ''
  const grown = shown(((rssSecond ?? 0) - (rssFirst ?? 0)) / 1024, 1)
  return `second half against the first: p99 ${shown(p99Second / p99First, 2)} ×, memory of both brokers ${grown} MiB more`
}

async function changingRounds(
  options: BenchOptions,
  east: Side,
  west: Side,
  progress: (text: string) => void,
): Promise<Round[]> {
  const rate = options.changes / 2 // each subscription is taken back
  const setting = { options: { ...options, rate }, side: west, progress }
  const run = new Run(setting, planOf(setting, { churners: changers, filtersEach: changerFilters }))
  try {
    await run.reaches(changers, ({ subscribed }) => subscribed, 'clients that change filters')
    run.enter('run')
    await run.wait(options.warmupSeconds * 1_000)
    const pids = [...east.pids, ...west.pids]
    const rounds: Round[] = []
    for (const name of halves) {
      const from = momentOf(run, pids)
      const reading = await probe(east.endpoint, west.endpoint, {
        seconds: options.durationSeconds / halves.length,
        onRound: (done) => progress(`${name}: ${done}`),
      })
      const to = momentOf(run, pids)
      const problems = [...problemsOf(to.reading, run.clients), ...missedBy(rate, from, to)]
      rounds.push(roundOf(name, reading, costsOf(from, to, pids), problems))
    }
    return rounds
  } finally {
    run.stop()
  }
}

interface Moment {
  readonly reading: LoadReading
  readonly brokerSeconds: number
  readonly busySeconds: number
}

function momentOf(run: Run, pids: readonly number[]): Moment {
  const { userSeconds, systemSeconds } = processorTime(pids)
  return {
    reading: run.read(),
    brokerSeconds: userSeconds + systemSeconds,
    busySeconds: machineBusySeconds(),
  }
}

function seconds(from: Moment, to: Moment): number {
  return (to.reading.atNs - from.reading.atNs) / 1e9
}

/** Both brokers together; µs of a change. The probe's own thread is among the other cores. */
function costsOf(from: Moment, to: Moment, pids: readonly number[]): Figures {
  const elapsed = seconds(from, to)
  const changes = changesOf(to.reading) - changesOf(from.reading)
  const broker = to.brokerSeconds - from.brokerSeconds
  const generator = (to.reading.threadCpuNs - from.reading.threadCpuNs) / 1e9
  const busy = to.busySeconds - from.busySeconds
  return {
    changesPerSecond: changes / elapsed,
    brokerUs: (broker * 1e6) / Math.max(1, changes),
    brokerCores: broker / elapsed,
    generatorCores: generator / elapsed,
    otherCores: Math.max(0, (busy - broker - generator) / elapsed),
    rssKiB: residentKiB(pids),
  }
}

/** Of what was due, one each may be under way. */
function missedBy(rate: number, from: Moment, to: Moment): string[] {
  const subscribed = to.reading.subscriptions - from.reading.subscriptions
  const elapsed = seconds(from, to)
  const reached = subscribed + changers >= rateShare * rate * elapsed
  return reached ? [] : [rateMissed(rate, subscribed / elapsed)]
}

function changesOf({ subscriptions, unsubscriptions }: LoadReading): number {
  return subscriptions + unsubscriptions
}

function roundOf(
  side: string,
  { effective, never }: ProbeReading,
  costs: Figures,
  problems: readonly string[],
): Round {
  const lost = never > 0 ? [`${never} subscriptions never became effective`] : []
  return {
    workload: 'link',
    side,
    figures: { ...costs, ...latencyFigures(effective) },
    problems: [...lost, ...problems],
    partial: false,
    latency: effective,
    timeline: [],
  }
}

/** How often to look, or for how long; once at least. */
interface ProbeSpan {
  readonly rounds?: number
  readonly seconds?: number
  readonly onRound?: (rounds: number) => void
}

/** One filter after the other, each until it is effective. @throws CausewayError BENCH_FAILED: none ever was */
export async function probe(
  publishTo: LoadEndpoint,
  subscribeTo: LoadEndpoint,
  { rounds = probeRoundsMax, seconds = Number.POSITIVE_INFINITY, onRound = () => {} }: ProbeSpan,
): Promise<ProbeReading> {
  const run = runNumber()
  const running = loadRoom.probe({ publishTo, subscribeTo, run, rounds, gapUs: probeGapUs })
  const untilMs = performance.now() + seconds * 1_000
  try {
    for (;;) {
      const reading = running.read(shares)
      if (reading.error !== '')
        throw benchFailed(`the link could not be measured: ${reading.error}`)
      const isOver = performance.now() >= untilMs && reading.effective.count > 0
      if (reading.done && reading.effective.count === 0)
        throw benchFailed('no message crossed the link within 10 s of its subscription')
      if (reading.done || isOver) return reading
      onRound(reading.rounds)
      await delay(probePollMs)
    }
  } finally {
    running.stop()
  }
}
