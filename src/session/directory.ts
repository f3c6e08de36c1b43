/**
 * The session directory: every client id that is connected, connecting or remembered. The shell around `step`: it finds
 * the client that an event is about, lets `step` decide, and performs the effects through the engine.
 */
import type { Clock, Timers } from '../clock.js'
import { controlLimits } from '../limits.js'
import type { Log } from '../log.js'
import type { ControlCounters } from '../metrics/index.js'
import { type ConnectRefusal, connectReason, encodeRefusal } from '../mqtt/index.js'
import type {
  AttachCommand,
  CloseCause,
  Engine,
  EngineEvent,
  SessionAddress,
} from '../native/index.js'
import type { Slicer } from '../slices.js'
import {
  type ClientView,
  type ConnectionView,
  clientView,
  connectionView,
  type KnownClient,
} from './client-view.js'
import { DeadlineClock } from './deadline-clock.js'
import { Endings } from './endings.js'
import { homeLoop } from './home.js'
import { SubscriptionLedger } from './ledger.js'
import { SessionNumbers } from './numbers.js'
import type { SessionObserver } from './observer.js'
import { Packets, type Reauthenticate } from './packets.js'
import { Roll } from './roll.js'
import type { Candidate, Session } from './session.js'
import {
  type ClientEffect,
  type ClientEvent,
  type ClientPolicy,
  type ClientState,
  deadline,
  none,
  type Online,
  standing,
  step,
  type Verdict,
} from './step.js'
import type { Authorize, SubscriptionPolicy } from './subscriptions.js'

export type AttachedEvent = EngineEvent & { readonly kind: 'attached' }
export type ClosedEvent = EngineEvent & { readonly kind: 'closed' }
export type PacketEvent = EngineEvent & { readonly kind: 'packet' }
export type AttachEffect<C extends Candidate> = ClientEffect<C> & { readonly kind: 'attach' }

export interface DirectoryLimits {
  readonly connectsPerClientId: number
  /** Null: as many as file descriptors allow. */
  readonly connections: number | null
  /** Null: no limit. */
  readonly sessions: number | null
}

export interface DirectoryOptions<C extends Candidate> {
  readonly engine: Pick<Engine, 'loops' | 'attach' | 'refuse' | 'answer' | 'endSession' | 'publish'>
  readonly clock: Clock
  readonly timers: Timers
  readonly slicer: Slicer
  readonly log: Log
  readonly counters: ControlCounters
  readonly limits: DirectoryLimits
  readonly subscriptions: SubscriptionPolicy
  readonly authorize: Authorize
  /** Checks the identity behind a CONNECT and calls back once, at once or later. */
  readonly authenticate: (candidate: C, answer: (verdict: Verdict<C>) => void) => void
  /** An AUTH on a connection that is served: what to answer, and whether it goes on. */
  readonly reauthenticate: Reauthenticate<C>
  readonly observer: SessionObserver<C>
  /** What the home loop needs to serve the client of an attach. */
  readonly attachCommand: (effect: AttachEffect<C>) => AttachCommand
}

/** One client id. Exists while its state is not `none`. */
interface Client<C extends Candidate> extends KnownClient<C> {
  state: ClientState<C>
  last: ConnectionView | null
}

/** All client ids in parts: one after the other of those who came after `serial`, whoever comes and goes meanwhile. */
export interface ClientRoll {
  /** The serial number of who came last. */
  readonly newest: number
  /** Of the next `count`; what is not there yet counts and is left out. Null: nobody comes after them. */
  after(
    serial: number,
    count: number,
  ): { readonly clients: readonly ClientView[]; readonly reached: number | null }
  /** Null: it is neither connected nor remembered. */
  view(clientId: string): ClientView | null
}

export class SessionDirectory<C extends Candidate> implements ClientRoll {
  readonly #options: DirectoryOptions<C>
  readonly #clients = new Map<string, Client<C>>()
  /** The same in the order in which they came. */
  readonly #roll = new Roll<Client<C>>()
  /** Connections that have neither been refused nor closed, by number. */
  readonly #connections = new Map<number, Client<C>>()
  readonly #numbers: readonly SessionNumbers[]
  readonly #policy: ClientPolicy
  readonly #deadlines: DeadlineClock<Client<C>>
  readonly #endings: Endings
  readonly #ledger = new SubscriptionLedger()
  readonly #packets: Packets<C>
  /** Closed connections that wait for a slice, oldest first. Bound: the number of connections. */
  #closed: ClosedEvent[] = []
  #closedInBatch = 0
  #stopping = false

