/**
 * The engine over the addon: collects commands, takes events, and forwards the calls of the link room.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { CausewayError } from '../errors.js'
import type { Binding, StartOptions } from './binding.js'
import type {
  AnswerCommand,
  AttachCommand,
  ConnectionAddress,
  DialCommand,
  Engine,
  EngineEvent,
  InterestBatch,
  ListenerOptions,
  ListenerState,
  PublishCommand,
  RouteMessage,
  RoutesApplied,
  RoutesPage,
  SessionAddress,
  SlotOnlineCommand,
  TimeHistogram,
  TlsContextOptions,
  TlsRefusal,
} from './engine.js'
import { engineGauges } from './gauges.js'
import { layout } from './layout.generated.js'
import type { LinkDataPlane, RetainedSyncState } from './link-data-plane.js'
import { CommandBatch, readEvents, writeAnswer, writeAttach } from './records.js'

/** What a listener takes from the broker's own policy. */
export interface ListenerPolicy {
  readonly qosMax: number
  readonly retainAvailable: boolean
}

/** Numbers in native/transport/engine.h. */
const retainedSyncStates: Readonly<Record<RetainedSyncState, number>> = {
  off: 0,
  held: 1,
  begins: 2,
  'begins-all': 3,
}

const haltMs = 1000
const drainPollMs = 20
const maintainEveryMs = 5000

export class NativeEngine implements Engine {
  readonly loops: number
  readonly #binding: Binding
  readonly #policy: ListenerPolicy
  readonly #commands = new CommandBatch()
  readonly #interestFlags: Uint8Array
  readonly #maintenance: NodeJS.Timeout
  #flushScheduled = false
  #halted = false

