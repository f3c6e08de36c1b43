/** Rounds of kill -9 and restart under traffic both ways. */
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { type Cluster, effective, Pair } from './cluster.js'
import { Traffic } from './traffic.js'

const warmUpMs = 2_000
/** The moment of the kill is uniform in this stretch of steady traffic. */
const momentMs = 1_000
const resumeMs = 30_000

export interface KillOptions {
  readonly rounds: number
  readonly messagesPerSecond: number
  readonly onRound?: (round: KillRound) => void
}

export interface KillRound {
  readonly round: number
  readonly victim: string
  /** From the kill until a message published after it arrived, the slower way; the restart included. */
  readonly resumedMs: number
  /** … and since the victim was ready again. */
  readonly resumedAfterReadyMs: number
  /** Resident memory of the survivor's process at the end of the round. */
  readonly survivorMiB: number
  /** Messages that overtook one of their topic, both ways, so far. */
  readonly late: number
  readonly repeated: number
  readonly missing: number
}

/** The first half kills the one, the second half the other, so that a survivor can be watched over several kills. */
export async function killRounds(options: KillOptions): Promise<KillRound[]> {
  const pair = await Pair.linked()
  const { messagesPerSecond } = options
  const streams = [
    new Traffic(pair.east, pair.west, { name: 'eastward', messagesPerSecond }),
    new Traffic(pair.west, pair.east, { name: 'westward', messagesPerSecond }),
  ]
  const rounds: KillRound[] = []
  try {
    for (const stream of streams) await stream.open()
    await effective(pair.east, pair.west)
    await effective(pair.west, pair.east)
    for (const stream of streams) stream.send()
    await delay(warmUpMs)
    for (let round = 1; round <= options.rounds; round++) {
      const isFirstHalf = round <= Math.ceil(options.rounds / 2)
      const [victim, survivor] = isFirstHalf ? [pair.west, pair.east] : [pair.east, pair.west]
      const result = await killRound(round, victim, survivor, streams)
      rounds.push(result)
      options.onRound?.(result)
    }
    return rounds
  } finally {
    await Promise.all(streams.map((stream) => stream.close()))
    await pair.remove()
  }
}

async function killRound(
  round: number,
  victim: Cluster,
  survivor: Cluster,
  streams: readonly Traffic[],
): Promise<KillRound> {
  await delay(Math.random() * momentMs)
  const killedMs = performance.now()
  await victim.kill()
  const resumed = Promise.all(streams.map((stream) => stream.resumed()))
  await victim.start()
  const readyMs = performance.now()
  const deadline = new AbortController()
  const late = delay(resumeMs, null, { signal: deadline.signal }).catch(() => null)
  const resumedAt = await Promise.race([resumed, late])
  deadline.abort()
  if (resumedAt === null) throw new Error(`no traffic ${resumeMs} ms after ${victim.name} was back`)
  await delay(warmUpMs)
  const atMs = Math.max(...resumedAt)
  const arrivals = streams.map((stream) => stream.arrivals())
  const sum = (of: 'late' | 'repeated' | 'missing') =>
    arrivals.reduce((total, counts) => total + counts[of], 0)
  return {
    round,
    victim: victim.name,
    resumedMs: atMs - killedMs,
    resumedAfterReadyMs: atMs - readyMs,
    survivorMiB: residentMiB(survivor.broker.pid),
    late: sum('late'),
    repeated: sum('repeated'),
    missing: sum('missing'),
  }
}

/** Resident memory of a process. Linux only, as the broker. */
export function residentMiB(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 'NaN') / 1024
}
