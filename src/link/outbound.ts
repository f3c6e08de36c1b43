/**
 * Our side of one link: performs the effects of its route agent and of its message slots, and feeds them what comes back.
 */
import type { LinkConfig } from '../config/index.js'
import { linkLimits } from '../limits.js'
import type { ConnectionAddress } from '../native/engine.js'
import { type AgentEffect, type AgentEvent, type AgentState, agentDeadline, newAgent, stepAgent } from './agent.js'
import { decodeCapabilities, encodeCapabilities } from './capabilities.js'
import type { ConnectionEffect, ConnectionEvent } from './connection.js'
import { Counters } from './counters.js'
import { type Dialer, serverOf, type Target } from './dialer.js'
import type { LinkEnvironment, LinkSettings } from './environment.js'
import type { LinkFailure } from './failure.js'
import type { Incarnations } from './incarnation.js'
import { Machine } from './machine.js'
import { newSlot, type SlotEffect, type SlotEvent, type SlotState, slotDeadline, stepSlot } from './pool.js'
import type { LinkError, PoolStatus, RouteStatus } from './status.js'
import { messageClientId, responseTopic, routeClientId, routeTopic } from './topics.js'
import {
  decodeServerPacket,
  encodeAcknowledgement,
  encodeConnect,
  encodePublish,
  encodeSubscribe,
  pingreq,
} from './wire.js'

/** What outbound links share. */
export interface OutboundParts {
  readonly environment: LinkEnvironment
  readonly settings: LinkSettings
  readonly dialer: Dialer
  readonly incarnations: Incarnations
  /** Random per process; announces us to other Causeways and betrays a link to ourselves. */
  readonly instance: string
}

/** A machine's connection as the dialer knows it: address, and the password that was read for this attempt. */
interface Line {
  address: ConnectionAddress | null
  target: Target | null
}

type Slot = Machine<SlotState, SlotEvent, SlotEffect>

export class Outbound {
  readonly #parts: OutboundParts
  readonly #config: LinkConfig
  readonly #index: number
  readonly #routeTopic: string
  readonly #agent: Machine<AgentState, AgentEvent, AgentEffect>
  readonly #agentLine: Line = { address: null, target: null }
  readonly #slots: readonly Slot[]
  readonly #counters = new Counters()
  #peerIsCauseway = false
  #server = ''
  #routeError: LinkError | null = null
  #poolError: LinkError | null = null
  #poolSaid = ''

  constructor(parts: OutboundParts, config: LinkConfig, index: number) {
    this.#parts = parts
    this.#config = config
    this.#index = index
    this.#routeTopic = routeTopic(parts.settings.clusterName)
    const { clock, timers } = parts.environment
    this.#agent = new Machine<AgentState, AgentEvent, AgentEffect>(
      newAgent(this.#routeTopic, this.#seed()),
      {
        step: stepAgent,
        deadline: agentDeadline,
        timer: { kind: 'timer' },
        perform: (effect, state) => this.#performAgent(effect, state),
      },
      clock,
      timers,
    )
    this.#slots = Array.from({ length: config.poolSize }, (_, slot) => this.#newSlot(slot))
  }