  /** Starts the loops. `onEvents` is called in later ticks only. One per process. */
  constructor(
    binding: Binding,
    options: StartOptions,
    policy: ListenerPolicy,
    onEvents: (events: readonly EngineEvent[]) => void,
  ) {
    this.loops = options.loops
    this.#binding = binding
    this.#policy = policy
    binding.start(options, (batch) => {
      if (!this.#halted) onEvents(readEvents(batch))
    })
    this.#interestFlags = binding.interestFlags()
    this.#maintenance = setInterval(() => this.#binding.maintain(), maintainEveryMs)
    this.#maintenance.unref()
  }

  listen(options: ListenerOptions): void {
    const failure = this.#binding.listen({ ...options, ...this.#policy })
    if (failure === null) return
    const inUse = failure.error === 'EADDRINUSE'
    const what = options.path === '' ? `port ${options.port}` : options.path
    throw new CausewayError(
      inUse ? 'LISTENER_PORT_IN_USE' : 'LISTENER_BIND_FAILED',
      inUse ? `${what} is in use` : `${failure.step} failed: ${failure.error}`,
      { detail: { port: options.port, host: options.host, ...failure } },
    )
  }

  setTls(number: number, options: TlsContextOptions): TlsRefusal | null {
    return this.#binding.setTls(number, options)
  }

  unlisten(listener: number): void {
    if (!this.#halted) this.#binding.unlisten(listener)
  }

  listenerState(listener: number): ListenerState | null {
    return this.#binding.listenerState(listener)
  }

  attach(command: AttachCommand): void {
    writeAttach(this.#commands, command)
    this.#schedule()
  }

  refuse({ loop, connection }: ConnectionAddress, connack: Uint8Array): void {
    this.#commands.begin('refuse', loop).u32(connection).bytes(connack).end()
    this.#schedule()
  }

  challenge({ loop, connection }: ConnectionAddress, auth: Uint8Array): void {
    this.#commands.begin('challenge', loop).u32(connection).bytes(auth).end()
    this.#schedule()
  }

  answer(command: AnswerCommand): void {
    writeAnswer(this.#commands, command)
    this.#schedule()
  }

  close({ loop, connection }: ConnectionAddress, bytes: Uint8Array, reasonCode: number): void {
    this.#commands.begin('close', loop).u32(connection).u32(reasonCode).bytes(bytes).end()
    this.#schedule()
  }

  endSession({ loop, session, generation }: SessionAddress): void {
    this.#commands.begin('end', loop).u32(session).u32(generation).end()
    this.#schedule()
  }

  publish({ loop, packet, clientId }: PublishCommand): void {
    this.#commands.begin('publish', loop).bytes(packet).text(clientId).end()
    this.#schedule()
  }

  dial(command: DialCommand): void {
    const { tcp } = command
    this.#commands
      .begin('dial', command.loop)
      .u32(command.connection)
      .u32(command.port)
      .u32(command.timeoutMs)
      .u32(command.packetBytesMax)
      .u32(command.tls?.context ?? 0)
      .u32(Number(tcp.nodelay))
      .u32(Number(tcp.keepalive))
      .u32(tcp.sndbufBytes)
      .u32(tcp.recbufBytes)
      .text(command.host)
      .text(command.tls?.serverName ?? '')
      .bytes(command.firstBytes)
      .end()
    this.#schedule()
  }

  send({ loop, connection }: ConnectionAddress, bytes: Uint8Array): void {
    this.#commands.begin('send', loop).u32(connection).bytes(bytes).end()
    this.#schedule()
  }

  slotOnline(command: SlotOnlineCommand): void {
    this.#commands
      .begin('slot', command.loop)
      .u32(command.connection)
      .u32(command.link)
      .u32(command.slot)
      .u32(command.receiveMaximum)
      .u32(command.packetBytesMax)
      .end()
    this.#schedule()
  }

  carry({ loop, connection }: ConnectionAddress, link: number, name: string): void {
    this.#commands.begin('carry', loop).u32(connection).u32(link).text(name).end()
    this.#schedule()
  }

  /** Commands go down at the end of the tick at the latest; `flush` sends them now. */
  flush(): void {
    if (this.#commands.length === 0) return
    const batch = this.#commands.take()
    if (!this.#halted) this.#binding.submit(batch)
  }

  configureLinks(self: string, links: readonly LinkDataPlane[]): void {
    this.#binding.configureLinks(self, links)
  }

  openInterest(link: number, topics: readonly string[]): void {
    this.flush() // subscriptions decided before belong to the bootstrap
    this.#binding.openInterest(link, topics)
  }

  closeInterest(link: number): void {
    if (!this.#halted) this.#binding.closeInterest(link)
  }

  takeInterest(
    link: number,
    actor: string,
    incarnation: bigint,
    entriesMax: number,
    bytesMax: number,
  ): InterestBatch | null {
    return this.#binding.takeInterest(link, actor, incarnation, entriesMax, bytesMax)
  }

  settleInterest(link: number, token: number, delivered: boolean): void {
    if (!this.#halted) this.#binding.settleInterest(link, token, delivered)
  }

  interestWaiting(link: number): boolean {
    return this.#interestFlags[2 * link] === 1
  }

  interestOverflowed(link: number): boolean {
    return this.#interestFlags[2 * link + 1] === 1
  }

  decodeRoute(payload: Uint8Array): RouteMessage {
    return this.#binding.decodeRoute(payload)
  }

  encodeActorInit(
    actor: string,
    incarnation: bigint,
    target: string,
    capabilities: Uint8Array | null,
  ): Buffer {
    return this.#binding.encodeActorInit(actor, incarnation, target, capabilities)
  }

  encodeActorInitAck(
    actor: string,
    error: string | null,
    needBootstrap: boolean | null,
    capabilities: Uint8Array | null,
  ): Buffer {
    return this.#binding.encodeActorInitAck(actor, error, needBootstrap, capabilities)
  }

  encodeHeartbeat(actor: string, incarnation: bigint, digest: Uint8Array | null): Buffer {
    return this.#binding.encodeHeartbeat(actor, incarnation, digest)
  }

  setTransit(link: number, carries: boolean): void {
    if (!this.#halted) this.#binding.setTransit(link, carries)
  }

  setRetainedSync(link: number, state: RetainedSyncState): void {
    if (!this.#halted) this.#binding.setRetainedSync(link, retainedSyncStates[state])
  }

  startTransitWalk(): void {
    if (!this.#halted) this.#binding.startTransitWalk()
  }

  stepTransitWalk(): boolean {
    return this.#halted || this.#binding.stepTransitWalk()
  }

  transitRefused(link: number): number {
    return this.#binding.transitRefused(link)
  }

  digestKey(): Buffer {
    return this.#binding.digestKey()
  }

  laneDigest(link: number, lane: number): Buffer {
    return this.#binding.laneDigest(link, lane)
  }

  startInterestDigest(link: number, key: Uint8Array): void {
    if (!this.#halted) this.#binding.startInterestDigest(link, key)
  }

  stepInterestDigest(link: number): boolean {
    return this.#halted || this.#binding.stepInterestDigest(link)
  }

  interestDigest(link: number): Buffer | null {
    return this.#binding.interestDigest(link)
  }

  applyRoutes(link: number, lane: number, payload: Uint8Array): RoutesApplied {
    return this.#binding.applyRoutes(link, lane, payload)
  }

  markRoutes(link: number, lane: number): void {
    this.#binding.markRoutes(link, lane)
  }

  sweepRoutes(link: number, lane: number, budget: number): { removed: number; done: boolean } {
    return this.#binding.sweepRoutes(link, lane, budget)
  }

  clearRoutes(link: number, lane: number, budget: number): { removed: number; done: boolean } {
    return this.#binding.clearRoutes(link, lane, budget)
  }

  routeCount(link: number): number {
    return this.#binding.routeCount(link)
  }

  readRoutes(link: number, from: number): RoutesPage {
    return this.#binding.readRoutes(link, from)
  }

  linkCounters(link: number): Readonly<Record<string, number>> {
    return this.#binding.linkCounters(link)
  }

  linkTimes(link: number): { readonly rtt: TimeHistogram; readonly latency: TimeHistogram } {
    return this.#binding.linkTimes(link)
  }

  linksConfigured(): boolean {
    return this.#binding.linksConfigured()
  }

  counters(): Readonly<Record<string, number>> {
    const values = this.#binding.counters()
    const named: Record<string, number> = {}
    layout.counters.forEach((counter, at) => {
      named[counter.name] = values[at] ?? 0
    })
    engineGauges.forEach(({ name }, at) => {
      named[name] = values[layout.counters.length + at] ?? 0
    })
    named.seam_crossings = this.#binding.crossings()
    return named
  }

  async drain(deadlineMs: number): Promise<void> {
    this.flush()
    if (this.#halted) return
    this.#binding.drain()
    const until = performance.now() + deadlineMs
    while (this.#binding.openSockets() > 0 && performance.now() < until) await delay(drainPollMs)
  }

  halt(): void {
    if (this.#halted) return
    this.#halted = true
    clearInterval(this.#maintenance)
    this.#binding.halt(haltMs)
  }

  exitProcess(code: number): never {
    this.halt()
    return this.#binding.exitProcess(code)
  }

  #schedule(): void {
    if (this.#flushScheduled) return
    this.#flushScheduled = true
    queueMicrotask(() => {
      this.#flushScheduled = false
      this.flush()
    })
  }
}
