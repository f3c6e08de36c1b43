/** TCP connections of a simulated world: the brokers at their ends, who still hears, and what a server knows of each. */
import type { SimBroker } from './link-world.js'

/** One TCP connection. Each direction keeps order; what is under way when it is cut is lost. */
export interface Wire {
  readonly client: SimBroker
  readonly clientEpoch: number
  readonly server: SimBroker
  readonly serverEpoch: number
  readonly loop: number
  readonly connection: number
  readonly serverConnection: number
  clientOpen: boolean
  serverOpen: boolean
  /** Bytes vanish in both directions and nobody is told. */
  silent: boolean
  /** Who hears nothing any more, of two that are both connected. */
  deaf: 'client' | 'server' | null
  arrivesAtServer: number
  arrivesAtClient: number
  /** QoS 1 PUBLISHes of the client without PUBACK, against what the server allowed. */
  unacked: number
  receiveMaximum: number
}

export interface ServerSide {
  readonly wire: Wire
  clientId: string
  responseTopic: string
  barrier: boolean
  readonly behindBarrier: Buffer[]
  heardAt: number
}

/** Who cannot reach whom. */
export class Partitions {
  readonly #pairs = new Set<string>()

  part(a: string, b: string): void {
    this.#pairs.add([a, b].sort().join())
  }

  separate(a: string, b: string): boolean {
    return this.#pairs.has([a, b].sort().join())
  }

  heal(): void {
    this.#pairs.clear()
  }
}

/** Percentages; the story turns them off at its end. */
export const faults = { silentDialPercent: 0 }