  start(): void {
    this.#agent.dispatch({ kind: 'start' })
    for (const slot of this.#slots) slot.dispatch({ kind: 'start' })
  }

  stop(): void {
    this.#agent.dispatch({ kind: 'stop' })
    for (const slot of this.#slots) slot.dispatch({ kind: 'stop' })
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
    for (const slot of this.#slots) slot.dispatch({ kind: 'stop' })
    this.#agent.dispatch({
      kind: 'self-connected',
      text: `server ${this.#server} is this broker itself; put the address of a listener of ${this.#config.name} there`,
    })
  }

  route(): RouteStatus {
    const { phase, incarnation, bootstrap, routesOut } = this.#agent.state
    const state = phase.kind === 'stopped' ? 'disabled' : phase.kind === 'subscribing' ? 'connecting' : phase.kind
    return { state, server: this.#server, incarnation, bootstrap, routesOut, lastError: this.#routeError }
  }

  pool(): PoolStatus {
    const online = this.#slots.filter((slot) => slot.state.phase.kind === 'online').length
    return { size: this.#slots.length, online, lastError: this.#poolError }
  }

  get peerIsCauseway(): boolean {
    return this.#peerIsCauseway
  }

  counters(): Record<string, number> {
    return this.#counters.read()
  }

  // --------------------------------------------------------------------------------------- the route agent

  #performAgent(effect: AgentEffect, state: AgentState): void {
    const { engine } = this.#parts.environment
    const { settings, instance } = this.#parts
    switch (effect.kind) {
      case 'prepare':
      case 'dial':
      case 'ping':
      case 'hang-up':
        this.#performConnection(effect, this.#agentLine, this.#index, routeClientId(this.#config.clientId, settings.nodeName), {
          feed: (event) => this.#feedAgent(event),
          attempt: () => this.#agent.state.connection.attempt,
        })
        return
      case 'subscribe':
        return this.#send(encodeSubscribe(effect.packetId, responseTopic(settings.clusterName, settings.nodeName)))
      case 'identify':
        return this.#identify(effect.fresh, state)
      case 'send-init': {
        const payload = engine.encodeActorInit(settings.nodeName, effect.incarnation, this.#config.name, encodeCapabilities(instance))
        return this.#send(
          encodePublish(this.#routeTopic, 1, effect.packetId, payload, {
            responseTopic: responseTopic(settings.clusterName, settings.nodeName),
            correlationData: Buffer.from(effect.correlation, 'latin1'),
          }),
        )
      }
      case 'acknowledge':
        return this.#send(encodeAcknowledgement(1, effect.packetId, 0, 5))
      case 'heartbeat':
        return this.#send(encodePublish(this.#routeTopic, 0, 0, engine.encodeHeartbeat(settings.nodeName, effect.incarnation), null))
      case 'make-batch':
        return this.#makeBatch(effect)
      case 'send-batch':
        return this.#send(encodePublish(this.#routeTopic, 1, effect.packetId, effect.payload, null))
      case 'take':
        return this.#take(effect.incarnation, effect.bytesMax)
      case 'settle':
        return engine.settleInterest(this.#index, effect.token, effect.delivered)
      case 'close-interest':
        return engine.closeInterest(this.#index)
      case 'accepted':
        return this.#onAccepted(effect.capabilities)
      case 'count':
        return this.#counters.add(effect.counter, effect.by)
      case 'log':
        return this.#logAgent(effect, state)
    }
  }

  /** The decoded packet, and behind an answer what it says. */
  #feedAgent(event: ConnectionEvent): void {
    this.#agent.dispatch(event)
    if (event.kind !== 'packet' || event.packet.type !== 'publish') return
    const { correlation, payload } = event.packet
    if (this.#agent.state.phase.kind !== 'handshaking') return
    this.#agent.dispatch({ kind: 'answer', correlation, message: this.#parts.environment.engine.decodeRoute(payload) })
  }

  /** Capture is opened before anything is announced; what it catches until the bootstrap is over waits. */
  #identify(fresh: boolean, state: AgentState): void {
    const { engine, clock, randomHex } = this.#parts.environment
    const anew = fresh || state.incarnation === null || engine.interestOverflowed(this.#index)
    if (anew) engine.openInterest(this.#index, this.#config.topics)
    const incarnation =
      anew || state.incarnation === null ? this.#parts.incarnations.next(clock.wallMs()) : state.incarnation
    this.#agent.dispatch({ kind: 'identified', incarnation, correlation: randomHex(8), fresh: anew })
  }

  #makeBatch({ attempt, incarnation, cursor, bytesMax }: AgentEffect & { kind: 'make-batch' }): void {
    const { tasks } = this.#parts.environment
    const request = {
      topics: this.#config.topics,
      actor: this.#parts.settings.nodeName,
      incarnation,
      cursor,
      entriesMax: linkLimits.batchEntries,
      bytesMax,
    }
    tasks.bootstrapBatch(request).then(
      (batch) => this.#agent.dispatch({ kind: 'batch', attempt, ...batch }),
      (error: unknown) => this.#agent.dispatch({ kind: 'batch-failed', attempt, reason: messageOf(error) }),
    )
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
    this.#peerIsCauseway = raw !== null && decodeCapabilities(raw) !== null
    // Slots that were held because the server was ourselves; a start is nothing to the others.
    for (const slot of this.#slots) slot.dispatch({ kind: 'start' })
  }

  #send(bytes: Uint8Array): void {
    const { address } = this.#agentLine
    if (address !== null) this.#parts.dialer.send(address, bytes)
  }

  #logAgent(effect: AgentEffect & { kind: 'log' }, state: AgentState): void {
    const { log } = this.#parts.environment
    const { name } = this.#config
    const fields = { event: effect.event, link: name, server: this.#server, incarnation: String(state.incarnation ?? '') }
    if (effect.level !== 'info' && state.lastFailure !== null) this.#routeError = this.#errorOf(state.lastFailure)
    log[effect.level](effect.event.endsWith('self_connected') ? { ...fields, code: 'LINK_SELF_CONNECTED' } : fields, `link ${name}: ${effect.text}`)
  }

  // -------------------------------------------------------------------------------------- the message slots

  #newSlot(slot: number): Slot {
    const { clock, timers } = this.#parts.environment
    const line: Line = { address: null, target: null }
    const machine: Slot = new Machine<SlotState, SlotEvent, SlotEffect>(
      newSlot(this.#seed()),
      {
        step: stepSlot,
        deadline: slotDeadline,
        timer: { kind: 'timer' },
        perform: (effect) => this.#performSlot(effect, machine, slot, line),
      },
      clock,
      timers,
    )
    return machine
  }

  #performSlot(effect: SlotEffect, machine: Slot, slot: number, line: Line): void {
    const { engine } = this.#parts.environment
    switch (effect.kind) {
      case 'hand-over':
        if (line.address === null) return
        engine.slotOnline({ ...line.address, link: this.#index, slot, ...effect.peer })
        return
      case 'lost':
        return this.#onSlotLost(slot, effect.failure)
      default:
        this.#performConnection(effect, line, this.#index + slot, messageClientId(this.#config.clientId, this.#parts.settings.nodeName, slot), {
          feed: (event) => machine.dispatch(event),
          attempt: () => machine.state.connection.attempt,
        })
    }
  }

