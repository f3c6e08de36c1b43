/**
 * The data plane as far as sessions go, for simulations: loops that talk to control and to each other through queues with
 * random delays, first in first out each. It keeps the ground truth (who is attached, which session exists, what each is
 * subscribed to) and complains at once when a command contradicts it.
 */
import assert from 'node:assert/strict'
import type {
  AnswerCommand,
  AttachCommand,
  CloseCause,
  ConnectionAddress,
  Engine,
  EngineEvent,
  PublishCommand,
  SessionAddress,
} from '../../src/native/index.js'

/** Virtual time and chance; everything that happens is an entry of one agenda. */
export class World {
  nowMs = 0
  #sequence = 0
  #agenda: { atMs: number; sequence: number; run: () => void }[] = []
  #seed: number

  constructor(seed: number) {
    this.#seed = seed >>> 0
  }

  /** 0 ≤ n < 1. mulberry32. */
  random(): number {
    this.#seed = (this.#seed + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#seed ^ (this.#seed >>> 15), 1 | this.#seed)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }

  below(count: number): number {
    return Math.floor(this.random() * count)
  }

  pick<T>(choices: readonly T[]): T {
    const chosen = choices[this.below(choices.length)]
    if (chosen === undefined) throw new RangeError('nothing to pick from')
    return chosen
  }

  at(atMs: number, run: () => void): { cancel(): void } {
    const entry = { atMs, sequence: this.#sequence++, run }
    this.#agenda.push(entry)
    return {
      cancel: () => {
        entry.run = () => {}
      },
    }
  }

  /** Until nothing is left to do. */
  run(): void {
    for (let steps = 0; this.#agenda.length > 0; steps++) {
      assert.ok(steps < 100_000, 'the world does not come to rest')
      let first = 0
      for (let at = 1; at < this.#agenda.length; at++) if (this.#isBefore(at, first)) first = at
      const [entry] = this.#agenda.splice(first, 1)
      if (entry === undefined) return
      this.nowMs = Math.max(this.nowMs, entry.atMs)
      entry.run()
    }
  }

  #isBefore(a: number, b: number): boolean {
    const left = this.#agenda[a]
    const right = this.#agenda[b]
    if (left === undefined || right === undefined) return false
    return left.atMs < right.atMs || (left.atMs === right.atMs && left.sequence < right.sequence)
  }
}

/** First in, first out, each entry after a random delay of up to `delayMsMax`. */
class Queue {
  readonly #world: World
  readonly #delayMsMax: number
  #lastMs = 0

  constructor(world: World, delayMsMax: number) {
    this.#world = world
    this.#delayMsMax = delayMsMax
  }

  push(run: () => void): void {
    this.#lastMs = Math.max(
      this.#lastMs,
      this.#world.nowMs + this.#world.random() * this.#delayMsMax,
    )
    this.#world.at(this.#lastMs, run)
  }
}

export interface Socket {
  readonly connection: number
  readonly acceptLoop: number
  /** Where it is: waiting with its CONNECT, between loops, attached, gone. */
  place: 'accepted' | 'moving' | 'attached' | 'gone'
  /** The other side has closed. */
  cut: boolean
  /** A packet waits for its answer. */
  barrier: boolean
  refused: boolean
  home: HomeSession | null
}

export interface HomeSession {
  readonly address: SessionAddress
  readonly clientId: string
  connection: Socket | null
  ended: boolean
  readonly filters: Set<string>
}

export interface Attachment {
  readonly command: AttachCommand
  readonly socket: Socket
  readonly issuedAtMs: number
  readonly attachedAtMs: number
  readonly sessionPresent: boolean
  closedAtMs: number | null
  cause: CloseCause | null
}

export interface Published {
  readonly packet: Uint8Array
  readonly atMs: number
  /** When control decided it. */
  readonly issuedAtMs: number
  /** Number of attachments before it. */
  readonly before: number
}

const longestDelayMs = 15

export class SessionEngine
  implements Pick<Engine, 'loops' | 'attach' | 'refuse' | 'answer' | 'endSession' | 'publish'>
{
  readonly loops: number
  readonly attachments: Attachment[] = []
  readonly published: Published[] = []
  readonly sessions: HomeSession[] = []
  /** Answers to connections that were gone: legal, counted. */
  late = 0
  readonly #world: World
  readonly #deliver: (event: EngineEvent) => void
  readonly #sockets = new Map<number, Socket>()
  readonly #down: readonly Queue[]
  readonly #up: readonly Queue[]
  readonly #lanes: readonly Queue[]

  constructor(world: World, loops: number, deliver: (event: EngineEvent) => void) {
    this.#world = world
    this.loops = loops
    this.#deliver = deliver
    const queues = (count: number) =>
      Array.from({ length: count }, () => new Queue(world, longestDelayMs))
    this.#down = queues(loops)
    this.#up = queues(loops)
    this.#lanes = queues(loops * loops)
  }

  // ------------------------------------------------------------------------------- the other side

  accept(connection: number): Socket {
    const acceptLoop = this.#world.below(this.loops)
    const socket: Socket = {
      connection,
      acceptLoop,
      place: 'accepted',
      cut: false,
      barrier: true,
      refused: false,
      home: null,
    }
    this.#sockets.set(connection, socket)
    return socket
  }

  /** Reports something on the queue of the loop where the socket is. */
  report(socket: Socket, event: EngineEvent): void {
    this.#queue(this.#up, socket.home?.address.loop ?? socket.acceptLoop).push(() =>
      this.#deliver(event),
    )
  }

