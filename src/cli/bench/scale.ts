/**
 * The same load against 1, 2, … workers: where more stop helping, and what to set on this machine. `workers.io` carries messages,
 * so its load is pairs. `workers.tasks` hashes passwords and makes batches of link bootstraps; a link asks for one batch at a
 * time, so it is CONNECTs with scrypt passwords, all at once, that more task threads answer sooner.
 */
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadRoom } from '../../native/index.js'
import type { BenchOptions, Setting } from './options.js'
import { type OwnBroker, startCauseway } from './own-broker.js'
import { processorTime } from './processor.js'
import { problemsOf, type Round } from './result.js'
import { planOf, Run } from './run.js'
import { freePort } from './starting.js'
import { aligned, median, shown } from './table.js'
import { trafficRound } from './traffic.js'

/** The fewest workers that reach this share of the best rate are recommended: more only cost. */
const enough = 0.95
const barChars = 40
/** Some 30 ms each: a few seconds with one thread. */
const passwords = 100
const username = 'bench'

type Progress = (text: string) => void

/** Not pinned: workers and load share the processors, as they will. @throws CausewayError BENCH_FAILED */
export async function scaleRounds(
  options: BenchOptions,
  folder: string,
  progress: Progress,
): Promise<Round[]> {
  const rounds: Round[] = []
  const processors = loadRoom.processors().length
  const mostIo = options.io ?? processors
  const mostTasks = options.tasks ?? processors
  for (let round = 0; round < options.rounds; round++) {
    for (let io = 1; io <= mostIo; io++)
      rounds.push(await ioRound(options, folder, io, (text) => progress(`io ${io}: ${text}`)))
    for (let tasks = 1; tasks <= mostTasks; tasks++)
      rounds.push(
        await tasksRound(options, folder, tasks, (text) => progress(`tasks ${tasks}: ${text}`)),
      )
  }
  return rounds
}

function ioRound(
  options: BenchOptions,
  folder: string,
  io: number,
  progress: Progress,
): Promise<Round> {
  const clients = options.clients ?? 100
  const plan = { pattern: 'ownTopic', publishers: clients, subscribers: clients } as const
  return withBroker(options, folder, { io, tasks: 1, more: '' }, `workers.io = ${io}`, (side) =>
    trafficRound('scale', { options, side, progress }, plan),
  )
}

/** From the first CONNECT to the last CONNACK; every client gives the right password. */
function tasksRound(
  options: BenchOptions,
  folder: string,
  tasks: number,
  progress: Progress,
): Promise<Round> {
  const clients = options.clients ?? passwords
  const password = randomBytes(16).toString('hex')
  const users = join(folder, `users-${tasks}.csv`)
  writeFileSync(users, `user_id,password,is_superuser\n${username},${password},false\n`, {
    mode: 0o600,
  })
  const more = `authentication = [{
  mechanism = password_based
  backend = built_in_database
  password_hash_algorithm { name = scrypt }
  bootstrap_file = ${JSON.stringify(users)}
  bootstrap_type = plain
}]
`
  const settings = { io: 1, tasks, more }
  return withBroker(options, folder, settings, `workers.tasks = ${tasks}`, async (side) => {
    const setting = { options, side, progress }
    const before = processorTime(side.pids)
    const own = { pattern: 'none', subscribers: clients, filtersEach: 0 } as const
    const run = new Run(setting, planOf(setting, { ...own, username, password }))
    const startedNs = run.read().atNs
    try {
      const open = await run.reaches(clients, ({ subscribed }) => subscribed, 'connected')
      const after = processorTime(side.pids)
      const seconds = (open.atNs - startedNs) / 1e9
      const broker =
        after.userSeconds + after.systemSeconds - before.userSeconds - before.systemSeconds
      return {
        workload: 'scale',
        side: side.name,
        figures: { connectsPerSecond: clients / seconds, brokerCores: broker / seconds },
        problems: problemsOf(run.read(), run.clients),
        partial: false,
        latency: null,
        timeline: [],
      }
    } finally {
      run.stop()
    }
  })
}

async function withBroker(
  options: BenchOptions,
  folder: string,
  settings: Pick<OwnBroker, 'io' | 'tasks' | 'more'>,
  name: string,
  measure: (side: Setting['side']) => Promise<Round>,
): Promise<Round> {
  const port = await freePort()
  const { via, pin } = options
  const side = await startCauseway({ name: 'causeway', port, via, pin, ...settings }, folder)
  try {
    return await measure({ ...side, name })
  } finally {
    await side.stop()
  }
}

/** Rates by setting, as bars, and the recommendations. */
export function scaleCurve(rounds: readonly Round[]): string {
  return [
    curveOf(rounds, 'deliveriesPerSecond', 'this load'),
    curveOf(rounds, 'connectsPerSecond', 'CONNECTs with scrypt passwords'),
  ]
    .filter((curve) => curve !== '')
    .join('\n\n')
}

function curveOf(rounds: readonly Round[], key: string, load: string): string {
  const these = rounds.filter(({ figures }) => figures[key] !== undefined)
  const rates = [...new Set(these.map(({ side }) => side))].map((side) => ({
    side,
    rate:
      median(these.filter((one) => one.side === side).map(({ figures }) => figures[key] ?? 0)) ?? 0,
  }))
  if (rates.length === 0) return ''
  const best = Math.max(...rates.map(({ rate }) => rate))
  const chosen = rates.find(({ rate }) => rate >= enough * best)
  const bars = rates.map(({ side, rate }) => [
    side,
    `${shown(rate, 0)}/s`,
    '█'.repeat(Math.max(1, Math.round((rate / best) * barChars))).padEnd(barChars),
  ])
  const share = `within ${Math.round((1 - enough) * 100)} % of the best rate with the fewest`
  return `${aligned(bars)}\n\nrecommended for ${load} on this machine: ${chosen?.side} (${share})`
}
