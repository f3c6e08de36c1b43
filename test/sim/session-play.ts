/**
 * The players of the session simulation: three sockets of one client id that connect, subscribe, say goodbye, are cut, and come
 * again, as chance has it. What each did is kept for the judge of session.test.ts.
 */
import assert from 'node:assert/strict'
import mqttPacket from 'mqtt-packet'
import { controlCounters } from '../../src/metrics/index.js'
import { encodeConnack } from '../../src/mqtt/index.js'
import type { EngineEvent, ProtocolVersion } from '../../src/native/index.js'
import {
  authorizeLinkOnly,
  type Candidate,
  SessionDirectory,
  type Verdict,
} from '../../src/session/index.js'
import { Slicer } from '../../src/slices.js'
import { SessionEngine, type Socket, World } from './session-engine.js'

export const clientId = 'c'
export const never = Number.POSITIVE_INFINITY

export interface Connect extends Candidate {
  readonly willDelayMs: number
  /** What the check of its identity comes to, and when; null: at once. */
  readonly welcome: boolean
  readonly checkMs: number | null
}

/** What one socket did, for the judge. */
export interface Story {
  readonly socket: Socket
  readonly candidate: Connect
  /** When its CONNECT reached control. */
  arrivedAtMs: number | null
  cutAtMs: number | null
  goodbye: {
    publishWill: boolean
    expiryMs: number | null
    heardAtMs: number | null
    answered: boolean
  } | null
}

export class Play {
  readonly world: World
  readonly engine: SessionEngine
  readonly directory: SessionDirectory<Connect>
  readonly counters = controlCounters()
  readonly stories: Story[] = []
  readonly arrivals: number[] = []
  readonly connectsPerClientId: number
  denied = 0
  checked = 0
  #connections = 0
  /** Connections that control has heard to be attached, and not to be closed. */
  readonly #open = new Set<number>()
  #lastOpened = 0
  #checking: Connect | null = null

  constructor(seed: number) {
    const world = new World(seed)
    this.world = world
    this.connectsPerClientId = world.pick([2, 3])
    this.engine = new SessionEngine(world, 2, (event) => this.#deliver(event))
    const clock = { monotonicMs: () => world.nowMs, wallMs: () => world.nowMs }
    const silent = () => {}
    this.directory = new SessionDirectory<Connect>({
      engine: this.engine,
      clock,
      timers: { after: (delayMs, run) => world.at(world.nowMs + delayMs, run) },
      slicer: new Slicer({
        clock,
        defer: (run) => world.at(world.nowMs + world.random() * 5, run),
        onFailure: ({ error }) => assert.fail(error instanceof Error ? error : String(error)),
      }),
      log: { debug: silent, info: silent, warn: silent, error: silent, fatal: silent },
      counters: this.counters,
      limits: { connectsPerClientId: this.connectsPerClientId, connections: null, sessions: null },
      subscriptions: {
        qosMax: 2,
        wildcards: true,
        shared: true,
        exclusive: true,
        levelsMax: 128,
        subscriptionsMax: null,
        retained: true,
      },
      authorize: authorizeLinkOnly,
      authenticate: (candidate, answer) => this.#check(candidate, answer),
      reauthenticate: () => assert.fail('nobody authenticates again'),
      observer: { connected: null, disconnected: null, subscribed: null, unsubscribed: null },
      attachCommand: ({ candidate, session, resumed, takeOver, before }) => ({
        ...session.address,
        acceptLoop: candidate.acceptLoop,
        connection: candidate.connection,
        version: candidate.version,
        clientId,
        username: null,
        takeOver:
          takeOver === null
            ? null
            : { session: takeOver.address.session, generation: takeOver.address.generation },
        publishBefore: before.map((will) => will.packet),
        connack: encodeConnack(candidate.version, resumed, {}),
        keepAliveMs: 0,
        windowMax: 32,
        receiveMax: 100,
        packetBytesMax: 0,
        topicAliasMax: 0,
        clientTopicAliasMax: 0,
        queueLengthMax: 0,
        storeQos0: true,
        persistent: candidate.expiryMs > 0,
        linkAllowed: false,
        mountpoint: '',
        upgradeQos: false,
        ignoreLoopDeliver: false,
      }),
    })
  }

  /** Of one client id one identity is checked at a time. */
  #check(candidate: Connect, answer: (verdict: Verdict<Connect>) => void): void {
    const { world } = this
    const before = this.#checking
    assert.ok(
      before === null || this.story(before.connection).socket.place === 'gone',
      'two identities of one client id are checked at once',
    )
    this.#checking = candidate
    this.checked++
    const decide = () => {
      if (this.#checking === candidate) this.#checking = null
      if (!candidate.welcome) this.denied++
      answer(
        candidate.welcome
          ? { kind: 'admitted', candidate: { ...candidate, authenticate: false } }
          : { kind: 'refused', refusal: 'bad-credentials', reason: '' },
      )
    }
    if (candidate.checkMs === null) decide()
    else world.at(world.nowMs + candidate.checkMs, decide)
  }

  run(): void {
    for (let socket = 0; socket < 3; socket++) this.#live(2 + this.world.below(4))
    this.world.run()
  }

  /** One of the three: connect, do a few things, go, come again. */
  #live(turns: number): void {
    if (turns === 0) return
    const { world } = this
    world.at(world.nowMs + world.pick([0, 5, 30, 400]) * world.random(), () => {
      const story = this.#connect()
      this.#act(story, 1 + world.below(4), () => this.#live(turns - 1))
    })
  }

