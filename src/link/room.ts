/**
 * The link room: receives the engine's events of links and gives each to whom it concerns.
 *
 *   link-publish, closed (accepted connections) ─▶ inbound.ts    remote interest
 *   dialed, client-packet, closed (dialled ones) ─▶ dialer.ts ─▶ outbound.ts (agent.ts, pool.ts)   our interest, the pool
 */
import type { Timer } from '../clock.js'
import { linkLimits } from '../limits.js'
import type { EngineEvent, LinkDataPlane } from '../native/index.js'
import { Dialer } from './dialer.js'
import type { LinkEnvironment, LinkSettings } from './environment.js'
import { Inbound, type LinkPublish } from './inbound.js'
import { IncarnationFile, type IncarnationStore, Incarnations } from './incarnation.js'
import { Outbound } from './outbound.js'
import type { LinkStatus } from './status.js'

export interface LinkRoomOptions {
  readonly environment: LinkEnvironment
  readonly settings: LinkSettings
  /** Where incarnations are kept; a file in the data directory when not given. */
  readonly incarnations?: IncarnationStore
  /** How often to look for local interest unasked; `linkLimits.interestPollMs` when not given. */
  readonly pollMs?: number
}

export class LinkRoom {
  readonly #environment: LinkEnvironment
  readonly #settings: LinkSettings
  readonly #dialer: Dialer
  readonly #inbound: Inbound
  readonly #outbound: readonly Outbound[]
  readonly #pollMs: number
  #poll: Timer | null = null

  constructor({
    environment,
    settings,
    incarnations,
    pollMs = linkLimits.interestPollMs,
  }: LinkRoomOptions) {
    this.#pollMs = pollMs
    this.#environment = environment
    this.#settings = settings
    const instance = environment.randomHex(8)
    const dialer = new Dialer(environment, settings)
    const store = incarnations ?? new IncarnationFile(settings.dataDir)
    const numbers = new Incarnations(store, (error) =>
      environment.log.warn(
        { event: 'cluster_link_incarnation_not_saved', err: error },
        'the last incarnation could not be saved; should the clock go back before the next start, links may need a minute to resume',
      ),
    )
    const parts = { environment, settings, dialer, incarnations: numbers, instance }
    this.#dialer = dialer
    this.#inbound = new Inbound(environment, settings, instance, (name) =>
      this.#onSelfConnected(name),
    )
    this.#outbound = settings.links.map((link, index) => new Outbound(parts, link, index))
  }

  /** Tells the data plane of the links and dials those that are enabled. */
  start(): void {
    const { clusterName, links } = this.#settings
    this.#environment.engine.configureLinks(clusterName, links.map(dataPlaneOf))
    if (links.length === 0) return
    this.#dialer.start()
    this.#inbound.start()
    for (const [index, link] of links.entries()) if (link.enable) this.#outbound[index]?.start()
    this.#schedulePoll()
  }

  /** Hangs up everywhere. What is said to the far ends leaves with the engine's next flush. */
  stop(): void {
    this.#poll?.cancel()
    this.#poll = null
    this.#inbound.stop()
    for (const outbound of this.#outbound) outbound.stop()
  }

  onLinkPublish(event: LinkPublish): void {
    this.#inbound.onLinkPublish(event)
  }

  onDialed(event: EngineEvent & { kind: 'dialed' }): void {
    this.#dialer.onDialed(event)
  }

  onClientPacket(event: EngineEvent & { kind: 'client-packet' }): void {
    this.#dialer.onClientPacket(event)
  }

  onDialClosed(event: EngineEvent & { kind: 'closed' }): void {
    this.#dialer.onDialClosed(event)
  }

  /** An accepted connection is gone. Optional: what it said about actors is forgotten sooner. */
  onConnectionClosed(connection: number): void {
    this.#inbound.onConnectionClosed(connection)
  }

  /**
   * Local interest may have changed: call it after each batch of engine events. One read of shared memory per link; without
   * it changes wait for the next poll, 10 ms at most.
   */
  onInterestChanged(): void {
    for (const outbound of this.#outbound) outbound.poll()
  }

  status(): LinkStatus[] {
    const { engine } = this.#environment
    return this.#outbound.map((outbound, index) => {
      const link = this.#settings.links[index]
      return {
        name: link?.name ?? '',
        enabled: link?.enable ?? false,
        route: outbound.route(),
        pool: outbound.pool(),
        remoteActors: this.#inbound.actors(index),
        routesIn: engine.routeCount(index),
        peerIsCauseway: outbound.peerIsCauseway,
        counters: {
          ...engine.linkCounters(index),
          ...outbound.counters(),
          ...this.#inbound.counters(index),
        },
      }
    })
  }

  /** Attempts on the link topics by clusters that we have no link with, by kind. */
  strangers(): Readonly<Record<string, number>> {
    return this.#inbound.strangers()
  }

  #schedulePoll(): void {
    this.#poll = this.#environment.timers.after(this.#pollMs, () => {
      this.onInterestChanged()
      this.#schedulePoll()
    })
  }

  #onSelfConnected(name: string): void {
    const index = this.#settings.links.findIndex((link) => link.name === name)
    this.#outbound[index]?.onSelfConnected()
  }
}

function dataPlaneOf(link: LinkSettings['links'][number], index: number): LinkDataPlane {
  return {
    index,
    name: link.name,
    enabled: link.enable,
    topics: link.topics,
    pool: { first: 0, count: link.poolSize },
    former: { first: 0, count: 0 },
    maxInflight: link.maxInflight,
    bufferBytesMax: link.resource.maxBufferBytes,
    requestTtlMs: link.resource.requestTtlMs ?? 0,
  }
}
