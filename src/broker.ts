/**
 * The broker: the only place that knows every room. It hands the engine's events to whom they concern, and starts and
 * stops everything in order.
 *
 *     connect ─▶ connection (admission) ─▶ auth ─▶ session (directory) ─▶ engine.attach
 *     exchange ─▶ auth
 *     packet, attached, closed ─▶ session          link-publish, dialed, client-packet, closed of dialled ones ─▶ link
 */
import { randomBytes } from 'node:crypto'
import { Authentication, type Authenticators, type HashElsewhere } from './auth/index.js'
import type { Clock, Timers } from './clock.js'
import { type Config, linkOpenToAll, type Position } from './config/index.js'
import {
  type Admitted,
  admit,
  attachCommand,
  Connacks,
  type ConnectionPolicy,
  connectionPolicy,
  linkAllowed,
} from './connection/index.js'
import { assertNever } from './errors.js'
import { controlLimits } from './limits.js'
import { type EdgeDoor, Listeners, type OpenListener } from './listener/index.js'
import type { Log } from './log.js'
import { type ControlCounters, controlCounters, Metrics } from './metrics/index.js'
import {
  type AnswerTerms,
  type ConnectPacket,
  type ConnectRefusal,
  connectReason,
  decodeConnect,
  encodeRefusal,
  UndecodablePacket,
} from './mqtt/index.js'
import type { ConnectionAddress, Engine, EngineEvent } from './native/index.js'
import { authorizeReserved, type ClientRoll, SessionDirectory } from './session/index.js'
import { Slicer } from './slices.js'
import { SysTopics } from './sys/index.js'
import { TlsContexts } from './tls/index.js'
import { version } from './version.js'

/** The part of the link room that the broker drives. */
export interface LinkDoor {
  start(): void
  stop(): void
  onLinkPublish(event: EngineEvent & { kind: 'link-publish' }): void
  onDialed(event: EngineEvent & { kind: 'dialed' }): void
  onClientPacket(event: EngineEvent & { kind: 'client-packet' }): void
  onDialClosed(event: EngineEvent & { kind: 'closed' }): void
  /** An accepted connection is gone. */
  onConnectionClosed(connection: number): void
  /** After each batch of events: local interest may have changed. */
  onInterestChanged(): void
}

export interface BrokerOptions {
  readonly config: Config
  readonly engine: Engine
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Log
  readonly authenticators: Authenticators
  /** Hashes a password on another thread. */
  readonly hash: HashElsewhere
  /** Makes the link room over what the broker shares. */
  readonly link: (shared: { readonly slicer: Slicer; readonly tls: TlsContexts }) => LinkDoor
  /** Accepts for WebSocket listeners; started and stopped by main. */
  readonly edge: EdgeDoor
  /** Where a configuration key was written; null: it is a default. */
  readonly where: (path: string) => Position | null
  /** Calls back after pending I/O; `setImmediate` outside of simulations. */
  readonly defer: (run: () => void) => void
  /** A bulk job or an event handler threw: the process cannot go on. */
  readonly onFatal: (error: unknown) => void
}

/** Connection numbers from here on are dialled ones. */
const firstDialled = 2 ** 31

export class Broker {
  readonly #options: BrokerOptions
  readonly #policy: ConnectionPolicy
  readonly #connacks: Connacks
  readonly #counters: ControlCounters = controlCounters()
  readonly #slicer: Slicer
  readonly #authentication: Authentication
  readonly #sessions: SessionDirectory<Admitted>
  readonly #tls: TlsContexts
  readonly #listeners: Listeners
  /** By id, for all clients of each. */
  readonly #listenerNames: readonly string[]
  readonly #link: LinkDoor
  #linkAllowed: ReadonlySet<number>
  readonly #sys: SysTopics
  readonly metrics: Metrics
  #stopped: Promise<void> | null = null

