/**
 * How remote routes end when nobody withdraws them: actors that fell silent lose all of theirs, actors that came back under a
 * greater incarnation lose what their new bootstrap did not repeat. Removal is bulk work, in slices.
 *
 *   every 30 s, 5 s after a run that found one ─▶ expired actors ─▶ clear the lane ─▶ the lane is free
 *   2 s after the last batch, 30 s at most     ─▶ settled actors ─▶ sweep the lane
 */
import type { Timer } from '../clock.js'
import { linkLimits } from '../limits.js'
import { printable } from './complaints.js'
import type { LinkEnvironment } from './environment.js'
import type { ActorRegistry, RemoteActor } from './registry.js'

export class Retirement {
  readonly #environment: LinkEnvironment
  readonly #registry: ActorRegistry
  readonly #count: (cluster: string, name: string, by?: number) => void
  #expiry: Timer | null = null
  #settling: Timer | null = null

  constructor(
    environment: LinkEnvironment,
    registry: ActorRegistry,
    count: (cluster: string, name: string, by?: number) => void,
  ) {
    this.#environment = environment
    this.#registry = registry
    this.#count = count
  }

  start(): void {
    this.#scheduleExpiry(linkLimits.actorSweepMs)
  }

  stop(): void {
    this.#expiry?.cancel()
    this.#settling?.cancel()
    this.#expiry = null
    this.#settling = null
  }

  /** An actor has reincarnated, or such a one has sent a batch: when to sweep may have changed. */
  rearm(): void {
    this.#settling?.cancel()
    this.#settling = null
    const at = this.#registry.nextSettleMs()
    if (at === Number.POSITIVE_INFINITY) return
    const delayMs = Math.max(0, at - this.#environment.clock.monotonicMs())
    this.#settling = this.#environment.timers.after(delayMs, () => {
      for (const actor of this.#registry.takeSettled(this.#environment.clock.monotonicMs())) {
        void this.#run('link-route-sweep', actor, this.#sweep(actor))
      }
      this.rearm()
    })
  }

  /** Clears what these held, whom the registry does not know any more. Resolves when it is done. */
  async retire(actors: readonly RemoteActor[]): Promise<void> {
    await Promise.all(
      actors.map((actor) => this.#run('link-actor-clear', actor, this.#clear(actor))),
    )
  }

  #scheduleExpiry(delayMs: number): void {
    this.#expiry = this.#environment.timers.after(delayMs, () => {
      const found = this.#expire()
      this.#scheduleExpiry(found > 0 ? linkLimits.actorSweepAgainMs : linkLimits.actorSweepMs)
    })
  }

  #expire(): number {
    const expired = this.#registry.takeExpired(this.#environment.clock.monotonicMs())
    for (const actor of expired) {
      const { cluster, incarnation } = actor
      this.#count(cluster, 'actors_expired')
      this.#environment.log.warn(
        {
          event: 'cluster_link_actor_expired',
          link: cluster,
          actor: actor.actor,
          incarnation: String(incarnation),
        },
        `link ${cluster}: ${printable(actor.actor)} was silent for ${linkLimits.actorTtlMs / 1000} s; its routes are dropped`,
      )
      void this.#run('link-actor-clear', actor, this.#clear(actor))
    }
    return expired.length
  }

  *#clear({ link, lane }: RemoteActor): Generator<void> {
    const { engine } = this.#environment
    while (!engine.clearRoutes(link, lane, linkLimits.sweepBudget).done) yield
    this.#registry.releaseLane(link, lane)
  }

  /** Ends early when the actor reincarnates again or expires: then another job takes care of the lane. */
  *#sweep(actor: RemoteActor): Generator<void> {
    const { engine } = this.#environment
    while (this.#registry.isCurrent(actor)) {
      const { removed, done } = engine.sweepRoutes(actor.link, actor.lane, linkLimits.sweepBudget)
      this.#count(actor.cluster, 'routes_swept', removed)
      if (done) return
      yield
    }
  }

  #run(name: string, { cluster, actor }: RemoteActor, job: Iterator<void>): Promise<void> {
    return this.#environment.slices.run(name, job).catch((error: unknown) => {
      this.#environment.log.error(
        { event: 'cluster_link_job_failed', job: name, link: cluster, actor, err: error },
        `${name} failed`,
      )
    })
  }
}
