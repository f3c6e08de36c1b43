/** The same load against 1, 2, … io loops: where more stop helping, and what to set on this machine. */
import { loadRoom } from '../../native/index.js'
import type { BenchOptions } from './options.js'
import type { Round } from './result.js'
import { freePort, startCauseway } from './side.js'
import { aligned, median, shown } from './table.js'
import { trafficRound } from './traffic.js'

/** The fewest loops that reach this share of the best rate are recommended: more only cost. */
const enough = 0.95
const barChars = 40

/** Not pinned: loops and load share the processors, as they will. @throws CausewayError BENCH_FAILED */
export async function scaleRounds(
  options: BenchOptions,
  folder: string,
  progress: (text: string) => void,
): Promise<Round[]> {
  const rounds: Round[] = []
  const most = options.io ?? loadRoom.processors().length
  const clients = options.clients ?? 100
  const plan = { pattern: 'ownTopic', publishers: clients, subscribers: clients } as const
  for (let round = 0; round < options.rounds; round++) {
    for (let io = 1; io <= most; io++) {
      const port = await freePort()
      const own = {
        name: 'causeway',
        port,
        io,
        tasks: 1,
        more: '',
        via: options.via,
        pin: options.pin,
      }
      const side = await startCauseway(own, folder)
      try {
        const named = { ...side, name: `workers.io = ${io}` }
        const tell = (text: string) => progress(`workers.io ${io} of ${most}: ${text}`)
        rounds.push(await trafficRound('scale', { options, side: named, progress: tell }, plan))
      } finally {
        await side.stop()
      }
    }
  }
  return rounds
}

/** Deliveries a second by setting, as bars, and the recommendation. */
export function scaleCurve(rounds: readonly Round[]): string {
  const sides = [...new Set(rounds.map(({ side }) => side))]
  const rates = sides.map((side) => ({
    side,
    rate: median(rounds.filter((one) => one.side === side).map(rateOf)) ?? 0,
  }))
  const best = Math.max(...rates.map(({ rate }) => rate))
  const chosen = rates.find(({ rate }) => rate >= enough * best)
  const bars = rates.map(({ side, rate }) => [
    side,
    `${shown(rate, 0)}/s`,
    '█'.repeat(Math.max(1, Math.round((rate / best) * barChars))).padEnd(barChars),
  ])
  const share = `within ${Math.round((1 - enough) * 100)} % of the best rate with the fewest loops`
  return `${aligned(bars)}\n\nrecommended for this load on this machine: ${chosen?.side} (${share})`
}

function rateOf({ figures }: Round): number {
  return figures.deliveriesPerSecond ?? 0
}