  cut(socket: Socket): void {
    socket.cut = true
    if (socket.place === 'accepted' || socket.place === 'attached')
      this.#close(socket, 'socket-closed')
  }

  // ------------------------------------------------------------------------------------- commands

  attach(command: AttachCommand): void {
    const issuedAtMs = this.#world.nowMs
    this.#queue(this.#down, command.acceptLoop).push(() => {
      const socket = this.#sockets.get(command.connection)
      assert.ok(socket !== undefined, 'attach of a connection that never was')
      if (socket.place !== 'accepted') return // gone: nothing happens, `closed` is on its way
      socket.place = 'moving'
      const lane = this.#queue(this.#lanes, command.acceptLoop * this.loops + command.loop)
      lane.push(() => this.#attachAtHome(command, socket, issuedAtMs))
    })
  }

  refuse({ loop, connection }: ConnectionAddress): void {
    this.#queue(this.#down, loop).push(() => {
      const socket = this.#sockets.get(connection)
      assert.ok(socket !== undefined, 'refusal of a connection that never was')
      socket.refused = true
      if (socket.place === 'accepted') this.#close(socket, 'closed-by-control')
    })
  }

  answer(command: AnswerCommand): void {
    this.#queue(this.#down, command.loop).push(() => {
      const home = this.#find(command)
      if (home === undefined) return
      for (const op of command.ops) {
        const name = `${op.group ?? ''}|${op.filter}`
        if (op.op === 'subscribe') {
          assert.equal(home.filters.has(name), op.existing, `existing of ${name}`)
          home.filters.add(name)
        } else {
          assert.ok(home.filters.delete(name), `unsubscribe of ${name}, which was not there`)
        }
      }
      if (command.connection === 0) return
      const socket = home.connection
      if (socket?.connection !== command.connection) {
        this.late++
        return
      }
      assert.ok(socket.barrier, 'an answer that nobody waited for')
      socket.barrier = false
      if (command.next === 'close') this.#close(socket, 'client-disconnect')
    })
  }

  endSession(address: SessionAddress): void {
    this.#queue(this.#down, address.loop).push(() => {
      const home = this.#find(address)
      assert.ok(home !== undefined, 'the end of a session that never was')
      assert.ok(!home.ended, 'a session ended twice')
      assert.equal(home.connection, null, 'a session ended under its connection')
      home.ended = true
    })
  }

  publish({ loop, packet }: PublishCommand): void {
    const issuedAtMs = this.#world.nowMs
    this.#queue(this.#down, loop).push(() => this.#publish(packet, issuedAtMs))
  }

  // -------------------------------------------------------------------------------------- loops

  #attachAtHome(command: AttachCommand, socket: Socket, issuedAtMs: number): void {
    const { takeOver } = command
    if (takeOver !== null) {
      const old = this.#find({ ...command, ...takeOver })
      assert.ok(old !== undefined && !old.ended, 'takeover of a session that does not exist')
      for (const packet of command.publishBefore) this.#publish(packet, issuedAtMs)
      if (old.connection !== null) this.#close(old.connection, 'taken-over')
    } else {
      assert.equal(command.publishBefore.length, 0, 'wills of nobody')
    }
    const others = this.sessions.filter(
      (home) => home.clientId === command.clientId && home.connection !== null,
    )
    assert.equal(others.length, 0, 'two live attachments of one client id')
    const resumed = takeOver?.session === command.session
    const home = resumed ? this.#find(command) : this.#create(command)
    assert.ok(home !== undefined && !home.ended, 'attach to a session that is over')
    home.connection = socket
    socket.home = home
    socket.place = 'attached'
    socket.barrier = false
    const sessionPresent = command.connack[2] === 1
    assert.equal(sessionPresent, resumed, 'session present tells the truth')
    const attachedAtMs = this.#world.nowMs
    this.attachments.push({
      command,
      socket,
      issuedAtMs,
      attachedAtMs,
      sessionPresent,
      closedAtMs: null,
      cause: null,
    })
    const { connection } = socket
    this.report(socket, { kind: 'attached', ...home.address, connection })
    if (socket.cut) this.#close(socket, 'socket-closed')
  }

  #create(command: AttachCommand): HomeSession {
    const { loop, session, generation, clientId } = command
    const before = this.sessions.filter(
      ({ address }) => address.loop === loop && address.session === session,
    )
    for (const old of before) {
      assert.ok(old.ended, 'an index was used again while its session lived')
      assert.equal(old.filters.size, 0, 'an index was used again while its members stood')
      assert.ok(
        old.address.generation < generation,
        'an index was used again without a greater generation',
      )
    }
    const home = {
      address: { loop, session, generation },
      clientId,
      connection: null,
      ended: false,
      filters: new Set<string>(),
    }
    this.sessions.push(home)
    return home
  }

  #close(socket: Socket, cause: CloseCause): void {
    const { home, connection, acceptLoop } = socket
    const address = home?.address ?? { loop: acceptLoop, session: -1, generation: 0 }
    this.report(socket, {
      kind: 'closed',
      ...address,
      connection,
      cause,
      reasonCode: 0,
      detail: '',
    })
    socket.place = 'gone'
    if (home?.connection === socket) home.connection = null
    const attachment = this.attachments.find((one) => one.socket === socket)
    if (attachment === undefined) return
    attachment.closedAtMs = this.#world.nowMs
    attachment.cause = cause
  }

  #publish(packet: Uint8Array, issuedAtMs: number): void {
    this.published.push({
      packet,
      atMs: this.#world.nowMs,
      issuedAtMs,
      before: this.attachments.length,
    })
  }

  #find(wanted: SessionAddress): HomeSession | undefined {
    return this.sessions.find(
      ({ address }) =>
        address.loop === wanted.loop &&
        address.session === wanted.session &&
        address.generation === wanted.generation,
    )
  }

  #queue(queues: readonly Queue[], at: number): Queue {
    const queue = queues[at]
    if (queue === undefined) throw new RangeError(`no queue ${at}`)
    return queue
  }
}
