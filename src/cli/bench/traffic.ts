/**
 * Workloads in which publishers publish and subscribers check: connect, warm up, measure, drain, judge.
 *
 *     subscribers ready ─▶ publishers ready ─▶ warm-up ─▶ measured [a, b) ─▶ drain until all is in ─▶ verdict
 *
 * Rates and processor time are of [a, b); latencies of the messages meant to leave in [a, b), whenever they came; loss,
 * repetition and order of the whole run.
 */
import type { LoadPlan, LoadReading } from '../../native/index.js'
import { shares } from './distribution.js'
import type { Setting } from './options.js'
import { residentKiB } from './processor.js'
import { momentOf, ratesOf, secondsBetween } from './rates.js'
import { latencyFigures, problemsOf, type Round, rateMissed, rateShare } from './result.js'
import { planOf, Run } from './run.js'

const sampleMs = 100
/** After the last message: nothing more came for so long, so the rest does not come. */
const drainQuietMs = 1_000
const drainMaxMs = 10_000
const drainPollMs = 20
/** A repeated message would come within this. */
const repeatMs = 50

/** @param beforePublishing everything is connected and subscribed  @throws CausewayError BENCH_FAILED when there is nothing to tell */
export async function trafficRound(
  workload: string,
  setting: Setting,
  own: Partial<LoadPlan>,
  beforePublishing: () => Promise<void> = async () => {},
): Promise<Round> {
  const { options, side, progress } = setting
  const plan = planOf(setting, own)
  const run = new Run(setting, plan)
  try {
    await run.reaches(plan.subscribers, ({ subscribed }) => subscribed, 'subscribers ready')
    run.enter('connectPublishers')
    await run.reaches(plan.publishers, (reading) => reading.publishersReady, 'publishers ready')
    await beforePublishing()
    const rssSetup = residentKiB(side.pids)
    run.enter('run')
    const timeline: { seconds: number; perSecond: number }[] = []
    const started = momentOf(run, side.pids)
    const watched = async (seconds: number, what: string) => {
      const untilNs = run.read().atNs + seconds * 1e9
      let last = run.read()
      while (last.atNs < untilNs && last.disconnects === 0) {
        await run.wait(Math.max(1, Math.min(sampleMs, (untilNs - last.atNs) / 1e6)))
        const now = run.read()
        const perSecond = ((now.delivered - last.delivered) * 1e9) / (now.atNs - last.atNs)
        timeline.push({ seconds: (now.atNs - started.reading.atNs) / 1e9, perSecond })
        progress(`${what}: ${Math.round(perSecond).toLocaleString('en')} deliveries/s`)
        last = now
      }
    }
    await watched(options.warmupSeconds, 'warm-up')
    const a = momentOf(run, side.pids)
    run.measure(a.reading.atNs, a.reading.atNs + options.durationSeconds * 1e9)
    await watched(options.durationSeconds, 'measured')
    const b = momentOf(run, side.pids)
    const rss = residentKiB(side.pids)
    run.enter('drain')
    progress('waiting for the last messages')
    const end = await drained(run)
    const problems = problemsOf(end, run.clients)
    const sent = b.reading.published - a.reading.published
    // Who was disconnected could not send: that is told already.
    if (end.disconnects === 0 && sent < rateShare * options.rate * options.durationSeconds)
      problems.push(rateMissed(options.rate, sent / secondsBetween(a, b)))
    if (b.reading.delivered === a.reading.delivered && plan.subscribers > 0)
      problems.push('nothing was delivered while it was measured')
    const latency = run.latency('publish', shares)
    return {
      workload,
      side: side.name,
      figures: {
        ...ratesOf(a, b, side.pids.length > 0),
        ...latencyFigures(latency),
        ...(side.pids.length > 0 ? { rssSetupKiB: rssSetup, rssKiB: rss } : {}),
        expected: end.expected,
        missing: Math.max(0, end.expected - end.unique),
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

/** Until everything is in and acknowledged, or nothing comes any more. */
export async function drained(run: Run): Promise<LoadReading> {
  const startedMs = performance.now()
  let last = run.read()
  let movedMs = startedMs
  while (performance.now() - startedMs < drainMaxMs) {
    const reading = run.read()
    if (reading.drained && reading.unique >= reading.expected) break
    if (reading.disconnects > 0 && reading.delivered === last.delivered) break
    if (reading.delivered !== last.delivered) movedMs = performance.now()
    else if (performance.now() - movedMs > drainQuietMs) break
    last = reading
    await run.wait(drainPollMs)
  }
  await run.wait(repeatMs)
  return run.read()
}
