/**
 * A seeded world of linked brokers: one virtual clock, a network with delay, cuts, connections that are open at one end or
 * heard in one direction only, partitions, refusals and silence, brokers that are killed and come back, other links, wall
 * clocks that step. Each broker runs the real link room over the model engine and the least MQTT server that a link needs.
 */
import mqttPacket, { type Packet } from 'mqtt-packet'
import type { LinkConfig } from '../../src/config/index.js'
import { type LinkPorts, LinkRoom } from '../../src/link/index.js'
import { decodeConnect, decodePacket } from '../../src/mqtt/index.js'
import type {
  AnswerCommand,
  ConnectionAddress,
  DialCommand,
  PublishCommand,
  SlotOnlineCommand,
} from '../../src/native/engine.js'
import { incarnationStore, linkSettings } from './link-config.js'
import { ModelLinkEngine } from './link-engine.js'
import { environmentOf } from './link-life.js'
import { pop, push, Random, type Scheduled } from './link-schedule.js'
import { faults, Partitions, type ServerSide, type Wire } from './link-wire.js'

export class World {
  readonly random: Random
  readonly brokers: SimBroker[] = []
  /** Names of the clusters that a cluster could have a link to. */
  readonly peers = new Map<string, readonly string[]>()
  /** Of whose links with whom the far end dials alone: `<cluster> <far end>`. */
  readonly accepting = new Set<string>()
  readonly wires = new Set<Wire>()
  readonly trace: string[] = []
  now = 0
  /** A promise that the room waits for was settled in this event. Others need no await, which the test runner makes dear. */
  unsettled = false
  violations: string[] = []
  readonly partitions = new Partitions()
  /** What clients do while a bootstrap walks. */
  onBootstrap: (broker: SimBroker) => void = () => {}
  #heap: Scheduled[] = []
  #order = 0

  constructor(seed: number) {
    this.random = new Random(seed)
  }

