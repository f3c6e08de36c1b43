/**
 * The remote actors whose routes we hold: per (cluster, actor) one incarnation, one lane of the route table, one expiry; and
 * which connection speaks for which actor. Decides, does nothing: `inbound.ts` acts on the verdicts.
 *
 * A connection's end removes nothing: the far end reconnects and goes on, or its actor expires.
 * Source: docs/protocol/cluster-link.md "Receiver".
 */
import { linkLimits } from '../limits.js'

export interface RemoteActor {
  readonly link: number
  readonly cluster: string
  readonly actor: string
  /** Its number in the route table: the smallest number free among the link's actors. */
  readonly lane: number
  readonly incarnation: bigint
  readonly expiresAtMs: number
  /** Routes of the former incarnation live on until the new bootstrap is over. */
  readonly reincarnation: Reincarnation | null
}

export interface Reincarnation {
  readonly beganAtMs: number
  readonly lastBatchAtMs: number | null
}

export type InitVerdict =
  /** New here: `need_bootstrap`. */
  | { readonly kind: 'created'; readonly actor: RemoteActor }
  /** The incarnation we have; also a repeated actor_init. */
  | { readonly kind: 'known'; readonly actor: RemoteActor }
  /** A greater incarnation: mark what the lane holds; `need_bootstrap`. */
  | { readonly kind: 'reincarnated'; readonly actor: RemoteActor }
  /** A smaller incarnation than the one we know: protocol error. */
  | { readonly kind: 'stale' }
  /** The connection speaks for another actor or incarnation already: protocol error. */
  | { readonly kind: 'second-init' }
  /** More actors than a link may have. */
  | { readonly kind: 'full' }

export type TouchVerdict =
  | { readonly kind: 'valid'; readonly actor: RemoteActor }
  /** No actor_init on this connection. */
  | { readonly kind: 'unbound' }
  /** Not the actor, cluster or incarnation of the connection's actor_init. */
  | { readonly kind: 'foreign' }
  /** The actor has expired, or a greater incarnation has replaced it. */
  | { readonly kind: 'gone' }

interface Binding {
  readonly key: string
  readonly incarnation: bigint
  readonly lastSeenMs: number
}

export class ActorRegistry {
  readonly #actors = new Map<string, RemoteActor>()
  /** Lanes in use per link, those still being cleared included. */
  readonly #lanes = new Map<number, Set<number>>()
  readonly #bindings = new Map<number, Binding>()

  init(
    connection: number,
    link: number,
    cluster: string,
    actor: string,
    incarnation: bigint,
    now: number,
  ): InitVerdict {
    const key = keyOf(cluster, actor)
    const binding = this.#bindings.get(connection)
    if (binding !== undefined && (binding.key !== key || binding.incarnation !== incarnation))
      return { kind: 'second-init' }
    const known = this.#actors.get(key)
    if (known !== undefined && incarnation < known.incarnation) return { kind: 'stale' }
    const expiresAtMs = now + linkLimits.actorTtlMs
    let next: RemoteActor
    if (known === undefined) {
      const lane = this.#takeLane(link)
      if (lane === null) return { kind: 'full' }
      next = { link, cluster, actor, lane, incarnation, expiresAtMs, reincarnation: null }
    } else if (incarnation === known.incarnation) {
      next = { ...known, expiresAtMs }
    } else {
      next = {
        ...known,
        incarnation,
        expiresAtMs,
        reincarnation: { beganAtMs: now, lastBatchAtMs: null },
      }
    }
    this.#actors.set(key, next)
    this.#bindings.set(connection, { key, incarnation, lastSeenMs: now })
    const kind =
      known === undefined ? 'created' : incarnation === known.incarnation ? 'known' : 'reincarnated'
    return { kind, actor: next }
  }

