/**
 * A client that keeps to the specification whatever happens to its connection: it repeats PUBLISH with DUP and PUBREL, in
 * order; it tells QoS 2 messages apart by their identifiers; it forgets all that when the server has no session for it.
 * What the server does against the specification is an AssertionError, kept for the story. MQTT 5.0 §4.3, §4.4, §4.6.
 */
import assert from 'node:assert/strict'
import type { IConnackPacket, IPublishPacket, Packet } from 'mqtt-packet'
import { eventually, type Qos, type Version } from '../harness/index.js'
import { type Cut, uncut, Wire } from './wire.js'

const patienceMs = 20_000
const packetIdNotFound = 0x92

/** One message as its publisher knows it. Its payload names it: `publisher:number:…`. */
export interface Sent {
  readonly payload: string
  readonly topic: string
  readonly qos: Qos
  readonly publisher: string
  readonly number: number
  readonly phase: number
  /** Logical time of the first sending. */
  readonly sentAt: number
  /** PUBLISH packets of it. More than one: QoS 1 may be there twice. */
  sends: number
  /** PUBACK or PUBREC came: the server has it. */
  accepted: boolean
}

export interface Received {
  readonly payload: string
  readonly topic: string
  readonly qos: Qos
  readonly dup: boolean
}

interface Outbound {
  readonly packetId: number
  readonly message: Sent
  state: 'published' | 'released'
}

export interface ModelClientOptions {
  readonly port: number
  readonly clientId: string
  readonly version: 4 | 5
  /** The session outlives its connection. */
  readonly lasting: boolean
  /** QoS 1 and 2 that it takes at once; version 4 has the server's own bound. */
  readonly receiveMaximum: number
}

export class ModelClient {
  readonly options: ModelClientOptions
  readonly received: Received[] = []
  readonly filters = new Map<string, Qos>()
  readonly failures: Error[] = []
  /** Acknowledges at once. Otherwise when `answer` is called. */
  isEager = true
  /** When the session of now had its first subscriptions; logical time. */
  sessionFrom = 0
  #wire: Wire | null = null
  #isConnected = false
  #hasSession = false
  /** What a session is, on the client's side. */
  #outbound: Outbound[] = []
  readonly #inbound = new Map<number, string>()
  #packetId = 0
  /** Of this connection. */
  #answers: Packet[] = []
  readonly #open = new Map<number, string>()
  #connack: IConnackPacket | null = null
  #subacks = 0
  /** The session has no subscriptions yet. */
  #isNew = true

  constructor(options: ModelClientOptions) {
    this.options = options
  }

  get isConnected(): boolean {
    return this.#isConnected
  }

  get outbound(): number {
    return this.#outbound.length
  }

  /** Whether a connection is there or being made. */
  get hasWire(): boolean {
    return this.#wire !== null
  }

  /**
   * Connects, taking over what is open. False: the connection was cut before CONNACK.
   * @param fresh begins a new session
   */
  async connect(fresh: boolean, cut: Cut): Promise<boolean> {
    const { port, version, lasting } = this.options
    const old = this.#wire
    old?.abandon()
    // A session of version 4 that begins clean ends with its connection: the one that lasts is the next.
    const inTwo = fresh && lasting && version === 4
    if (inTwo) await this.#connectOnce(port, true, uncut)
    const connack = await this.#connectOnce(port, (fresh && !inTwo) || !lasting, cut)
    old?.destroy()
    if (connack === null) return false
    this.#resume(connack, fresh)
    return true
  }

