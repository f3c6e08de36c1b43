/**
 * The connection of one machine that accepts only: the far end has dialled it and offers it, be it asked for yet or not.
 *
 *   offer ─▶ waits ─▶ (await) ─▶ offered ─▶ up ─▶ closed
 *
 * The number of a connection leads here through the directory of such lines, which the room keeps.
 */

import { disconnectReason, encodeDisconnect } from '../mqtt/index.js'
import type { ConnectionAddress, Engine, LinkEngine } from '../native/index.js'
import type { ConnectionEffect, ConnectionEvent, PeerLimits } from './connection.js'
import type { Line } from './line.js'
import { decodeServerPacket, type ServerPacket } from './wire.js'

/** Accepted connections that carry something of ours, by number. Bound: the lines, `1 + pool_size` of a link. */
export type AcceptedLines = Map<number, AcceptedLine>

export interface AcceptedLineOptions {
  readonly engine: Pick<LinkEngine, 'send' | 'carry'> & Pick<Engine, 'close'>
  readonly lines: AcceptedLines
  /** The link's number in the data plane. */
  readonly index: number
  feed(event: ConnectionEvent): void
}

interface Offered {
  readonly address: ConnectionAddress
  readonly peer: PeerLimits
}

export class AcceptedLine implements Line {
  readonly #options: AcceptedLineOptions
  #offered: Offered | null = null
  /** The machine uses what was offered. */
  #taken = false
  #awaited = false

  constructor(options: AcceptedLineOptions) {
    this.#options = options
  }

  get address(): ConnectionAddress | null {
    return this.#taken ? (this.#offered?.address ?? null) : null
  }

  /** There is one, used or about to be. */
  get offered(): boolean {
    return this.#offered !== null
  }

  /** True: it is ours now, or was before. False: another connection has its place. */
  offer(address: ConnectionAddress, peer: PeerLimits): boolean {
    if (this.#offered !== null) return this.#offered.address.connection === address.connection
    this.#offered = { address, peer }
    this.#options.lines.set(address.connection, this)
    if (this.#awaited) this.#take()
    return true
  }

  perform(effect: ConnectionEffect): void {
    switch (effect.kind) {
      case 'await':
        this.#awaited = true
        this.#take()
        return
      case 'hang-up':
        this.#awaited = false
        if (this.#taken) this.release(effect.reasonCode)
        return
      case 'prepare':
      case 'dial':
      case 'ping':
        throw new Error(`a machine that accepts only asks for ${effect.kind}`)
    }
  }

  send(bytes: Uint8Array): void {
    if (this.address !== null) this.#options.engine.send(this.address, bytes)
  }

  /** Says DISCONNECT on what was offered, used or not, and closes it: whoever dialled it dials again. */
  release(reasonCode = 0): void {
    const offered = this.#offered
    if (offered === null) return
    this.#forget()
    const code = reasonCode === 0 ? disconnectReason.administrativeAction : reasonCode
    this.#options.engine.close(offered.address, encodeDisconnect(5, code), code)
  }

  onPacket(bytes: Buffer): void {
    this.onMessage(decodeServerPacket(bytes))
  }

  onMessage(packet: ServerPacket): void {
    if (this.#taken) this.#options.feed({ kind: 'packet', packet })
  }

  onClosed(): void {
    const wasTaken = this.#taken
    this.#forget()
    if (wasTaken) this.#options.feed({ kind: 'closed', cause: 'closed by the far end', detail: '' })
  }

  #take(): void {
    if (this.#offered === null) return
    const { address, peer } = this.#offered
    this.#awaited = false
    this.#taken = true
    this.#options.engine.carry(address, this.#options.index, '')
    this.#options.feed({ kind: 'offered', peer })
  }

  #forget(): void {
    if (this.#offered !== null) this.#options.lines.delete(this.#offered.address.connection)
    this.#offered = null
    this.#taken = false
  }
}