  at(delay: number, run: () => void): void {
    push(this.#heap, { at: this.now + delay, order: this.#order++, run })
  }

  /** Advances until `until`, letting promises settle between events. */
  async run(until: number): Promise<void> {
    for (;;) {
      const next = this.#heap[0]
      if (next === undefined || next.at > until) break
      pop(this.#heap)
      this.now = next.at
      next.run()
      if (!this.unsettled) continue
      this.unsettled = false
      // The room awaits some promises in a row before it acts; most when a link was removed.
      for (let hop = 0; hop < 24; hop++) await null
    }
    this.now = until
  }

  violated(what: string): void {
    this.violations.push(`${this.now} ms: ${what}`)
  }

  delay(): number {
    return this.random.chance(90) ? 1 + this.random.below(20) : 1 + this.random.below(400)
  }

  /** Until they are healed: what is open falls silent, what is dialled times out. */
  part(a: SimBroker, b: SimBroker): void {
    this.partitions.part(a.name, b.name)
    for (const wire of this.wires) if (this.isParted(wire.client, wire.server)) wire.silent = true
  }

  isParted(a: SimBroker, b: SimBroker): boolean {
    return this.partitions.separate(a.name, b.name)
  }

  cut(wire: Wire): void {
    this.wires.delete(wire)
    if (!wire.silent) {
      this.at(this.delay(), () => wire.client.wireClosed(wire, 'socket-closed'))
      this.at(this.delay(), () => wire.server.servedClosed(wire))
    }
    wire.silent = true
  }
}

export class SimBroker {
  readonly world: World
  readonly name: string
  readonly address: string
  links: readonly LinkConfig[]
  readonly store = incarnationStore()
  engine = new ModelLinkEngine()
  room: LinkRoom | null = null
  /** Counts lives: timers and replies of an earlier one are not for this one. */
  epoch = 0
  wallOffset = 1_800_000_000_000
  attempts = 0
  /** Of the links, one after the other. */
  #edits: Promise<void> = Promise.resolve()
  readonly #served = new Map<number, ServerSide>()
  readonly #dialled = new Map<number, Wire>()
  #nextServed = 1

  constructor(world: World, name: string, address: string, links: readonly LinkConfig[]) {
    this.world = world
    this.name = name
    this.address = address
    this.links = links
  }

  start(): void {
    const epoch = ++this.epoch
    this.#edits = Promise.resolve()
    this.engine = new ModelLinkEngine()
    this.#served.clear()
    this.#dialled.clear()
    const alive = () => this.epoch === epoch && this.room !== null
    this.room = new LinkRoom({
      environment: environmentOf(this, this.#ports(), alive),
      settings: linkSettings(this.name, this.links),
      incarnations: this.store,
      pollMs: 2_000,
    })
    this.room.start()
  }

  /** kill -9: nothing is said; the kernel resets connections, or the machine is gone and nobody does. */
  kill(machineGone: boolean): void {
    this.room = null
    this.epoch++
    for (const wire of [...this.world.wires]) {
      if (wire.client !== this && wire.server !== this) continue
      if (machineGone) wire.silent = true
      this.world.cut(wire)
    }
  }

  /** Other links from now on, at run time when it runs. */
  reconfigure(links: readonly LinkConfig[]): void {
    this.links = links
    const { room, world } = this
    if (room === null) return
    world.unsettled = true
    this.#edits = this.#edits
      .then(async () => {
        if (this.room === room) await room.reconfigure(links)
      })
      .catch((error: unknown) => world.violated(`${this.name} cannot change its links: ${error}`))
  }

  subscribe(filter: string): void {
    this.engine.subscribe(filter)
    if (this.world.random.chance(70)) this.world.at(0, () => this.room?.onInterestChanged())
  }

  unsubscribe(filter: string): void {
    this.engine.unsubscribe(filter)
  }

  // --------------------------------------------------------------------------------- as the client's engine

  wireClosed(wire: Wire, cause: 'socket-closed' | 'dial-failed' | 'closed-by-control'): void {
    if (this.epoch !== wire.clientEpoch || !wire.clientOpen) return
    wire.clientOpen = false
    this.#dialled.delete(wire.connection)
    const { loop, connection } = wire
    this.room?.onDialClosed({
      kind: 'closed',
      loop,
      session: -1,
      generation: 0,
      connection,
      cause,
      reasonCode: 0,
      detail: '',
    })
  }

  #ports(): LinkPorts {
    const model = this.engine
    const own = {
      loops: 2,
      dial: (command: DialCommand) => this.#dial(command),
      send: ({ connection }: ConnectionAddress, bytes: Uint8Array) =>
        this.#sends(connection, Buffer.from(bytes)),
      carry: () => {},
      slotOnline: (_command: SlotOnlineCommand) => {},
      answer: (command: AnswerCommand) => this.#answer(command),
      close: ({ connection }: ConnectionAddress, bytes: Uint8Array) =>
        this.#close(connection, Buffer.from(bytes)),
      publish: (command: PublishCommand) => this.#publish(command),
    }
    return new Proxy(model, {
      get: (target, key) => {
        if (key in own) return own[key as keyof typeof own]
        const value: unknown = target[key as keyof ModelLinkEngine]
        return typeof value === 'function' ? value.bind(target) : value
      },
    }) as unknown as LinkPorts // `own` and the model together have every member
  }

  #dial({ host, loop, connection, firstBytes, timeoutMs }: DialCommand): void {
    const { world } = this
    this.attempts++
    const server = world.brokers.find((broker) => broker.address === host)
    if (this.#dialled.has(connection)) world.violated(`${this.name} dials with a number in use`)
    const wire: Wire = {
      client: this,
      clientEpoch: this.epoch,
      server: server ?? this,
      serverEpoch: server?.epoch ?? 0,
      loop,
      connection,
      serverConnection: 0,
      clientOpen: true,
      serverOpen: false,
      silent: false,
      deaf: null,
      arrivesAtServer: world.now,
      arrivesAtClient: world.now,
      unacked: 0,
      receiveMaximum: 65_535,
    }
    this.#dialled.set(connection, wire)
    const silent = faults.silentDialPercent > 0 && world.random.chance(faults.silentDialPercent)
    if (silent || server === undefined || world.isParted(this, server)) {
      world.at(timeoutMs, () => this.wireClosed(wire, 'dial-failed'))
      return
    }
    world.at(world.delay(), () => {
      if (server.room === null || world.isParted(this, server))
        return this.wireClosed(wire, 'dial-failed')
      if (this.epoch !== wire.clientEpoch || !wire.clientOpen) return
      const served = server.#accept(wire)
      world.wires.add(served)
      this.#dialled.set(connection, served)
      this.room?.onDialed({ kind: 'dialed', loop, connection })
      this.#toServer(served, Buffer.from(firstBytes))
    })
  }

  /** On a connection that was dialled, or on one that was accepted and carries the link both ways. */
  #sends(connection: number, bytes: Buffer): void {
    const served = this.#served.get(connection)
    if (served !== undefined) {
      this.#toClient(served.wire, bytes)
      return
    }
    const wire = this.#dialled.get(connection)
    if (wire !== undefined) this.#toServer(wire, bytes)
  }

  #toServer(wire: Wire, bytes: Buffer): void {
    const { world } = this
    if ((bytes[0] ?? 0) >> 1 === 0x19) {
      wire.unacked++
      if (wire.unacked > wire.receiveMaximum)
        world.violated(`${this.name} exceeds the peer's Receive Maximum of ${wire.receiveMaximum}`)
    }
    wire.arrivesAtServer = Math.max(wire.arrivesAtServer, world.now + world.delay())
    world.at(wire.arrivesAtServer - world.now, () => {
      if (wire.silent || wire.deaf === 'server') return
      if (wire.serverOpen && wire.server.epoch === wire.serverEpoch)
        wire.server.#onServed(wire, bytes)
    })
  }

