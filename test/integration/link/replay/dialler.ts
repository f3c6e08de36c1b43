/**
 * EMQX as the side that dials: speaks the recorded lines of one play, byte for byte, to a broker that takes the acceptor's
 * part, and compares every answer with the recorded one. Times are not played: where the recording waits until something was
 * forgotten or restarted, the broker is started again.
 */
import assert from 'node:assert/strict'
import type { Packet } from 'mqtt-packet'
import mqttPacket from 'mqtt-packet'
import { TestClient } from '../../harness/index.js'
import { bytesOf, type CapturedPacket, payloadOf } from '../capture.js'
import type { Cluster, LinkTo } from '../cluster.js'
import { decodeTerm, plain } from '../etf.js'
import { elementsOf, seen, wanted } from '../message-terms.js'
import type { Line, Play, Scenario } from './recording.js'

const noMatchingSubscribers = 0x10
const payloadFormatInvalid = 0x99
const messagePrefix = '$LINK/cluster/msg/'

/** How a scenario differs from the others, for the acceptor. */
export interface Setting {
  /** Its link with the dialler; null: none. */
  readonly link: LinkTo | null
  /** Somebody here wants every message, also what EMQX answered with 0x10: its own topics refuse it. */
  readonly isWanted?: boolean
}

interface Step {
  readonly row: CapturedPacket
  isHeard: boolean
}

interface Dialled {
  readonly client: TestClient
  /** What brought it where it is: CONNECT, SUBSCRIBE, an accepted actor_init; and whether their answers were heard. */
  opening: Step[]
  /** Packet ids of answers to actor_init that we have not acknowledged. */
  readonly unacked: number[]
}

export class Dialler {
  readonly #play: Play
  readonly #broker: Cluster
  readonly #connections = new Map<number, Dialled>()
  /** Client ids that had a session that outlives its connection. */
  readonly #sessions = new Set<string>()
  readonly #wants = new Set<string>()
  readonly #dialsIn: ReadonlyMap<string, readonly CapturedPacket[]>
  #subscriber: TestClient | null = null
  #setting = ''

  constructor(
    play: Play,
    broker: Cluster,
    openings: ReadonlyMap<string, readonly CapturedPacket[]>,
  ) {
    this.#play = play
    this.#broker = broker
    this.#dialsIn = openings
  }

  /** Plays one scenario; throws at the first answer that differs. */
  async perform({ lines }: Scenario, setting: Setting): Promise<void> {
    await this.#set(setting)
    for (const [at, line] of lines.entries()) {
      if (line.kind === 'closes') await this.#close(line.conn)
      else if (line.fromDialler) await this.#speak(line.row, lines.slice(at + 1), setting)
      else await this.#hear(line.row)
    }
    // Whatever came besides would be here by now.
    for (const { client } of this.#connections.values()) {
      if (client.isClosed) continue
      await client.ping()
      for (const packet of client.others.takeAll()) this.#allow(packet)
      assert.equal(client.messages.length, 0, 'an answer that EMQX did not give')
    }
    await this.#subscriber?.ping()
    assert.equal(this.#subscriber?.messages.length, 0, 'a message that EMQX did not send')
  }

  async end(): Promise<void> {
    for (const { client } of this.#connections.values()) await client.drop()
    await this.#subscriber?.drop()
  }

  // ------------------------------------------------------------------------------------------- the broker

  async #set({ link }: Setting): Promise<void> {
    const setting = JSON.stringify(link)
    if (setting === this.#setting) return
    this.#broker.links = link === null ? [] : [link]
    if (this.#setting === '') await this.#start()
    else await this.#restart()
    this.#setting = setting
  }

  async #start(): Promise<void> {
    await this.#broker.start()
    this.#subscriber = await this.#broker.client({ clientId: 'subscriber' })
    this.#wants.clear()
    this.#sessions.clear()
  }

  /** Everybody dials in again, as before. */
  async #restart(): Promise<void> {
    await this.#broker.kill()
    await this.#start()
    const before = [...this.#connections].filter(
      ([, { client }]) => client.goodbye?.reasonCode !== 0x8e,
    )
    this.#connections.clear()
    for (const [conn, { opening }] of before) await this.#open(conn, opening)
  }

  async #open(conn: number, opening: readonly Step[]): Promise<void> {
    for (const { row, isHeard } of opening) {
      await this.#speak(row, [], { link: null })
      const { client, opening: steps } = this.#of(conn)
      if (!isHeard) continue
      await client.others.take('answer', 10_000)
      if (isInit(row)) {
        const { messageId } = await client.message()
        client.send({ cmd: 'puback', messageId: messageId ?? 0, reasonCode: 0 })
      }
      for (const step of steps) step.isHeard = true
    }
  }

