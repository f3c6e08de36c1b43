/**
 * Every crossing between V8 and the plain core, by the folder that implements it. All of it is called from the control
 * thread, except what says otherwise. Arguments are not checked again below: our own types are the check.
 */
import type {
  BootstrapBatch,
  BootstrapRequest,
  InterestBatch,
  LinkDataPlane,
  RouteMessage,
  RoutesApplied,
} from './engine.js'

export interface StartOptions {
  readonly loops: number
  /** Entries of each lane from one loop to another. */
  readonly laneSlots: number
  readonly storeRetained: boolean // retainer.enable
  readonly retainedMessagesMax: number // 0: no limit
  readonly retainedPayloadBytesMax: number
  readonly retainedBytesMax: number
  readonly strategy: string // mqtt.shared_subscription_strategy
}

export interface NativeListener {
  readonly id: number
  readonly host: string
  readonly port: number
  readonly backlog: number
  readonly connectionsMax: number
  readonly packetBytesMax: number
  readonly connectDeadlineMs: number
  readonly highWatermarkBytes: number
  readonly sendTimeoutMs: number
  readonly qosMax: number
  readonly retainAvailable: boolean
  readonly noDelay: boolean
}

/** A failed system call: its errno name and the step it failed in. */
export interface SystemFailure {
  readonly error: string
  readonly step: string
}

export interface Binding {
  // seam
  layout(): unknown
  /** Crossings since load, of all environments; asking is free. */
  crossings(): number

  // transport
  /** `onEvents` gets one copy of all records that wait; it is called at most once per turn of the event loop. */
  start(options: StartOptions, onEvents: (batch: Buffer) => void): void
  halt(timeoutMs: number): boolean
  listen(options: NativeListener): SystemFailure | null
  unlisten(listener: number): void
  /** Command records; copied. */
  submit(batch: Uint8Array): void
  drain(): void
  /** Sweeps expired retained messages and frees what readers have left; about 1 ms at most. */
  maintain(): void
  openSockets(): number
  /** In the order of `layout.counters`, then filters, retained messages, retained bytes, bytes waiting for readers, retained messages expired. */
  counters(): Float64Array

  // link
  configureLinks(self: string, links: readonly LinkDataPlane[]): void
  openInterest(link: number, topics: readonly string[]): void
  closeInterest(link: number): void
  takeInterest(
    link: number,
    actor: string,
    incarnation: bigint,
    entriesMax: number,
    bytesMax: number,
  ): InterestBatch | null
  settleInterest(link: number, token: number, delivered: boolean): void
  /** A view of the engine's memory, two bytes a link: a live batch waits, the capture overflowed. */
  interestFlags(): Uint8Array
  decodeRoute(payload: Uint8Array): RouteMessage
  encodeActorInit(
    actor: string,
    incarnation: bigint,
    target: string,
    capabilities: Uint8Array | null,
  ): Buffer
  encodeActorInitAck(
    actor: string,
    error: string | null,
    needBootstrap: boolean | null,
    capabilities: Uint8Array | null,
  ): Buffer
  encodeHeartbeat(actor: string, incarnation: bigint): Buffer
  applyRoutes(link: number, lane: number, payload: Uint8Array): RoutesApplied
  markRoutes(link: number, lane: number): void
  sweepRoutes(link: number, lane: number, budget: number): { removed: number; done: boolean }
  clearRoutes(link: number, lane: number, budget: number): { removed: number; done: boolean }
  routeCount(link: number): number
  linkCounters(link: number): Readonly<Record<string, number>>
  /** Any environment of the process. */
  bootstrapBatch(request: BootstrapRequest): BootstrapBatch
}