  #toClient(wire: Wire, bytes: Buffer): void {
    const { world } = this
    wire.arrivesAtClient = Math.max(wire.arrivesAtClient, world.now + world.delay())
    world.at(wire.arrivesAtClient - world.now, () => {
      const { client, loop, connection } = wire
      if (wire.silent || wire.deaf === 'client') return
      if (!wire.clientOpen || client.epoch !== wire.clientEpoch) return
      if ((bytes[0] ?? 0) === 0x40) wire.unacked--
      client.room?.onClientPacket({ kind: 'client-packet', loop, connection, packet: bytes })
    })
  }

  // --------------------------------------------------------------------------------- as the server's engine

  #accept(wire: Wire): Wire {
    const served: Wire = {
      ...wire,
      serverEpoch: this.epoch,
      serverConnection: this.#nextServed++,
      serverOpen: true,
      receiveMaximum: 1 + this.world.random.below(4),
    }
    this.#served.set(served.serverConnection, {
      wire: served,
      clientId: '',
      responseTopic: '',
      barrier: false,
      behindBarrier: [],
      heardAt: this.world.now,
    })
    if (this.links.some(({ acceptOnly }) => acceptOnly)) this.#watch(served)
    return served
  }

  /** Keep-alive of who dialled us: matters to a room that sends on what was dialled. [MQTT-3.1.2-22] */
  #watch(wire: Wire): void {
    this.world.at(keepAliveMs / 3, () => {
      const side = this.#served.get(wire.serverConnection)
      if (side?.wire !== wire || this.epoch !== wire.serverEpoch) return
      if (this.world.now - side.heardAt < keepAliveMs) this.#watch(wire)
      else this.#close(wire.serverConnection, encode({ cmd: 'disconnect', reasonCode: 0x8d }))
    })
  }

  servedClosed(wire: Wire): void {
    if (this.epoch !== wire.serverEpoch || !wire.serverOpen) return
    wire.serverOpen = false
    this.#served.delete(wire.serverConnection)
    // The broker need not tell a room whose links all dial, so sometimes it does not.
    const isTold = this.world.random.chance(50)
    if (isTold || this.links.some(({ acceptOnly }) => acceptOnly))
      this.room?.onConnectionClosed(wire.serverConnection)
  }

  #onServed(wire: Wire, bytes: Buffer): void {
    const side = this.#served.get(wire.serverConnection)
    if (side === undefined) return
    side.heardAt = this.world.now
    if (side.barrier) side.behindBarrier.push(bytes)
    else this.#serve(side, bytes)
  }

  #serve(side: ServerSide, bytes: Buffer): void {
    const { wire } = side
    if (bytes[0] === 0x10) {
      this.#connect(side, decodeConnect(bytes).clientId)
      return
    }
    const packet = decodePacket(bytes, 5)
    switch (packet.cmd) {
      case 'subscribe':
        side.responseTopic = packet.subscriptions[0]?.topic ?? ''
        this.#toClient(
          wire,
          encode({ cmd: 'suback', messageId: packet.messageId ?? 0, granted: [1] }),
        )
        return
      case 'pingreq':
        this.#toClient(wire, encode({ cmd: 'pingresp' }))
        return
      case 'disconnect':
        this.servedClosed(wire)
        return
      case 'publish': {
        side.barrier = true
        const { serverConnection: connection } = wire
        this.room?.onLinkPublish({
          kind: 'link-publish',
          loop: 0, // where every client lives: settings.homeOf
          session: connection,
          generation: 1,
          connection,
          version: 5,
          packet: bytes,
        })
        return
      }
      case 'puback': {
        const { loop, serverConnection: connection } = wire
        this.room?.onClientPacket({ kind: 'client-packet', loop, connection, packet: bytes })
        return
      }
      default:
    }
  }

  #connect(side: ServerSide, clientId: string): void {
    for (const other of this.#served.values()) {
      if (other !== side && other.clientId === clientId) {
        this.#close(other.wire.serverConnection, encode({ cmd: 'disconnect', reasonCode: 0x8e }))
      }
    }
    side.clientId = clientId
    const { receiveMaximum } = side.wire
    this.#toClient(
      side.wire,
      encode({
        cmd: 'connack',
        sessionPresent: false,
        reasonCode: 0,
        properties: { receiveMaximum },
      }),
    )
  }

  #answer({ connection, reply }: AnswerCommand): void {
    const side = this.#served.get(connection)
    if (side === undefined) return
    if (!side.barrier) this.world.violated(`${this.name} answers a connection that does not wait`)
    side.barrier = false
    if (reply.byteLength > 0) this.#toClient(side.wire, Buffer.from(reply))
    while (!side.barrier && side.behindBarrier.length > 0 && side.wire.serverOpen) {
      this.#serve(side, side.behindBarrier.shift() as Buffer) // length > 0
    }
  }

  /** Either a connection that was accepted, or one that was dialled. */
  #close(connection: number, bytes: Buffer): void {
    const side = this.#served.get(connection)
    if (side !== undefined) {
      const { wire } = side
      this.#toClient(wire, bytes)
      const last = wire.arrivesAtClient - this.world.now
      this.world.at(last, () => !wire.silent && wire.client.wireClosed(wire, 'socket-closed'))
      this.servedClosed(wire)
      return
    }
    const wire = this.#dialled.get(connection)
    if (wire === undefined) return
    this.#toServer(wire, bytes)
    this.world.at(0, () => this.wireClosed(wire, 'closed-by-control'))
    this.world.at(
      wire.arrivesAtServer - this.world.now,
      () => !wire.silent && wire.server.servedClosed(wire),
    )
  }

  #publish({ packet }: PublishCommand): void {
    const decoded = decodePacket(Buffer.from(packet), 5)
    if (decoded.cmd !== 'publish') {
      this.world.violated(`${this.name} publishes ${decoded.cmd}`)
      return
    }
    for (const side of this.#served.values()) {
      if (side.responseTopic === decoded.topic) this.#toClient(side.wire, Buffer.from(packet))
    }
  }
}

/** One and a half times that of a link's CONNECT. */
const keepAliveMs = 90_000

function encode(packet: Packet): Buffer {
  return mqttPacket.generate(packet, { protocolVersion: 5 })
}