  constructor(options: DirectoryOptions<C>) {
    this.#options = options
    const { engine, slicer } = options
    this.#numbers = Array.from(
      { length: engine.loops },
      (_, loop) => new SessionNumbers(loop, options.clock),
    )
    this.#policy = {
      takeNumber: (clientId) => this.#takeNumber(clientId),
      connectsMax: options.limits.connectsPerClientId,
    }
    this.#endings = new Endings(engine, slicer, this.#ledger, (address) =>
      this.#numbers[address.loop]?.give(address),
    )
    this.#packets = new Packets({ ...options, ledger: this.#ledger })
    this.#deadlines = new DeadlineClock({
      ...options,
      run: (client) => this.#step(client, { kind: 'timer' }),
    })
  }

  get connections(): number {
    return this.#connections.size
  }

  /** Sessions and what is left of ended ones. */
  get sessions(): number {
    return this.#numbers.reduce((sum, numbers) => sum + numbers.used, 0)
  }

  /** What all subscriptions add up to. */
  get subscriptions(): Pick<SubscriptionLedger, 'all' | 'shared' | 'sys' | 'exclusive'> {
    return this.#ledger
  }

  /** The session of a client id that is connected or remembered. */
  find(clientId: string): Session | null {
    const state = this.#clients.get(clientId)?.state
    const found = state?.kind === 'authenticating' ? state.found : state
    return found === undefined || found.kind === 'none' ? null : found.session
  }

  get newest(): number {
    return this.#roll.newest
  }

  after(serial: number, count: number): ReturnType<ClientRoll['after']> {
    const next = this.#roll.after(serial, count)
    const clients = next.flatMap((client) => clientView(client) ?? [])
    return { clients, reached: next.length < count ? null : (next.at(-1)?.serial ?? null) }
  }

  view(clientId: string): ClientView | null {
    const client = this.#clients.get(clientId)
    return client === undefined ? null : clientView(client)
  }

  /** A batch of events begins: some closed connections may be handled at once again. */
  beginBatch(): void {
    this.#closedInBatch = 0
  }

  /** An admitted CONNECT. */
  connect(candidate: C): void {
    const refusal = this.#full(candidate)
    if (refusal !== null) {
      this.#refuse(candidate, refusal)
      return
    }
    const client = this.#clients.get(candidate.clientId) ?? this.#newClient(candidate.clientId)
    this.#connections.set(candidate.connection, client)
    this.#step(client, { kind: 'connect', candidate })
  }

  attached(event: AttachedEvent): void {
    const client = this.#connections.get(event.connection)
    if (client?.state.kind !== 'connecting' || !isSession(client.state.session, event)) {
      this.#options.counters.events_stale++
      return
    }
    const { counters } = this.#options
    counters.connections_attached++
    counters[client.state.resumed ? 'sessions_resumed' : 'sessions_created']++
    counters.wills_published += client.state.before.length
    const { candidate } = client.state
    client.last = null
    this.#step(client, { kind: 'attached', connection: event.connection })
    this.#options.observer.connected?.(candidate)
  }

  closed(event: ClosedEvent): void {
    if (this.#closed.length === 0 && this.#closedInBatch < controlLimits.closedAtOnce) {
      this.#closedInBatch++
      this.#onClosed(event)
      return
    }
    this.#closed.push(event)
    if (this.#closed.length === 1)
      this.#options.slicer.add(this.#closeInSlices(), 'closed connections')
  }

  packet(event: PacketEvent): void {
    const client = this.#connections.get(event.connection)
    const online = client === undefined ? null : onlineOf(client.state, event.connection)
    if (client === undefined || online === null || !isSession(online.session, event)) {
      this.#options.counters.events_stale++
      return
    }
    const goodbye = this.#packets.handle(event, online.session, online.candidate)
    if (goodbye === null) return
    this.#step(client, { kind: 'disconnect', connection: event.connection, ...goodbye })
  }

  /** From now on connections end without publishing wills; nothing is published or expires any more. */
  stop(): void {
    this.#stopping = true
    this.#deadlines.stop()
  }

  // --------------------------------------------------------------------------------------- private

  /** A new client id needs room for a session, every connection needs room for itself. */
  #full({ clientId }: C): ConnectRefusal | null {
    const { connections, sessions } = this.#options.limits
    if (this.#stopping) return 'server-shutting-down'
    if (connections !== null && this.#connections.size >= connections) return 'quota-exceeded'
    if (sessions !== null && !this.#clients.has(clientId) && this.sessions >= sessions)
      return 'quota-exceeded'
    return null
  }

  #newClient(clientId: string): Client<C> {
    const client: Client<C> = { serial: this.#roll.next(), clientId, state: none, last: null }
    this.#clients.set(clientId, client)
    this.#roll.add(client)
    return client
  }

  #onClosed(event: ClosedEvent): void {
    const client = this.#connections.get(event.connection)
    if (client === undefined) {
      // A refused connection ends like this; it never had a session.
      if (event.session !== -1) this.#options.counters.events_stale++
      return
    }
    this.#connections.delete(event.connection)
    const online = onlineOf(client.state, event.connection)
    this.#countClosed(online, event.cause)
    if (online !== null) {
      client.last = connectionView(online, this.#options.clock.wallMs())
      this.#options.observer.disconnected?.(online.candidate, event.cause, event.reasonCode)
    }
    const cause: CloseCause = this.#stopping ? 'shutdown' : event.cause
    this.#step(client, { kind: 'closed', connection: event.connection, cause })
  }

  #countClosed(online: Online<C> | null, cause: CloseCause): void {
    const { counters } = this.#options
    if (cause === 'taken-over') {
      counters.connections_closed++
      counters.sessions_taken_over++
    } else if (online === null) {
      counters.connects_abandoned++
    } else {
      counters.connections_closed++
      if (online.will !== null && (this.#stopping || cause === 'shutdown'))
        counters.wills_suppressed++
    }
  }

  *#closeInSlices(): Generator<void> {
    // The array is swapped, not shifted: what comes meanwhile stays behind what was there.
    let at = 0
    while (at < this.#closed.length) {
      const end = Math.min(at + controlLimits.perStep, this.#closed.length)
      for (; at < end; at++) {
        const event = this.#closed[at]
        if (event !== undefined) this.#onClosed(event)
      }
      if (at < this.#closed.length) yield
    }
    this.#closed = []
  }

  #step(client: Client<C>, event: ClientEvent<C>): void {
    const nowMs = this.#options.clock.monotonicMs()
    const { state, effects } = step(client.state, event, nowMs, this.#policy)
    client.state = state
    for (const effect of effects) this.#perform(effect)
    // Not `state`: an identity that is checked at once has stepped on from it.
    if (client.state.kind === 'none') {
      this.#clients.delete(client.clientId)
      this.#roll.remove(client)
    }
    this.#deadlines.set(client, this.#stopping ? Number.POSITIVE_INFINITY : deadline(client.state))
  }

  #authenticate(candidate: C): void {
    const { connection } = candidate
    this.#options.authenticate(candidate, (verdict) => {
      const client = this.#connections.get(connection)
      if (client !== undefined) this.#step(client, { kind: 'verdict', connection, verdict })
    })
  }

  #takeNumber(clientId: string): SessionAddress {
    const loop = homeLoop(clientId, this.#options.engine.loops)
    const numbers = this.#numbers[loop]
    if (numbers === undefined) throw new RangeError(`no loop ${loop}`)
    return numbers.take()
  }

  #perform(effect: ClientEffect<C>): void {
    const { engine, counters } = this.#options
    switch (effect.kind) {
      case 'authenticate':
        this.#authenticate(effect.candidate)
        return
      case 'attach':
        engine.attach(this.#options.attachCommand(effect))
        return
      case 'refuse':
        this.#connections.delete(effect.candidate.connection)
        this.#refuse(effect.candidate, effect.why, effect.reason)
        return
      case 'publish-will':
        counters.wills_published++
        engine.publish({
          loop: effect.session.address.loop,
          packet: effect.will.packet,
          clientId: effect.session.clientId,
        })
        return
      case 'end':
        counters.sessions_ended++
        if (effect.why === 'expired') counters.sessions_expired++
        this.#endings.end(effect.session)
        return
      case 'discard':
        this.#numbers[effect.session.address.loop]?.give(effect.session.address)
        return
      case 'close':
        this.#packets.goodbye(effect.session, effect.candidate, effect.protocolError)
        return
    }
  }

  #refuse(candidate: C, refusal: ConnectRefusal, reason = ''): void {
    const { acceptLoop, connection, version, clientId, peer, answers } = candidate
    const { engine, counters, log } = this.#options
    counters.connects_refused++
    log.info({ event: 'connect_refused', clientId, peer, refusal, reason }, 'a CONNECT was refused')
    engine.refuse(
      { loop: acceptLoop, connection },
      encodeRefusal(version, connectReason(refusal, version), answers),
    )
  }
}

/** The connection as part of a session, also while another one is about to take it over. */
function onlineOf<C extends Candidate>(
  state: ClientState<C>,
  connection: number,
): Online<C> | null {
  const online = standing(state)
  return online.kind === 'online' && online.candidate.connection === connection ? online : null
}

function isSession(
  { address }: Session,
  event: { loop: number; session: number; generation: number },
): boolean {
  return (
    address.loop === event.loop &&
    address.session === event.session &&
    address.generation === event.generation
  )
}