  // ------------------------------------------------------------------------------------------- the dialler

  async #speak(row: CapturedPacket, rest: readonly Line[], setting: Setting): Promise<void> {
    if (row.packetType === 'CONNECT') await this.#dial(row)
    // A recording that begins in the middle.
    if (!this.#connections.has(row.conn)) {
      const opening = this.#dialsIn.get(row.clientId) ?? []
      await this.#open(
        row.conn,
        opening.map((one) => ({ row: { ...one, conn: row.conn }, isHeard: true })),
      )
    }
    const dialled = this.#of(row.conn)
    if (row.packetType === 'CONNECT' || row.packetType === 'SUBSCRIBE' || isInit(row))
      dialled.opening.push({ row, isHeard: false })
    if (row.packetType === 'PUBACK') {
      dialled.client.send({ cmd: 'puback', messageId: dialled.unacked.shift() ?? 0, reasonCode: 0 })
      return
    }
    const elements = isMessage(row) ? elementsOf(payloadOf(row)) : null
    if (elements === null) return dialled.client.sendBytes(bytesOf(row))

    const due = wanted(elements)
    const code = answerTo(row, rest)
    const isDelivered = code !== noMatchingSubscribers
    await this.#want(String(due.topic), isDelivered || setting.isWanted === true)
    dialled.client.sendBytes(
      'Message-Expiry-Interval' in due.properties ? fresh(row) : bytesOf(row),
    )
    if (isDelivered) assert.deepEqual(seen(await this.#message()), due)
  }

  async #dial(row: CapturedPacket): Promise<void> {
    const connect = decode(row)
    assert.equal(connect.cmd, 'connect')
    // EMQX had forgotten the session, by its expiry or a restart; so must we.
    const isFresh = this.#answers(row.conn) === false
    if (connect.cmd === 'connect' && connect.clean === false) {
      if (isFresh && this.#sessions.has(row.clientId)) await this.#restart()
      this.#sessions.add(row.clientId)
    }
    const client = await TestClient.dial({
      port: this.#broker.linkPort,
      version: 5,
      clientId: row.clientId,
      acknowledge: false,
    })
    this.#connections.set(row.conn, { client, opening: [], unacked: [] })
  }

  /** Whether the recorded CONNACK of a connection resumes a session; null when none is recorded. */
  #answers(conn: number): boolean | null {
    for (const { lines } of this.#play.scenarios) {
      for (const line of lines) {
        if (line.kind !== 'packet' || line.row.conn !== conn || line.fromDialler) continue
        const packet = decode(line.row)
        if (packet.cmd === 'connack') return packet.sessionPresent
      }
    }
    return null
  }

  async #close(conn: number): Promise<void> {
    const { client } = this.#of(conn)
    this.#connections.delete(conn)
    await client.drop()
  }

  // ----------------------------------------------------------------------------------- what must be answered

  async #hear(row: CapturedPacket): Promise<void> {
    const dialled = this.#of(row.conn)
    const { client, unacked } = dialled
    const theirs = decode(row)
    if (theirs.cmd === 'publish') {
      const ours = await client.message()
      assert.deepEqual(
        [ours.topic, ours.qos, ours.retain, ours.properties],
        [theirs.topic, theirs.qos, theirs.retain, theirs.properties],
      )
      const term = plain(decodeTerm(payloadOf(row)))
      assert.deepEqual(plain(decodeTerm(Buffer.from(ours.payload))), term)
      for (const step of dialled.opening) if (isInit(step.row)) step.isHeard = true
      // Who was refused once may be welcome after a restart: it would not have asked then.
      if (!isAccepted(term)) dialled.opening = dialled.opening.filter(({ row }) => !isInit(row))
      unacked.push(ours.messageId ?? 0)
      return
    }
    for (;;) {
      const ours = await client.others.take(theirs.cmd, 10_000)
      if (ours.cmd === theirs.cmd && ours.messageId === theirs.messageId) {
        assert.deepEqual(essence(ours), essence(this.#ruled(theirs, row)))
        const answered = { connack: 'CONNECT', suback: 'SUBSCRIBE' }[String(ours.cmd)]
        for (const step of dialled.opening)
          if (step.row.packetType === answered) step.isHeard = true
        return
      }
      this.#allow(ours)
    }
  }

  /** What EMQX answered, where no rule of ours says otherwise: undecodable messages are told so. */
  #ruled(theirs: Packet, { conn }: CapturedPacket): Packet {
    if (theirs.cmd !== 'puback') return theirs
    const message = this.#play.scenarios
      .flatMap(({ lines }) => lines)
      .find(
        (line) =>
          line.kind === 'packet' &&
          line.fromDialler &&
          line.row.conn === conn &&
          isMessage(line.row) &&
          line.row.packetId === theirs.messageId,
      )
    if (message?.kind !== 'packet' || elementsOf(payloadOf(message.row)) !== null) return theirs
    const isLinked = message.row.topic === messagePrefix + this.#play.dialler
    return isLinked ? { ...theirs, reasonCode: payloadFormatInvalid } : theirs
  }

  /** The recording leaves some acknowledgements out. */
  #allow(packet: Packet): void {
    const code = packet.cmd === 'puback' || packet.cmd === 'pubrec' ? packet.reasonCode : null
    assert.ok(code === 0 || code === noMatchingSubscribers, JSON.stringify(packet))
  }

  // ----------------------------------------------------------------------------------------- who wants what

  async #want(topic: string, isWanted: boolean): Promise<void> {
    if (this.#subscriber === null || this.#wants.has(topic) === isWanted) return
    if (isWanted) {
      this.#wants.add(topic)
      await this.#subscriber.subscribe({ topic, qos: 2, rap: true })
    } else {
      this.#wants.delete(topic)
      await this.#subscriber.unsubscribe(topic)
    }
  }

  #message(): ReturnType<TestClient['message']> {
    if (this.#subscriber === null) throw new Error('nothing was started')
    return this.#subscriber.message()
  }

  #of(conn: number): Dialled {
    const dialled = this.#connections.get(conn)
    if (dialled === undefined) throw new Error(`connection ${conn} was not opened`)
    return dialled
  }
}

