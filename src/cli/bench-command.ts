/**
 * `causeway bench WORKLOAD`: measures brokers in turn and shows medians. Exit code 0: figures, all clean. 3: no figures, or some
 * that may not be used, and a sentence that says why.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CausewayError } from '../errors.js'
import { loadRoom } from '../native/index.js'
import { comparison } from './bench/comparison.js'
import type { BenchFlags } from './bench/declaration.js'
import { benchFailed } from './bench/failure.js'
import { describeMachine } from './bench/machine.js'
import { type BenchOptions, defaultPinning, pinningOf } from './bench/options.js'
import { isAlive } from './bench/processor.js'
import { ProgressLine } from './bench/progress.js'
import { reportPage } from './bench/report/page.js'
import type { Round } from './bench/result.js'
import { type Side, startSide } from './bench/side.js'
import { type Workload, workloadOf } from './bench/workload.js'

type SideKind = Parameters<typeof startSide>[0]

const versions = { '3.1': 3, '3.1.1': 4, '5': 5 } as const
const exitUnusable = 3

/** @returns the exit code */
export async function benchCommand(name: string, flags: BenchFlags): Promise<number> {
  const line = new ProgressLine(process.stderr)
  const folder = mkdtempSync(join(tmpdir(), 'causeway-bench-'))
  const asked = new AbortController()
  const onSignal = () => asked.abort()
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal)
  try {
    const workload = workloadOf(name, flags.listing)
    if (workload === undefined) throw benchFailed(`there is no workload ${name}`)
    const options = optionsOf(name, flags)
    if (options.report !== null) checkWritable(options.report)
    const machine = describeMachine()
    const progress = (text: string) => {
      if (asked.signal.aborted) throw benchFailed('interrupted: there are no figures')
      line.show(text)
    }
    const rounds = await measured(workload, options, folder, progress)
    line.clear()
    if (options.report !== null)
      writeFileSync(options.report, reportPage(workload, options, machine, rounds))
    if (options.json)
      process.stdout.write(
        `${JSON.stringify({ machine, workload: name, options, rounds: rounds.map(plain) })}\n`,
      )
    else process.stdout.write(`${comparison(workload, options, machine, rounds)}\n`)
    return rounds.every(({ problems }) => problems.length === 0) ? 0 : exitUnusable
  } catch (error) {
    if (!(error instanceof CausewayError)) throw error
    line.clear()
    process.stderr.write(`${error.message}\n`)
    return exitUnusable
  } finally {
    process.removeListener('SIGINT', onSignal).removeListener('SIGTERM', onSignal)
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Before minutes are spent on what cannot be written. @throws CausewayError BENCH_FAILED */
function checkWritable(file: string): void {
  try {
    writeFileSync(file, '')
  } catch (error) {
    throw benchFailed(
      `the report cannot be written: ${error instanceof Error ? error.message : error}`,
    )
  }
}

/** Sides in turn; every other round the other way about, so that a drift of the machine favours nobody. */
async function measured(
  workload: Workload,
  options: BenchOptions,
  folder: string,
  progress: (text: string) => void,
): Promise<Round[]> {
  if (options.pin !== null && !loadRoom.useProcessors(options.pin.generator))
    throw benchFailed(
      `the load generator may not run on processor ${options.pin.generator.join(',')}`,
    )
  const { how } = workload
  if (how.kind === 'own')
    return how.run(options, folder, (text) => progress(`${workload.name} · ${text}`))
  const kinds: SideKind[] = [options.target === null ? 'causeway' : 'target']
  if (options.against !== null) kinds.push(options.against)
  if (options.floor) kinds.push('floor')
  const fan = workload.floor?.(options) ?? null
  const running = new Map<SideKind, Side>()
  const rounds: Round[] = []
  try {
    for (let round = 0; round < options.rounds; round++) {
      for (const kind of round % 2 === 0 ? kinds : [...kinds].reverse()) {
        if (workload.fresh) {
          await running.get(kind)?.stop()
          running.delete(kind)
        }
        const side = running.get(kind) ?? (await startSide(kind, options, folder, fan))
        running.set(kind, side)
        const title = `${workload.name} · ${side.name} · round ${round + 1} of ${options.rounds}`
        const tell = (text: string) => progress(`${title} · ${text}`)
        rounds.push(await how.run({ options, side, progress: tell }))
      }
    }
    return rounds
  } finally {
    await Promise.all([...running.values()].map((side) => side.stop()))
  }
}

/** @throws CausewayError BENCH_FAILED: options that contradict each other */
function optionsOf(name: string, flags: BenchFlags): BenchOptions {
  const { target = null, pid = [] } = flags
  const kind = workloadOf(name, flags.listing)
  if (flags.listing > 0 && name !== 'pairs') throw benchFailed('--listing belongs to pairs')
  if (flags.listing > 0 && flags.rate === 0)
    throw benchFailed('--listing compares latencies: --rate says of how many messages a second')
  if (name === 'core' && (target !== null || flags.against !== undefined || flags.via !== 'tcp'))
    throw benchFailed(
      'core measures the router alone, and no broker: --target, --against and --via have no place',
    )
  if (kind?.how.kind === 'own' && (target !== null || flags.against !== undefined))
    throw benchFailed(`${name} starts brokers of its own: --target and --against have no place`)
  if (flags.floor === true && kind?.floor === null)
    throw benchFailed(`${name} has no --floor; fanout, subscribe and connections have`)
  if (flags.floor === true && name === 'fanout' && (flags.qos > 0 || flags.rate > 0))
    throw benchFailed(
      'the floor of fanout sends QoS 0 as fast as it is read: --qos and --rate have no place',
    )
  const isStreamed = flags.via === 'tls' || flags.via === 'ws'
  if (isStreamed && name !== 'scale' && kind?.how.kind === 'own')
    throw benchFailed(`${name} is measured over TCP: --via ${flags.via} has no place`)
  if (isStreamed && flags.floor === true)
    throw benchFailed(`the floor answers over bare sockets: --via ${flags.via} has no place`)
  if (isStreamed && target?.startsWith('unix:') === true)
    throw benchFailed(`--via ${flags.via} needs a target that is HOST:PORT`)
  if (target === null && pid.length > 0) throw benchFailed('--pid belongs to a --target')
  const dead = pid.find((one) => !isAlive(one))
  if (dead !== undefined) throw benchFailed(`there is no process ${dead}`)
  return {
    target,
    pids: pid,
    against: flags.against ?? null,
    rounds: flags.rounds,
    clients: flags.clients ?? null,
    publishers: flags.publishers ?? null,
    subscribers: flags.subscribers ?? null,
    filters: flags.filters ?? null,
    qos: flags.qos === 2 ? 2 : flags.qos === 1 ? 1 : 0,
    sizeBytes: flags.size,
    rate: flags.rate,
    window: flags.window,
    inflight: flags.inflight,
    // Cannot lie: commander takes only these.
    mqtt: versions[flags.mqtt as keyof typeof versions],
    warmupSeconds: flags.warmup,
    durationSeconds: flags.duration,
    threads: flags.threads,
    pin: pinOf(flags.pin, target === null && name !== 'scale'),
    io: flags.io ?? null,
    tasks: flags.tasks ?? null,
    via: flags.via,
    floor: flags.floor ?? false,
    oneFilter: flags.oneFilter ?? false,
    before: flags.before,
    changes: flags.changes,
    delayMs: flags.delay,
    listing: flags.listing,
    report: flags.report ?? null,
    json: flags.json ?? false,
  }
}

/** Somebody else's broker runs where it runs: it is not pinned, and the generator only when asked. Nor are loops that are counted. */
function pinOf(written: string | undefined, byDefault: boolean): BenchOptions['pin'] {
  if (written === 'none') return null
  if (written === undefined) return byDefault ? defaultPinning(loadRoom.processors()) : null
  const pin = pinningOf(written)
  if (pin === null)
    throw benchFailed(`--pin is BROKER:LOAD, processors such as 0:1 or 0-1:2,3, not "${written}"`)
  return pin
}

/** Buckets as an ordinary array. */
function plain(round: Round): unknown {
  const { latency } = round
  return { ...round, latency: latency && { ...latency, buckets: [...latency.buckets] } }
}
