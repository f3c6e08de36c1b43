/**
 * Our half of a drift checksum: what the far end should hold of our interest, counted under the key of its answer and put
 * into heartbeats while nothing is under way.
 * Source: docs/protocol/cluster-link.md "Drift checksum".
 */
import type { AgentState } from './agent-state.js'
import type { Capabilities } from './capabilities.js'
import type { LinkEnvironment } from './environment.js'

export class InterestDigest {
  readonly #environment: LinkEnvironment
  readonly #index: number
  readonly #wanted: boolean
  /** Of the connection under way: number of the count that belongs to it; null when the far end compares nothing. */
  #count: number | null = null
  #counts = 0

  /** @param wanted `drift_check` of the link */
  constructor(environment: LinkEnvironment, index: number, wanted: boolean) {
    this.#environment = environment
    this.#index = index
    this.#wanted = wanted
  }

  /** Both sides compare. */
  get active(): boolean {
    return this.#count !== null
  }

  /** A handshake has succeeded. */
  onAccepted(peer: Capabilities | null): void {
    this.#count = null
    if (!this.#wanted || peer === null || peer.driftKey === null || !peer.names.includes('drift/1'))
      return
    const { engine, slices, log } = this.#environment
    this.#count = ++this.#counts
    engine.startInterestDigest(this.#index, peer.driftKey)
    slices.run('link-interest-digest', this.#walk(this.#count)).catch((error: unknown) => {
      log.error(
        { event: 'cluster_link_job_failed', job: 'link-interest-digest', err: error },
        'link-interest-digest failed',
      )
    })
  }

  /** For a heartbeat of this moment; null: nothing to compare, say nothing. */
  read(state: AgentState): Uint8Array | null {
    // A route too large for the far end was given up: it will never agree.
    if (this.#count === null || state.phase.kind !== 'online' || state.entriesOversize > 0)
      return null
    return this.#environment.engine.interestDigest(this.#index)
  }

  *#walk(count: number): Generator<void> {
    const { engine } = this.#environment
    while (this.#count === count && !engine.stepInterestDigest(this.#index)) yield
  }
}
