/**
 * How often JavaScript and the io loops call each other while messages pass: the figure behind "no PUBLISH touches V8".
 * Source: design.md §1.
 */
import { BulkClient, clientIdOn, publishBytes } from '../harness/index.js'
import { type Cluster, effective, type Pair } from './cluster.js'

const topics = 16
/** Messages on their way: more than any window, so that windows and queues are used, less than drops anything. */
const onTheWayMax = 1_000
const burst = 100
const patienceMs = 60_000

type Metrics = Readonly<Record<string, number>>

/** What a pair for this measurement is started with. */
export const seamConfig = 'mqtt { max_inflight = 1000, max_mqueue_len = infinity }'

export interface SeamRun {
  readonly way: 'local' | 'eastward' | 'westward'
  readonly qos: 0 | 1 | 2
  readonly retain: boolean
  readonly messages: number
}

/** Crossings of the seam during the run, at each broker; the two readings of the counter are among them. */
export interface SeamFigures {
  readonly east: number
  readonly west: number
  readonly messagesPerSecond: number
}

/** Every combination: locally and over the link both ways, each QoS, retained or not. */
export function seamRuns(messages: number): SeamRun[] {
  const ways = ['local', 'eastward', 'westward'] as const
  return ways.flatMap((way) =>
    ([0, 1, 2] as const).flatMap((qos) =>
      [false, true].map((retain) => ({ way, qos, retain, messages })),
    ),
  )
}

/** @throws Error when not every message arrives, exactly once */
export async function measureSeam(pair: Pair, run: SeamRun): Promise<SeamFigures> {
  const { east, west } = pair
  const [from, to] =
    run.way === 'local' ? [east, east] : run.way === 'eastward' ? [east, west] : [west, east]
  const prefix = `seam/${run.way}/${run.qos}/${run.retain}`
  const subscriber = await bulk(to, 0, 'subscriber')
  const publisher = await bulk(from, 1, 'publisher')
  try {
    await subscriber.subscribe([`${prefix}/#`], run.qos)
    await effective(east, west)
    await effective(west, east)
    const before = await readings(pair)
    const startedMs = performance.now()
    await exchange(publisher, subscriber, prefix, run)
    const tookMs = performance.now() - startedMs
    const after = await readings(pair)
    const moved = (broker: 'east' | 'west', name: string) =>
      (after[broker][name] ?? Number.NaN) - (before[broker][name] ?? Number.NaN)
    const [origin, end] =
      run.way === 'westward' ? (['west', 'east'] as const) : (['east', 'west'] as const)
    expect('published', moved(origin, 'native_messages_received'), run.messages)
    expect(
      'received over the link',
      moved(end, 'native_link_received'),
      run.way === 'local' ? 0 : run.messages,
    )
    return {
      east: moved('east', crossings),
      west: moved('west', crossings),
      messagesPerSecond: Math.round(run.messages / (tookMs / 1000)),
    }
  } finally {
    await Promise.all([publisher.drop(), subscriber.drop()])
  }
}

async function exchange(
  publisher: BulkClient,
  subscriber: BulkClient,
  prefix: string,
  { qos, retain, messages }: SeamRun,
): Promise<void> {
  const until = performance.now() + patienceMs
  const all = qos === 0 ? 0 : messages
  let sent = 0
  while (subscriber.received < messages || publisher.completed < all) {
    if (performance.now() > until)
      throw new Error(`${subscriber.received} of ${messages} arrived in ${patienceMs} ms`)
    const room = Math.min(burst, messages - sent, subscriber.received + onTheWayMax - sent)
    const packets: Buffer[] = []
    for (let n = 0; n < room; n++, sent++) {
      const packetId = publisher.nextPacketId()
      packets.push(publishBytes(`${prefix}/${sent % topics}`, `${sent}`, { qos, retain, packetId }))
    }
    if (packets.length > 0) publisher.write(Buffer.concat(packets))
    await new Promise((resolve) => setImmediate(resolve))
  }
  if (subscriber.received > messages) throw new Error(`${subscriber.received} of ${messages}`)
}

/** Publisher and subscriber live on different loops when there are several. */
function bulk({ broker, port }: Cluster, loop: number, role: string): Promise<BulkClient> {
  return BulkClient.connect({ port, clientId: clientIdOn(broker, loop, role) })
}

const crossings = 'native_seam_crossings'

async function readings({ east, west }: Pair): Promise<Record<'east' | 'west', Metrics>> {
  return { east: await east.broker.counters(), west: await west.broker.counters() }
}

/** The brokers' own counts, so that a run which moved nothing cannot pass. */
function expect(what: string, count: number, expected: number): void {
  if (count !== expected) throw new Error(`${what}: ${count} messages instead of ${expected}`)
}
