/** Rates and processor time between two moments of a run, of the broker and of the generator. */
import type { LoadReading } from '../../native/index.js'
import { machineBusySeconds, processorTime, threadSeconds } from './processor.js'
import type { Run } from './run.js'

/** What Causeway calls the threads of its io loops. */
const loopThreads = 'io-'

export interface Moment {
  readonly reading: LoadReading
  readonly userSeconds: number
  readonly systemSeconds: number
  readonly busySeconds: number
  readonly loopSeconds: ReadonlyMap<string, number>
}

export function momentOf(run: Run, pids: readonly number[]): Moment {
  return {
    reading: run.read(),
    ...processorTime(pids),
    busySeconds: machineBusySeconds(),
    loopSeconds: threadSeconds(pids, loopThreads),
  }
}

export function secondsBetween(a: Moment, b: Moment): number {
  return (b.reading.atNs - a.reading.atNs) / 1e9
}

/** @param knowsBroker its processor time is known */
export function ratesOf(a: Moment, b: Moment, knowsBroker: boolean): Record<string, number> {
  const elapsed = secondsBetween(a, b)
  const deliveries = b.reading.delivered - a.reading.delivered
  const generatorSeconds = (b.reading.threadCpuNs - a.reading.threadCpuNs) / 1e9
  const user = b.userSeconds - a.userSeconds
  const system = b.systemSeconds - a.systemSeconds
  const each = (s: number) => (deliveries > 0 ? (s * 1e6) / deliveries : 0)
  return {
    deliveriesPerSecond: deliveries / elapsed,
    publishesPerSecond: (b.reading.published - a.reading.published) / elapsed,
    ...(knowsBroker
      ? {
          brokerUs: each(user + system),
          brokerUserUs: each(user),
          brokerSystemUs: each(system),
          brokerCores: (user + system) / elapsed,
          ...loopsOf(a, b, elapsed),
          otherCores: Math.max(
            0,
            (b.busySeconds - a.busySeconds - user - system - generatorSeconds) / elapsed,
          ),
        }
      : {}),
    generatorUs: each(generatorSeconds),
    generatorCores: generatorSeconds / elapsed,
    deliveriesPerRead: deliveries / Math.max(1, b.reading.reads - a.reading.reads),
  }
}

/** How busy the least and the most busy io loop of a Causeway is, where there are several: none is to be idle. */
function loopsOf(a: Moment, b: Moment, elapsed: number): Record<string, number> {
  if (b.loopSeconds.size < 2) return {}
  const cores = [...b.loopSeconds].map(
    ([thread, seconds]) => (seconds - (a.loopSeconds.get(thread) ?? 0)) / elapsed,
  )
  return { leastLoopCores: Math.min(...cores), mostLoopCores: Math.max(...cores) }
}
