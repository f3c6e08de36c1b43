/**
 * An MQTT client for tests, over any transport of via.ts: packets or bytes in, packets or bytes out, nothing behind the
 * test's back. `acknowledge: false` leaves every acknowledgement to the test.
 */
import type { Duplex } from 'node:stream'
import mqttPacket, {
  type IConnackPacket,
  type IConnectPacket,
  type IDisconnectPacket,
  type IPublishPacket,
  type ISubackPacket,
  type ISubscription,
  type IUnsubackPacket,
  type Packet,
} from 'mqtt-packet'
import { Mailbox } from './mailbox.js'
import { openStream, overTcp, type Via } from './via.js'

const patienceMs = 10_000

export type Version = 3 | 4 | 5
export type Qos = 0 | 1 | 2

export interface ClientOptions {
  readonly port: number
  /** Default: TCP. */
  readonly via?: Via
  /** Random when it is not given. */
  readonly clientId?: string
  readonly version?: Version
  readonly clean?: boolean
  readonly keepAliveSeconds?: number
  readonly username?: string
  readonly password?: string | Buffer
  readonly properties?: NonNullable<IConnectPacket['properties']>
  readonly will?: NonNullable<IConnectPacket['will']>
  /** Whether PUBLISH and PUBREL are acknowledged at once. Default: true. */
  readonly acknowledge?: boolean
}

export interface Message {
  readonly topic: string
  readonly payload?: string | Buffer
  readonly qos?: Qos
  readonly retain?: boolean
  readonly dup?: boolean
  /** The next free one when it is not given. */
  readonly packetId?: number
  readonly properties?: NonNullable<IPublishPacket['properties']>
}

export type Subscription =
  | string
  | (Partial<Omit<ISubscription, 'topic'>> & { readonly topic: string })

/** What ends a publisher's exchange. */
export type Acknowledgement = Extract<Packet, { cmd: 'puback' | 'pubrec' | 'pubcomp' }>

let clients = 0

export class TestClient {
  readonly clientId: string
  readonly version: Version
  /** PUBLISH packets that came, oldest first. */
  readonly messages: Mailbox<IPublishPacket>
  /** All other packets that no call of ours waits for. */
  readonly others: Mailbox<Packet>
  /** DISCONNECT of the server. */
  goodbye: IDisconnectPacket | null = null
  connack: IConnackPacket | null = null
  readonly closed: Promise<void>
  readonly #socket: Duplex
  readonly #acknowledge: boolean
  readonly #replies = new Map<string, (packet: Packet) => void>()
  #packetId = 0
  #isClosed = false

