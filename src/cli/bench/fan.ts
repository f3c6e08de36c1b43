/**
 * A fan-out, and its floor: a process that only sends prebuilt messages to as many receivers, as fast as they read, as many a send
 * as the broker may have on their way to one of them. No broker on sockets pays less for a delivery.
 */
import type { FloorFan } from '../../native/index.js'
import type { BenchOptions, Setting } from './options.js'
import { momentOf, ratesOf } from './rates.js'
import { problemsOf, type Round } from './result.js'
import { planOf, Run } from './run.js'
import { trafficRound } from './traffic.js'

const receiversDefault = 1_000
/** Messages and payload of one send: what brokers that gather what is there reach with a full window of small messages. */
const sendMessagesMax = 20
const sendBytesMax = 64 * 1024

export function receiversOf({ subscribers, clients }: BenchOptions): number {
  return subscribers ?? clients ?? receiversDefault
}

export function fanFloor(options: BenchOptions): FloorFan {
  const receivers = receiversOf(options)
  const onTheirWay = Math.floor(options.window / receivers)
  const fitting = Math.floor(sendBytesMax / options.sizeBytes)
  return {
    receivers,
    batch: Math.max(1, Math.min(sendMessagesMax, onTheirWay, fitting)),
    payloadBytes: options.sizeBytes,
    version: options.mqtt,
  }
}

/** @throws CausewayError BENCH_FAILED when there is nothing to tell */
export function fanRound(workload: string, setting: Setting): Promise<Round> {
  const { options, side } = setting
  if (side.name === 'floor') return floorRound(workload, setting)
  return trafficRound(workload, setting, {
    pattern: 'oneTopic',
    publishers: options.publishers ?? 1,
    subscribers: receiversOf(options),
  })
}

/** Its messages are all the same one, of nobody's run: they are counted, and looked at for being whole. */
async function floorRound(workload: string, setting: Setting): Promise<Round> {
  const { options, side, progress } = setting
  const receivers = receiversOf(options)
  const run = new Run(setting, planOf(setting, { pattern: 'oneTopic', subscribers: receivers }))
  try {
    await run.reaches(receivers, ({ subscribed }) => subscribed, 'subscribers ready')
    await run.reaches(1, ({ delivered }) => delivered, 'messages received')
    run.enter('run')
    progress('warm-up')
    await run.wait(options.warmupSeconds * 1_000)
    const a = momentOf(run, side.pids)
    progress('measured')
    await run.wait(options.durationSeconds * 1_000)
    const b = momentOf(run, side.pids)
    const problems = problemsOf({ ...b.reading, foreign: 0 }, run.clients)
    if (b.reading.delivered === a.reading.delivered)
      problems.push('nothing was delivered while it was measured')
    return {
      workload,
      side: side.name,
      figures: ratesOf(a, b, true),
      problems,
      partial: b.reading.disconnects > 0,
      latency: null,
      timeline: [],
    }
  } finally {
    run.stop()
  }
}
