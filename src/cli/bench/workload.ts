/** The workloads by name: what each does, with how many clients, and which columns tell it. */
import type { FloorFan } from '../../native/index.js'
import { bootstrapConclusion, bootstrapRounds } from './bootstrap.js'
import { churnRound } from './churn.js'
import { coreConclusion, coreRounds } from './core.js'
import { benchWorkloads } from './declaration.js'
import { fanFloor, fanRound } from './fan.js'
import { linkConclusion, linkRounds } from './link.js'
import { listingConclusion, listingRounds } from './listing.js'
import type { BenchOptions, Setting } from './options.js'
import type { Round } from './result.js'
import { retainedRound } from './retained.js'
import { clientsWithin } from './run.js'
import { scaleCurve, scaleRounds } from './scale.js'
import { connectionsRound, subscribeRound, subscribersWanted } from './storm.js'
import { trafficRound } from './traffic.js'

export interface Workload {
  readonly name: string
  readonly summary: string
  readonly columns: readonly Column[]
  /** Every round begins with a new broker, because what is measured is its memory. */
  readonly fresh: boolean
  /** Whether the options about messages are its own: otherwise they are not told above the table. */
  readonly sendsLoad: boolean
  /** What the floor process sends, null: it only answers. Null instead: it cannot stand in for a broker here. */
  readonly floor: ((options: BenchOptions) => FloorFan | null) | null
  /** Side by side: one round against one broker. Otherwise it starts its brokers itself, and does all rounds. */
  readonly how:
    | { readonly kind: 'sides'; readonly run: (setting: Setting) => Promise<Round> }
    | {
        readonly kind: 'own'
        readonly run: (
          options: BenchOptions,
          folder: string,
          progress: (text: string) => void,
        ) => Promise<Round[]>
        /** What is said below the table. */
        readonly conclusion: ((rounds: readonly Round[]) => string) | null
      }
}

/** A figure of a round as a column. */
export interface Column {
  readonly key: string
  readonly title: string
  readonly digits: number
}

const column = (key: string, title: string, digits: number): Column => ({ key, title, digits })
const latencyColumns = [
  column('p50Us', 'p50 µs', 0),
  column('p99Us', 'p99 µs', 0),
  column('p999Us', 'p99.9 µs', 0),
  column('maxUs', 'max µs', 0),
]
const trafficColumns = [
  column('deliveriesPerSecond', 'deliveries/s', 0),
  column('brokerUs', 'broker µs each', 3),
  column('brokerUserUs', 'user', 3),
  column('brokerSystemUs', 'system', 3),
  column('brokerCores', 'broker cores', 2),
  column('leastLoopCores', 'least loop', 2),
  column('mostLoopCores', 'most', 2),
  column('generatorCores', 'load cores', 2),
  column('otherCores', 'other cores', 2),
  ...latencyColumns,
  column('rssKiB', 'RSS KiB', 0),
]
const stormColumns = [
  column('clients', 'clients', 0),
  column('totalMs', 'total ms', 1),
  column('usEach', 'µs each', 2),
  column('msFor100k', 'ms for 100,000', 0),
  column('brokerUs', 'broker µs each', 2),
  column('generatorUs', 'load µs each', 2),
  column('reached', 'message reached', 0),
]
const connectionColumns = [
  column('clients', 'clients', 0),
  column('connectsPerSecond', 'connects/s', 0),
  column('brokerUs', 'broker µs each', 1),
  column('generatorUs', 'load µs each', 1),
  column('kibEach', 'KiB each', 2),
  column('idleCores', 'idle cores', 4),
  column('rssKiB', 'RSS KiB', 0),
]
const churnColumns = [
  column('clients', 'clients', 0),
  column('changesPerSecond', 'changes/s', 0),
  column('brokerUs', 'broker µs each', 2),
  column('brokerCores', 'broker cores', 2),
  column('generatorCores', 'load cores', 2),
  ...latencyColumns,
  column('rssBeforeKiB', 'RSS KiB before', 0),
  column('rssKiB', 'after', 0),
]
const bootstrapColumns = [
  column('routes', 'routes', 0),
  column('totalMs', 'total ms', 0),
  column('routesPerSecond', 'routes/s', 0),
  column('brokerUs', 'brokers µs each', 2),
  column('deliveriesPerSecond', 'deliveries/s', 0),
  ...latencyColumns,
  column('rssKiB', 'RSS KiB', 0),
]
const coreColumns = [
  column('nsEach', 'ns each', 0),
  column('perSecond', 'a second', 0),
  column('bytesEach', 'bytes each', 0),
]
const retainedColumns = [
  column('messages', 'messages', 0),
  column('clients', 'clients', 0),
  column('storedPerSecond', 'stored/s', 0),
  column('storeUs', 'broker µs each', 2),
  column('replayedPerSecond', 'replayed/s', 0),
  column('brokerUs', 'broker µs each', 3),
  column('totalMs', 'total ms', 1),
]