  #onSlotLost(slot: number, why: LinkFailure): void {
    this.#poolError = this.#errorOf(why)
    this.#counters.add('pool_connections_lost')
    // All slots fail alike; one line per change of reason tells it.
    const said = `${why.code} ${why.text}`
    if (said === this.#poolSaid) return
    this.#poolSaid = said
    const { name } = this.#config
    this.#parts.environment.log.warn(
      { event: 'cluster_link_forwarding_client_disconnected', link: name, slot, reason: why.code },
      `link ${name}: message connection ${slot + 1}: ${why.text}`,
    )
  }

  // ---------------------------------------------------------------------------------------------- both kinds

  #performConnection(
    effect: ConnectionEffect,
    line: Line,
    placement: number,
    clientId: string,
    machine: { feed(event: ConnectionEvent): void; attempt(): number },
  ): void {
    const { dialer, environment } = this.#parts
    switch (effect.kind) {
      case 'prepare':
        line.address = null
        this.#prepare(effect.attempt, effect.server, line, machine)
        return
      case 'dial': {
        const { attempt } = effect
        // What comes for an attempt that is over is not for the one under way.
        const feed = (event: ConnectionEvent) => {
          if (machine.attempt() === attempt) machine.feed(event)
        }
        const connect = encodeConnect(clientId, this.#config.username, line.target?.password ?? null)
        line.address = dialer.dial(placement % environment.engine.loops, effect.host, effect.port, connect, {
          onDialed: () => feed({ kind: 'dialed' }),
          onPacket: (bytes) => feed({ kind: 'packet', packet: decodeServerPacket(bytes) }),
          onClosed: (cause, detail) => feed({ kind: 'closed', cause, detail }),
        })
        return
      }
      case 'ping':
        if (line.address !== null) dialer.send(line.address, pingreq)
        return
      case 'hang-up':
        if (line.address !== null) dialer.hangUp(line.address, effect.reasonCode)
        line.address = null
        return
    }
  }

  #prepare(attempt: number, server: number, line: Line, machine: { feed(event: ConnectionEvent): void; attempt(): number }): void {
    if (line === this.#agentLine) {
      const { host, port } = serverOf(this.#config, server)
      this.#server = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
    }
    void this.#parts.dialer.prepare(this.#config, server).then((result) => {
      if (machine.attempt() !== attempt) return
      if ('code' in result) return machine.feed({ kind: 'unprepared', failure: result })
      line.target = result
      machine.feed({ kind: 'prepared', host: result.host, port: result.port })
    })
  }

  #errorOf(why: LinkFailure): LinkError {
    return { code: why.code, message: why.text, atMs: this.#parts.environment.clock.wallMs() }
  }

  #seed(): number {
    return Number.parseInt(this.#parts.environment.randomHex(4), 16) | 0
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
