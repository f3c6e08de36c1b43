/**
 * Two brokers of ours on this machine, linked as in the quick start: how long a subscription here takes to be effective there,
 * what the hop adds to a message, and what forwarding costs both brokers together.
 *
 *     publishers ─▶ east ══ link (--delay ms each way) ══▶ west ─▶ subscribers
 */
import type { LoadPlan } from '../../native/index.js'
import { effectiveConclusion, effectiveRounds, probe } from './effective.js'
import { startSites } from './linked-sites.js'
import type { BenchOptions } from './options.js'
import { figureOf, type Round } from './result.js'
import type { Side } from './side.js'
import { shown } from './table.js'
import { trafficRound } from './traffic.js'

/** Of the hop: far below what either broker can do, so that queues are empty. */
const hopRate = 1_000

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
    await probe(east.endpoint, west.endpoint, { rounds: 1 })
    return await measured(options, east, west, progress)
  } finally {
    await sites.stop()
  }
}

/** The budgets are about ratios. */
export function linkConclusion(rounds: readonly Round[]): string {
  const [local, remote] = ['hop, local', 'hop, over the link'].map((side) =>
    figureOf(side, 'p50Us', rounds),
  )
  const hop =
    local === undefined || remote === undefined
      ? ''
      : `p50 of the hop over the link: ${shown(remote / local, 2)} × local`
  return [hop, effectiveConclusion(rounds)].filter((line) => line !== '').join('\n')
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
    const ready = () => probe(from.endpoint, west.endpoint, { rounds: 1 }).then(() => undefined)
    return trafficRound('link', setting, plan, ready)
  }
  for (let round = 0; round < options.rounds; round++) {
    rounds.push(...(await effectiveRounds(options, east, west, progress)))
    if (options.changes > 0) continue // the others go without them, and say the same as ever
    rounds.push(await across('hop, local', 1, hopRate, west))
    rounds.push(await across('hop, over the link', 1, hopRate, east))
    rounds.push(await across('forwarding, QoS 0', 0, options.rate, east))
    rounds.push(await across('forwarding, QoS 1', 1, options.rate, east))
  }
  return rounds
}
