/**
 * A PUBLISH of the route channel that has come, and how to answer it: on a connection that the far end has dialled, or down one
 * that we have. Each is acknowledged or ends its connection, once.
 */
import { encodeDisconnect } from '../mqtt/index.js'
import type { Engine, EngineEvent, ProtocolVersion } from '../native/index.js'
import { type Carrier, encodeAcknowledgement, encodePublish } from './wire.js'

export type LinkPublish = EngineEvent & { readonly kind: 'link-publish' }

export interface Arrival {
  readonly loop: number
  readonly connection: number
  readonly version: ProtocolVersion
  readonly packet: Buffer
  acknowledge(carrier: Carrier, reasonCode: number): void
  /** Says DISCONNECT and closes. */
  close(reasonCode: number): void
  /** A message for the sender, on the topic that it has named. */
  respond(topic: string, payload: Uint8Array, correlationData: Buffer | null): void
}

/** Its connection is not read on before the one answer. */
export class AcceptedArrival implements Arrival {
  readonly #engine: Pick<Engine, 'answer' | 'close' | 'publish'>
  readonly #event: LinkPublish

  constructor(engine: Pick<Engine, 'answer' | 'close' | 'publish'>, event: LinkPublish) {
    this.#engine = engine
    this.#event = event
  }

  get loop(): number {
    return this.#event.loop
  }

  get connection(): number {
    return this.#event.connection
  }

  get version(): ProtocolVersion {
    return this.#event.version
  }

  get packet(): Buffer {
    return this.#event.packet
  }

  acknowledge({ qos, packetId }: Carrier, reasonCode: number): void {
    const { loop, session, generation, connection, version } = this.#event
    const reply =
      qos === 0 ? Buffer.alloc(0) : encodeAcknowledgement(qos, packetId, reasonCode, version)
    this.#engine.answer({ loop, session, generation, connection, ops: [], reply, next: 'resume' })
  }

  close(reasonCode: number): void {
    const { loop, connection, version } = this.#event
    this.#engine.close({ loop, connection }, encodeDisconnect(version, reasonCode), reasonCode)
  }

  /** Delivered cluster-wide: the sender has subscribed to it. */
  respond(topic: string, payload: Uint8Array, correlationData: Buffer | null): void {
    const request = correlationData === null ? null : { correlationData }
    const packet = encodePublish(topic, 1, 1, payload, request)
    this.#engine.publish({ loop: this.#event.loop, packet, clientId: '' })
  }
}

export interface DialledArrivalOptions {
  readonly loop: number
  readonly connection: number
  readonly packet: Buffer
  send(bytes: Uint8Array): void
  close(reasonCode: number): void
}

/** What has come down a connection that we have dialled. */
export class DialledArrival implements Arrival {
  readonly version = 5
  readonly #options: DialledArrivalOptions

  constructor(options: DialledArrivalOptions) {
    this.#options = options
  }

  get loop(): number {
    return this.#options.loop
  }

  get connection(): number {
    return this.#options.connection
  }

  get packet(): Buffer {
    return this.#options.packet
  }

  acknowledge({ qos, packetId }: Carrier, reasonCode: number): void {
    if (qos !== 0) this.#options.send(encodeAcknowledgement(qos, packetId, reasonCode, 5))
  }

  close(reasonCode: number): void {
    this.#options.close(reasonCode)
  }

  /** QoS 0: the packet identifiers of this connection are our agent's, and what is lost with the connection is asked for again. */
  respond(topic: string, payload: Uint8Array, correlationData: Buffer | null): void {
    const request = correlationData === null ? null : { correlationData }
    this.#options.send(encodePublish(topic, 0, 0, payload, request))
  }
}
