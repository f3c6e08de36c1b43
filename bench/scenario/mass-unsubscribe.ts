/**
 * 100,000 filters go at once: 100 clients with 1,000 filters each lose their sockets, and their sessions with them. Meanwhile
 * new clients connect in eight rows, and the broker's link keeps its heartbeat.
 * Bounds: p99 of the CONNECTs sent before the last filter is gone ≤ 50 ms, heartbeats at most 100 ms off their 10 s.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { BulkClient, freePort } from '../../test/integration/harness/index.js'
import { Cluster } from '../../test/integration/link/cluster.js'
import { type FakeConnection, FakeEmqx } from '../../test/integration/link/fake-emqx.js'
import { quantile, say, scenario, table } from './report.js'

const clients = 100
const filtersEach = 1_000
const heartbeatMs = 10_000
const rows = 8
/** As fast as they come at first, then slower: ports rest a minute. */
const manyConnects = 500
const connectMsMax = 50
const jitterMsMax = 100
/** Connects go on this long: the removal, and three heartbeats. */
const watchMs = 32_000

await scenario(async () => {
  const emqx = await FakeEmqx.listen(await freePort())
  const east = await Cluster.planned('east')
  east.links = [{ name: 'far', port: emqx.port }]
  await east.start()
  try {
    const route = await emqx.routeClients.take('route client', 10_000)
    const beats = heartbeats(route)
    const holders: BulkClient[] = []
    for (let n = 0; n < clients; n++) holders.push(await holder(east, n))
    const filters = await east.broker.counter('native_router_filters')
    say(`${filters} filters in the router`)

    const before = await connectFor(east, 2_000)
    const droppedMs = performance.now()
    await Promise.all(holders.map((client) => client.drop()))
    const gone = filtersGone(east, filters - clients * filtersEach)
    const after = await connectFor(east, watchMs)
    const goneMs = await gone
    const during = took(after.filter(({ startedMs }) => startedMs < goneMs))
    const jitterMs = Math.max(...jitters(beats))
    const p99 = quantile(during, 0.99)
    table([
      {
        'filters gone after ms': Math.round(goneMs - droppedMs),
        'CONNECT p99 before': quantile(took(before), 0.99),
        'connects meanwhile': during.length,
        p50: quantile(during, 0.5),
        p99,
        max: quantile(during, 1),
        'p99 of all 32 s': quantile(took(after), 0.99),
        heartbeats: beats.length,
        'heartbeat jitter max ms': jitterMs,
      },
    ])
    return p99 <= connectMsMax && jitterMs <= jitterMsMax && beats.length >= 3
  } finally {
    await east.remove()
    await emqx.close()
  }
})

async function holder(east: Cluster, number: number): Promise<BulkClient> {
  const client = await BulkClient.connect({ port: east.port, clientId: `holder-${number}` })
  const filters = Array.from({ length: filtersEach }, (_, n) => `mass/${number}/+/${n}`)
  await client.subscribe(filters, 1)
  return client
}

interface Connect {
  readonly startedMs: number
  /** From SYN to CONNACK. */
  readonly tookMs: number
}

/** Rows of one CONNECT after another. */
async function connectFor(east: Cluster, durationMs: number): Promise<Connect[]> {
  const connects: Connect[] = []
  const until = performance.now() + durationMs
  const row = async (name: string) => {
    for (let n = 0; performance.now() < until; n++) {
      const startedMs = performance.now()
      const client = await BulkClient.connect({ port: east.port, clientId: `${name}-${n}` })
      connects.push({ startedMs, tookMs: performance.now() - startedMs })
      await client.drop()
      if (n > manyConnects) await delay(50)
    }
  }
  await Promise.all(Array.from({ length: rows }, (_, n) => row(`new-${n}`)))
  return connects
}

function took(connects: readonly Connect[]): number[] {
  return connects.map(({ tookMs }) => tookMs)
}

async function filtersGone(east: Cluster, left: number): Promise<number> {
  while ((await east.broker.counter('native_router_filters')) > left) await delay(20)
  return performance.now()
}

/** When heartbeats come, ms; grows while they do. */
function heartbeats(route: FakeConnection): number[] {
  const at: number[] = []
  const next = async (): Promise<void> => {
    await route.publish(({ qos }) => qos === 0, 2 * heartbeatMs)
    at.push(performance.now())
    return next()
  }
  next().catch(() => {}) // the broker stopped
  return at
}

function jitters(at: readonly number[]): number[] {
  return at.slice(1).map((time, n) => Math.abs(time - (at[n] ?? time) - heartbeatMs))
}
