/**
 * Two brokers of ours on this machine, linked as in the quick start: how long a subscription here takes to be effective there,
 * what the hop adds to a message, and what forwarding costs both brokers together.
 *
 *     publishers ─▶ east ══ link (--delay ms each way) ══▶ west ─▶ subscribers
 */
import { setTimeout as delay } from 'node:timers/promises'
import { type LoadEndpoint, type LoadPlan, loadRoom } from '../../native/index.js'
import { DelayProxy } from './delay-proxy.js'
import { shares } from './distribution.js'
import { benchFailed } from './failure.js'
import type { BenchOptions } from './options.js'
import { latencyFigures, type Round } from './result.js'
import { runNumber } from './run.js'
import { freePort, type Side, startCauseway } from './side.js'
import { trafficRound } from './traffic.js'

/** Of the hop: far below what either broker can do, so that queues are empty. */
const hopRate = 1_000
const probeRounds = 1_000
/** Through a long line each takes two of its ways. */
const probeRoundsFar = 200
/** Before: both control threads run interpreted code at first. */
const probeWarmUps = 200
const probePollMs = 20
const probeGapUs = 100

interface Site {
  readonly name: string
  readonly clientPort: number
  readonly linkPort: number
  /** Where the other site dials: the link port, or a long line before it. */
  readonly dialPort: number
}

/** @throws CausewayError BENCH_FAILED */
export async function linkRounds(
  options: BenchOptions,
  folder: string,
  progress: (text: string) => void,
): Promise<Round[]> {
  const proxies: DelayProxy[] = []
  const sides: Side[] = []
  try {
    const sites = [await siteOf('east', options, proxies), await siteOf('west', options, proxies)]
    for (const [at, site] of sites.entries())
      sides.push(await startSite(site, sites[1 - at] ?? site, options, folder))
    const [east, west] = sides
    if (east === undefined || west === undefined) throw benchFailed('two brokers are needed')
    progress('waiting for the link')
    await probe(east.endpoint, west.endpoint, 1, () => {})
    return await measured(options, east, west, progress)
  } finally {
    await Promise.all([...sides, ...proxies].map((one) => one.stop()))
  }
}

async function measured(
  options: BenchOptions,
  east: Side,
  west: Side,
  progress: (text: string) => void,
): Promise<Round[]> {
  const rounds: Round[] = []
  const both = [...east.pids, ...west.pids]
  const clients = options.clients ?? 100
  const across = (name: string, qos: 0 | 1 | 2, rate: number, from: Side): Promise<Round> => {
    const side: Side = { ...west, name, pids: from === west ? west.pids : both }
    const plan: Partial<LoadPlan> = {
      pattern: 'ownTopic',
      publishers: clients,
      subscribers: clients,
      publishTo: [from.endpoint],
      publishQos: qos,
      subscribeQos: qos,
      rate,
    }
    const setting = {
      options: { ...options, rate },
      side,
      progress: (text: string) => progress(`${name}: ${text}`),
    }
    // Deltas of a link are in order: once a later route is effective, all before it are.
    const ready = () => probe(from.endpoint, west.endpoint, 1, () => {}).then(() => undefined)
    return trafficRound('link', setting, plan, ready)
  }
  for (let round = 0; round < options.rounds; round++) {
    rounds.push(await routeRound(east, west, options.delayMs > 0, progress))
    rounds.push(await across('hop, local', 1, hopRate, west))
    rounds.push(await across('hop, over the link', 1, hopRate, east))
    rounds.push(await across('forwarding, QoS 0', 0, options.rate, east))
    rounds.push(await across('forwarding, QoS 1', 1, options.rate, east))
  }
  return rounds
}

/** From SUBACK in the west until a message published in the east arrives. */
async function routeRound(
  east: Side,
  west: Side,
  far: boolean,
  progress: (text: string) => void,
): Promise<Round> {
  await probe(east.endpoint, west.endpoint, probeWarmUps, (done) =>
    progress(`subscription effective, warm-up: ${done} of ${probeWarmUps}`),
  )
  const rounds = far ? probeRoundsFar : probeRounds
  const reading = await probe(east.endpoint, west.endpoint, rounds, (done) =>
    progress(`subscription effective: ${done} of ${rounds}`),
  )
  return {
    workload: 'link',
    side: 'subscription effective',
    figures: latencyFigures(reading.effective),
    problems: reading.never > 0 ? [`${reading.never} subscriptions never became effective`] : [],
    partial: false,
    latency: reading.effective,
    timeline: [],
  }
}

async function probe(
  publishTo: LoadEndpoint,
  subscribeTo: LoadEndpoint,
  rounds: number,
  onRound: (rounds: number) => void,
) {
  const run = runNumber()
  const running = loadRoom.probe({ publishTo, subscribeTo, run, rounds, gapUs: probeGapUs })
  try {
    for (;;) {
      const reading = running.read(shares)
      if (reading.error !== '')
        throw benchFailed(`the link could not be measured: ${reading.error}`)
      if (reading.done && reading.never === rounds)
        throw benchFailed('no message crossed the link within 10 s of its subscription')
      if (reading.done) return reading
      onRound(reading.rounds)
      await delay(probePollMs)
    }
  } finally {
    running.stop()
  }
}

async function siteOf(
  name: string,
  { delayMs }: BenchOptions,
  proxies: DelayProxy[],
): Promise<Site> {
  const linkPort = await freePort()
  const clientPort = await freePort()
  if (delayMs === 0) return { name, clientPort, linkPort, dialPort: linkPort }
  const dialPort = await freePort()
  const proxy = new DelayProxy(linkPort, delayMs)
  await proxy.listen(dialPort)
  proxies.push(proxy)
  return { name, clientPort, linkPort, dialPort }
}

function startSite(site: Site, remote: Site, options: BenchOptions, folder: string): Promise<Side> {
  return startCauseway(
    {
      name: site.name,
      port: site.clientPort,
      io: options.io ?? (options.pin === null ? null : options.pin.broker.length),
      tasks: 1,
      via: 'tcp',
      pin: options.pin,
      more: `cluster {
  name = "${site.name}"
  links = [{
    name = "${remote.name}"
    server = "127.0.0.1:${remote.dialPort}"
    clientid = "clink-${site.name}"
    topics = ["#"]
  }]
}
listeners.tcp.clink { bind = "127.0.0.1:${site.linkPort}", max_connections = infinity }
`,
    },
    folder,
  )
}
