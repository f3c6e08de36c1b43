/**
 * Our side of one link: performs the effects of its route agent and of its message slots, and feeds them what comes back.
 */
import type { LinkConfig } from '../config/index.js'
import { assertNever } from '../errors.js'
import { linkLimits } from '../limits.js'
import type { ConnectionAddress } from '../native/index.js'
import { AcceptedLine, type AcceptedLines } from './accepted-line.js'
import { agentDeadline, stepAgent } from './agent.js'
import { type AgentEffect, type AgentEvent, type AgentState, newAgent } from './agent-state.js'
import type { Arrival } from './arrival.js'
import { BatchMaker } from './batch-maker.js'
import {
  askedOf,
  type Capabilities,
  decodeCapabilities,
  encodeCapabilities,
} from './capabilities.js'
import { Carriage } from './carriage.js'
import type { ConnectionEvent } from './connection.js'
import type { Counters } from './counters.js'
import { type Dialer, serverOf } from './dialer.js'
import type { LinkEnvironment, LinkSettings } from './environment.js'
import { errorCodeOf, type LinkFailure } from './failure.js'
import type { Incarnations } from './incarnation.js'
import { InterestDigest } from './interest-digest.js'
import { DialledLine, type Line } from './line.js'
import { Machine } from './machine.js'
import { MessagePool, type PoolRanges } from './message-pool.js'
import { limitsOf, type Offer } from './offer.js'
import { RetainedSync } from './retained-sync.js'
import type { LinkError, PoolStatus, RouteStatus } from './status.js'
import { responseTopic, routeClientId, routeTopic } from './topics.js'
import type { Transit } from './transit.js'
import { encodeAcknowledgement, encodePublish, encodeRouteBatch, encodeSubscribe } from './wire.js'

/** What outbound links share. */
export interface OutboundParts {
  readonly environment: LinkEnvironment
  readonly settings: LinkSettings
  readonly dialer: Dialer
  readonly incarnations: Incarnations
  readonly transit: Transit
  /** Random per process; announces us to other Causeways and betrays a link to ourselves. */
  readonly instance: string
  /** Of all links that accept only. */
  readonly acceptedLines: AcceptedLines
  /** Takes what comes down a connection that we have dialled and is no answer to us. */
  arrived(arrival: Arrival): void
}

export class Outbound {
  readonly #parts: OutboundParts
  #config: LinkConfig
  readonly #index: number
  readonly #routeTopic: string
  readonly #responseTopic: string
  readonly #agent: Machine<AgentState, AgentEvent, AgentEffect>
  readonly #line: Line
  /** The same as the line where we accept only. */
  readonly #accepted: AcceptedLine | null
  readonly #carriage: Carriage
  readonly #pool: MessagePool
  readonly #counters: Counters
  readonly #digest: InterestDigest
  readonly #retained: RetainedSync
  readonly #batches: BatchMaker
  #peerIsCauseway = false
  #server = ''
  #seenFailure: LinkFailure | null = null
  #routeError: LinkError | null = null
  #poolError: LinkError | null = null
  #poolSaid = ''