  private constructor(socket: Duplex, clientId: string, version: Version, acknowledge: boolean) {
    this.clientId = clientId
    this.version = version
    this.#socket = socket
    this.#acknowledge = acknowledge
    this.messages = new Mailbox(clientId)
    this.others = new Mailbox(clientId)
    const parser = mqttPacket.parser({ protocolVersion: version })
    parser.on('packet', (packet) => this.#onPacket(packet))
    socket.on('data', (bytes) => parser.parse(bytes))
    socket.on('error', () => {}) // a reset is a close like any other: `closed` tells
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#isClosed = true
        this.messages.end('the connection is closed')
        this.others.end('the connection is closed')
        resolve()
      })
    })
  }

  /** An open transport on which nothing has been sent. */
  static async dial(options: ClientOptions): Promise<TestClient> {
    const socket = await openStream(options.via ?? overTcp, options.port)
    const clientId = options.clientId ?? `test-${process.pid}-${++clients}`
    return new TestClient(socket, clientId, options.version ?? 4, options.acknowledge ?? true)
  }

  /** Connected and accepted. @throws Error when the server refuses */
  static async connect(options: ClientOptions): Promise<TestClient> {
    const client = await TestClient.dial(options)
    client.sendBytes(connectBytes({ ...options, clientId: client.clientId }))
    const packet = await client.packet('connack')
    if ((packet.reasonCode ?? packet.returnCode ?? 0) !== 0) {
      throw new Error(`${client.clientId}: refused with ${packet.reasonCode ?? packet.returnCode}`)
    }
    client.connack = packet
    return client
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  get sessionPresent(): boolean {
    return this.connack?.sessionPresent ?? false
  }

  send(packet: Packet): void {
    this.#socket.write(this.bytesOf(packet))
  }

  sendBytes(bytes: Uint8Array): void {
    this.#socket.write(bytes)
  }

  bytesOf(packet: Packet): Buffer {
    return mqttPacket.generate(packet, { protocolVersion: this.version })
  }

  /** The next message. */
  message(timeoutMs = patienceMs): Promise<IPublishPacket> {
    return this.messages.take('message', timeoutMs)
  }

  /** The payloads of the next `count` messages. */
  async payloads(count: number, timeoutMs = patienceMs): Promise<string[]> {
    const payloads: string[] = []
    while (payloads.length < count)
      payloads.push((await this.message(timeoutMs)).payload.toString())
    return payloads
  }

  /** The next packet that is no PUBLISH, which must be of this kind. */
  async packet<C extends Packet['cmd']>(
    cmd: C,
    timeoutMs = patienceMs,
  ): Promise<Extract<Packet, { cmd: C }>> {
    const packet = await this.others.take(cmd, timeoutMs)
    if (packet.cmd !== cmd) {
      throw new Error(`${this.clientId}: expected ${cmd}, got ${JSON.stringify(packet)}`)
    }
    // Cannot lie: cmd is the discriminant.
    return packet as Extract<Packet, { cmd: C }>
  }

  /** Sends; resolves with the last packet of the exchange (null for QoS 0). */
  publish(message: Message): Promise<Acknowledgement | null> {
    if ((message.qos ?? 0) === 0) {
      this.send(publishPacket(message))
      return Promise.resolve(null)
    }
    const messageId = message.packetId ?? this.#nextPacketId()
    const done = this.#reply('publish', messageId)
    this.send(publishPacket(message, messageId))
    // Cannot lie: only these three are replies to 'publish'.
    return done as Promise<Acknowledgement>
  }

  async subscribe(
    wanted: Subscription | readonly Subscription[],
    subscriptionIdentifier?: number,
  ): Promise<ISubackPacket> {
    const messageId = this.#nextPacketId()
    const subscriptions = [wanted].flat().map((one) =>
      // nl, rap and rh exist in version 5 only; the generator leaves them out below.
      typeof one === 'string' ? { topic: one, qos: 2 as const } : { qos: 2 as const, ...one },
    )
    const done = this.#reply('suback', messageId)
    this.send({
      cmd: 'subscribe',
      messageId,
      subscriptions,
      ...(subscriptionIdentifier === undefined ? {} : { properties: { subscriptionIdentifier } }),
    })
    // Cannot lie: the reply was registered under this kind.
    return (await done) as ISubackPacket
  }

  async unsubscribe(filter: string): Promise<IUnsubackPacket> {
    const messageId = this.#nextPacketId()
    const done = this.#reply('unsuback', messageId)
    this.send({ cmd: 'unsubscribe', messageId, unsubscriptions: [filter] })
    // Cannot lie: the reply was registered under this kind.
    return (await done) as IUnsubackPacket
  }

  /** A round trip: everything sent before has been parsed. */
  async ping(): Promise<void> {
    const done = this.#reply('pingresp', 0)
    this.send({ cmd: 'pingreq' })
    await done
  }

  /** DISCONNECT, and waits until the server has closed. */
  async disconnect(
    reasonCode = 0,
    properties?: NonNullable<IDisconnectPacket['properties']>,
  ): Promise<void> {
    this.send({
      cmd: 'disconnect',
      ...(this.version === 5 ? { reasonCode } : {}),
      ...(properties === undefined ? {} : { properties }),
    })
    await this.whenClosed()
  }

  /** Closes without DISCONNECT. */
  async drop(): Promise<void> {
    this.#socket.destroy()
    await this.closed
  }

  async whenClosed(timeoutMs = patienceMs): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(true), timeoutMs)
    })
    const isLate = await Promise.race([this.closed.then(() => false), late])
    clearTimeout(timer)
    if (isLate) throw new Error(`${this.clientId}: still open after ${timeoutMs} ms`)
  }

  /** Stops reading: the kernel's buffers fill, then the server's. */
  stall(): void {
    this.#socket.pause()
  }

  unstall(): void {
    this.#socket.resume()
  }

  // ------------------------------------------------------------------------------------ private

  #onPacket(packet: Packet): void {
    switch (packet.cmd) {
      case 'publish':
        this.messages.put(packet)
        if (this.#acknowledge && packet.qos > 0 && packet.messageId !== undefined) {
          this.send({ cmd: packet.qos === 1 ? 'puback' : 'pubrec', messageId: packet.messageId })
        }
        return
      case 'pubrel':
        if (this.#acknowledge && packet.messageId !== undefined) {
          this.send({ cmd: 'pubcomp', messageId: packet.messageId })
          return
        }
        break
      case 'pubrec':
        if (this.#replies.has(`publish ${packet.messageId}`)) {
          if ((packet.reasonCode ?? 0) >= 0x80) break
          if (packet.messageId !== undefined)
            this.send({ cmd: 'pubrel', messageId: packet.messageId })
          return
        }
        break
      case 'disconnect':
        this.goodbye = packet
        break
      default:
        break
    }
    const key = replyKey(packet)
    const reply = this.#replies.get(key)
    if (reply === undefined) {
      this.others.put(packet)
      return
    }
    this.#replies.delete(key)
    reply(packet)
  }

  #reply(kind: string, messageId: number): Promise<Packet> {
    const key = `${kind} ${messageId}`
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`${this.clientId}: no answer to ${key} within ${patienceMs} ms`)),
        patienceMs,
      )
      this.#replies.set(key, (packet) => {
        clearTimeout(timer)
        resolve(packet)
      })
      void this.closed.then(() => {
        clearTimeout(timer)
        reject(new Error(`${this.clientId}: closed without an answer to ${key}`))
      })
    })
  }

  #nextPacketId(): number {
    this.#packetId = (this.#packetId % 65_535) + 1
    return this.#packetId
  }
}

