/** Who wants to know what happens to sessions and cannot change it. Null: nobody does, and nothing is made for it. */
import type { CloseCause, SubscriptionOp } from '../native/index.js'
import type { Candidate, Session } from './session.js'

export interface SessionObserver<C extends Candidate = Candidate> {
  /** The CONNACK is on its way. */
  readonly connected: ((candidate: C) => void) | null
  /** @param reasonCode of the DISCONNECT received or sent, 0 if none */
  readonly disconnected: ((candidate: C, cause: CloseCause, reasonCode: number) => void) | null
  /** Filters granted; `ops` are all of them. */
  readonly subscribed:
    | ((candidate: C, session: Session, ops: readonly SubscriptionOp[]) => void)
    | null
  readonly unsubscribed: ((candidate: C, ops: readonly SubscriptionOp[]) => void) | null
}
