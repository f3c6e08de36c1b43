/**
 * Two brokers of ours on this machine, linked as in the quick start: how long a subscription here takes to be effective there,
 * what the hop adds to a message, and what forwarding costs both brokers together.
 *
 *     publishers ─▶ east ══ link (--delay ms each way) ══▶ west ─▶ subscribers
 */
import { setTimeout as delay } from 'node:timers/promises'
import { type LoadEndpoint, type LoadPlan, loadRoom } from '../../native/index.js'
import { shares } from './distribution.js'
import { benchFailed } from './failure.js'
import { startSites } from './linked-sites.js'
import type { BenchOptions } from './options.js'
import {
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
import { trafficRound } from './traffic.js'

/** Of the hop: far below what either broker can do, so that queues are empty. */
const hopRate = 1_000
const probeRounds = 1_000
/** Through a long line each takes two of its ways. */
const probeRoundsFar = 200
/** Before: both control threads run interpreted code at first. */
const probeWarmUps = 200
const probePollMs = 20
const probeGapUs = 100
/** One request of each is outstanding: enough of them for 50,000 changes a second at a millisecond each. */
const changers = 200
const changerFilters = 100

/** @throws CausewayError BENCH_FAILED */
export async function linkRounds(
  options: BenchOptions,
  folder: string,
  progress: (text: string) => void,
): Promise<Round[]> {
  const sites = await startSites(options, folder)
  try {
    progress('waiting for the link')
    const { east, west } = sites
    await probe(east.endpoint, west.endpoint, 1, () => {})
    return await measured(options, east, west, progress)
  } finally {
    await sites.stop()
  }
}

/** The budget is about the ratio of the two. */
export function linkConclusion(rounds: readonly Round[]): string {
  const [local, remote] = ['hop, local', 'hop, over the link'].map((side) =>
    figureOf(side, 'p50Us', rounds),
  )
  if (local === undefined || remote === undefined) return ''
  return `p50 of the hop over the link: ${shown(remote / local, 2)} × local`
}

async function measured(
  options: BenchOptions,
  east: Side,
  west: Side,
  progress: (text: string) => void,
): Promise<Round[]> {
  const rounds: Round[] = []
  const both = [...east.pids, ...west.pids]
  const clients = options.clients ?? 100
  const across = (name: string, qos: 0 | 1 | 2, rate: number, from: Side): Promise<Round> => {
    const side: Side = { ...west, name, pids: from === west ? west.pids : both }
    const plan: Partial<LoadPlan> = {
      pattern: 'ownTopic',
      publishers: clients,
      subscribers: clients,
      publishTo: [from.endpoint],
      publishQos: qos,
      subscribeQos: qos,
      rate,
    }
    const setting = {
      options: { ...options, rate },
      side,
      progress: (text: string) => progress(`${name}: ${text}`),
    }
    // Deltas of a link are in order: once a later route is effective, all before it are.
    const ready = () => probe(from.endpoint, west.endpoint, 1, () => {}).then(() => undefined)
    return trafficRound('link', setting, plan, ready)
  }
  for (let round = 0; round < options.rounds; round++) {
    rounds.push(await routeRound(options, east, west, progress))
    rounds.push(await across('hop, local', 1, hopRate, west))
    rounds.push(await across('hop, over the link', 1, hopRate, east))
    rounds.push(await across('forwarding, QoS 0', 0, options.rate, east))
    rounds.push(await across('forwarding, QoS 1', 1, options.rate, east))
  }
  return rounds
}

/** From SUBACK in the west until a message published in the east arrives, while others there change `--changes` filters a second. */
async function routeRound(
  options: BenchOptions,
  east: Side,
  west: Side,
  progress: (text: string) => void,
): Promise<Round> {
  await probe(east.endpoint, west.endpoint, probeWarmUps, (done) =>
    progress(`subscription effective, warm-up: ${done} of ${probeWarmUps}`),
  )
  const others = options.changes === 0 ? null : await changing(options, west, progress)
  try {
    const rounds = options.delayMs > 0 ? probeRoundsFar : probeRounds
    const reading = await probe(east.endpoint, west.endpoint, rounds, (done) =>
      progress(`subscription effective: ${done} of ${rounds}`),
    )
    const figures = latencyFigures(reading.effective)
    const problems =
      reading.never > 0 ? [`${reading.never} subscriptions never became effective`] : []
    if (others === null) return effectiveRound(figures, problems, reading.effective)
    const told = others.told()
    return effectiveRound(
      { ...figures, changesPerSecond: told.perSecond },
      [...problems, ...told.problems],
      reading.effective,
    )
  } finally {
    others?.stop()
  }
}

function effectiveRound(
  figures: Round['figures'],
  problems: readonly string[],
  latency: Round['latency'],
): Round {
  return {
    workload: 'link',
    side: 'subscription effective',
    figures,
    problems,
    partial: false,
    latency,
    timeline: [],
  }
}

/** Clients in the west that subscribe and unsubscribe at a rate, each change a route for the link. */
async function changing(options: BenchOptions, west: Side, progress: (text: string) => void) {
  const rate = options.changes / 2 // each subscription is taken back
  const setting = { options: { ...options, rate }, side: west, progress }
  const run = new Run(setting, planOf(setting, { churners: changers, filtersEach: changerFilters }))
  try {
    await run.reaches(changers, ({ subscribed }) => subscribed, 'clients that change filters')
    run.enter('run')
    await run.wait(options.warmupSeconds * 1_000)
  } catch (error) {
    run.stop()
    throw error
  }
  const from = run.read()
  return {
    told: () => {
      const now = run.read()
      const seconds = (now.atNs - from.atNs) / 1e9
      const subscribed = (now.subscriptions - from.subscriptions) / seconds
      const missed = subscribed < rateShare * rate ? [rateMissed(rate, subscribed)] : []
      return {
        perSecond: subscribed + (now.unsubscriptions - from.unsubscriptions) / seconds,
        problems: [...problemsOf(now, run.clients), ...missed],
      }
    },
    stop: () => run.stop(),
  }
}

async function probe(
  publishTo: LoadEndpoint,
  subscribeTo: LoadEndpoint,
  rounds: number,
  onRound: (rounds: number) => void,
) {
  const run = runNumber()
  const running = loadRoom.probe({ publishTo, subscribeTo, run, rounds, gapUs: probeGapUs })
  try {
    for (;;) {
      const reading = running.read(shares)
      if (reading.error !== '')
        throw benchFailed(`the link could not be measured: ${reading.error}`)
      if (reading.done && reading.never === rounds)
        throw benchFailed('no message crossed the link within 10 s of its subscription')
      if (reading.done) return reading
      onRound(reading.rounds)
      await delay(probePollMs)
    }
  } finally {
    running.stop()
  }
}