function isMessage({ packetType, topic }: CapturedPacket): boolean {
  return packetType === 'PUBLISH' && topic?.startsWith(messagePrefix) === true
}

export function isInit({ packetType, properties }: CapturedPacket): boolean {
  return packetType === 'PUBLISH' && 'responseTopic' in properties
}

function isAccepted(term: unknown): boolean {
  // Cannot lie: what was recorded on a response topic is a map.
  return (term as Record<string, unknown>)[15] === "'ok'"
}

function decode(row: CapturedPacket): Packet {
  const packets: Packet[] = []
  const parser = mqttPacket.parser({ protocolVersion: 5 })
  parser.on('packet', (packet) => packets.push(packet))
  parser.parse(bytesOf(row))
  const [packet] = packets
  if (packet === undefined) throw new Error(`${row.packetHex} is no packet`)
  return packet
}

/** What must be equal: a CONNACK's properties are the broker's own, and absent reason codes mean 0. */
function essence(packet: Packet): unknown {
  switch (packet.cmd) {
    case 'connack':
      return [packet.cmd, packet.reasonCode, packet.sessionPresent]
    case 'suback':
      return [packet.cmd, packet.messageId, packet.granted]
    case 'puback':
    case 'pubrec':
    case 'pubcomp':
      return [packet.cmd, packet.messageId, packet.reasonCode ?? 0]
    case 'disconnect':
      return [packet.cmd, packet.reasonCode ?? 0]
    default:
      return packet
  }
}

/** The reason code of the PUBACK or PUBREC that followed; null for QoS 0 or where it is not recorded. */
function answerTo(row: CapturedPacket, rest: readonly Line[]): number | null {
  for (const line of rest) {
    if (line.kind !== 'packet' || line.fromDialler || line.row.conn !== row.conn) continue
    const packet = decode(line.row)
    if ((packet.cmd === 'puback' || packet.cmd === 'pubrec') && packet.messageId === row.packetId)
      return packet.reasonCode ?? 0
  }
  return null
}

/** The packet with the message's time set to now, in place: what expires has, since the recording. */
function fresh(row: CapturedPacket): Buffer {
  const bytes = bytesOf(row)
  const timestamp = elementsOf(payloadOf(row))?.[8]
  assert.ok(typeof timestamp === 'bigint')
  const at = bytes.indexOf(bigBytes(timestamp))
  assert.ok(at > 0)
  bigBytes(BigInt(Date.now())).copy(bytes, at)
  return bytes
}

function bigBytes(value: bigint): Buffer {
  const bytes = Buffer.from([110, 6, 0, 0, 0, 0, 0, 0, 0])
  bytes.writeUIntLE(Number(value), 3, 6)
  return bytes
}
