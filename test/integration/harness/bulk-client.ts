/**
 * A client for many messages: MQTT 3.1.1, frames told apart by hand, acknowledgements written once per read. Some 100,000
 * messages a second; for everything else use `TestClient`.
 */
import { type Socket, connect as tcpConnect } from 'node:net'
import { connectBytes } from './client.js'

const connackMs = 30_000

const type = { connack: 2, publish: 3, puback: 4, pubrec: 5, pubrel: 6, pubcomp: 7, suback: 9 }
/** First bytes of the acknowledgements that we send. */
const first = { puback: 0x40, pubrec: 0x50, pubrel: 0x62, pubcomp: 0x70 }

export interface BulkOptions {
  readonly port: number
  readonly clientId: string
  readonly host?: string
  /** Address to connect from: one address has some 28,000 ports. */
  readonly localAddress?: string
  readonly clean?: boolean
}

export class BulkClient {
  readonly closed: Promise<void>
  /** Messages that came, and exchanges of our own messages that are over. */
  received = 0
  completed = 0
  /** Called for each message with its payload, which is valid during the call only. */
  onMessage: ((payload: Buffer) => void) | null = null
  readonly #socket: Socket
  readonly #replies: ((frame: Buffer) => void)[] = []
  #rest: Buffer = Buffer.alloc(0)
  #acknowledgements: number[] = []
  #packetId = 0

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (bytes) => this.#onData(bytes))
    socket.on('error', () => {}) // a reset is a close like any other: `closed` tells
    this.closed = new Promise((resolve) => {
      socket.once('close', () => resolve())
    })
  }

  /** @throws Error when the connection, or the CONNECT, is refused or not answered in 30 s */
  static async connect(options: BulkOptions): Promise<BulkClient> {
    const { port, clientId, host = '127.0.0.1', localAddress, clean = true } = options
    const socket = tcpConnect({
      port,
      host,
      noDelay: true,
      ...(localAddress === undefined ? {} : { localAddress }),
    })
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    const client = new BulkClient(socket)
    const answer = client.#reply(`${clientId}: CONNACK`)
    client.write(connectBytes({ clientId, clean }))
    const connack = await answer
    if (connack[3] !== 0) throw new Error(`${clientId}: refused with ${connack[3]}`)
    return client
  }

  write(bytes: Uint8Array): void {
    this.#socket.write(bytes)
  }

  /** Bytes that wait in this process for the socket. */
  get unsentBytes(): number {
    return this.#socket.writableLength
  }

  /** The SUBACK's return codes. */
  async subscribe(filters: readonly string[], qos: 0 | 1 | 2): Promise<number[]> {
    const answer = this.#reply('SUBACK')
    this.write(subscribeBytes(this.nextPacketId(), filters, qos))
    const frame = await answer
    return [...frame.subarray(headerBytes(frame) + 2)]
  }

  nextPacketId(): number {
    this.#packetId = (this.#packetId % 65_535) + 1
    return this.#packetId
  }

  /** Closes without DISCONNECT. */
  async drop(): Promise<void> {
    this.#socket.destroy()
    await this.closed
  }

  #reply(what: string): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no ${what}`)), connackMs)
      this.#replies.push((frame) => {
        clearTimeout(timer)
        resolve(Buffer.from(frame))
      })
    })
  }

  #onData(bytes: Buffer): void {
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes])
    let at = 0
    for (;;) {
      const end = frameEnd(all, at)
      if (end === null) break
      this.#onFrame(all.subarray(at, end))
      at = end
    }
    this.#rest = all.subarray(at)
    if (this.#acknowledgements.length === 0) return
    this.write(Buffer.from(this.#acknowledgements))
    this.#acknowledgements = []
  }

  #onFrame(frame: Buffer): void {
    const head = frame[0] ?? 0
    switch (head >> 4) {
      case type.publish:
        this.#onPublish(frame, (head >> 1) & 3)
        return
      case type.puback:
      case type.pubcomp:
        this.completed++
        return
      case type.pubrec:
        this.#acknowledge(first.pubrel, frame, 2)
        return
      case type.pubrel:
        this.#acknowledge(first.pubcomp, frame, 2)
        return
      case type.connack:
      case type.suback:
        this.#replies.shift()?.(frame)
        return
      default:
        return
    }
  }

  #onPublish(frame: Buffer, qos: number): void {
    this.received++
    const topicAt = headerBytes(frame)
    const idAt = topicAt + 2 + frame.readUInt16BE(topicAt)
    if (qos > 0) this.#acknowledge(qos === 1 ? first.puback : first.pubrec, frame, idAt)
    this.onMessage?.(frame.subarray(qos > 0 ? idAt + 2 : idAt))
  }

  #acknowledge(head: number, frame: Buffer, idAt: number): void {
    this.#acknowledgements.push(head, 2, frame[idAt] ?? 0, frame[idAt + 1] ?? 0)
  }
}

/** A PUBLISH of version 3.1.1. */
export function publishBytes(
  topic: string,
  payload: string | Buffer,
  { qos = 0, retain = false, packetId = 0 } = {},
): Buffer {
  const topicBytes = Buffer.from(topic)
  const body = Buffer.from(payload)
  const idBytes = qos > 0 ? 2 : 0
  const remaining = 2 + topicBytes.length + idBytes + body.length
  const head = [0x30 | (qos << 1) | (retain ? 1 : 0), ...lengthBytes(remaining)]
  const packet = Buffer.alloc(head.length + remaining)
  packet.set(head)
  packet.writeUInt16BE(topicBytes.length, head.length)
  topicBytes.copy(packet, head.length + 2)
  if (qos > 0) packet.writeUInt16BE(packetId, head.length + 2 + topicBytes.length)
  body.copy(packet, packet.length - body.length)
  return packet
}

/** A SUBSCRIBE of version 3.1.1. */
export function subscribeBytes(packetId: number, filters: readonly string[], qos: number): Buffer {
  const body: Buffer[] = [Buffer.from([packetId >> 8, packetId & 0xff])]
  for (const filter of filters) {
    const bytes = Buffer.from(filter)
    body.push(Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes, Buffer.from([qos]))
  }
  const remaining = body.reduce((sum, part) => sum + part.length, 0)
  return Buffer.concat([Buffer.from([0x82, ...lengthBytes(remaining)]), ...body])
}

/** Remaining Length. MQTT 3.1.1 §2.2.3. */
function lengthBytes(length: number): number[] {
  const bytes: number[] = []
  let rest = length
  do {
    const low = rest % 128
    rest = Math.floor(rest / 128)
    bytes.push(rest > 0 ? low | 0x80 : low)
  } while (rest > 0)
  return bytes
}

/** Bytes of the fixed header of a whole frame. */
function headerBytes(frame: Buffer): number {
  let at = 1
  while (((frame[at] ?? 0) & 0x80) !== 0) at++
  return at + 1
}

/** Where the frame that begins at `at` ends, or null when it is not complete. */
function frameEnd(bytes: Buffer, at: number): number | null {
  let length = 0
  for (let n = 0; n < 4; n++) {
    const byte = bytes[at + 1 + n]
    if (byte === undefined) return null
    length += (byte & 0x7f) * 128 ** n
    if ((byte & 0x80) === 0) {
      const end = at + 2 + n + length
      return end <= bytes.length ? end : null
    }
  }
  throw new Error('a Remaining Length of more than four bytes')
}
