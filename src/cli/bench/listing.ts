/**
 * Pairs while the broker's clients are listed: many sessions are made that wait without a connection; then the same traffic twice
 * a round, quiet and while one caller lists all clients through the control socket again and again, page by page. The caller is
 * a process on the generator's processors that lets the generator go first.
 */
import type { BrokerReport } from '../../management/index.js'
import { askBroker } from '../control-question.js'
import { Bystander } from './bystander.js'
import { trafficDuring } from './during.js'
import { benchFailed } from './failure.js'
import type { Listings } from './lister.js'
import type { BenchOptions, Setting } from './options.js'
import type { OwnSide } from './own-broker.js'
import { momentOf, ratesOf } from './rates.js'
import { figureOf, type Round } from './result.js'
import { clientsWithin, planOf, Run } from './run.js'
import { ownCauseway } from './side.js'
import { shown } from './table.js'

const pairsDefault = 100
const quiet = 'quiet'
const busy = 'clients listed'
/** Connected at a time while sessions are made: far fewer than descriptors. */
const window = 5_000
const expirySeconds = 7_200
const pollMs = 20
/** Without any change for so long none comes. */
const patienceMs = 15_000

/** @throws CausewayError BENCH_FAILED */
export async function listingRounds(
  options: BenchOptions,
  folder: string,
  progress: (text: string) => void,
): Promise<Round[]> {
  const side = await ownCauseway(options, folder)
  const bystander = new Bystander()
  const setting = { options, side, progress }
  try {
    await makeSessions(setting)
    await areAlone(side, options.listing)
    await firstListing(side, bystander, options.listing)
    const rounds: Round[] = []
    for (let round = 0; round < options.rounds; round++) {
      const two = [
        () => traffic(setting, quiet, (run) => run.wait(options.durationSeconds * 1_000)),
        () => trafficAndListings(setting, side, bystander),
      ]
      for (const one of round % 2 === 0 ? two : two.reverse()) {
        progress(`round ${round + 1} of ${options.rounds}`)
        rounds.push(await one())
      }
    }
    return rounds
  } finally {
    bystander.stop()
    await side.stop()
  }
}

/** The budget is about the ratio of the two. */
export function listingConclusion(rounds: readonly Round[]): string {
  const [alone, meanwhile] = [quiet, busy].map((side) => figureOf(side, 'p99Us', rounds))
  if (alone === undefined || meanwhile === undefined) return ''
  return `p99 while all clients are listed: ${shown(meanwhile / alone, 2)} × quiet`
}

/** Clients connect, each with one filter, and are cut off: their sessions wait. */
async function makeSessions(setting: Setting): Promise<void> {
  const { options, progress } = setting
  const atOnce = Math.max(1, clientsWithin(window))
  for (let made = 0; made < options.listing; made += atOnce) {
    const subscribers = Math.min(atOnce, options.listing - made)
    const own = {
      pattern: 'none',
      subscribers,
      sessionExpirySeconds: expirySeconds,
      rate: 0,
    } as const
    const tell = (text: string) => progress(`sessions: ${made.toLocaleString('en')}, ${text}`)
    const run = new Run({ ...setting, progress: tell }, planOf(setting, own))
    try {
      await run.reaches(subscribers, ({ subscribed }) => subscribed, 'connected')
    } finally {
      run.stop()
    }
  }
}

/** Until the broker has seen that all of them are gone. */
async function areAlone({ dataDir, name }: OwnSide, sessions: number): Promise<void> {
  let last = -1
  let movedMs = performance.now()
  for (;;) {
    const answer = await askBroker(dataDir, { command: 'status' })
    if (!answer.ok) throw benchFailed(`${name} does not tell of itself: ${answer.error.message}`)
    // Cannot lie: a broker of this version, started by us, answers through a socket that only its user may write to.
    const report = answer.result as BrokerReport
    if (report.connections === 0) {
      if (report.sessions >= sessions) return
      throw benchFailed(`${name} remembers ${report.sessions} of ${sessions} sessions`)
    }
    if (report.connections !== last) movedMs = performance.now()
    else if (performance.now() - movedMs > patienceMs)
      throw benchFailed(`${name} counts ${last} connections that have been closed`)
    last = report.connections
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}

/** All are there; and V8 has compiled what lists them. */
async function firstListing(
  { dataDir, name }: OwnSide,
  bystander: Bystander,
  sessions: number,
): Promise<void> {
  const listed = await bystander.list(dataDir)
  if (listed !== sessions) throw benchFailed(`${name} lists ${listed} clients of ${sessions}`)
}

async function traffic(
  setting: Setting,
  side: string,
  during: (run: Run) => Promise<unknown>,
): Promise<Round> {
  const { clients, qos, rate } = setting.options
  const { pids } = setting.side
  const found = await trafficDuring(
    setting,
    { workload: 'pairs', side },
    { pairs: clients ?? pairsDefault, qos, rate },
    async (run) => {
      const before = momentOf(run, pids)
      await during(run)
      return ratesOf(before, momentOf(run, pids), true)
    },
  )
  const figures = { ...found.meanwhile, ...found.traffic.figures }
  return { ...found.traffic, figures }
}

async function trafficAndListings(
  setting: Setting,
  side: OwnSide,
  bystander: Bystander,
): Promise<Round> {
  const { durationSeconds, listing } = setting.options
  let found: Listings | null = null
  const round = await traffic(setting, busy, async (run) => {
    const measuring = run.wait(durationSeconds * 1_000).finally(() => bystander.stopListing())
    const [listings] = await Promise.all([bystander.listAgain(side.dataDir), measuring])
    found = listings
  })
  return { ...round, ...withListings(round, found ?? nothing, listing, durationSeconds) }
}

const nothing: Listings = { clients: 0, complete: 0, fewest: 0, longestPageMs: 0 }

function withListings(
  { figures, problems }: Round,
  { clients, complete, fewest, longestPageMs }: Listings,
  wanted: number,
  seconds: number,
): Pick<Round, 'figures' | 'problems'> {
  const wrong =
    complete === 0
      ? ['not one listing was complete while it was measured']
      : fewest < wanted
        ? [`a listing had ${fewest} clients of ${wanted}`]
        : []
  return {
    figures: { ...figures, listedPerSecond: clients / seconds, listings: complete, longestPageMs },
    problems: [...problems, ...wrong],
  }
}
