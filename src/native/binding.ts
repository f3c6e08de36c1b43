/**
 * Every crossing between V8 and the plain core, by the folder that implements it. All of it is called from the control
 * thread, except what says otherwise. Arguments are not checked again below: our own types are the check.
 */
import type {
  BootstrapBatch,
  BootstrapRequest,
  LinkEngine,
  ListenerOptions,
  ListenerState,
  TlsContextOptions,
  TlsRefusal,
} from './engine.js'
import type {
  FloorFan,
  LoadDistribution,
  LoadEndpoint,
  LoadHandle,
  LoadReading,
  NativeLoadPlan,
  ProbeHandle,
  ProbeOptions,
  ProbeReading,
  SelfSigned,
} from './load.js'
import type { DeltasHandle, RouterHandle } from './workbench.js'

export interface StartOptions {
  readonly loops: number
  /** Entries of each lane from one loop to another. */
  readonly laneSlots: number
  readonly pendingConnects: number // of all loops together
  readonly storeRetained: boolean // retainer.enable
  readonly retainedMessagesMax: number // 0: no limit
  readonly retainedPayloadBytesMax: number
  readonly retainedBytesMax: number
  readonly delayedEnabled: boolean // delayed.enable
  readonly delayedMessagesMax: number // 0: no limit
  readonly delayedBytesMax: number
  readonly retainedLifetimeMs: number // of those without an expiry of their own; 0: for ever
  readonly strategy: string // mqtt.shared_subscription_strategy
  readonly stickyPick: string // mqtt.shared_subscription_initial_sticky_pick
  readonly messagePolicy: MessagePolicy
}

/** What `mqtt.*` and `retainer.*` ask of every message: native/fanout/message_policy.h. */
export interface MessagePolicy {
  readonly expirySecondsMax: number // 0: no limit
  readonly topicLevelsMax: number
  readonly retryMs: number // 0: only when the client reconnects
  readonly awaitReleaseMs: number
  readonly clearsSilently: boolean // the empty message that clears a retained one is not delivered
  readonly queuePriorities: {
    readonly topics: readonly string[]
    readonly priorities: readonly number[] // of `topics`, in the same order
    readonly othersHighest: boolean
  }
}

export interface NativeListener extends ListenerOptions {
  readonly qosMax: number
  readonly retainAvailable: boolean
}

/** A failed system call: its errno name and the step it failed in. */
export interface SystemFailure {
  readonly error: string
  readonly step: string
}

export interface EdgeAttachment {
  readonly ringBytes: number // limits.ws_ring_bytes
  readonly stallMs: number // limits.ws_stall
  readonly nice: number // added to the thread's nice value
}

/** Calls of the link room that cross unchanged; the others of LinkEngine read shared memory or join the command batch. */
type LinkCalls = Omit<
  LinkEngine,
  | 'interestWaiting'
  | 'interestOverflowed'
  | 'setRetainedSync'
  | 'dial'
  | 'send'
  | 'slotOnline'
  | 'carry'
>

export interface Binding extends LinkCalls {
  // seam
  layout(): unknown
  /** Crossings since load, of all environments; asking is free. */
  crossings(): number

  // transport
  /** `onEvents` gets one copy of all records that wait; it is called at most once per turn of the event loop. */
  start(options: StartOptions, onEvents: (batch: Buffer) => void): void
  halt(timeoutMs: number): boolean
  /** Ends the process without hooks, destructors or the end of any thread: behind `halt`. */
  exitProcess(code: number): never
  setTls(number: number, options: TlsContextOptions): TlsRefusal | null
  listen(options: NativeListener): SystemFailure | null
  unlisten(listener: number): void
  /** Null: it was never opened. */
  listenerState(listener: number): ListenerState | null
  /** Command records; copied. */
  submit(batch: Uint8Array): void
  drain(): void
  /** Sweeps expired retained messages and frees what readers have left; about 1 ms at most. */
  maintain(): void
  openSockets(): number
  /** In the order of `layout.counters`, then filters, retained messages, retained bytes, bytes waiting for readers, retained messages expired, delayed messages, their bytes, WebSocket connections, bytes in their rings. */
  counters(): Float64Array

  // links, beside those of LinkCalls
  /** @param state its number in native/transport/engine.h */
  setRetainedSync(link: number, state: number): void

  // edge: the edge thread's environment only
  /** Once an environment. `onBell` is called when `exchangeEdge` has something to give, once until it is asked. */
  attachEdge(options: EdgeAttachment, onBell: () => void): void
  /**
   * Edge command records down, copied; edge event records up into `out`, of 4 KiB at least, or empty: then none come up. Returns
   * the bytes written; negative: as many, and more wait. May block for 2 ms when a client that cannot be paused outruns its loop,
   * and for 250 ms before such a client is closed.
   */
  exchangeEdge(batch: Uint8Array, out: Uint8Array): number
  /** Index into `layout.edgeVerdicts`. */
  admitEdge(listener: number, address: string, peer: string): number

  // link: besides the calls that cross as the link room makes them
  /** A view of the engine's memory, two bytes a link: a live batch waits, the capture overflowed. */
  interestFlags(): Uint8Array
  /** Any environment of the process. */
  bootstrapBatch(request: BootstrapRequest): BootstrapBatch & { readonly written: number }

  // loadgen: absent on other systems than Linux
  startLoad(plan: NativeLoadPlan): LoadHandle
  enterLoadPhase(handle: LoadHandle, phase: number): void
  measureLoad(handle: LoadHandle, fromNs: number, untilNs: number): void
  readLoad(handle: LoadHandle): LoadReading
  readLoadLatency(
    handle: LoadHandle,
    what: 'publish' | 'subscribe',
    shares: readonly number[],
  ): LoadDistribution
  stopLoad(handle: LoadHandle): void
  startProbe(options: ProbeOptions): ProbeHandle
  readProbe(handle: ProbeHandle, shares: readonly number[]): ProbeReading
  stopProbe(handle: ProbeHandle): void
  /** Serves until the process ends. Text: why not. */
  startFloor(endpoint: LoadEndpoint, fan: FloorFan | null): string | null
  /** For `localhost`, good for a day; null: OpenSSL would not. */
  makeSelfSigned(): SelfSigned | null
  /** The calling thread, and what it starts from now on. */
  useProcessors(numbers: readonly number[]): boolean
  processors(): number[]

  // workbench: parts of the core by themselves; texts are packed by packTexts
  openRouter(): RouterHandle
  closeRouter(handle: RouterHandle): void
  subscribeRouter(handle: RouterHandle, filters: Uint8Array): number
  unsubscribeRouter(handle: RouterHandle, filters: Uint8Array): number
  matchRouter(handle: RouterHandle, topics: Uint8Array, together: boolean): number
  routerBytes(handle: RouterHandle): number
  decodePackets(bytes: Uint8Array, version: number): number
  encodePublishes(
    topic: string,
    payload: Uint8Array,
    packetId: number, // 0 with QoS 0
    qos: number,
    version: number,
    count: number,
  ): Buffer
  openDeltas(): DeltasHandle
  mergeDeltas(handle: DeltasHandle, filters: Uint8Array, add: boolean): void
  takeDeltas(handle: DeltasHandle, entriesMax: number): Buffer
  encodeMessages(topic: string, payload: Uint8Array, clientId: string, count: number): Buffer
  decodeMessages(terms: Uint8Array, count: number): number
}
