/**
 * The same load against 1, 2, … workers: where more stop helping, and what to set on this machine. `workers.io` carries messages,
 * so its loads are pairs, whose messages each cross at most once from loop to loop, and two fan-outs, whose messages go to all.
 * What more loops cost is their processor time a delivery against that of one. `workers.tasks` hashes passwords and makes batches
 * of link bootstraps; a link asks for one batch at a time, so it is CONNECTs with scrypt passwords, all at once, that more task
 * threads answer sooner.
 */
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type LoadPlan, loadRoom } from '../../native/index.js'
import type { BenchOptions, Setting } from './options.js'
import { type OwnBroker, startCauseway } from './own-broker.js'
import { processorTime } from './processor.js'
import { figureOf, problemsOf, type Round } from './result.js'
import { planOf, Run } from './run.js'
import { freePort } from './starting.js'
import { aligned, shown } from './table.js'
import { trafficRound } from './traffic.js'

/** The fewest workers that reach this share of the best rate are recommended: more only cost. */
const enough = 0.95
const barChars = 40
/** Between the load and the setting in the name of a side. */
const separator = ', '
/** Some 30 ms each: a few seconds with one thread. */
const passwords = 100
const username = 'bench'

type Progress = (text: string) => void

interface IoLoad {
  readonly name: string
  /** @param clients as the options have it, null: as many as usual */
  readonly plan: (clients: number | null) => Partial<LoadPlan>
}

/** The patterns of design.md §11, which has payloads of 256 bytes with 5 publishers; here they are as `--size` says. */
const ioLoads: readonly IoLoad[] = [
  {
    name: 'pairs',
    plan: (clients) => ({
      pattern: 'ownTopic',
      publishers: clients ?? 100,
      subscribers: clients ?? 100,
    }),
  },
  {
    name: 'fan-out of 5',
    plan: (clients) => ({ pattern: 'oneTopic', publishers: 5, subscribers: clients ?? 200 }),
  },
  {
    name: 'fan-out of 1',
    plan: (clients) => ({ pattern: 'oneTopic', publishers: 1, subscribers: clients ?? 1_000 }),
  },
]
const passwordLoad = 'CONNECTs with scrypt passwords'

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
    for (const load of ioLoads) {
      for (let io = 1; io <= mostIo; io++) {
        const tell = (text: string) => progress(`${load.name}, io ${io}: ${text}`)
        rounds.push(await ioRound(options, folder, load, io, tell))
      }
    }
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
  { name, plan }: IoLoad,
  io: number,
  progress: Progress,
): Promise<Round> {
  const side = `${name}${separator}workers.io = ${io}`
  return withBroker(options, folder, { io, tasks: 1, more: '' }, side, (side) =>
    trafficRound('scale', { options, side, progress }, plan(options.clients)),
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
  const name = `${passwordLoad}${separator}workers.tasks = ${tasks}`
  return withBroker(options, folder, settings, name, async (side) => {
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

/** The figure that tells the rate of a side of `scale`. */
export function rateKeyOf(load: string): string {
  return load === passwordLoad ? 'connectsPerSecond' : 'deliveriesPerSecond'
}

/** The loads that were measured. */
export function loadsOf(rounds: readonly Round[]): string[] {
  return [...new Set(rounds.map(({ side }) => side.slice(0, side.lastIndexOf(separator))))]
}

/** The sides of one load, each with what was set. */
export function sidesOf(
  rounds: readonly Round[],
  load: string,
): { readonly side: string; readonly setting: string }[] {
  const start = `${load}${separator}`
  return [...new Set(rounds.map(({ side }) => side))]
    .filter((side) => side.startsWith(start))
    .map((side) => ({ side, setting: side.slice(start.length) }))
}

/** Rates by setting, as bars, what a delivery costs against the first setting, and the recommendations. */
export function scaleCurve(rounds: readonly Round[]): string {
  return loadsOf(rounds)
    .map((load) => curveOf(rounds, load))
    .join('\n\n')
}

function curveOf(rounds: readonly Round[], load: string): string {
  const measured = sidesOf(rounds, load).map(({ side, setting }) => ({
    setting,
    rate: figureOf(side, rateKeyOf(load), rounds) ?? 0,
    cost: figureOf(side, 'brokerUs', rounds),
  }))
  const best = Math.max(...measured.map(({ rate }) => rate))
  const chosen = measured.find(({ rate }) => rate >= enough * best)
  const first = measured[0]?.cost
  const bars = measured.map(({ setting, rate, cost }) => [
    setting,
    `${shown(rate, 0)}/s`,
    '█'.repeat(Math.max(1, Math.round((rate / best) * barChars))).padEnd(barChars),
    ...(cost !== undefined && first ? [`${shown(cost / first, 2)} × CPU each`] : []),
  ])
  const share = `within ${Math.round((1 - enough) * 100)} % of the best rate with the fewest`
  return `${aligned(bars)}\n\nrecommended for ${load} on this machine: ${chosen?.setting} (${share})`
}
