/**
 * Retained synchronisation of one link: when both sides agree, and what has to be told then. The data plane does the telling
 * (native/fanout/link_snapshot.cc) and the taking (link_intake.cc).
 *
 *   the far end answers us with it                  ─▶ begins: a snapshot of what is held, then every change
 *   … introduces itself with it, having answered us ─▶ begins: it may not have listened for a while
 *   … answers, or introduces itself, without        ─▶ off
 *   route channel down                              ─▶ held: what waits for subscribers there is marked, nothing else is told
 *
 * Source: docs/protocol/cluster-link.md "Retained messages".
 */
import type { Capabilities } from './capabilities.js'
import type { LinkEnvironment } from './environment.js'

export class RetainedSync {
  readonly #environment: LinkEnvironment
  readonly #link: number
  readonly #isAskedFor: boolean
  #state: 'off' | 'held' | 'on' = 'off'
  #isUp = false
  /** The process that was last told: another one has lost what it had told us. */
  #told = ''

  /** @param link its index in the data plane   @param filters what our side asks for */
  constructor(environment: LinkEnvironment, link: number, filters: readonly string[]) {
    this.#environment = environment
    this.#link = link
    this.#isAskedFor = filters.length > 0
  }

  /** A handshake of ours has succeeded. @param peer null: not known to be a Causeway */
  onAccepted(peer: Capabilities | null): void {
    this.#isUp = true
    if (takesPart(peer)) this.#begin(peer)
    else this.#end()
  }

  /** The far end has introduced itself, after a reload maybe, when it did not take part for a while. */
  onIntroduced(peer: Capabilities | null): void {
    if (!takesPart(peer)) this.#end()
    else if (this.#isUp) this.#begin(peer)
  }

  /** The route channel is down; who comes back may be somebody else. */
  hold(): void {
    this.#isUp = false
    if (this.#state !== 'on') return
    this.#environment.engine.setRetainedSync(this.#link, 'held')
    this.#state = 'held'
  }

  stop(): void {
    this.#isUp = false
    this.#end()
  }

  #begin({ instance }: Capabilities): void {
    if (!this.#isAskedFor) return
    this.#environment.engine.setRetainedSync(
      this.#link,
      instance === this.#told ? 'begins' : 'begins-all',
    )
    this.#state = 'on'
    this.#told = instance
  }

  #end(): void {
    if (this.#state === 'off') return
    this.#environment.engine.setRetainedSync(this.#link, 'off')
    this.#state = 'off'
  }
}

function takesPart(peer: Capabilities | null): peer is Capabilities {
  return peer?.names.includes('retained/1') === true
}
