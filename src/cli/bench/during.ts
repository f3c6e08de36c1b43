/** Pairs that exchange messages by a schedule for as long as something else takes: what their latencies are meanwhile. */
import type { LoadPlan } from '../../native/index.js'
import { shares } from './distribution.js'
import type { Setting } from './options.js'
import { latencyFigures, problemsOf, type Round, rateMissed, rateShare } from './result.js'
import { planOf, Run } from './run.js'
import { drained } from './traffic.js'

export interface Pairs {
  readonly pairs: number
  readonly qos: 0 | 1 | 2
  /** Messages a second. */
  readonly rate: number
}

/**
 * @param during begins when the pairs are warm; its time is what is measured
 * @throws CausewayError BENCH_FAILED when there is nothing to tell
 */
export async function trafficDuring<Found>(
  setting: Setting,
  { workload, side }: Pick<Round, 'workload' | 'side'>,
  { pairs, qos, rate }: Pairs,
  during: (run: Run) => Promise<Found>,
): Promise<{ readonly traffic: Round; readonly meanwhile: Found }> {
  const own: Partial<LoadPlan> = {
    pattern: 'ownTopic',
    publishers: pairs,
    subscribers: pairs,
    publishQos: qos,
    subscribeQos: qos,
    rate,
  }
  const run = new Run(setting, planOf(setting, own))
  try {
    await run.reaches(pairs, ({ subscribed }) => subscribed, 'subscribers ready')
    run.enter('connectPublishers')
    await run.reaches(pairs, (reading) => reading.publishersReady, 'publishers ready')
    run.enter('run')
    await run.wait(setting.options.warmupSeconds * 1_000)
    const from = run.read()
    run.measure(from.atNs, Number.MAX_SAFE_INTEGER)
    const meanwhile = await during(run)
    const until = run.read()
    run.measure(from.atNs, until.atNs)
    run.enter('drain')
    const end = await drained(run)
    const latency = run.latency('publish', shares)
    const seconds = (until.atNs - from.atNs) / 1e9
    const sent = until.published - from.published
    const problems = problemsOf(end, run.clients)
    if (end.disconnects === 0 && sent < rateShare * rate * seconds)
      problems.push(rateMissed(rate, sent / seconds))
    const figures = {
      deliveriesPerSecond: (until.delivered - from.delivered) / seconds,
      ...latencyFigures(latency),
      missing: Math.max(0, end.expected - end.unique),
    }
    const partial = end.disconnects > 0
    return {
      traffic: { workload, side, figures, problems, partial, latency, timeline: [] },
      meanwhile,
    }
  } finally {
    run.stop()
  }
}
