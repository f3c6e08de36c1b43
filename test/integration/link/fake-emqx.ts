/**
 * The accepting half of an EMQX 5.8 node: a server that answers as EMQX does and keeps everything it was told, byte for
 * byte. One connection per dialled client.
 */
import { createServer, type Server, type Socket } from 'node:net'
import mqttPacket, { type IConnectPacket, type IPublishPacket, type Packet } from 'mqtt-packet'
import { Mailbox } from '../harness/index.js'
import type { Term } from './etf.js'
import { ackTerm } from './route-terms.js'

/** CONNACK of EMQX 5.8.9 as recorded: 1 MiB packets, Receive Maximum 32, all features. */
const connack = Buffer.from('2016000013270010000021002025012a01290122ffff2801', 'hex')
const noMatchingSubscribers = 0x10
const implementationError = 0x83
const notAuthorized = 0x87

const options = { protocolVersion: 5 } as const

export class FakeConnection {
  readonly connect: IConnectPacket
  /** Everything after the CONNECT, in order. */
  readonly said = new Mailbox<Packet>('the link')
  readonly closed: Promise<void>
  readonly #socket: Socket

  constructor(socket: Socket, connect: IConnectPacket) {
    this.#socket = socket
    this.connect = connect
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.said.end('the connection is closed')
        resolve()
      })
    })
  }

  send(packet: Packet): void {
    this.#socket.write(mqttPacket.generate(packet, options))
  }

  /** DISCONNECT, and the end. */
  end(reasonCode: number): void {
    this.send({ cmd: 'disconnect', reasonCode })
    this.#socket.end()
  }

  drop(): void {
    this.#socket.destroy()
  }

  /** The next PUBLISH; heartbeats and pings in between are passed over. */
  async publish(
    isWanted: (packet: IPublishPacket) => boolean = ({ qos }) => qos > 0,
    timeoutMs = 15_000,
  ): Promise<IPublishPacket> {
    for (;;) {
      const packet = await this.said.take('PUBLISH', timeoutMs)
      if (packet.cmd === 'publish' && isWanted(packet)) return packet
    }
  }
}

export class FakeEmqx {
  readonly port: number
  /** Route clients that connected, and message clients. */
  readonly routeClients = new Mailbox<FakeConnection>('route clients')
  readonly messageClients = new Mailbox<FakeConnection>('message clients')
  /** What message clients published. */
  readonly forwarded = new Mailbox<IPublishPacket>('forwarded messages')
  /** What the answer to actor_init says; null: ok. */
  error: string | null = null
  /** What `ok` says of the bootstrap: EMQX before 5.8.9 always said false. */
  needBootstrap = false
  /** What becomes of SUBSCRIBE and actor_init: served, or their connection ended with this reason; silence for actor_init. */
  mood: 'serving' | 'silent' | 'refusing' | 'forbidding' = 'serving'
  /** The answer's whole payload, as recorded; null: made of the two above. */
  answer: Buffer | null = null
  /** What an answer has under key 1000, where a Causeway says what it can do; null: this is an EMQX. */
  capabilities: Term | null = null
  /** The answer to actor_init comes before its PUBACK, not behind it: EMQX promises neither. */
  answersFirst = false
  /** Accepts connections and says nothing, not even CONNACK. */
  isStalled = false
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(server: Server, port: number) {
    this.#server = server
    this.port = port
  }

  static async listen(port: number): Promise<FakeEmqx> {
    const server = createServer({ noDelay: true })
    const fake = new FakeEmqx(server, port)
    server.on('connection', (socket) => fake.#onConnection(socket))
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, '127.0.0.1', resolve)
    })
    return fake
  }

  get connections(): number {
    return this.#sockets.size
  }

  /** All connections break. */
  dropAll(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }

  #onConnection(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => {}) // a broker that goes resets its connections
    socket.once('close', () => this.#sockets.delete(socket))
    if (this.isStalled) return
    const parser = mqttPacket.parser(options)
    let connection: FakeConnection | null = null
    parser.on('packet', (packet) => {
      if (packet.cmd === 'connect') {
        connection = new FakeConnection(socket, packet)
        socket.write(connack)
        const clients = isMessageClient(connection) ? this.messageClients : this.routeClients
        clients.put(connection)
      } else if (connection !== null) {
        if (isMessageClient(connection) && packet.cmd === 'publish') this.forwarded.put(packet)
        else connection.said.put(packet)
        this.#answer(connection, packet)
      }
    })
    socket.on('data', (bytes) => parser.parse(bytes))
  }

  #answer(connection: FakeConnection, packet: Packet): void {
    if (packet.cmd === 'pingreq') connection.send({ cmd: 'pingresp' })
    if (packet.cmd === 'subscribe' && this.mood === 'forbidding') {
      connection.end(notAuthorized)
      return
    }
    if (packet.cmd === 'subscribe' && packet.messageId !== undefined)
      connection.send({ cmd: 'suback', messageId: packet.messageId, granted: [1] })
    if (packet.cmd !== 'publish' || packet.qos === 0 || packet.messageId === undefined) return
    const { messageId, properties } = packet
    if (properties !== undefined && this.mood === 'silent') return
    if (properties !== undefined && this.mood === 'refusing') {
      connection.end(implementationError)
      return
    }
    const acknowledge = () =>
      connection.send({ cmd: 'puback', messageId, reasonCode: noMatchingSubscribers })
    const { responseTopic, correlationData } = properties ?? {}
    const isQuestion = responseTopic !== undefined && correlationData !== undefined
    if (!isQuestion || !this.answersFirst) acknowledge()
    if (!isQuestion) return
    const actor = responseTopic.slice(responseTopic.lastIndexOf('/') + 1)
    connection.send({
      cmd: 'publish',
      topic: responseTopic,
      payload: this.answer ?? ackTerm(actor, this.error, this.needBootstrap, this.capabilities),
      qos: 1,
      messageId: 1,
      retain: false,
      dup: false,
      properties: { correlationData },
    })
    if (this.answersFirst) acknowledge()
  }
}

function isMessageClient({ connect }: FakeConnection): boolean {
  return connect.clientId.includes(':msg:')
}