const traffic = (
  name: string,
  plan: (setting: Setting) => Parameters<typeof trafficRound>[2],
): Workload => ({
  name,
  summary: benchWorkloads[name] ?? '',
  columns: trafficColumns,
  fresh: false,
  sendsLoad: true,
  floor: null,
  how: { kind: 'sides', run: (setting) => trafficRound(name, setting, plan(setting)) },
})

type Own = Extract<Workload['how'], { kind: 'own' }>

/** One that starts its brokers itself. */
const own = (
  name: string,
  columns: readonly Column[],
  { sendsLoad, ...how }: Omit<Own, 'kind'> & Pick<Workload, 'sendsLoad'>,
): Workload => ({
  name,
  summary: benchWorkloads[name] ?? '',
  columns,
  fresh: false,
  sendsLoad,
  floor: null,
  how: { kind: 'own', ...how },
})

/** What `pairs` is with `--listing`. */
const pairsAndListing = own(
  'pairs',
  [
    ...trafficColumns,
    column('listedPerSecond', 'listed/s', 0),
    column('listings', 'listings', 0),
    column('longestPageMs', 'longest page ms', 1),
  ],
  { run: listingRounds, conclusion: listingConclusion, sendsLoad: true },
)

/** @param listing clients that are listed meanwhile; 0: none */
export function workloadOf(name: string, listing: number): Workload | undefined {
  if (name === 'pairs' && listing > 0) return pairsAndListing
  return workloads.find((one) => one.name === name)
}

export const workloads: readonly Workload[] = [
  {
    name: 'fanout',
    summary: benchWorkloads.fanout ?? '',
    columns: trafficColumns,
    fresh: false,
    sendsLoad: true,
    floor: fanFloor,
    how: { kind: 'sides', run: (setting) => fanRound('fanout', setting) },
  },
  traffic('pairs', ({ options }) => ({
    pattern: 'ownTopic',
    publishers: options.clients ?? 100,
    subscribers: options.clients ?? 100,
  })),
  traffic('fanin', ({ options }) => ({
    pattern: 'fanIn',
    publishers: options.publishers ?? options.clients ?? 100,
    subscribers: options.subscribers ?? 1,
  })),
  traffic('wildcard', ({ options }) => ({
    pattern: 'space',
    publishers: options.publishers ?? 10,
    subscribers: options.subscribers ?? options.clients ?? 1_000,
    filtersEach: options.filters ?? 100,
    regions: Math.max(1_000, options.filters ?? 100),
  })),
  traffic('shared', ({ options }) => ({
    pattern: 'shared',
    publishers: options.publishers ?? 10,
    subscribers: options.subscribers ?? options.clients ?? 10,
    threads: 1,
  })),
  {
    name: 'connections',
    summary: benchWorkloads.connections ?? '',
    columns: connectionColumns,
    fresh: true,
    sendsLoad: true,
    floor: () => null,
    how: {
      kind: 'sides',
      run: (setting) => {
        const { clients, filters } = setting.options
        const wanted = clients ?? clientsWithin(10_000)
        return connectionsRound('connections', setting, wanted, filters ?? 0)
      },
    },
  },
  {
    name: 'subscribe',
    summary: benchWorkloads.subscribe ?? '',
    columns: stormColumns,
    fresh: true,
    sendsLoad: true,
    floor: () => null,
    how: {
      kind: 'sides',
      run: (setting) => {
        const most =
          setting.side.died === null ? clientsWithin(subscribersWanted) : subscribersWanted
        return subscribeRound('subscribe', setting, setting.options.clients ?? most)
      },
    },
  },
  {
    name: 'churn',
    summary: benchWorkloads.churn ?? '',
    columns: churnColumns,
    fresh: false,
    sendsLoad: true,
    floor: null,
    how: {
      kind: 'sides',
      run: (setting) => {
        const { clients, filters } = setting.options
        return churnRound('churn', setting, clients ?? 100, filters ?? 100)
      },
    },
  },
  {
    name: 'retained',
    summary: benchWorkloads.retained ?? '',
    columns: retainedColumns,
    fresh: false,
    sendsLoad: true,
    floor: null,
    how: {
      kind: 'sides',
      run: (setting) => {
        const { clients, filters } = setting.options
        return retainedRound('retained', setting, clients ?? 100, filters ?? 1_000)
      },
    },
  },
  own('link', [...trafficColumns, column('changesPerSecond', 'changes/s', 0)], {
    run: linkRounds,
    conclusion: linkConclusion,
    sendsLoad: true,
  }),
  own('bootstrap', bootstrapColumns, {
    run: bootstrapRounds,
    conclusion: bootstrapConclusion,
    sendsLoad: false,
  }),
  own('core', coreColumns, { run: coreRounds, conclusion: coreConclusion, sendsLoad: false }),
  own('scale', [...trafficColumns, column('connectsPerSecond', 'connects/s', 0)], {
    run: scaleRounds,
    conclusion: scaleCurve,
    sendsLoad: true,
  }),
]
