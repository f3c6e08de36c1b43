/**
 * A TCP proxy between two brokers: forwards, falls silent in both directions (half-open), resets, delays, or spreads connections
 * over several targets in turn. One process and thread with the test: enough for some 10,000 messages a second.
 */
import { createServer, type Server, type Socket, connect as tcpConnect } from 'node:net'

export class TcpProxy {
  readonly port: number
  readonly #server: Server
  readonly #targets: readonly number[]
  readonly #sockets = new Set<Socket>()
  #silent = false
  #next = 0
  /** Connections accepted so far. */
  accepted = 0

  private constructor(server: Server, port: number, targets: readonly number[]) {
    this.#server = server
    this.port = port
    this.#targets = targets
    server.on('connection', (socket) => this.#accept(socket))
  }

  /** @param targets ports of 127.0.0.1, used in turn */
  static async to(...targets: readonly number[]): Promise<TcpProxy> {
    const server = createServer({ pauseOnConnect: true, noDelay: true })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    return new TcpProxy(server, address.port, targets)
  }

  /** From now on nothing passes and nobody is told; new connections are accepted and hear nothing. */
  silence(): void {
    this.#silent = true
    for (const socket of this.#sockets) socket.pause()
  }

  /** Every connection ends with RST. */
  reset(): void {
    for (const socket of this.#sockets) cut(socket)
  }

  /** What was silent goes on where it stopped. */
  heal(): void {
    this.#silent = false
    for (const socket of this.#sockets) socket.resume()
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  #accept(near: Socket): void {
    this.accepted++
    const target = this.#targets[this.#next++ % this.#targets.length] ?? 0
    const far = tcpConnect({ port: target, host: '127.0.0.1', noDelay: true })
    const ends: readonly (readonly [Socket, Socket])[] = [
      [near, far],
      [far, near],
    ]
    for (const [from, to] of ends) {
      this.#sockets.add(from)
      from.unref() // a reset of a socket that still connects may outlive the test
      from.on('data', (bytes) => {
        if (!to.write(bytes)) from.pause()
      })
      to.on('drain', () => {
        if (!this.#silent) from.resume()
      })
      from.on('end', () => to.end())
      from.on('error', () => cut(to))
      from.on('close', () => {
        this.#sockets.delete(from)
        to.destroy()
      })
    }
    if (this.#silent) {
      near.pause()
      far.pause()
    } else {
      near.resume()
    }
  }
}

/** With RST. Behind an `end` without: Node 20 keeps the handle of such a socket for ever, and the process never ends. */
function cut(socket: Socket): void {
  if (socket.writableEnded) socket.destroy()
  else socket.resetAndDestroy()
}
