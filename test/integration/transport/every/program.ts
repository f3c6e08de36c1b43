/** What every client program can be asked to do, and what it tells of what came. */
import type { Qos, Version } from '../../harness/index.js'
import type { Door, Kind } from './doors.js'
import type { Subscription } from './subscription.js'

/** Who connects, and where. Every caller has a user name and a password. */
export interface Caller {
  readonly door: Door
  readonly version: Version
  readonly clientId: string
  /** Default: the right one. */
  readonly password?: string
  /** The session outlives the connection, by a minute in version 5. Default: false. */
  readonly lasting?: boolean
  readonly will?: Message
}

export interface Filter {
  readonly filter: string
  readonly qos: Qos
}

/** Of version 5; in that order where a program prints them. */
export interface Properties {
  readonly userProperties?: readonly (readonly [string, string])[]
  readonly responseTopic?: string
  readonly correlationData?: string
  readonly contentType?: string
  readonly expirySeconds?: number
}

export interface Message {
  readonly topic: string
  readonly payload: string | Buffer
  readonly qos: Qos
  readonly retain?: boolean
  readonly properties?: Properties
}

export interface Received {
  readonly topic: string
  readonly payload: Buffer
  readonly qos: number
  readonly retain: boolean
  readonly properties: Properties & { readonly subscriptionIds?: readonly number[] }
}

export interface Program {
  readonly name: string
  readonly dials: readonly Kind[]
  /** Whether it tells of a session that was present. */
  readonly tellsSession: boolean
  /** Whether it tells the reason code of the server's DISCONNECT. */
  readonly tellsGoodbye: boolean
  /** Whether, once its connection is taken, it dials again by itself. */
  redials(version: Version): boolean
  /** Whether its way to leave has the will published. */
  leavesItsWill(version: Version): boolean
  /** A new connection that has been granted its filters. @param id subscription identifier, of version 5 */
  subscribe(caller: Caller, filters: readonly Filter[], id?: number): Promise<Subscription>
  /** A connection to a session that has these filters already; a program that cannot but subscribe does it again. */
  resume(caller: Caller, filters: readonly Filter[]): Promise<Subscription>
  /** One message after the other, each acknowledged before it resolves. */
  publish(caller: Caller, messages: readonly Message[]): Promise<void>
  /** Connects and is refused. @returns the CONNACK's code @throws Error when it is let in */
  refusal(caller: Caller): Promise<number>
}

/** The connection behind a `Subscription`, which a program provides. */
export interface Subscriber {
  /** DISCONNECT, and resolves when what came before it has been told and the connection is closed. */
  leave(): Promise<void>
  /** The connection is gone, without a word. */
  drop(): Promise<void>
}
