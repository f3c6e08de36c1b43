/**
 * What every overload scenario does: a broker, healthy clients that are measured quiet and then under attack, and an attack in a
 * process of its own, so that the attacker's garbage and queues are not measured as the broker's. A scenario brings the
 * broker's configuration, the attack, and how much memory the configuration allows it.
 *
 *     this process: healthy pairs, figures ──▶ broker ◀── attack: the same program again, niced, told to by its arguments
 *
 * Who runs where: seats.ts.
 */
import { fork } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { type BrokerProcess, startBroker } from '../../../test/integration/harness/index.js'
import { quantile, say, scenario, table } from '../report.js'
import { HealthyClients } from './healthy.js'
import { peakMiB, residentMiB, restartPeak } from './memory.js'
import { type Seats, takeSeats } from './seats.js'

/** What an attack does in its process, once a second printed with the rest. */
export interface Attack {
  /** Figures of the attacker, at the end. */
  readonly figures: () => Readonly<Record<string, number>>
}

export interface Overload {
  readonly title: string
  /** Of the broker, beside the harness's own. */
  readonly config: string
  /** Descriptors of the broker. */
  readonly descriptors?: number
  /** What the attack may cost the broker, MiB, and why: a sum whose terms the configuration names. */
  readonly memory: { readonly MiB: number; readonly because: string }
  /** Counters that tell what the broker did about it. */
  readonly counters: readonly string[]
  /** Runs in the attacker's process. Resolves when the attack is under way; goes on until that process ends. */
  readonly attack: (port: number) => Promise<Attack>
  /** More that must hold, by name; counters are those since the attack began. */
  readonly holds?: (
    counters: Readonly<Record<string, number>>,
    attacker: Readonly<Record<string, number>>,
  ) => Readonly<Record<string, boolean>>
}

const quietMs = 8_000
const attackMs = 15_000
/** Healthy clients keep p99 within this many times of quiet. */
const ratioMax = 3
const attackReadyMs = 120_000
/** Allocators and V8 keep some of what they had. */
const slackMiB = 48

/** The whole scenario, or, in the process that it starts, the attack. */
export async function overload(options: Overload): Promise<void> {
  const [role, port] = process.argv.slice(2)
  if (role === 'attack') await beAttacker(options, Number(port))
  else await scenario(() => measure(options))
}

async function measure(options: Overload): Promise<boolean> {
  say(options.title)
  const seats = takeSeats()
  say(seats.description)
  const broker = await startBroker({
    config: options.config,
    io: seats.ioLoops,
    prefix: seats.broker,
    ...(options.descriptors === undefined ? {} : { descriptors: options.descriptors }),
  })
  try {
    const healthy = await HealthyClients.connect(broker.port)
    await healthy.measure(1_000) // warm
    const quiet = await healthy.measure(quietMs)
    const quietMiB = residentMiB(broker.pid)
    const before = await broker.counters()
    restartPeak(broker.pid)

    const attacker = await startAttack(broker, seats)
    const attacked = await healthy.measure(attackMs)
    const figures = await attacker.end()
    const usedMiB = peakMiB(broker.pid) - quietMiB
    const counters = difference(before, await broker.counters())
    const again = await healthy.measure(quietMs / 2)
    const lost = healthy.missing
    await healthy.drop()
    return told(options, { quiet, attacked, again, lost, quietMiB, usedMiB, counters, figures })
  } finally {
    await broker.stop()
  }
}

interface Outcome {
  readonly quiet: number[]
  readonly attacked: number[]
  readonly again: number[]
  readonly lost: number
  readonly quietMiB: number
  readonly usedMiB: number
  readonly counters: Readonly<Record<string, number>>
  readonly figures: Readonly<Record<string, number>>
}

function told(options: Overload, outcome: Outcome): boolean {
  const { quiet, attacked, again, lost, quietMiB, usedMiB, counters, figures } = outcome
  const allowedMiB = options.memory.MiB + slackMiB
  // Whatever else disturbed one of the two quiet phases is no excuse.
  const ratio = quantile(attacked, 0.99) / Math.min(quantile(quiet, 0.99), quantile(again, 0.99))
  table(
    Object.entries({ quiet, attacked, again }).map(([phase, ms]) => ({
      'healthy clients': phase,
      messages: ms.length,
      'p50 ms': quantile(ms, 0.5),
      'p99 ms': quantile(ms, 0.99),
      'max ms': quantile(ms, 1),
    })),
  )
  say(`memory: ${quietMiB.toFixed(0)} MiB quiet, ${usedMiB.toFixed(1)} MiB more at the peak`)
  say(`  allowed: ${allowedMiB} MiB more: ${options.memory.because}; slack ${slackMiB}`)
  table([Object.fromEntries(options.counters.map((name) => [name, counters[name] ?? Number.NaN]))])
  table([figures])
  const bounds = {
    [`p99 under attack ${ratio.toFixed(2)} × quiet, at most ${ratioMax}`]: ratio <= ratioMax,
    'memory within what the configuration allows': usedMiB <= allowedMiB,
    'no healthy message lost': lost === 0,
    ...options.holds?.(counters, figures),
  }
  for (const [what, isMet] of Object.entries(bounds)) say(`${isMet ? 'holds ' : 'BROKEN'}  ${what}`)
  return Object.values(bounds).every(Boolean)
}

function difference(
  before: Readonly<Record<string, number>>,
  now: Readonly<Record<string, number>>,
): Record<string, number> {
  return Object.fromEntries(
    Object.entries(now).map(([name, value]) => [name, value - (before[name] ?? 0)]),
  )
}

// ------------------------------------------------------------------------------------- the attacker

async function startAttack({ port }: BrokerProcess, { attack }: Seats) {
  const [execPath = '', ...execArgv] = [...attack, process.execPath]
  const child = fork(process.argv[1] ?? '', ['attack', `${port}`], { execPath, execArgv })
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const message = (what: string, timeoutMs: number) =>
    new Promise<Readonly<Record<string, number>>>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`the attacker: no ${what}`)), timeoutMs)
      child.once('message', (figures) => {
        clearTimeout(timer)
        // Cannot lie: `beAttacker` sends nothing else.
        resolve(figures as Readonly<Record<string, number>>)
      })
      void exited.then(() => reject(new Error(`the attacker ended before its ${what}`)))
    })
  await message('beginning', attackReadyMs)
  return {
    end: async () => {
      const figures = message('figures', 30_000)
      child.send('end')
      const said = await figures
      child.kill('SIGKILL')
      await exited
      return said
    },
  }
}

async function beAttacker(options: Overload, port: number): Promise<void> {
  const attack = await options.attack(port)
  process.send?.({})
  process.once('message', () => process.send?.(attack.figures()))
  await delay(2 ** 30)
}