  #connect(): Story {
    const { world, engine } = this
    const connection = ++this.#connections
    const socket = engine.accept(connection)
    const version: ProtocolVersion = world.pick([4, 5])
    const cleanStart = world.random() < 0.3
    const expiryMs = version === 5 ? world.pick([0, 300, never]) : cleanStart ? 0 : never
    const willDelayMs = version === 5 ? world.pick([0, 0, 1000]) : 0
    const will =
      world.random() < 0.3
        ? null
        : {
            topic: 'w',
            qos: 0 as const,
            retain: false,
            delaySeconds: willDelayMs / 1000,
            packet: Uint8Array.of(connection),
          }
    const candidate: Connect = {
      connection,
      acceptLoop: socket.acceptLoop,
      clientId,
      peer: '127.0.0.1:1',
      listener: 'tcp:default',
      username: null,
      keepAliveSeconds: 0,
      connectedAtMs: world.nowMs,
      linkAllowed: false,
      mountpoint: '',
      version,
      bridge: false,
      cleanStart,
      expiryMs,
      will,
      willDelayMs,
      answers: { packetBytesMax: 0, problemInformation: true },
      authenticate: world.random() < 0.4,
      welcome: world.random() < 0.8,
      checkMs: world.pick([null, 0, 20, 300]),
    }
    const story: Story = {
      socket,
      candidate,
      arrivedAtMs: null,
      cutAtMs: null,
      goodbye: null,
    }
    this.stories.push(story)
    // The packet of this event is not decoded here; admission has its own tests.
    const event = {
      kind: 'connect',
      loop: socket.acceptLoop,
      connection,
      listener: 0,
      peer: '',
      packet: noPacket,
      certificate: null,
    } as const
    engine.report(socket, event)
    return story
  }

  /** Between acts chance decides how long; a socket that is gone has nothing left to do. */
  #act(story: Story, acts: number, leave: () => void): void {
    const { world } = this
    const { socket } = story
    world.at(world.nowMs + world.pick([0, 3, 12, 40]) * world.random(), () => {
      if (socket.place === 'gone') return leave()
      if (acts === 0 || world.random() < 0.15) {
        // Some who have no answer yet are patient.
        if (world.random() < (socket.place === 'attached' ? 0.85 : 0.6)) this.#cut(story)
        return this.#linger(story, leave)
      }
      if (socket.place === 'attached' && !socket.barrier && socket.home !== null) {
        if (world.random() < 0.7) this.#subscribe(story)
        else this.#disconnect(story)
      }
      this.#act(story, acts - 1, leave)
    })
  }

  /** A socket that stays open may be taken over by the next one. */
  #linger(story: Story, leave: () => void): void {
    const { world } = this
    world.at(world.nowMs + world.pick([1, 20, 500]) * world.random(), leave)
    if (story.socket.place !== 'gone') world.at(world.nowMs + 3000, () => this.#cut(story))
  }

  #cut(story: Story): void {
    story.cutAtMs ??= this.world.nowMs
    this.engine.cut(story.socket)
  }

  #subscribe({ socket, candidate: { version } }: Story): void {
    const topic = this.world.pick(['a', 'b/+', 'c/#', '$share/g/a'])
    const packet =
      this.world.random() < 0.7
        ? mqttPacket.generate(
            {
              cmd: 'subscribe',
              messageId: 1,
              subscriptions: [{ topic, qos: 1, nl: false, rap: false, rh: 0 }],
            },
            { protocolVersion: version },
          )
        : mqttPacket.generate(
            { cmd: 'unsubscribe', messageId: 1, unsubscriptions: [topic] },
            { protocolVersion: version },
          )
    this.#send(socket, packet[0] === 0x82 ? 'subscribe' : 'unsubscribe', packet)
  }

  #disconnect(story: Story): void {
    const { socket, candidate } = story
    const five = candidate.version === 5
    const publishWill = five && this.world.random() < 0.5
    const expiry = five && this.world.random() < 0.3 ? this.world.pick([0, 1]) : null
    const packet = mqttPacket.generate(
      {
        cmd: 'disconnect',
        reasonCode: publishWill ? 4 : 0,
        ...(expiry === null ? {} : { properties: { sessionExpiryInterval: expiry } }),
      },
      { protocolVersion: candidate.version },
    )
    const expiryMs = expiry === null ? null : expiry * 1000
    story.goodbye = { publishWill, expiryMs, heardAtMs: null, answered: false }
    this.#send(socket, 'disconnect', packet)
  }

  #send(socket: Socket, type: 'subscribe' | 'unsubscribe' | 'disconnect', packet: Buffer): void {
    const { home, connection } = socket
    if (home === null) return
    socket.barrier = true
    this.engine.report(socket, { kind: 'packet', ...home.address, connection, type, packet })
  }

  #deliver(event: EngineEvent): void {
    this.directory.beginBatch()
    this.#tell(event)
    this.#judgeListing(event)
  }

  /** What a listing says, whenever it is asked: who is connected by the events so far, and the last connection that was. */
  #judgeListing(event: EngineEvent): void {
    if (event.kind === 'attached') {
      this.#open.add(event.connection)
      this.#lastOpened = event.connection
    } else if (event.kind === 'closed') {
      this.#open.delete(event.connection)
    }
    const view = this.directory.view(clientId)
    const { clients, reached } = this.directory.after(0, 2)
    assert.equal(clients.length, view === null ? 0 : 1)
    assert.equal(clients[0]?.serial, view?.serial)
    assert.equal(reached, null)
    assert.equal(view?.connected ?? false, this.#open.size > 0, 'listed as what it is not')
    if (view === null) return
    const { connectedAtMs, disconnectedAtMs } = view.connection
    assert.equal(connectedAtMs, this.story(this.#lastOpened).candidate.connectedAtMs)
    assert.equal(disconnectedAtMs === null, view.connected)
  }

  #tell(event: EngineEvent): void {
    switch (event.kind) {
      case 'connect': {
        const story = this.story(event.connection)
        story.arrivedAtMs = this.world.nowMs
        this.arrivals.push(event.connection)
        this.directory.connect(story.candidate)
        return
      }
      case 'packet': {
        const { goodbye } = this.story(event.connection)
        if (event.type === 'disconnect' && goodbye !== null) goodbye.heardAtMs = this.world.nowMs
        this.directory.packet(event)
        return
      }
      case 'attached':
        this.directory.attached(event)
        return
      case 'closed':
        this.directory.closed(event)
        return
      default:
        assert.fail(`unexpected ${event.kind}`)
    }
  }

  story(connection: number): Story {
    const story = this.stories[connection - 1]
    assert.ok(story !== undefined)
    return story
  }
}

const noPacket = Buffer.alloc(0)