  /** @param counters the link's, which outlive this side of it */
  constructor(
    parts: OutboundParts,
    config: LinkConfig,
    index: number,
    ranges: PoolRanges,
    counters: Counters,
  ) {
    this.#parts = parts
    this.#counters = counters
    this.#config = config
    this.#index = index
    this.#routeTopic = routeTopic(parts.settings.clusterName)
    this.#responseTopic = responseTopic(parts.settings.clusterName, parts.settings.nodeName)
    this.#digest = new InterestDigest(parts.environment, index, config.driftCheck)
    this.#retained = new RetainedSync(parts.environment, index, config.retainedSync)
    const { clock, timers } = parts.environment
    this.#batches = new BatchMaker({
      environment: parts.environment,
      topics: config.topics,
      actor: parts.settings.nodeName,
      routeTopic: this.#routeTopic,
      dispatch: (event) => this.#agent.dispatch(event),
    })
    this.#agent = new Machine<AgentState, AgentEvent, AgentEffect>(
      newAgent(this.#routeTopic, this.#seed(), config.acceptOnly),
      {
        step: stepAgent,
        deadline: agentDeadline,
        timer: { kind: 'timer' },
        perform: (effect, state) => this.#perform(effect, state),
      },
      clock,
      timers,
    )
    const feed = (event: ConnectionEvent) => this.#feed(event)
    this.#accepted = config.acceptOnly
      ? new AcceptedLine({
          engine: parts.environment.engine,
          lines: parts.acceptedLines,
          index,
          feed,
        })
      : null
    this.#line = this.#accepted ?? this.#dialledLine(feed)
    this.#carriage = new Carriage({
      clusterName: parts.settings.clusterName,
      packetBytesMax: parts.settings.packetBytesMax,
      farName: config.name,
      line: () => this.#line,
      arrived: (arrival) => parts.arrived(arrival),
      broken: () => this.#feed(closedBecause('its route operations broke the rules')),
    })
    this.#pool = new MessagePool(
      {
        parts,
        link: config,
        index,
        seed: () => this.#seed(),
        onOnline: () => this.#onSlotOnline(),
        onLost: (lost, why) => this.#onSlotLost(lost, why),
      },
      ranges,
    )
  }

  start(): void {
    this.#agent.dispatch({ kind: 'start' })
    this.#pool.start()
  }

  /** Settings that ask for no other connection. */
  configure(config: LinkConfig): void {
    this.#config = config
  }

  resize(ranges: PoolRanges): void {
    this.#pool.resize(ranges)
  }

  drained(): void {
    this.#pool.drained()
    if (this.#accepted === null || this.#accepted.address === null) return
    // The far end learns of the new size when it dials again.
    this.#accepted.release()
    this.#feed(closedBecause('pool_size has changed'))
  }

  stop(): void {
    this.#retained.stop()
    this.#batches.stop()
    this.#parts.transit.end(this.#index)
    this.#agent.dispatch({ kind: 'stop' })
    this.#accepted?.release()
    this.#pool.stop()
  }

  /** The far end lets us use a connection that it has dialled. Text: why we do not. */
  offered(offer: Offer, address: ConnectionAddress): string | null {
    if (this.#accepted === null)
      return 'offers its connections, but our link dials itself (accept_only is not set)'
    if (!this.#config.enable) return 'offers its connections, but our link is disabled'
    const peer = limitsOf(offer)
    if (offer.place !== null) return this.#pool.offered(offer.place, address, peer)
    return this.#accepted.offer(address, peer)
      ? null
      : 'offers its route channel, but another broker of that name has done so already'
  }

  /** False: we accept only, and the far end has not offered its route connection. */
  get carried(): boolean {
    return this.#accepted === null || !this.#config.enable || this.#accepted.offered
  }

  /** Looks at the shared flags of interest capture: no crossing, so as often as one likes. */
  poll(): void {
    const { kind } = this.#agent.state.phase
    if (kind !== 'handshaking' && kind !== 'bootstrapping' && kind !== 'online') return
    const { engine } = this.#parts.environment
    if (engine.interestOverflowed(this.#index)) {
      this.#counters.add('interest_overflows')
      this.#agent.dispatch({ kind: 'interest-lost' })
    } else if (kind === 'online' && engine.interestWaiting(this.#index)) {
      this.#agent.dispatch({ kind: 'interest-waits' })
    }
  }

  /** Our actor_init has come in through our own listener. The slots wait until a handshake succeeds. */
  onSelfConnected(): void {
    this.#pool.stop()
    this.#agent.dispatch({
      kind: 'self-connected',
      text: `server ${this.#server} is this broker itself; put the address of a listener of ${this.#config.name} there`,
    })
  }

  /** Over a connection of its own. @param peer null: not known to be a Causeway */
  onIntroduced(peer: Capabilities | null): void {
    this.#retained.onIntroduced(peer)
  }

  route(): RouteStatus {
    const { phase, incarnation, bootstrap, routesOut } = this.#agent.state
    const state =
      phase.kind === 'stopped'
        ? 'disabled'
        : phase.kind === 'subscribing'
          ? 'connecting'
          : phase.kind
    return {
      state,
      server: this.#server,
      incarnation,
      bootstrap,
      routesOut,
      lastError: this.#routeError,
    }
  }

  pool(): PoolStatus {
    return { size: this.#pool.size, online: this.#pool.online, lastError: this.#poolError }
  }

  get peerIsCauseway(): boolean {
    return this.#peerIsCauseway
  }

  counters(): Record<string, number> {
    const refused = this.#parts.environment.engine.transitRefused(this.#index)
    return { ...this.#counters.read(), ...(refused > 0 ? { transit_routes_refused: refused } : {}) }
  }

  // --------------------------------------------------------------------------------------- the route agent

  #perform(effect: AgentEffect, state: AgentState): void {
    const { engine } = this.#parts.environment
    const { nodeName } = this.#parts.settings
    if (state.lastFailure !== this.#seenFailure && state.lastFailure !== null) {
      this.#seenFailure = state.lastFailure
      this.#routeError = this.#errorOf(state.lastFailure)
    }
    if (state.phase.kind !== 'bootstrapping' && state.phase.kind !== 'online') this.#retained.hold()
    switch (effect.kind) {
      case 'prepare':
        this.#server = addressText(serverOf(this.#config, effect.server))
        this.#carriage.carry(false)
        this.#line.perform(effect)
        break
      case 'await':
        this.#server = 'accept_only'
        this.#line.perform(effect)
        break
      case 'dial':
      case 'ping':
      case 'hang-up':
        this.#line.perform(effect)
        break
      case 'subscribe':
        this.#line.send(encodeSubscribe(effect.packetId, this.#responseTopic))
        break
      case 'identify':
        this.#identify(effect.fresh, state)
        break
      case 'send-init':
        this.#sendInit(effect)
        break
      case 'acknowledge':
        this.#line.send(encodeAcknowledgement(1, effect.packetId, 0, 5))
        break
      case 'heartbeat': {
        const digest = this.#digest.read(state)
        const payload = engine.encodeHeartbeat(nodeName, effect.incarnation, digest)
        this.#line.send(encodePublish(this.#routeTopic, 0, 0, payload, null))
        this.#carriage.offer()
        break
      }
      case 'make-batch':
        this.#batches.make(effect, state.phase.kind === 'bootstrapping')
        break
      case 'send-batch':
        this.#line.send(encodeRouteBatch(this.#routeTopic, effect.packetId, effect.payload))
        break
      case 'take':
        this.#take(effect.incarnation, effect.bytesMax)
        break
      case 'settle':
        engine.settleInterest(this.#index, effect.token, effect.delivered)
        break
      case 'close-interest':
        engine.closeInterest(this.#index)
        break
      case 'accepted':
        this.#onAccepted(effect.capabilities)
        break
      case 'count':
        this.#counters.add(effect.counter, effect.by)
        break
      case 'log':
        this.#log(effect, state)
        break
      default:
        assertNever(effect)
    }
  }

  /** The decoded packet, and behind an answer what it says. */
  #feed(event: ConnectionEvent): void {
    this.#agent.dispatch(event)
    if (event.kind !== 'packet' || event.packet.type !== 'publish') return
    const { correlation, payload } = event.packet
    const { kind } = this.#agent.state.phase
    if (kind !== 'handshaking' && !(kind === 'online' && this.#digest.active)) return
    const message = this.#parts.environment.engine.decodeRoute(payload)
    if (message.trailing) this.#counters.add('answers_trailing')
    if (kind === 'handshaking') this.#agent.dispatch({ kind: 'answer', correlation, message })
    else if (message.op === 'actor_init_ack' && message.needBootstrap === true)
      this.#agent.dispatch({ kind: 'bootstrap-asked' })
  }

  /** Capture is opened before anything is announced; what it catches until the bootstrap is over waits. */
  #identify(fresh: boolean, state: AgentState): void {
    const { engine, clock, randomHex } = this.#parts.environment
    const anew = fresh || state.incarnation === null || engine.interestOverflowed(this.#index)
    if (anew) engine.openInterest(this.#index, this.#config.topics)
    const incarnation =
      anew || state.incarnation === null
        ? this.#parts.incarnations.next(clock.wallMs())
        : state.incarnation
    this.#agent.dispatch({
      kind: 'identified',
      incarnation,
      correlation: randomHex(8),
      fresh: anew,
    })
  }

  #take(incarnation: bigint, bytesMax: number): void {
    const { engine } = this.#parts.environment
    if (!engine.interestWaiting(this.#index)) return
    const batch = engine.takeInterest(
      this.#index,
      this.#parts.settings.nodeName,
      incarnation,
      linkLimits.batchEntries,
      bytesMax,
    )
    if (batch !== null) this.#agent.dispatch({ kind: 'live', ...batch })
  }

  #onAccepted(raw: Uint8Array | null): void {
    const peer = raw === null ? null : decodeCapabilities(raw)
    this.#peerIsCauseway = peer !== null
    this.#digest.onAccepted(peer)
    this.#retained.onAccepted(peer)
    this.#agreeOnTransit(peer)
    const slots = this.#accepted === null ? (peer?.acceptSlots ?? 0) : 0
    this.#pool.carry(slots)
    this.#carriage.carry(slots > 0)
    // Slots that were held because the server was ourselves; a start is nothing to the others.
    this.#pool.start()
  }

  #dialledLine(feed: (event: ConnectionEvent) => void): Line {
    const { dialer, environment, settings } = this.#parts
    return new DialledLine({
      dialer,
      link: this.#config,
      clientId: routeClientId(this.#config.clientId, settings.nodeName),
      loop: this.#index % environment.engine.loops,
      attempt: () => this.#agent.state.connection.attempt,
      feed,
      taken: (packet, bytes) => this.#carriage.taken(packet, bytes),
    })
  }

  #agreeOnTransit(peer: Capabilities | null): void {
    const { transit } = this.#parts
    if (this.#config.transit && peer?.names.includes('transit/1') === true)
      transit.begin(this.#index)
    else if (transit.end(this.#index))
      // It holds routes of others that are neither withdrawn nor repeated now: a new incarnation ends them.
      this.#agent.dispatch({ kind: 'transit-ended' })
  }

  #sendInit({ packetId, incarnation, correlation }: AgentEffect & { kind: 'send-init' }): void {
    const { environment, instance, settings } = this.#parts
    const payload = environment.engine.encodeActorInit(
      settings.nodeName,
      incarnation,
      this.#config.name,
      encodeCapabilities(instance, { names: askedOf(this.#config) }),
    )
    const request = {
      responseTopic: this.#responseTopic,
      correlationData: Buffer.from(correlation, 'latin1'),
    }
    this.#line.send(encodePublish(this.#routeTopic, 1, packetId, payload, request))
  }

  #log(effect: AgentEffect & { kind: 'log' }, state: AgentState): void {
    const { log } = this.#parts.environment
    const { name } = this.#config
    const fields = {
      event: effect.event,
      link: name,
      server: this.#server,
      incarnation: String(state.incarnation ?? ''),
    }
    const code = errorCodeOf(effect.event)
    log[effect.level](code === null ? fields : { ...fields, code }, `link ${name}: ${effect.text}`)
  }

  // -------------------------------------------------------------------------------------- the message slots

  #onSlotOnline(): void {
    if (this.#pool.online < this.#pool.size) return
    this.#poolSaid = ''
    const { name, poolSize } = this.#config
    this.#parts.environment.log.info(
      { event: 'cluster_link_forwarding_online', link: name, connections: poolSize },
      `link ${name}: all ${poolSize} message connections are up`,
    )
  }

  #onSlotLost(slot: number, why: LinkFailure): void {
    this.#poolError = this.#errorOf(why)
    this.#counters.add('pool_connections_lost')
    // All slots fail alike; one line per change of reason tells it, and who we are the route connection has told.
    if (why.code === 'self_connected') return
    const said = `${why.code} ${why.text}`
    if (said === this.#poolSaid) return
    this.#poolSaid = said
    const { name } = this.#config
    this.#parts.environment.log.warn(
      { event: 'cluster_link_forwarding_client_disconnected', link: name, slot, reason: why.code },
      `link ${name}: message connection ${slot + 1}: ${why.text}`,
    )
  }

  #errorOf(why: LinkFailure): LinkError {
    return { code: why.code, message: why.text, atMs: this.#parts.environment.clock.wallMs() }
  }

  #seed(): number {
    return Number.parseInt(this.#parts.environment.randomHex(4), 16) | 0
  }
}

function closedBecause(cause: string): ConnectionEvent {
  return { kind: 'closed', cause, detail: '' }
}

function addressText({ host, port }: LinkConfig['servers'][number]): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
