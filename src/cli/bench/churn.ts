/** Clients that subscribe and unsubscribe without an end, one request outstanding each. */
import type { LoadReading } from '../../native/index.js'
import { shares } from './distribution.js'
import type { Setting } from './options.js'
import { processorTime, residentKiB } from './processor.js'
import { latencyFigures, problemsOf, type Round, rateMissed, rateShare } from './result.js'
import { planOf, Run } from './run.js'

const sampleMs = 100

export async function churnRound(
  workload: string,
  setting: Setting,
  clients: number,
  filtersEach: number,
): Promise<Round> {
  const { options, side, progress } = setting
  const churners = { churners: clients, filtersEach, churnOneFilter: options.oneFilter }
  const run = new Run(setting, planOf(setting, churners))
  const timeline: { seconds: number; perSecond: number }[] = []
  try {
    await run.reaches(clients, ({ subscribed }) => subscribed, 'clients ready')
    run.enter('run')
    const startedNs = run.read().atNs
    const watched = async (seconds: number) => {
      let last = run.read()
      const untilNs = last.atNs + seconds * 1e9
      while (last.atNs < untilNs && last.disconnects === 0) {
        await run.wait(Math.max(1, Math.min(sampleMs, (untilNs - last.atNs) / 1e6)))
        const now = run.read()
        const perSecond = ((changes(now) - changes(last)) * 1e9) / (now.atNs - last.atNs)
        timeline.push({ seconds: (now.atNs - startedNs) / 1e9, perSecond })
        progress(`${Math.round(perSecond).toLocaleString('en')} changes/s`)
        last = now
      }
    }
    await watched(options.warmupSeconds)
    const rssBefore = residentKiB(side.pids)
    const a = run.read()
    const brokerA = processorTime(side.pids)
    run.measure(a.atNs, a.atNs + options.durationSeconds * 1e9)
    await watched(options.durationSeconds)
    const b = run.read()
    const brokerB = processorTime(side.pids)
    const rss = residentKiB(side.pids)
    run.enter('drain')
    if (b.disconnects === 0)
      await run.reaches(
        b.subscriptions,
        ({ subscriptions, unsubscriptions }) =>
          unsubscriptions === subscriptions ? subscriptions : unsubscriptions,
        'filters given back',
      )
    const end = run.read()
    const done = changes(b) - changes(a)
    const elapsed = (b.atNs - a.atNs) / 1e9
    const broker =
      brokerB.userSeconds + brokerB.systemSeconds - brokerA.userSeconds - brokerA.systemSeconds
    const generatorSeconds = (b.threadCpuNs - a.threadCpuNs) / 1e9
    const problems = problemsOf(end, run.clients)
    const asked = options.rate * options.durationSeconds
    if (options.rate > 0 && b.subscriptions - a.subscriptions < rateShare * asked)
      problems.push(rateMissed(options.rate, (b.subscriptions - a.subscriptions) / elapsed))
    if (done === 0) problems.push('no filter changed while it was measured')
    const latency = run.latency('subscribe', shares)
    return {
      workload,
      side: side.name,
      figures: {
        clients,
        changesPerSecond: done / elapsed,
        ...(side.pids.length > 0
          ? {
              brokerUs: (broker * 1e6) / Math.max(1, done),
              brokerCores: broker / elapsed,
              rssBeforeKiB: rssBefore,
              rssKiB: rss,
            }
          : {}),
        generatorUs: (generatorSeconds * 1e6) / Math.max(1, done),
        generatorCores: generatorSeconds / elapsed,
        ...latencyFigures(latency),
      },
      problems,
      partial: end.disconnects > 0,
      latency,
      timeline,
    }
  } finally {
    run.stop()
  }
}

function changes({ subscriptions, unsubscriptions }: LoadReading): number {
  return subscriptions + unsubscriptions
}
