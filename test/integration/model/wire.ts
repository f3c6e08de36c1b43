/**
 * A client's connection that can be cut at any byte, of what it writes or of what it reads; what lies behind the cut never
 * was. An abandoned one is left open, unread, for the broker to take over.
 */
import { type Socket, connect as tcpConnect } from 'node:net'
import mqttPacket, { type Packet } from 'mqtt-packet'
import type { Version } from '../harness/index.js'

/** After how many more bytes the connection breaks; null: it does not. */
export interface Cut {
  readonly written: number | null
  readonly read: number | null
}

export const uncut: Cut = { written: null, read: null }

export interface WireEvents {
  readonly onPacket: (packet: Packet) => void
  /** Once. `cut`: by us; otherwise the broker closed, or the kernel did. */
  readonly onClosed: (cut: boolean) => void
}

export class Wire {
  readonly #socket: Socket
  readonly #version: Version
  readonly #events: WireEvents
  #writtenLeft = Number.POSITIVE_INFINITY
  #readLeft = Number.POSITIVE_INFINITY
  #hasRead = false
  #isOver = false

  constructor(port: number, version: Version, events: WireEvents) {
    this.#version = version
    this.#events = events
    this.#socket = tcpConnect({ port, host: '127.0.0.1', noDelay: true })
    const parser = mqttPacket.parser({ protocolVersion: version })
    parser.on('packet', (packet) => {
      if (!this.#isOver) events.onPacket(packet)
    })
    this.#socket.on('error', () => {}) // a reset is a close like any other
    this.#socket.on('close', () => this.#end(false))
    this.#socket.on('data', (bytes) => {
      this.#hasRead = true
      const taken = bytes.subarray(0, this.#readLeft)
      this.#readLeft -= taken.length
      parser.parse(taken)
      if (this.#readLeft <= 0) this.drop()
    })
  }

  /** Whether the socket is closed, on both sides unless we broke it. */
  get isClosed(): boolean {
    return this.#socket.closed
  }

  cut({ written, read }: Cut): void {
    if (written !== null) this.#writtenLeft = written
    if (read !== null) this.#readLeft = Math.max(1, read)
  }

  send(packet: Packet): void {
    if (this.#isOver) return
    const bytes = mqttPacket.generate(packet, { protocolVersion: this.#version })
    const taken = bytes.subarray(0, this.#writtenLeft)
    this.#writtenLeft -= taken.length
    const isLast = this.#writtenLeft <= 0
    this.#socket.write(taken, () => isLast && this.#break())
    if (isLast) this.#end(true)
  }

  /** Breaks now. */
  drop(): void {
    this.#end(true)
    this.#socket.destroy()
  }

  /** Closes behind the last byte written. */
  finish(): void {
    this.#end(true)
    this.#socket.end()
  }

  /** Nobody reads it or writes to it any more. */
  abandon(): void {
    this.#end(true)
    this.#socket.pause()
  }

  /** Frees an abandoned one. */
  destroy(): void {
    this.#socket.destroy()
  }

  /** Before the first answer the broker closes: only then nothing of ours is still on its way to it. */
  #break(): void {
    if (this.#hasRead) this.#socket.destroy()
    else this.#socket.end()
  }

  #end(cut: boolean): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#events.onClosed(cut)
  }
}