  /** A route batch or heartbeat has come: may it, and if so its actor lives on. */
  touch(
    connection: number,
    cluster: string,
    actor: string,
    incarnation: bigint,
    isBatch: boolean,
    now: number,
  ): TouchVerdict {
    const binding = this.#bindings.get(connection)
    if (binding === undefined) return { kind: 'unbound' }
    const key = keyOf(cluster, actor)
    if (binding.key !== key || binding.incarnation !== incarnation) return { kind: 'foreign' }
    const known = this.#actors.get(key)
    if (known === undefined || known.incarnation !== incarnation) return { kind: 'gone' }
    const { reincarnation } = known
    const next: RemoteActor = {
      ...known,
      expiresAtMs: now + linkLimits.actorTtlMs,
      reincarnation:
        reincarnation === null || !isBatch
          ? reincarnation
          : { ...reincarnation, lastBatchAtMs: now },
    }
    this.#actors.set(key, next)
    this.#bindings.set(connection, { ...binding, lastSeenMs: now })
    return { kind: 'valid', actor: next }
  }

  /** Removes the actors that have expired. Their lanes stay taken until `releaseLane`. */
  takeExpired(now: number): RemoteActor[] {
    const expired: RemoteActor[] = []
    for (const [key, actor] of this.#actors) {
      if (actor.expiresAtMs >= now) continue
      this.#actors.delete(key)
      expired.push(actor)
    }
    // A binding outlives its connection when the broker does not tell; silent for two TTLs, its actor is long gone.
    for (const [connection, { lastSeenMs }] of this.#bindings) {
      if (lastSeenMs + 2 * linkLimits.actorTtlMs < now) this.#bindings.delete(connection)
    }
    return expired
  }

  /** What the actor holds is to be confirmed by a new bootstrap, as after a reincarnation. */
  reopen({ cluster, actor }: RemoteActor, now: number): void {
    const key = keyOf(cluster, actor)
    const known = this.#actors.get(key)
    if (known === undefined) return
    this.#actors.set(key, { ...known, reincarnation: { beganAtMs: now, lastBatchAtMs: null } })
  }

  /** Removes all actors of a link. Their lanes stay taken until `releaseLane`. */
  takeActorsOf(link: number): RemoteActor[] {
    const taken = this.actorsOf(link)
    for (const { actor, cluster } of taken) this.#actors.delete(keyOf(cluster, actor))
    return taken
  }

  /** Everything the lane held is gone: another actor may have it. */
  releaseLane(link: number, lane: number): void {
    this.#lanes.get(link)?.delete(lane)
  }

  /** Actors whose new bootstrap counts as over; each is returned once. */
  takeSettled(now: number): RemoteActor[] {
    const settled: RemoteActor[] = []
    for (const [key, actor] of this.#actors) {
      if (now < settleAt(actor)) continue
      const next = { ...actor, reincarnation: null }
      this.#actors.set(key, next)
      settled.push(next)
    }
    return settled
  }

  /** When `takeSettled` has something to return at the earliest; infinite when nobody reincarnates. */
  nextSettleMs(): number {
    let next = Number.POSITIVE_INFINITY
    for (const actor of this.#actors.values()) next = Math.min(next, settleAt(actor))
    return next
  }

  /** True while this actor, in this incarnation, is the one that holds the lane, and is not reincarnating again. */
  isCurrent(actor: RemoteActor): boolean {
    const known = this.#actors.get(keyOf(actor.cluster, actor.actor))
    return (
      known?.incarnation === actor.incarnation &&
      known.lane === actor.lane &&
      known.reincarnation === null
    )
  }

  forgetConnection(connection: number): void {
    this.#bindings.delete(connection)
  }

  actorsOf(link: number): RemoteActor[] {
    return [...this.#actors.values()].filter((actor) => actor.link === link)
  }

  #takeLane(link: number): number | null {
    let lanes = this.#lanes.get(link)
    if (lanes === undefined) {
      lanes = new Set()
      this.#lanes.set(link, lanes)
    }
    if (lanes.size >= linkLimits.remoteActors) return null
    let lane = 0
    while (lanes.has(lane)) lane++
    lanes.add(lane)
    return lane
  }
}

function settleAt({ reincarnation }: RemoteActor): number {
  if (reincarnation === null) return Number.POSITIVE_INFINITY
  const latest = reincarnation.beganAtMs + linkLimits.bootstrapLongestMs
  if (reincarnation.lastBatchAtMs === null) return latest
  return Math.min(latest, reincarnation.lastBatchAtMs + linkLimits.bootstrapQuietMs)
}

/** NUL is in neither name: topics cannot hold it, and an actor that does is refused before. */
function keyOf(cluster: string, actor: string): string {
  return `${cluster}\0${actor}`
}
