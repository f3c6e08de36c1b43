/**
 * A client that speaks bytes: what a statement says about bits is said here in hexadecimal, whole packets in and out,
 * with no codec of anybody's in between.
 */
import assert from 'node:assert/strict'
import { type Socket, connect as tcpConnect } from 'node:net'
import { Mailbox } from '../integration/harness/index.js'

const patienceMs = 10_000

export class RawClient {
  readonly #socket: Socket
  readonly #packets = new Mailbox<string>('raw client')
  readonly #closed: Promise<void>
  #pending = Buffer.alloc(0)

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (bytes) => this.#onBytes(bytes))
    socket.on('error', () => {}) // a reset is a close like any other
    this.#closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#packets.end('the connection is closed')
        resolve()
      })
    })
  }

  /** A connected socket on which nothing has been said. */
  static async dial(port: number): Promise<RawClient> {
    const socket = tcpConnect({ port, host: '127.0.0.1', noDelay: true })
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return new RawClient(socket)
  }

  /** Says this CONNECT and hears that it is accepted. */
  static async connect(port: number, connect: string): Promise<RawClient> {
    const client = await RawClient.dial(port)
    client.say(connect)
    assert.match(await client.hear(), /^20[0-9a-f]{2,4}0[01]00/, 'a CONNACK that accepts')
    return client
  }

  /** @param hex whole packets or parts of them; spaces are for the reader */
  say(hex: string): void {
    this.#socket.write(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
  }

  /** The next whole packet in hexadecimal. */
  hear(): Promise<string> {
    return this.#packets.take('packet', patienceMs)
  }

  /** The next `count` packets, in the order of their first bytes: what the specification leaves unordered. */
  async hearUnordered(count: number): Promise<string[]> {
    const packets: string[] = []
    while (packets.length < count) packets.push(await this.hear())
    return packets.sort()
  }

  /** Waits for the close; everything that was not heard before it. */
  async untilClosed(): Promise<string[]> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(true), patienceMs)
    })
    const isLate = await Promise.race([this.#closed.then(() => false), late])
    clearTimeout(timer)
    assert.ok(!isLate, `still open after ${patienceMs} ms`)
    assert.equal(this.#pending.length, 0, 'half a packet before the close')
    return this.#packets.takeAll()
  }

  /** Closes without a word. */
  async drop(): Promise<void> {
    this.#socket.destroy()
    await this.#closed
  }

  #onBytes(bytes: Buffer): void {
    this.#pending = Buffer.concat([this.#pending, bytes])
    for (;;) {
      const whole = wholeLength(this.#pending)
      if (whole === null || this.#pending.length < whole) return
      this.#packets.put(this.#pending.subarray(0, whole).toString('hex'))
      this.#pending = this.#pending.subarray(whole)
    }
  }
}

/** Fixed header and what follows it; null while the header is not complete. */
function wholeLength(bytes: Buffer): number | null {
  let length = 0
  for (let at = 1; at <= 4; at++) {
    const byte = bytes[at]
    if (byte === undefined) return null
    length += (byte & 0x7f) * 128 ** (at - 1)
    if (byte < 0x80) return 1 + at + length
  }
  throw new Error('a remaining length of more than four bytes')
}

/** UTF-8 text with its length in front, as hexadecimal. */
export function text(value: string): string {
  const bytes = Buffer.from(value)
  return `${bytes.length.toString(16).padStart(4, '0')}${bytes.toString('hex')}`
}

/** A packet: first byte, length, body. @param body hexadecimal */
export function packet(first: string, body: string): string {
  const bare = body.replaceAll(' ', '')
  let rest = bare.length / 2
  let length = ''
  do {
    const more = rest >= 128 ? 128 : 0
    length += ((rest % 128) | more).toString(16).padStart(2, '0')
    rest = Math.floor(rest / 128)
  } while (rest > 0)
  return `${first}${length}${bare}`
}

/** A DISCONNECT of a server for this reason: with or without the property length that it may leave out. */
export function goodbye(reason: string): RegExp {
  return new RegExp(`^e0(?:01${reason}|02${reason}00)$`)
}
