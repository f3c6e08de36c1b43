/** Processor time as the kernel counts it. Linux only, as the broker. */
import { readFileSync } from 'node:fs'

/** The kernel's clock tick in /proc: 100 a second on every Linux that Node runs on. */
const tickMs = 10

/** User and system time of a process so far, all its threads; milliseconds, in steps of 10. */
export function processorMs(pid: number): number {
  return ticks(`/proc/${pid}/stat`) * tickMs
}

/** The same of a process's first thread: the broker's control thread. */
export function firstThreadMs(pid: number): number {
  return ticks(`/proc/${pid}/task/${pid}/stat`) * tickMs
}

function ticks(path: string): number {
  const stat = readFileSync(path, 'utf8')
  // The second field is a name in parentheses that may hold anything; utime and stime are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}
