/** Processor time and memory of processes, as the kernel counts them in /proc. */
import { readdirSync, readFileSync } from 'node:fs'

/** The kernel's clock tick in /proc: 100 a second on every Linux that Node runs on. */
const tickSeconds = 0.01

export interface ProcessorTime {
  readonly userSeconds: number
  readonly systemSeconds: number
}

/** Of all threads of the processes so far, also of those that have ended; in steps of 10 ms. */
export function processorTime(pids: readonly number[]): ProcessorTime {
  let user = 0
  let system = 0
  for (const pid of pids) {
    // The second field is a name in parentheses that may hold anything; utime and stime are fields 14 and 15.
    const stat = read(`/proc/${pid}/stat`)
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    user += Number(fields[11] ?? 0)
    system += Number(fields[12] ?? 0)
  }
  return { userSeconds: user * tickSeconds, systemSeconds: system * tickSeconds }
}

/** Processor time of the threads that live, in nanoseconds: for what is over before a few ticks have passed. */
export function fineProcessorSeconds(pids: readonly number[]): number {
  return sum(threadSeconds(pids, '').values())
}

/** The same of each thread whose name begins so, by process and thread. */
export function threadSeconds(pids: readonly number[], name: string): ReadonlyMap<string, number> {
  const seconds = new Map<string, number>()
  for (const pid of pids) {
    for (const task of list(`/proc/${pid}/task`)) {
      const thread = `/proc/${pid}/task/${task}`
      if (!read(`${thread}/comm`).startsWith(name)) continue
      seconds.set(thread, Number(read(`${thread}/schedstat`).split(' ')[0] ?? 0) / 1e9)
    }
  }
  return seconds
}

/** Resident memory of the processes together. */
export function residentKiB(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const kib = /^VmRSS:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`))?.[1]
    return sum + Number(kib ?? 0)
  }, 0)
}

/** Processor seconds that the whole machine has been busy, or robbed by its host. */
export function machineBusySeconds(): number {
  const fields = (read('/proc/stat').split('\n')[0] ?? '').trim().split(/\s+/).slice(1).map(Number)
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = fields
  return (user + nice + system + irq + softirq + steal) * tickSeconds
}

export function isAlive(pid: number): boolean {
  return read(`/proc/${pid}/stat`) !== ''
}

function sum(values: Iterable<number>): number {
  let all = 0
  for (const value of values) all += value
  return all
}

/** A process that has ended has no files; what it was is known from before. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}
