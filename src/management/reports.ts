/** What `causeway ctl` shows of a broker and its links: plain data, stable names, no secrets. */
import type { LinkStatus } from '../link/index.js'
import type { TimeHistogram } from '../native/index.js'

export interface BrokerReport {
  readonly version: string
  readonly pid: number
  readonly node: string
  readonly cluster: string
  /** Null: started without a file. */
  readonly configFile: string | null
  readonly uptimeSeconds: number
  readonly loops: number
  readonly listeners: readonly {
    readonly name: string
    readonly bind: string
    readonly connections: number
  }[]
  readonly connections: number
  readonly sessions: number
  readonly subscriptions: number
  readonly links: { readonly all: number; readonly enabled: number; readonly online: number }
}

export interface LinkReport {
  readonly name: string
  readonly enabled: boolean
  readonly topics: readonly string[]
  /** We dial nobody: both directions use the far end's connections. */
  readonly acceptOnly: boolean
  /** False: we receive only, because the far end does not carry our side of the link. */
  readonly forwards: boolean
  /** True when the far end said so. */
  readonly peerIsCauseway: boolean
  readonly route: {
    readonly state: LinkStatus['route']['state']
    readonly server: string
    readonly incarnation: string | null
    readonly bootstrap: LinkStatus['route']['bootstrap']
    /** Route changes that the far end has acknowledged since the start. */
    readonly routesOut: number
    readonly lastError: ErrorReport | null
  }
  readonly pool: {
    readonly size: number
    readonly online: number
    readonly lastError: ErrorReport | null
  }
  /** Routes of the far end that we hold. */
  readonly routesIn: number
  readonly actors: readonly {
    readonly name: string
    readonly incarnation: string
    readonly expiresInMs: number
  }[]
  readonly counters: Readonly<Record<string, number>>
  readonly roundTrip: TimesReport
  readonly latency: TimesReport
}

export interface ErrorReport {
  readonly code: string
  readonly message: string
  /** ISO 8601, UTC. */
  readonly at: string
}

/** Milliseconds; null where nothing was timed. Each is the end of a bucket: at most a fifth too large. */
export interface TimesReport {
  readonly count: number
  readonly meanMs: number | null
  readonly p50Ms: number | null
  readonly p90Ms: number | null
  readonly p99Ms: number | null
  readonly maxMs: number | null
  /** [end of a bucket in ms, how many, …], empty buckets left out. */
  readonly buckets: readonly number[]
}

export function linkReport(status: LinkStatus): LinkReport {
  const { route, pool, times, remoteActors } = status
  return {
    name: status.name,
    enabled: status.enabled,
    topics: status.topics,
    acceptOnly: status.acceptOnly,
    forwards: status.forwards,
    peerIsCauseway: status.peerIsCauseway,
    route: {
      state: route.state,
      server: route.server,
      incarnation: route.incarnation === null ? null : String(route.incarnation),
      bootstrap: route.bootstrap,
      routesOut: route.routesOut,
      lastError: errorReport(route.lastError),
    },
    pool: { size: pool.size, online: pool.online, lastError: errorReport(pool.lastError) },
    routesIn: status.routesIn,
    actors: remoteActors.map(({ actor, incarnation, expiresInMs }) => ({
      name: actor,
      incarnation: String(incarnation),
      expiresInMs: Math.round(expiresInMs),
    })),
    counters: status.counters,
    roundTrip: timesReport(times.rtt),
    latency: timesReport(times.latency),
  }
}

function errorReport(error: LinkStatus['route']['lastError']): ErrorReport | null {
  if (error === null) return null
  const { code, message, atMs } = error
  return { code, message, at: new Date(atMs).toISOString() }
}

export function timesReport({ buckets, sumMicros }: TimeHistogram): TimesReport {
  const pairs: [endMs: number, count: number][] = []
  for (let at = 0; at + 1 < buckets.length; at += 2)
    pairs.push([(buckets[at] ?? 0) / 1000, buckets[at + 1] ?? 0])
  const count = pairs.reduce((sum, [, many]) => sum + many, 0)
  const quantile = (share: number) => {
    let left = Math.ceil(count * share)
    for (const [endMs, many] of pairs) {
      left -= many
      if (left <= 0) return endMs
    }
    return null
  }
  return {
    count,
    meanMs: count === 0 ? null : sumMicros / count / 1000,
    p50Ms: quantile(0.5),
    p90Ms: quantile(0.9),
    p99Ms: quantile(0.99),
    maxMs: pairs.at(-1)?.[0] ?? null,
    buckets: pairs.flat(),
  }
}
