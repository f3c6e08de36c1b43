/**
 * As many clients as descriptors allow, each subscribes to the same filter at once: from the first SUBSCRIBE sent to the last
 * SUBACK; then a message that reaches all of them. And connections that only stand there.
 */
import type { LoadPlan } from '../../native/index.js'
import { shares } from './distribution.js'
import type { Setting } from './options.js'
import { fineProcessorSeconds, residentKiB } from './processor.js'
import { latencyFigures, problemsOf, type Round } from './result.js'
import { planOf, Run } from './run.js'
import { drained } from './traffic.js'

/** What the budget of one filter's subscribers is told for. */
const proportionalTo = 100_000
const messages = 1
/** A broker is idle again, and has given back what it can. */
const settleMs = 1_500

export async function subscribeRound(
  workload: string,
  setting: Setting,
  clients: number,
): Promise<Round> {
  const { side, progress } = setting
  const isFloor = side.name.startsWith('floor')
  const plan = planOf(setting, {
    pattern: 'oneTopic',
    subscribers: clients,
    publishers: isFloor ? 0 : 1,
    holdSubscriptions: true,
    messagesEach: messages,
    rate: 0,
  })
  const run = new Run(setting, plan)
  try {
    await run.reaches(clients, ({ connected }) => connected, 'connected')
    const brokerBefore = fineProcessorSeconds(side.pids)
    const before = run.read()
    run.enter('subscribe')
    const after = await run.reaches(clients, ({ subscribed }) => subscribed, 'subscribed')
    const broker = fineProcessorSeconds(side.pids) - brokerBefore
    const elapsedMs = (after.lastSubackNs - after.firstSubscribeNs) / 1e6
    const figures: Record<string, number> = {
      clients,
      totalMs: elapsedMs,
      usEach: (elapsedMs * 1_000) / clients,
      msFor100k: (elapsedMs * proportionalTo) / clients,
      brokerUs: (broker * 1e6) / clients,
      generatorUs: (after.threadCpuNs - before.threadCpuNs) / 1_000 / clients,
      ...latencyFigures(run.latency('subscribe', shares)),
    }
    let problems: string[] = []
    if (!isFloor) {
      run.enter('connectPublishers')
      await run.reaches(1, (reading) => reading.publishersReady, 'publishers ready')
      run.enter('run')
      await run.reaches(messages, ({ published }) => published, 'messages published')
      run.enter('drain')
      progress('waiting for the message to reach everybody')
      const end = await drained(run)
      problems = problemsOf(end, run.clients)
      figures.reached = end.unique / messages
    }
    const latency = run.latency('subscribe', shares)
    return { workload, side: side.name, figures, problems, partial: false, latency, timeline: [] }
  } finally {
    run.stop()
  }
}

/** Connections: what opening one costs the broker, and what it holds for an idle one. */
export async function connectionsRound(
  workload: string,
  setting: Setting,
  own: Partial<LoadPlan>,
): Promise<Round> {
  const { options, side, progress } = setting
  const rssBefore = residentKiB(side.pids)
  const brokerBefore = fineProcessorSeconds(side.pids)
  const plan = planOf(setting, own)
  const run = new Run(setting, plan)
  const startedNs = run.read().atNs
  try {
    const open = await run.reaches(plan.subscribers, ({ subscribed }) => subscribed, 'connected')
    const elapsedMs = (open.atNs - startedNs) / 1e6
    const broker = fineProcessorSeconds(side.pids) - brokerBefore
    progress('waiting for the broker to come to rest')
    await run.wait(settleMs)
    const rss = residentKiB(side.pids)
    const idleBefore = fineProcessorSeconds(side.pids)
    await run.wait(options.durationSeconds * 1_000)
    const idle = fineProcessorSeconds(side.pids) - idleBefore
    const end = run.read()
    const figures = {
      clients: plan.subscribers,
      connectsPerSecond: (plan.subscribers * 1_000) / elapsedMs,
      totalMs: elapsedMs,
      ...(side.pids.length > 0
        ? {
            brokerUs: (broker * 1e6) / plan.subscribers,
            rssKiB: rss,
            kibEach: (rss - rssBefore) / plan.subscribers,
            idleCores: idle / options.durationSeconds,
          }
        : {}),
      generatorUs: end.threadCpuNs / 1_000 / plan.subscribers,
    }
    const problems = problemsOf(end, run.clients)
    return {
      workload,
      side: side.name,
      figures,
      problems,
      partial: problems.length > 0,
      latency: null,
      timeline: [],
    }
  } finally {
    run.stop()
  }
}
