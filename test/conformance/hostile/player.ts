/** A raw socket that plays one case and says what the server did. It knows no MQTT but what `describe` needs. */
import { type Socket, connect as tcpConnect } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { byte, type HostileCase, type Reaction } from './case.js'
import { connect, publish } from './wire.js'

const patienceMs = 15_000
const pingreq = Uint8Array.of(0xc0, 0)

/** Where everything goes that stands behind a packet which ends the connection. Nobody may ever see it. */
export const behindTopic = 'hostile/behind'

/**
 * @param chopped every byte by itself: the reaction is the same however the bytes arrive
 * @throws Error when the server does neither of what a case can expect
 */
export async function play(
  port: number,
  hostile: HostileCase,
  chopped: boolean,
): Promise<Reaction> {
  const { version, phase, bytes, reaction } = hostile
  const line = await Line.open(port)
  try {
    if (phase === 'connected') {
      line.send(connect({ version }))
      if ((await line.next()) !== 'CONNACK 0x00') throw new Error(`${hostile.name}: not connected`)
    }
    const behind = reaction.after === 'open' ? pingreq : publish(version, behindTopic)
    for (const piece of chopped ? bytesOf(bytes) : [bytes]) {
      line.send(piece)
      if (chopped) await nextTurn()
    }
    line.send(behind)
    const answers: string[] = []
    for (;;) {
      const answer = await line.next()
      if (answer === null) return { answers, after: 'closed' }
      if (answer === 'PINGRESP' && reaction.after === 'open') return { answers, after: 'open' }
      answers.push(answer)
    }
  } finally {
    line.close()
  }
}

class Line {
  readonly #socket: Socket
  readonly #answers: string[] = []
  #received = Buffer.alloc(0)
  #closed = false
  #wake: () => void = () => {}

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('error', () => {}) // a reset is a close like any other
    socket.on('close', () => {
      this.#closed = true
      this.#wake()
    })
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk])
      for (let size = sizeOfFirst(this.#received); size > 0; size = sizeOfFirst(this.#received)) {
        this.#answers.push(describe(this.#received.subarray(0, size)))
        this.#received = this.#received.subarray(size)
      }
      this.#wake()
    })
  }

  static async open(port: number): Promise<Line> {
    const socket = tcpConnect({ port, host: '127.0.0.1', noDelay: true })
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return new Line(socket)
  }

  send(bytes: Uint8Array): void {
    if (!this.#closed) this.#socket.write(bytes)
  }

  close(): void {
    this.#socket.destroy()
  }

  /** The next packet in words; null once the server has closed. @throws Error when neither happens */
  async next(): Promise<string | null> {
    if (this.#answers.length === 0 && !this.#closed) {
      let timer: NodeJS.Timeout | undefined
      const something = new Promise<boolean>((resolve) => {
        this.#wake = () => (this.#answers.length > 0 || this.#closed) && resolve(true)
        timer = setTimeout(() => resolve(false), patienceMs)
      })
      const came = await something
      clearTimeout(timer)
      if (!came) throw new Error(`neither an answer nor a close within ${patienceMs} ms`)
    }
    const answer = this.#answers.shift()
    if (answer !== undefined) return answer
    if (this.#received.length > 0)
      throw new Error(`half a packet: ${this.#received.toString('hex')}`)
    return null
  }
}

function bytesOf(whole: Uint8Array): Uint8Array[] {
  return Array.from(whole, (_, at) => whole.subarray(at, at + 1))
}

/** Bytes of the first packet, 0 while it is not whole. */
function sizeOfFirst(received: Uint8Array): number {
  let length = 0
  for (let at = 1; at < received.length && at < 5; at++) {
    const digit = received[at] ?? 0
    length += (digit & 0x7f) << (7 * (at - 1))
    if (digit < 0x80) return received.length >= at + 1 + length ? at + 1 + length : 0
  }
  return 0
}

/** Kind, packet id and codes: what a case names. Properties are left out. */
function describe(whole: Buffer): string {
  const body = whole.subarray(whole.findIndex((digit, at) => at > 0 && digit < 0x80) + 1)
  const id = body.length >= 2 ? body.readUInt16BE(0) : 0
  const code = (at: number) => byte(body[at] ?? 0)
  switch ((whole[0] ?? 0) >> 4) {
    case 2:
      return `CONNACK ${code(1)}`
    case 3:
      return `PUBLISH ${body.subarray(2, 2 + id).toString()}`
    case 4:
      return `PUBACK ${id} ${code(2)}`
    case 5:
      return `PUBREC ${id} ${code(2)}`
    case 6:
      return `PUBREL ${id} ${code(2)}`
    case 7:
      return `PUBCOMP ${id} ${code(2)}`
    case 9:
      return `SUBACK ${id} ${byte(body.at(-1) ?? 0)}`
    case 11:
      return `UNSUBACK ${id}`
    case 13:
      return 'PINGRESP'
    case 14:
      return `DISCONNECT ${code(0)}`
    default:
      return `packet ${whole.toString('hex')}`
  }
}
