/**
 * What comes in from linked clusters and concerns our own side of a link: `inbound.ts` tells, the room sees to it.
 */
import type { Arrival } from './arrival.js'
import type { Capabilities } from './capabilities.js'
import type { Carrier } from './wire.js'

/** What a heartbeat finds; of `missing` the log is told, and one who `must-dial-again` is hung up on. */
export type Aliveness =
  | { readonly kind: 'fine' }
  | { readonly kind: 'missing'; readonly text: string }
  | { readonly kind: 'must-dial-again' }

/** What comes in and concerns the other side of a link. */
export interface InboundListener {
  /** The route agent of this link has reached this very process. */
  selfConnected(link: string): void
  /** The far end lets us use a connection that it has dialled. Text: why we do not. */
  offered(link: number, arrival: Arrival, payload: Uint8Array): string | null
  /** A message that is no route operation, from a connection that carries ours; false: it does not. */
  answered(arrival: Arrival, carrier: Carrier): boolean
  /** A remote actor of the link was admitted. @param peer what it announced; null: not known to be a Causeway */
  introduced(link: number, peer: Capabilities | null): void
  /** A remote actor of the link lives. */
  alive(link: number, connection: number): Aliveness
}
