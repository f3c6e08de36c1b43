/**
 * Drift: whether we hold exactly the routes that a remote actor announced. Its heartbeats say how many there should be and
 * the sum of their hashes; twice different in a row, everything the actor holds is to be confirmed by a new bootstrap.
 *
 *   heartbeat with a digest ─▶ equal ─▶ nothing
 *                          └▶ differs, again ─▶ mark the lane ─▶ ask for a bootstrap ─▶ sweep what it did not repeat
 *
 * Source: docs/protocol/cluster-link.md "Drift checksum".
 */
import { linkLimits } from '../limits.js'
import type { Arrival } from './arrival.js'
import { printable } from './complaints.js'
import type { LinkEnvironment } from './environment.js'
import type { ActorRegistry, RemoteActor } from './registry.js'
import type { Retirement } from './retirement.js'

export interface DriftState {
  /** Comparisons in a row that differed. */
  readonly differing: number
  /** Repairs since both sides last agreed. */
  readonly repairs: number
  readonly repairedAtMs: number
}

export const inStep: DriftState = {
  differing: 0,
  repairs: 0,
  repairedAtMs: Number.NEGATIVE_INFINITY,
}

/**
 * One comparison. A repair follows the second difference in a row: the first may be a moment's. What a repair does not mend
 * (a route that we refuse) is tried ever more seldom.
 */
export function compared(
  state: DriftState,
  equal: boolean,
  now: number,
): { readonly state: DriftState; readonly repair: boolean } {
  if (equal) return { state: inStep, repair: false }
  const differing = state.differing + 1
  const waitMs = Math.min(
    linkLimits.driftRepairEveryMs * 2 ** Math.max(0, state.repairs - 1),
    linkLimits.driftRepairLongestMs,
  )
  if (differing < linkLimits.driftStrikes || now - state.repairedAtMs < waitMs)
    return { state: { ...state, differing }, repair: false }
  return { state: { differing: 0, repairs: state.repairs + 1, repairedAtMs: now }, repair: true }
}

interface Watched {
  /** Where its sender listens. */
  readonly responseTopic: string
  readonly state: DriftState
}

export interface DriftWatchParts {
  readonly environment: LinkEnvironment
  readonly registry: ActorRegistry
  readonly retirement: Retirement
  count(cluster: string, name: string): void
}

/** Remote actors whose senders announced the capability, by link and lane: no more than the registry has. */
export class DriftWatch {
  readonly #parts: DriftWatchParts
  readonly #watched = new Map<string, Watched>()

  constructor(parts: DriftWatchParts) {
    this.#parts = parts
  }

  /** @param responseTopic null: this sender says nothing of drift */
  onInit(actor: RemoteActor, responseTopic: string | null): void {
    if (responseTopic === null) this.#watched.delete(keyOf(actor))
    else this.#watched.set(keyOf(actor), { responseTopic, state: inStep })
  }

  /** @param arrival of the heartbeat: the answer goes back its way */
  onHeartbeat(actor: RemoteActor, digest: Uint8Array | null, arrival: Arrival): void {
    const watched = this.#watched.get(keyOf(actor))
    // While an old incarnation's routes live on beside the new ones the tables differ, as they should.
    if (watched === undefined || digest === null || actor.reincarnation !== null) return
    const { environment, count } = this.#parts
    const held = environment.engine.laneDigest(actor.link, actor.lane)
    const equal = held.equals(digest)
    count(actor.cluster, 'drift_checks')
    if (!equal) count(actor.cluster, 'drift_differences')
    const { state, repair } = compared(watched.state, equal, environment.clock.monotonicMs())
    this.#watched.set(keyOf(actor), { ...watched, state })
    if (repair) this.#repair(actor, watched.responseTopic, arrival)
  }

  #repair(actor: RemoteActor, responseTopic: string, arrival: Arrival): void {
    const { environment, registry, retirement, count } = this.#parts
    const { engine, log, clock } = environment
    count(actor.cluster, 'drift_repairs')
    log.warn(
      { event: 'cluster_link_drift_repair', link: actor.cluster, actor: actor.actor },
      `link ${actor.cluster}: the routes held for ${printable(actor.actor)} are not those it announced; it is asked for all of them again`,
    )
    registry.reopen(actor, clock.monotonicMs())
    engine.markRoutes(actor.link, actor.lane)
    retirement.rearm()
    const ask = engine.encodeActorInitAck(actor.actor, null, true, null)
    arrival.respond(responseTopic, ask, null)
  }
}

function keyOf({ link, lane }: RemoteActor): string {
  return `${link}/${lane}`
}
