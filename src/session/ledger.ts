/**
 * The ledger: what the subscriptions of all sessions add up to. It counts them, and knows which session holds the
 * exclusive subscription of a filter. Everything that grants, replaces or removes a subscription writes it down here.
 */

import { isSysFilter, type TopicFilter } from '../mqtt/index.js'
import type { Session, Subscription } from './session.js'

export class SubscriptionLedger {
  /** By filter. A holder that is over holds nothing, although its entries wait to be cleared. Bound: the subscriptions. */
  readonly #holders = new Map<TopicFilter, Session>()
  /** Sessions that hold something, with how much. */
  readonly #held = new Map<Session, number>()
  #all = 0
  #shared = 0
  #sys = 0

  /** Subscriptions of all sessions, those of ended ones included until they are cleared away. */
  get all(): number {
    return this.#all
  }

  get shared(): number {
    return this.#shared
  }

  /** Subscriptions under `$SYS/`: without one nobody hears what the broker says there. */
  get sys(): number {
    return this.#sys
  }

  /** Filters that somebody holds exclusively. */
  get exclusive(): number {
    return this.#holders.size
  }

  /** Whether no other session holds `filter` exclusively. Plain subscriptions of it do not count. */
  mayHold(session: Session, filter: TopicFilter): boolean {
    const holder = this.#holders.get(filter)
    return holder === undefined || holder === session || !this.#held.has(holder)
  }

  /** @param replaced what the session had under the same (group, filter) */
  granted(session: Session, granted: Subscription, replaced: Subscription | undefined): void {
    if (replaced !== undefined) this.removed(session, replaced)
    this.#count(granted, 1)
    if (!granted.exclusive) return
    this.#holders.set(granted.filter, session)
    this.#held.set(session, (this.#held.get(session) ?? 0) + 1)
  }

  removed(session: Session, removed: Subscription): void {
    this.#count(removed, -1)
    if (!removed.exclusive || this.#holders.get(removed.filter) !== session) return
    this.#holders.delete(removed.filter)
    const left = (this.#held.get(session) ?? 0) - 1
    if (left > 0) this.#held.set(session, left)
    else this.#held.delete(session)
  }

  /** The session is over: others may hold at once what it held, however long its subscriptions take to clear. */
  ended(session: Session): void {
    this.#held.delete(session)
  }

  #count({ filter, group }: Subscription, by: 1 | -1): void {
    this.#all += by
    if (group !== null) this.#shared += by
    if (isSysFilter(filter)) this.#sys += by
  }
}
