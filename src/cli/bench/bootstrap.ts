/**
 * What a link announces when it comes up: west's clients subscribe to many filters while its link is switched off; then it is
 * switched on, and east is asked until it holds every route. East's own clients exchange messages before and meanwhile.
 *
 *     west: --clients × --filters subscriptions ══ link (--delay ms each way) ══▶ east: routes, and pairs at a rate
 */
import { type LinkReport, parseAnswer } from '../../management/index.js'
import type { Bystander } from './bystander.js'
import { trafficDuring } from './during.js'
import { benchFailed } from './failure.js'
import { type LinkedSites, startSites } from './linked-sites.js'
import type { BenchOptions, Setting } from './options.js'
import type { OwnSide } from './own-broker.js'
import { processorTime, residentKiB } from './processor.js'
import { figureOf, type Round } from './result.js'
import { planOf, Run } from './run.js'
import { shown } from './table.js'

/** Far below what a broker can do, so that queues are empty. */
const trafficRate = 1_000
const trafficClients = 20
const subscribers = 1_000
const filtersEach = 1_000
/** Between two questions for the number of routes. */
const askMs = { least: 50, most: 500 } as const
const asksBefore = 20
/** Without a further route for so long none comes. */
const patienceMs = 15_000

/** @throws CausewayError BENCH_FAILED */
export async function bootstrapRounds(
  options: BenchOptions,
  folder: string,
  progress: (text: string) => void,
): Promise<Round[]> {
  const rounds: Round[] = []
  for (let round = 0; round < options.rounds; round++) {
    const sites = await startSites(options, folder, false)
    try {
      rounds.push(...(await measured(sites, options, progress)))
    } finally {
      await sites.stop()
    }
  }
  return rounds
}

/** The budget is about the ratio of the two. */
export function bootstrapConclusion(rounds: readonly Round[]): string {
  const [quiet, busy] = ['traffic, quiet', 'traffic, meanwhile'].map((side) =>
    figureOf(side, 'p99Us', rounds),
  )
  if (quiet === undefined || busy === undefined) return ''
  return `p99 of the traffic meanwhile: ${shown(busy / quiet, 2)} × quiet`
}

async function measured(
  sites: LinkedSites,
  options: BenchOptions,
  progress: (text: string) => void,
): Promise<Round[]> {
  const { bystander, east, west } = sites
  const clients = options.clients ?? subscribers
  const each = options.filters ?? filtersEach
  const routes = clients * each
  const setting = (side: OwnSide): Setting => ({ options: { ...options, rate: 0 }, side, progress })
  const interest = new Run(
    setting(west),
    planOf(setting(west), { pattern: 'none', subscribers: clients, filtersEach: each }),
  )
  try {
    await interest.reaches(clients, ({ subscribed }) => subscribed, 'clients with filters')
    // What the broker runs for the first time takes milliseconds of a processor, and would be counted.
    for (let asked = 0; asked < asksBefore; asked++) await routesAt(east, bystander)
    const quiet = await traffic(setting(east), 'traffic, quiet', (run) =>
      run.wait(options.durationSeconds * 1_000),
    )
    const busy = await traffic(setting(east), 'traffic, meanwhile', (run) =>
      announced(sites, run, routes, progress),
    )
    return [busy.meanwhile, quiet.traffic, busy.traffic]
  } finally {
    interest.stop()
  }
}

/** From the moment the link is switched on until east holds every route. */
async function announced(
  { bystander, east, west, switchOn }: LinkedSites,
  run: Run,
  routes: number,
  progress: (text: string) => void,
): Promise<Round> {
  const both = [...east.pids, ...west.pids]
  const before = processorTime(both)
  const startedMs = performance.now()
  const timeline: { seconds: number; perSecond: number }[] = []
  await switchOn()
  let held = 0
  let lookedMs = startedMs
  let movedMs = startedMs
  while (held < routes) {
    await run.wait(untilNextMs(performance.now() - startedMs, held, routes))
    const now = await routesAt(east, bystander)
    const nowMs = performance.now()
    timeline.push({
      seconds: (nowMs - startedMs) / 1_000,
      perSecond: ((now - held) * 1_000) / (nowMs - lookedMs),
    })
    if (now !== held) movedMs = nowMs
    else if (nowMs - movedMs > patienceMs)
      throw benchFailed(
        `${now} of ${routes} routes came over the link, and no more for ${patienceMs / 1_000} s`,
      )
    held = now
    lookedMs = nowMs
    progress(`routes at east: ${held.toLocaleString('en')} of ${routes.toLocaleString('en')}`)
  }
  const totalMs = lookedMs - startedMs
  const after = processorTime(both)
  const broker = after.userSeconds + after.systemSeconds - before.userSeconds - before.systemSeconds
  return {
    workload: 'bootstrap',
    side: 'bootstrap',
    figures: {
      routes: held,
      totalMs,
      routesPerSecond: (held * 1_000) / totalMs,
      brokerUs: (broker * 1e6) / held,
      rssKiB: residentKiB(east.pids),
    },
    problems: held > routes ? [`east holds ${held} routes of ${routes} filters`] : [],
    partial: false,
    latency: null,
    timeline,
  }
}

/** Half of what is left to wait for at the rate so far. */
function untilNextMs(sinceMs: number, held: number, routes: number): number {
  const leftMs = held === 0 ? askMs.most : (sinceMs / held) * (routes - held)
  return Math.min(askMs.most, Math.max(askMs.least, leftMs / 2))
}

/** Pairs at east, open loop, for as long as `during` takes. */
function traffic<Found>(
  setting: Setting,
  side: string,
  during: (run: Run) => Promise<Found>,
): ReturnType<typeof trafficDuring<Found>> {
  const pairs = { pairs: trafficClients, qos: 1, rate: trafficRate } as const
  return trafficDuring(setting, { workload: 'bootstrap', side }, pairs, during)
}

/** Routes of the other side that a broker holds. */
async function routesAt(side: OwnSide, bystander: Bystander): Promise<number> {
  const answer = parseAnswer(await bystander.ask(side.dataDir, { command: 'links' }))
  if (!answer.ok)
    throw benchFailed(`${side.name} does not tell of its link: ${answer.error.message}`)
  // Cannot lie: a broker of this version, started by us, answers through a socket that only its user may write to.
  const [link] = answer.result as readonly LinkReport[]
  return link?.routesIn ?? 0
}
