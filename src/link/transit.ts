/**
 * Transit: which links carry what is not their clusters' own. The data plane keeps the routes and paths; here is decided
 * when both sides of a link agree, and what a change of that means for the others.
 *
 *   answer of the far end ─▶ carries, or no more ─▶ setTransit ─▶ a walk tells the other links what they may hear of now
 *
 * Source: docs/protocol/cluster-link.md "Transit".
 */
import type { LinkEnvironment } from './environment.js'

export class Transit {
  readonly #environment: LinkEnvironment
  /** Links of which both sides carry, by index. */
  readonly #carrying = new Set<number>()
  #walking = false

  constructor(environment: LinkEnvironment) {
    this.#environment = environment
  }

  /** A handshake of the link has succeeded: the far end may have begun anew, so all of it is announced again. */
  begin(link: number): void {
    this.#carrying.add(link)
    this.#environment.engine.setTransit(link, true)
    this.#walk()
  }

  /** Returns whether the link carried until now. */
  end(link: number): boolean {
    if (!this.#carrying.delete(link)) return false
    this.#environment.engine.setTransit(link, false)
    this.#walk()
    return true
  }

  /** From the start, also when a walk is under way: the job that is at it goes on with the new one. */
  #walk(): void {
    const { engine, slices, log } = this.#environment
    engine.startTransitWalk()
    if (this.#walking) return
    this.#walking = true
    slices
      .run('link-transit', this.#steps())
      .catch((error: unknown) => {
        log.error(
          { event: 'cluster_link_job_failed', job: 'link-transit', err: error },
          'link-transit failed',
        )
      })
      .finally(() => {
        this.#walking = false
      })
  }

  *#steps(): Generator<void> {
    while (!this.#environment.engine.stepTransitWalk()) yield
  }
}
