/** Retained messages: stored, replayed to subscribers that come all at once, and taken away again. */
import { shares } from './distribution.js'
import type { Setting } from './options.js'
import { fineProcessorSeconds } from './processor.js'
import { latencyFigures, type Round } from './result.js'
import { planOf, Run, runNumber } from './run.js'

const publishers = 4

/** @param messages kept in all, a topic each   @param clients that subscribe to all of them */
export async function retainedRound(
  workload: string,
  setting: Setting,
  clients: number,
  messages: number,
): Promise<Round> {
  const { side } = setting
  const each = Math.ceil(messages / publishers)
  const kept = each * publishers
  const run = runNumber()
  const stored = await publishAll(setting, run, each, false)
  try {
    const replay = await replayed(setting, run, clients, kept)
    return {
      workload,
      side: side.name,
      figures: { messages: kept, clients, ...stored, ...replay.figures },
      problems: replay.problems,
      partial: false,
      latency: null,
      timeline: [],
    }
  } finally {
    await publishAll(setting, run, each, true)
  }
}

async function publishAll(
  setting: Setting,
  run: number,
  each: number,
  clear: boolean,
): Promise<Record<string, number>> {
  const load = new Run(
    setting,
    planOf(setting, {
      run,
      pattern: 'retained',
      publishers,
      publishQos: 1,
      messagesEach: each,
      clear,
      rate: 0,
    }),
  )
  try {
    load.enter('connectPublishers')
    const before = await load.reaches(
      publishers,
      (reading) => reading.publishersReady,
      'publishers ready',
    )
    const brokerBefore = fineProcessorSeconds(setting.side.pids)
    load.enter('run')
    const all = each * publishers
    const after = await load.reaches(
      all,
      ({ acknowledged, refused }) => acknowledged + refused,
      clear ? 'retained messages removed' : 'messages retained',
    )
    const broker = fineProcessorSeconds(setting.side.pids) - brokerBefore
    return {
      storedPerSecond: (all * 1e9) / (after.atNs - before.atNs),
      storeUs: (broker * 1e6) / all,
    }
  } finally {
    load.stop()
  }
}

async function replayed(
  setting: Setting,
  run: number,
  clients: number,
  kept: number,
): Promise<{ figures: Record<string, number>; problems: string[] }> {
  const load = new Run(
    setting,
    planOf(setting, {
      run,
      pattern: 'retained',
      subscribers: clients,
      retainedPublishers: publishers,
      holdSubscriptions: true,
      rate: 0,
    }),
  )
  try {
    await load.reaches(clients, ({ connected }) => connected, 'connected')
    const brokerBefore = fineProcessorSeconds(setting.side.pids)
    load.enter('subscribe')
    const wanted = clients * kept
    const end = await load.reaches(wanted, ({ unique }) => unique, 'retained messages replayed')
    const broker = fineProcessorSeconds(setting.side.pids) - brokerBefore
    const problems = []
    if (end.repeated > 0) problems.push(`${end.repeated} retained messages came a second time`)
    if (end.corrupt > 0) problems.push(`${end.corrupt} came with another payload than was sent`)
    if (end.foreign > 0) problems.push(`${end.foreign} retained messages are somebody else's`)
    const elapsedNs = end.atNs - end.firstSubscribeNs
    return {
      figures: {
        replayedPerSecond: (wanted * 1e9) / elapsedNs,
        brokerUs: (broker * 1e6) / wanted,
        totalMs: elapsedNs / 1e6,
        ...latencyFigures(load.latency('subscribe', shares)),
      },
      problems,
    }
  } finally {
    load.stop()
  }
}
