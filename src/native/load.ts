/**
 * The load generator of `causeway bench`: MQTT clients on native threads, driven phase by phase. native/loadgen/generator.h.
 * It is no part of the broker: only the bench command uses it, in a process without an engine.
 */
import type { Binding } from './binding.js'

/** In the order of Pattern in native/loadgen/plan.h. */
export const loadPatterns = [
  'none',
  'oneTopic',
  'ownTopic',
  'fanIn',
  'shared',
  'space',
  'retained',
] as const
export type LoadPattern = (typeof loadPatterns)[number]

/** In the order of Phase in native/loadgen/plan.h. */
const loadPhases = ['connect', 'subscribe', 'connectPublishers', 'run', 'drain', 'end'] as const
export type LoadPhase = (typeof loadPhases)[number]

/** Where a broker listens; a host is a numeric address. */
export type LoadEndpoint =
  | { readonly host: string; readonly port: number }
  | { readonly path: string }

/** native/loadgen/plan.h says what each is. */
export interface LoadPlan {
  readonly run: number
  readonly version: 3 | 4 | 5
  readonly pattern: LoadPattern
  readonly publishTo: readonly LoadEndpoint[]
  readonly subscribeTo: readonly LoadEndpoint[]
  readonly publishers: number
  readonly subscribers: number
  readonly churners: number
  readonly churnOneFilter: boolean
  readonly filtersEach: number
  readonly regions: number
  readonly seed: number
  readonly retainedPublishers: number
  readonly publishQos: number
  readonly subscribeQos: number
  readonly clear: boolean
  readonly payloadBytes: number
  readonly rate: number
  readonly messagesEach: number
  readonly window: number
  readonly inflightMax: number
  readonly connectingMax: number
  readonly holdSubscriptions: boolean
  readonly sessionExpirySeconds: number
  readonly sourceAddresses: number
  readonly threads: number
  /** Empty: neither is sent. */
  readonly username: string
  readonly password: string
  /** What carries the bytes over the socket. TLS without looking at the broker's certificate. */
  readonly stream: 'none' | 'tls' | 'ws'
}

/** The sums of all threads at one moment; native/loadgen/counters.h says what each is. */
export interface LoadReading {
  readonly atNs: number
  /** Of the generator's threads. */
  readonly threadCpuNs: number
  readonly firstSubscribeNs: number
  readonly lastSubackNs: number
  readonly drained: boolean
  readonly connected: number
  readonly subscribed: number
  readonly publishersReady: number
  readonly connectFailures: number
  readonly disconnects: number
  readonly published: number
  readonly acknowledged: number
  readonly refused: number
  readonly expected: number
  readonly delivered: number
  readonly unique: number
  readonly gaps: number
  readonly repeated: number
  readonly reordered: number
  readonly corrupt: number
  readonly foreign: number
  readonly protocolErrors: number
  readonly stalls: number
  readonly late: number
  readonly subscriptions: number
  readonly unsubscriptions: number
  readonly reads: number
  readonly bytesRead: number
  /** The first three, in words. */
  readonly failures: readonly string[]
}

export interface LoadDistribution {
  readonly count: number
  readonly maxNs: number
  /** Of the shares asked for, in their order. */
  readonly quantilesNs: readonly number[]
  /** Triples: least value, width, count; nanoseconds, ascending. */
  readonly buckets: Float64Array
}

export interface ProbeOptions {
  readonly publishTo: LoadEndpoint
  readonly subscribeTo: LoadEndpoint
  readonly run: number
  readonly rounds: number
  readonly gapUs: number
}

export interface ProbeReading {
  readonly done: boolean
  /** Empty, or why it ended early; once done. */
  readonly error: string
  readonly rounds: number
  /** Rounds in which nothing arrived. */
  readonly never: number
  readonly suback: LoadDistribution
  readonly effective: LoadDistribution
}

/** A certificate that nobody vouches for, and its key, PEM. */
export interface SelfSigned {
  readonly certificate: string
  readonly key: string
}

/** What the floor sends: native/loadgen/floor_fan.h. */
export interface FloorFan {
  /** It begins when so many have subscribed. */
  readonly receivers: number
  /** Messages a send. */
  readonly batch: number
  readonly payloadBytes: number
  readonly version: 3 | 4 | 5
}

export interface LoadHandle {
  readonly type: 'load'
}
export interface ProbeHandle {
  readonly type: 'probe'
}

/** Plans as they cross: patterns are numbers. */
export type NativeLoadPlan = Omit<LoadPlan, 'pattern'> & { readonly pattern: number }

/** One run: clients connect at once; `stop` closes them. */
export class LoadGenerator {
  readonly #binding: Binding
  readonly #handle: LoadHandle

  constructor(binding: Binding, plan: LoadPlan) {
    this.#binding = binding
    this.#handle = binding.startLoad({ ...plan, pattern: loadPatterns.indexOf(plan.pattern) })
  }

  /** Later phases only; those between are passed through. */
  enter(phase: LoadPhase): void {
    this.#binding.enterLoadPhase(this.#handle, loadPhases.indexOf(phase))
  }

  /** Latencies count of messages sent in [from, until): nanoseconds of `LoadReading.atNs`. */
  measure(fromNs: number, untilNs: number): void {
    this.#binding.measureLoad(this.#handle, fromNs, untilNs)
  }

  read(): LoadReading {
    return this.#binding.readLoad(this.#handle)
  }

  /** @param shares 0 … 1 */
  latency(what: 'publish' | 'subscribe', shares: readonly number[]): LoadDistribution {
    return this.#binding.readLoadLatency(this.#handle, what, shares)
  }

  /** Blocks until its threads have ended; nothing may be asked after. */
  stop(): void {
    this.#binding.stopLoad(this.#handle)
  }
}

/** Measures on a native thread until `read().done`. */
export class RouteProbe {
  readonly #binding: Binding
  readonly #handle: ProbeHandle

  constructor(binding: Binding, options: ProbeOptions) {
    this.#binding = binding
    this.#handle = binding.startProbe(options)
  }

  read(shares: readonly number[]): ProbeReading {
    return this.#binding.readProbe(this.#handle, shares)
  }

  /** Blocks until the round that runs has ended. */
  stop(): void {
    this.#binding.stopProbe(this.#handle)
  }
}