  constructor(options: BrokerOptions) {
    const { config, engine, clock, timers, log, defer, onFatal } = options
    this.#options = options
    this.#policy = connectionPolicy(config)
    const policy = this.#policy
    const connacks = new Connacks(policy)
    this.#connacks = connacks
    this.#slicer = new Slicer({ clock, defer, onFailure: ({ error }) => onFatal(error) })
    const authentication = new Authentication({
      ...options,
      slicer: this.#slicer,
      counters: this.#counters,
      proceed: (candidate) => this.#proceed(candidate),
    })
    this.#authentication = authentication
    this.#sys = new SysTopics({
      config: config.sysTopics,
      nodeName: config.node.name,
      version,
      engine,
      clock,
      timers,
      heard: () => this.#sessions.subscriptions.sys > 0,
      metrics: () => this.metrics.counts(),
    })
    this.#sessions = new SessionDirectory<Admitted>({
      engine,
      clock,
      timers,
      slicer: this.#slicer,
      log,
      counters: this.#counters,
      limits: config.limits,
      subscriptions: {
        qosMax: policy.qosMax,
        wildcards: policy.wildcards,
        shared: policy.shared,
        exclusive: config.mqtt.exclusiveSubscription,
        levelsMax: policy.topicLevelsMax,
        subscriptionsMax: config.mqtt.maxSubscriptions,
        retained: policy.retainAvailable && config.retainer.enable,
      },
      authenticate: (candidate, answer) => authentication.check(candidate, answer),
      reauthenticate: authentication.reauthenticate,
      authorize: authorizeReserved(config.sysTopics.subscribers),
      observer: this.#sys.observer(),
      attachCommand: (effect) => attachCommand(effect, policy, connacks),
    })
    this.#tls = new TlsContexts(options)
    this.#listeners = new Listeners({ ...options, tls: this.#tls })
    this.#listenerNames = config.listeners.map(({ kind, name }) => `${kind}:${name}`)
    this.#linkAllowed = listenersForLinks(config)
    this.#link = options.link({ slicer: this.#slicer, tls: this.#tls })
    this.metrics = new Metrics({
      counters: this.#counters,
      native: () => engine.counters(),
      gauges: () => ({
        authentication_exchanges: this.#authentication.exchanges,
        connections: this.#sessions.connections,
        sessions: this.#sessions.sessions,
        subscriptions: this.#sessions.subscriptions.all,
        subscriptions_shared: this.#sessions.subscriptions.shared,
        subscriptions_exclusive: this.#sessions.subscriptions.exclusive,
        control_jobs: this.#slicer.length,
        control_slice_longest_ms: this.#slicer.longestMs,
      }),
    })
  }

  /** Listeners that accept connections. */
  get listeners(): readonly OpenListener[] {
    return this.#listeners.open
  }

  /** Who is connected or remembered. */
  get clients(): ClientRoll {
    return this.#sessions
  }

  /** Bulk work of others on this thread: @see Slicer.run */
  inSlices(name: string, job: Iterator<void>): Promise<void> {
    return this.#slicer.run(name, job)
  }

  /** Counted on another thread since the last time. */
  counted(counts: Partial<ControlCounters>): void {
    for (const [name, count] of Object.entries(counts)) {
      // Cannot lie: the keys are those of the type.
      this.#counters[name as keyof ControlCounters] += count
    }
  }

  /** The edge thread could not open it, which it may. */
  listenerClosed(id: number): void {
    this.#listeners.closedByEdge(id)
  }

  listenerStates(): ReturnType<Listeners['states']> {
    return this.#listeners.states()
  }

  /** @throws CausewayError LISTENER_*; call `stop` afterwards all the same */
  start(): void {
    this.#warnOfOpenLinks(this.#options.config)
    this.metrics.start()
    this.#sys.start()
    this.#link.start()
    this.#listeners.start()
    this.#options.engine.flush()
  }

  /** Other links are configured now: clients that connect from here on may, or may not, pose as linked clusters. */
  linksChanged({ links }: Pick<Config, 'links'>): void {
    const { config } = this.#options
    const wasOpen = this.#linkAllowed.size > listenersForLinks({ ...config, links: [] }).size
    this.#linkAllowed = listenersForLinks({ ...config, links })
    if (!wasOpen) this.#warnOfOpenLinks({ ...config, links })
  }

  /** Certificates, keys and revocation lists are read again; connections stay. */
  reloadCertificates(): void {
    this.#tls.reload()
  }

  /** One batch of the engine's events, in order. */
  readonly onEvents = (events: readonly EngineEvent[]): void => {
    this.#sessions.beginBatch()
    for (const event of events) this.#onEvent(event)
    this.#options.engine.flush() // interest is born as the answers go down
    this.#link.onInterestChanged()
    this.#options.engine.flush()
  }

  /**
   * Stops accepting, says goodbye to links and clients, joins the loops. Wills are not published: the clients come back.
   * Takes at most `controlLimits.stopMs`. Idempotent.
   */
  stop(): Promise<void> {
    this.#stopped ??= this.#drain()
    return this.#stopped
  }

  async #drain(): Promise<void> {
    const { engine } = this.#options
    try {
      this.#listeners.stop()
      this.#authentication.stop()
      this.#sys.stop()
      this.#tls.stop()
      this.#sessions.stop()
      this.#link.stop()
      engine.flush()
      await engine.drain(controlLimits.drainMs)
    } finally {
      this.#slicer.stop()
      this.metrics.stop()
      engine.halt()
    }
  }

  #warnOfOpenLinks(config: Config): void {
    if (!linkOpenToAll(config)) return
    this.#options.log.warn(
      { event: 'link_open_to_all' },
      'no enabled listener is named clink… or has enable_link = true: every client may pose as a linked cluster',
    )
  }

  #onEvent(event: EngineEvent): void {
    switch (event.kind) {
      case 'connect':
        this.#onConnect(event)
        return
      case 'exchange':
        this.#authentication.exchange(event)
        return
      case 'packet':
        this.#sessions.packet(event)
        return
      case 'attached':
        this.#sessions.attached(event)
        return
      case 'closed':
        this.#onClosed(event)
        return
      case 'link-publish':
        this.#link.onLinkPublish(event)
        return
      case 'dialed':
        this.#link.onDialed(event)
        return
      case 'client-packet':
        this.#link.onClientPacket(event)
        return
      case 'tls-failed':
        this.#onTlsFailed(event)
        return
      default:
        assertNever(event)
    }
  }

  /** The engine tells once a second and listener at most; all are counted. */
  #onTlsFailed({ listener, peer, reason, unsaid }: EngineEvent & { kind: 'tls-failed' }): void {
    const { kind, name } = this.#options.config.listeners[listener] ?? {}
    this.#options.log.warn(
      { event: 'tls_handshake_failed', listener: `${kind}:${name}`, peer, reason, unsaid },
      'a TLS handshake failed',
    )
  }

  #onClosed(event: EngineEvent & { kind: 'closed' }): void {
    if (event.connection >= firstDialled) {
      this.#link.onDialClosed(event)
      return
    }
    this.#authentication.closed(event.connection)
    this.#sessions.closed(event)
    this.#link.onConnectionClosed(event.connection)
  }

  #onConnect(event: EngineEvent & { kind: 'connect' }): void {
    this.#counters.connects_received++
    const packet = this.#decoded(event)
    if (packet === null) return
    const listener = this.#options.config.listeners[event.listener]
    const origin = {
      connection: event.connection,
      acceptLoop: event.loop,
      peer: event.peer,
      linkAllowed: this.#linkAllowed.has(event.listener),
      mountpoint: listener?.mountpoint ?? '',
      zone: listener?.zone ?? '',
      port: listener?.port ?? 0,
      listener: this.#listenerNames[event.listener] ?? '',
      atMs: this.#options.clock.wallMs(),
      certificate: event.certificate,
    }
    const admission = admit(packet, origin, this.#policy, assignedClientId)
    if (admission.kind === 'admitted') {
      if (packet.will !== null && admission.admitted.will === null) this.#counters.wills_denied++
      const mode = listener?.enableAuthn ?? true
      this.#authentication.connect(packet, admission.admitted, mode)
      return
    }
    const { clientId, packetBytesMax, requestProblemInformation: problemInformation } = packet
    const who = { ...event, clientId, version: packet.version }
    this.#refuse(who, { packetBytesMax, problemInformation }, admission)
  }

  /** Nothing is left but to attach; what cannot be told must not happen. */
  #proceed(candidate: Admitted): void {
    if (this.#connacks.fits(candidate)) {
      this.#sessions.connect(candidate)
      return
    }
    const reason = 'no CONNACK fits the Maximum Packet Size'
    const who = { ...candidate, loop: candidate.acceptLoop }
    this.#refuse(who, candidate.answers, { refusal: 'implementation-specific', reason })
  }

  #refuse(
    who: ConnectionAddress & Pick<Admitted, 'clientId' | 'peer' | 'version'>,
    terms: AnswerTerms,
    { refusal, reason }: { readonly refusal: ConnectRefusal; readonly reason: string },
  ): void {
    const { clientId, peer, version } = who
    this.#counters.connects_refused++
    this.#options.log.info(
      { event: 'connect_refused', clientId, peer, refusal, reason },
      'a CONNECT was refused',
    )
    const code = connectReason(refusal, version)
    this.#options.engine.refuse(who, encodeRefusal(version, code, terms, reason))
  }

  #decoded(event: EngineEvent & { kind: 'connect' }): ConnectPacket | null {
    try {
      return decodeConnect(event.packet)
    } catch (error) {
      if (!(error instanceof UndecodablePacket)) throw error
      this.#counters.packets_undecodable++
      this.#options.log.error(
        { event: 'packet_undecodable', peer: event.peer, type: 'connect', reason: error.message },
        'a packet that the data plane accepted cannot be decoded',
      )
      this.#options.engine.refuse(event, new Uint8Array(0))
      return null
    }
  }
}

function listenersForLinks(config: Config): ReadonlySet<number> {
  return new Set(
    config.listeners.flatMap((listener, id) => (linkAllowed(config, listener) ? [id] : [])),
  )
}

function assignedClientId(): string {
  return `causeway-${randomBytes(16).toString('base64url')}`
}