  /** Subscribes to all its filters; false: cut before SUBACK. */
  async subscribe(now: () => number): Promise<boolean> {
    const wire = this.#wire
    const awaited = this.#subacks + 1
    this.#send({
      cmd: 'subscribe',
      messageId: this.#freeId(),
      subscriptions: [...this.filters].map(([topic, qos]) => ({ topic, qos })),
    })
    await this.#until('SUBACK', () => this.#subacks === awaited || this.#wire !== wire)
    if (this.#wire !== wire) return false
    if (this.#isNew) this.sessionFrom = now()
    this.#isNew = false
    return true
  }

  async unsubscribe(filter: string): Promise<void> {
    const awaited = this.#subacks + 1
    this.filters.delete(filter)
    this.#send({ cmd: 'unsubscribe', messageId: this.#freeId(), unsubscriptions: [filter] })
    await this.#until('UNSUBACK', () => this.#subacks === awaited)
  }

  publish(message: Sent): void {
    if (message.qos === 0) {
      this.#sendPublish(message, undefined, false)
      return
    }
    const packetId = this.#freeId()
    this.#outbound.push({ packetId, message, state: 'published' })
    this.#sendPublish(message, packetId, false)
  }

  cut(cut: Cut): void {
    this.#wire?.cut(cut)
  }

  drop(): void {
    this.#wire?.drop()
  }

  /** DISCONNECT, and the end. */
  goodbye(): void {
    this.#send({ cmd: 'disconnect', ...(this.options.version === 5 ? { reasonCode: 0 } : {}) })
    this.#wire?.finish()
  }

  /** Sends at most `count` of the acknowledgements that are due. */
  answer(count: number): void {
    for (const packet of this.#answers.splice(0, count)) this.#sendAnswer(packet)
  }

  // ------------------------------------------------------------------------------- connection

  async #connectOnce(port: number, clean: boolean, cut: Cut): Promise<IConnackPacket | null> {
    const { clientId, version, lasting, receiveMaximum } = this.options
    this.#wire?.abandon()
    this.#forgetConnection()
    const wire: Wire = new Wire(port, version satisfies Version, {
      onPacket: (packet) => this.#guard(() => this.#onPacket(packet)),
      onClosed: (isOurs) => this.#onClosed(wire, isOurs),
    })
    this.#wire = wire
    wire.cut(cut)
    wire.send({
      cmd: 'connect',
      protocolId: 'MQTT',
      protocolVersion: version,
      clientId,
      clean,
      keepalive: 0,
      ...(version === 5
        ? { properties: { receiveMaximum, sessionExpiryInterval: lasting ? 600 : 0 } }
        : {}),
    })
    await this.#until('CONNACK', () => this.#connack !== null || this.#wire !== wire)
    if (this.#wire === wire) return this.#connack
    // A whole CONNECT may have been cut off behind its last byte: the next one must not overtake it.
    await this.#until('the broker closes what was cut', () => wire.isClosed)
    return null
  }

  #resume(connack: IConnackPacket, fresh: boolean): void {
    const expected = this.options.lasting && this.#hasSession && !fresh
    const { clientId, version } = this.options
    const came = connack.sessionPresent
    assert.equal(came, expected, `${clientId}, version ${version}: session present is ${came}`) // [MQTT-3.2.2-2]
    this.#hasSession = this.options.lasting
    this.#isConnected = true
    if (!expected) {
      this.#outbound = []
      this.#inbound.clear()
      this.#isNew = true
      return
    }
    for (const { packetId, message, state } of [...this.#outbound]) {
      if (state === 'published') this.#sendPublish(message, packetId, true)
      else this.#send({ cmd: 'pubrel', messageId: packetId }) // [MQTT-4.4.0-1]
    }
  }

  #onClosed(wire: Wire, isOurs: boolean): void {
    if (wire !== this.#wire) return
    this.#wire = null
    this.#forgetConnection()
    if (!isOurs) this.failures.push(new Error(`${this.options.clientId}: closed by the broker`))
  }

  #forgetConnection(): void {
    this.#isConnected = false
    this.#connack = null
    this.#answers = []
    this.#open.clear()
  }

  // ---------------------------------------------------------------------------------- packets

  #onPacket(packet: Packet): void {
    switch (packet.cmd) {
      case 'connack':
        assert.equal(packet.reasonCode ?? packet.returnCode, 0)
        this.#connack = packet
        return
      case 'publish':
        this.#onPublish(packet)
        return
      case 'pubrel':
        this.#onPubrel(packet.messageId ?? 0)
        return
      case 'puback':
      case 'pubrec':
      case 'pubcomp':
        // A repeated PUBREL may meet an exchange that is over: "not an error during recovery". §3.7.2.1
        if (packet.cmd !== 'pubcomp' || packet.reasonCode !== packetIdNotFound)
          assert.ok((packet.reasonCode ?? 0) < 0x80, `${packet.cmd} ${packet.reasonCode}`)
        this.#onAcknowledgement(packet.cmd, packet.messageId ?? 0)
        return
      case 'suback':
        assert.deepEqual(packet.granted, [...this.filters.values()])
        this.#subacks++
        return
      case 'unsuback':
        this.#subacks++
        return
      default:
        assert.fail(`unexpected ${packet.cmd} ${JSON.stringify(packet)}`)
    }
  }

  #onPublish({ topic, payload, qos, dup, messageId = 0 }: IPublishPacket): void {
    const text = payload.toString()
    if (qos === 0) {
      assert.equal(dup, false) // [MQTT-3.3.1-2]
      this.received.push({ payload: text, topic, qos, dup })
      return
    }
    assert.notEqual(messageId, 0)
    assert.equal(this.#open.has(messageId), false, `packet id ${messageId} is in use`) // [MQTT-2.2.1-4]
    this.#open.set(messageId, text)
    assert.ok(this.#open.size <= this.options.receiveMaximum, 'Receive Maximum') // [MQTT-3.3.4-9]
    const known = this.#inbound.get(messageId)
    if (qos === 2 && known !== undefined) {
      assert.deepEqual([known, dup], [text, true], `packet id ${messageId}, not released`)
    } else {
      this.received.push({ payload: text, topic, qos, dup })
    }
    if (qos === 2) this.#inbound.set(messageId, text)
    this.#due({ cmd: qos === 1 ? 'puback' : 'pubrec', messageId })
  }

  #onPubrel(messageId: number): void {
    assert.notEqual(messageId, 0)
    this.#inbound.delete(messageId)
    this.#due({ cmd: 'pubcomp', messageId })
  }

  #onAcknowledgement(cmd: 'puback' | 'pubrec' | 'pubcomp', messageId: number): void {
    const at = this.#outbound.findIndex(({ packetId }) => packetId === messageId)
    const one = this.#outbound[at]
    assert.ok(one !== undefined, `${cmd} of ${messageId}, which nobody waits for`)
    const due = one.message.qos === 1 ? 'puback' : one.state === 'published' ? 'pubrec' : 'pubcomp'
    assert.equal(cmd, due)
    one.message.accepted = true
    if (cmd !== 'pubrec') {
      this.#outbound.splice(at, 1)
      return
    }
    one.state = 'released'
    this.#send({ cmd: 'pubrel', messageId })
  }

  #due(packet: Packet): void {
    if (this.isEager) this.#sendAnswer(packet)
    else this.#answers.push(packet)
  }

  #sendAnswer(packet: Packet): void {
    if (packet.cmd !== 'pubrec') this.#open.delete(packet.messageId ?? 0)
    this.#send(packet)
  }

  #sendPublish(message: Sent, messageId: number | undefined, dup: boolean): void {
    const { topic, payload, qos } = message
    message.sends++
    const id = messageId === undefined ? {} : { messageId }
    this.#send({ cmd: 'publish', topic, payload, qos, dup, retain: false, ...id })
  }

  #send(packet: Packet): void {
    this.#wire?.send(packet)
  }

  #freeId(): number {
    do this.#packetId = (this.#packetId % 65_535) + 1
    while (this.#outbound.some(({ packetId }) => packetId === this.#packetId))
    return this.#packetId
  }

  #guard(run: () => void): void {
    try {
      run()
    } catch (error) {
      this.failures.push(
        new Error(`${this.options.clientId}: ${error instanceof Error ? error.message : error}`),
      )
      this.drop()
    }
  }

  /** @throws Error of the client, if it has one, or when it takes too long */
  #until(what: string, ask: () => boolean): Promise<void> {
    return eventually(`${this.options.clientId}: ${what}`, () => ask(), patienceMs)
  }
}
