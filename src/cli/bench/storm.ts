/**
 * All clients subscribe to the same filter at once: from the first SUBSCRIBE sent to the last SUBACK; then a message that reaches
 * them. More than descriptors allow do so in storms one after the other, whose sessions stay subscribed. And connections that only
 * stand there.
 */
import type { LoadDistribution } from '../../native/index.js'
import { shares } from './distribution.js'
import type { Setting } from './options.js'
import { fineProcessorSeconds, residentKiB } from './processor.js'
import { latencyFigures, problemsOf, type Round } from './result.js'
import { clientsWithin, planOf, Run } from './run.js'
import { drained } from './traffic.js'

/** What the budget of one filter's subscribers is told for. */
export const subscribersWanted = 100_000
const messages = 1
/** A broker is idle again, and has given back what it can. */
const settleMs = 1_500
/** Of sessions of earlier storms, seconds: longer than a round. */
const expirySeconds = 7_200

/** What one storm took. */
interface Storm {
  readonly elapsedMs: number
  readonly brokerSeconds: number
  readonly generatorNs: number
  /** How many the message reached; null: there was none. */
  readonly reached: number | null
  readonly problems: readonly string[]
  readonly latency: LoadDistribution
}

/** @param clients all of them; of a broker that is not ours no more than descriptors allow, since sessions would stay there */
export async function subscribeRound(
  workload: string,
  setting: Setting,
  clients: number,
): Promise<Round> {
  const isOurs = setting.side.died !== null
  const storms: Storm[] = []
  for (let left = clients; left > 0; ) {
    const size = isOurs ? clientsWithin(left) : left
    storms.push(await storm(setting, size, size === left))
    left -= size
  }
  const total = (of: (storm: Storm) => number) => storms.reduce((sum, one) => sum + of(one), 0)
  const elapsedMs = total((one) => one.elapsedMs)
  const { reached = null, problems = [], latency = null } = storms.at(-1) ?? {}
  return {
    workload,
    side: setting.side.name,
    figures: {
      clients,
      totalMs: elapsedMs,
      usEach: (elapsedMs * 1_000) / clients,
      msFor100k: (elapsedMs * subscribersWanted) / clients,
      brokerUs: (total((one) => one.brokerSeconds) * 1e6) / clients,
      generatorUs: total((one) => one.generatorNs) / 1_000 / clients,
      ...(latency === null ? {} : latencyFigures(latency)),
      ...(reached === null ? {} : { reached }),
    },
    problems: [...problems],
    partial: false,
    latency,
    timeline: [],
  }
}

/** @param isLast its clients get a message; the sessions of the others stay subscribed without a connection */
async function storm(setting: Setting, clients: number, isLast: boolean): Promise<Storm> {
  const { side, progress } = setting
  const isFloor = side.name.startsWith('floor')
  const plan = planOf(setting, {
    pattern: 'oneTopic',
    subscribers: clients,
    publishers: isFloor || !isLast ? 0 : 1,
    holdSubscriptions: true,
    sessionExpirySeconds: isLast ? 0 : expirySeconds,
    messagesEach: messages,
    rate: 0,
  })
  const run = new Run(setting, plan)
  try {
    await run.reaches(clients, ({ connected }) => connected, 'connected')
    await run.wait(settleMs) // the storm before is gone
    const brokerBefore = fineProcessorSeconds(side.pids)
    const before = run.read()
    run.enter('subscribe')
    const after = await run.reaches(clients, ({ subscribed }) => subscribed, 'subscribed')
    const took = {
      elapsedMs: (after.lastSubackNs - after.firstSubscribeNs) / 1e6,
      brokerSeconds: fineProcessorSeconds(side.pids) - brokerBefore,
      generatorNs: after.threadCpuNs - before.threadCpuNs,
      latency: run.latency('subscribe', shares),
    }
    if (isFloor || !isLast) return { ...took, reached: null, problems: [] }
    run.enter('connectPublishers')
    await run.reaches(1, (reading) => reading.publishersReady, 'publishers ready')
    run.enter('run')
    await run.reaches(messages, ({ published }) => published, 'messages published')
    run.enter('drain')
    progress('waiting for the message to reach everybody')
    const end = await drained(run)
    return { ...took, reached: end.unique / messages, problems: problemsOf(end, run.clients) }
  } finally {
    run.stop()
  }
}

/**
 * Connections: what opening one costs the broker, and what it holds for an idle one: of all, or of those that follow `--before`
 * others, so that what the first ones alone cost is not in it.
 */
export async function connectionsRound(
  workload: string,
  setting: Setting,
  clients: number,
  filtersEach: number,
): Promise<Round> {
  const { options, side } = setting
  const connect = (subscribers: number, alreadyOpen: number) =>
    new Run(setting, planOf(setting, { pattern: 'none', subscribers, filtersEach }), alreadyOpen)
  const standing = options.before === 0 ? null : connect(options.before, 0)
  try {
    if (standing !== null) {
      await standing.reaches(
        options.before,
        ({ subscribed }) => subscribed,
        'standing there before',
      )
      await standing.wait(settleMs + options.durationSeconds * 1_000)
    }
    const rssBefore = residentKiB(side.pids)
    const brokerBefore = fineProcessorSeconds(side.pids)
    const run = connect(clients, options.before)
    try {
      return await opened(workload, setting, run, { clients, rssBefore, brokerBefore })
    } finally {
      run.stop()
    }
  } finally {
    standing?.stop()
  }
}

async function opened(
  workload: string,
  { options, side, progress }: Setting,
  run: Run,
  at: { readonly clients: number; readonly rssBefore: number; readonly brokerBefore: number },
): Promise<Round> {
  const { clients } = at
  const startedNs = run.read().atNs
  const open = await run.reaches(clients, ({ subscribed }) => subscribed, 'connected')
  const elapsedMs = (open.atNs - startedNs) / 1e6
  const broker = fineProcessorSeconds(side.pids) - at.brokerBefore
  progress('waiting for the broker to come to rest')
  await run.wait(settleMs)
  const idleBefore = fineProcessorSeconds(side.pids)
  await run.wait(options.durationSeconds * 1_000)
  const idle = fineProcessorSeconds(side.pids) - idleBefore
  const rss = residentKiB(side.pids)
  const end = run.read()
  const problems = problemsOf(end, run.clients)
  return {
    workload,
    side: side.name,
    figures: {
      clients,
      connectsPerSecond: (clients * 1_000) / elapsedMs,
      totalMs: elapsedMs,
      ...(side.pids.length > 0
        ? {
            brokerUs: (broker * 1e6) / clients,
            rssKiB: rss,
            kibEach: (rss - at.rssBefore) / clients,
            idleCores: idle / options.durationSeconds,
          }
        : {}),
      generatorUs: end.threadCpuNs / 1_000 / clients,
    },
    problems,
    partial: problems.length > 0,
    latency: null,
    timeline: [],
  }
}
