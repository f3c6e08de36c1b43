/**
 * The connection of one machine, route agent or message slot: performs what connection.ts asks for and feeds back what comes,
 * for the attempt under way only.
 */
import type { LinkConfig } from '../config/index.js'
import type { ConnectionAddress } from '../native/index.js'
import type { ConnectionEffect, ConnectionEvent } from './connection.js'
import type { Dialer, Target } from './dialer.js'
import { decodeServerPacket, encodeConnect, pingreq, type ServerPublish } from './wire.js'

/** What a machine and those around it do with a connection, whoever dials it. */
export interface Line {
  /** Null while there is none. */
  readonly address: ConnectionAddress | null
  perform(effect: ConnectionEffect): void
  /** Nothing when there is no connection. */
  send(bytes: Uint8Array): void
}

export interface DialledLineOptions {
  readonly dialer: Dialer
  readonly link: LinkConfig
  readonly clientId: string
  readonly loop: number
  /** Number of the attempt under way: what comes for another one is dropped. */
  attempt(): number
  feed(event: ConnectionEvent): void
  /** A PUBLISH; true: it was for somebody else than the machine, and is dealt with. */
  taken?(packet: ServerPublish, bytes: Buffer): boolean
}

export class DialledLine implements Line {
  readonly #options: DialledLineOptions
  #target: Target | null = null
  #address: ConnectionAddress | null = null

  constructor(options: DialledLineOptions) {
    this.#options = options
  }

  get address(): ConnectionAddress | null {
    return this.#address
  }

  perform(effect: ConnectionEffect): void {
    switch (effect.kind) {
      case 'prepare':
        void this.#prepare(effect.attempt, effect.server)
        return
      case 'dial':
        this.#dial(effect.attempt)
        return
      case 'await':
        throw new Error('a machine that accepts only has a line that dials')
      case 'ping':
        this.send(pingreq)
        return
      case 'hang-up':
        if (this.#address !== null) this.#options.dialer.hangUp(this.#address, effect.reasonCode)
        this.#address = null
        return
    }
  }

  send(bytes: Uint8Array): void {
    if (this.#address !== null) this.#options.dialer.send(this.#address, bytes)
  }

  async #prepare(attempt: number, server: number): Promise<void> {
    const { dialer, link } = this.#options
    this.#address = null
    const result = await dialer.prepare(link, server)
    if ('code' in result) {
      this.#feed(attempt, { kind: 'unprepared', failure: result })
      return
    }
    this.#target = result
    this.#feed(attempt, { kind: 'prepared', host: result.host, port: result.port })
  }

  /** What was prepared for this attempt. */
  #dial(attempt: number): void {
    const { clientId, dialer, link, loop } = this.#options
    const target = this.#target
    if (target === null) throw new Error('dialled before it was prepared')
    const connect = encodeConnect(clientId, link.username, target.password)
    this.#address = dialer.dial(loop, target, connect, {
      onDialed: () => this.#feed(attempt, { kind: 'dialed' }),
      onPacket: (bytes) => {
        const packet = decodeServerPacket(bytes)
        const { taken } = this.#options
        const isCurrent = this.#options.attempt() === attempt
        if (isCurrent && packet.type === 'publish' && taken?.(packet, bytes) === true) return
        this.#feed(attempt, { kind: 'packet', packet })
      },
      onClosed: (cause, detail) => this.#feed(attempt, { kind: 'closed', cause, detail }),
    })
  }

  #feed(attempt: number, event: ConnectionEvent): void {
    if (this.#options.attempt() === attempt) this.#options.feed(event)
  }
}
