/**
 * A session: what outlives connections. Its queue and windows are on its home loop; here is what was decided about it.
 */

import type { AnswerTerms, TopicFilter, WillMessage } from '../mqtt/index.js'
import type { ProtocolVersion, SessionAddress } from '../native/index.js'
import type { SubscriptionSet } from './subscription-set.js'

/** One subscription, of one session or of many that asked alike; the filter is without `$share/group/`, `$queue/` or `$exclusive/`. */
export interface Subscription {
  /** As sent: an UNSUBSCRIBE has to name the same. */
  readonly text: string
  readonly filter: TopicFilter
  readonly group: string | null
  readonly exclusive: boolean
  readonly qos: 0 | 1 | 2
  readonly noLocal: boolean
  readonly retainAsPublished: boolean
  readonly retainHandling: 0 | 1 | 2
  /** 0: none */
  readonly subscriptionId: number
}

export interface Session {
  readonly clientId: string
  readonly address: SessionAddress
  /** Null while there are none. Bound: `mqtt.max_subscriptions`. */
  subscriptions: SubscriptionSet | null
}

/** A CONNECT that may attach: admitted, not yet done. */
export interface Candidate {
  /** The pending socket, on the loop that accepted it. */
  readonly connection: number
  readonly acceptLoop: number
  readonly clientId: string
  /** 'address:port' */
  readonly peer: string
  /** What it came through: 'tcp:default'. */
  readonly listener: string
  /** As in CONNECT, or as an authentication exchange has proved it. */
  readonly username: string | null
  /** The client's own, or what it was told. */
  readonly keepAliveSeconds: number
  /** When the CONNECT came: milliseconds since the epoch. */
  readonly connectedAtMs: number
  /** In front of every topic of this client, `$LINK/` excepted; '' for none. */
  readonly mountpoint: string
  /** Whether it may use `$LINK/`. */
  readonly linkAllowed: boolean
  readonly version: ProtocolVersion
  /** Another broker by its level's bit 7. */
  readonly bridge: boolean
  /** Whether somebody still has to check who it is; the directory asks when its turn has come. */
  readonly authenticate: boolean
  readonly answers: AnswerTerms
  readonly cleanStart: boolean
  /** 0: the session ends with the connection; Infinity: never. Milliseconds. */
  readonly expiryMs: number
  readonly will: WillMessage | null
}