/** The bytes of a CONNECT. */
export function connectBytes(
  options: Omit<ClientOptions, 'port' | 'via'> & { clientId: string },
): Buffer {
  const version = options.version ?? 4
  return mqttPacket.generate({
    cmd: 'connect',
    protocolId: version === 3 ? 'MQIsdp' : 'MQTT',
    protocolVersion: version,
    clean: options.clean ?? true,
    clientId: options.clientId,
    keepalive: options.keepAliveSeconds ?? 0,
    ...(options.username === undefined ? {} : { username: options.username }),
    ...(options.password === undefined ? {} : { password: Buffer.from(options.password) }),
    ...(options.will === undefined ? {} : { will: options.will }),
    ...(options.properties === undefined ? {} : { properties: options.properties }),
  })
}

/** @param messageId for QoS ≥ 1 */
export function publishPacket(message: Message, messageId?: number): IPublishPacket {
  return {
    cmd: 'publish',
    topic: message.topic,
    payload: message.payload ?? '',
    qos: message.qos ?? 0,
    retain: message.retain ?? false,
    dup: message.dup ?? false,
    ...(messageId === undefined ? {} : { messageId }),
    ...(message.properties === undefined ? {} : { properties: message.properties }),
  }
}

function replyKey(packet: Packet): string {
  switch (packet.cmd) {
    case 'puback':
    case 'pubrec':
    case 'pubcomp':
      return `publish ${packet.messageId}`
    case 'pingresp':
      return 'pingresp 0'
    default:
      return `${packet.cmd} ${packet.messageId}`
  }
}
