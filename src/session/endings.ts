/**
 * Ended sessions on their way out: the queue and windows go at once, the subscriptions in slices, the number last.
 * One job clears them all, oldest first: a session of 100,000 filters and 100,000 sessions of one take the same time.
 */
import { controlLimits } from '../limits.js'
import type { Engine, SessionAddress } from '../native/index.js'
import type { Slicer } from '../slices.js'
import type { SubscriptionLedger } from './ledger.js'
import type { Session } from './session.js'
import { takeSubscriptions } from './subscriptions.js'

const nothing = new Uint8Array(0)

export class Endings {
  readonly #engine: Pick<Engine, 'answer' | 'endSession'>
  readonly #slicer: Slicer
  readonly #free: (address: SessionAddress) => void
  readonly #ledger: SubscriptionLedger
  /** Bound: the number of sessions. */
  #queue: Session[] = []

  constructor(
    engine: Pick<Engine, 'answer' | 'endSession'>,
    slicer: Slicer,
    ledger: SubscriptionLedger,
    free: (address: SessionAddress) => void,
  ) {
    this.#engine = engine
    this.#slicer = slicer
    this.#ledger = ledger
    this.#free = free
  }

  end(session: Session): void {
    this.#engine.endSession(session.address)
    this.#ledger.ended(session)
    if (session.subscriptions === null) {
      this.#free(session.address)
      return
    }
    this.#queue.push(session)
    if (this.#queue.length === 1) this.#slicer.add(this.#clear(), 'ended sessions')
  }

  *#clear(): Generator<void> {
    let sinceYield = 0
    // The queue grows while this runs; its entries are dropped together at the end.
    for (let at = 0; at < this.#queue.length; at++) {
      const session = this.#queue[at]
      if (session === undefined) continue
      while (session.subscriptions !== null) {
        const ops = takeSubscriptions(session, controlLimits.removalOps, this.#ledger)
        const { loop, session: index, generation } = session.address
        this.#engine.answer({
          loop,
          session: index,
          generation,
          connection: 0,
          ops,
          reply: nothing,
          next: 'resume',
        })
        sinceYield += Math.max(ops.length, controlLimits.removalOps / controlLimits.endingsPerStep)
        if (sinceYield >= controlLimits.removalOps) {
          sinceYield = 0
          yield
        }
      }
      this.#free(session.address)
    }
    this.#queue = []
  }
}
