/**
 * The link room: receives the engine's events of links and gives each to whom it concerns.
 *
 *   link-publish, closed (accepted connections) ─▶ inbound.ts    remote interest
 *   dialed, client-packet, closed (dialled ones) ─▶ dialer.ts ─▶ outbound.ts (agent.ts, pool.ts)   our interest, the pool
 *
 * Where one side accepts only, what it sends and is answered goes through accepting.ts, on the other side's connections.
 */
import type { Timer } from '../clock.js'
import type { LinkConfig } from '../config/index.js'
import { linkLimits } from '../limits.js'
import type { EngineEvent, LinkDataPlane } from '../native/index.js'
import { Accepting } from './accepting.js'
import type { LinkPublish } from './arrival.js'
import { changedProperties, fileKey, type LinkChange, needsRedial } from './changes.js'
import { Counters } from './counters.js'
import { Dialer } from './dialer.js'
import { LinkDirectory } from './directory.js'
import type { LinkEnvironment, LinkSettings } from './environment.js'
import { Inbound } from './inbound.js'
import { IncarnationFile, type IncarnationStore, Incarnations } from './incarnation.js'
import { firstPool, nextPool, noSlots, type PoolRanges } from './message-pool.js'
import { Outbound, type OutboundParts } from './outbound.js'
import type { LinkStatus, RemoteRoutes } from './status.js'
import { bothWaysClientId } from './topics.js'
import { Transit } from './transit.js'

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
  readonly #accepting: Accepting
  readonly #parts: OutboundParts
  readonly #directory: LinkDirectory
  readonly #links = new Map<number, LinkHere>()
  readonly #pollMs: number
  #drain: Timer | null = null
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
    const transit = new Transit(environment)
    this.#accepting = new Accepting({
      clusterName: settings.clusterName,
      outbound: (link) => this.#links.get(link)?.outbound,
      changed: () => this.#configure(),
    })
    this.#directory = new LinkDirectory(settings.links)
    const accepting = this.#accepting
    this.#inbound = new Inbound(environment, settings, this.#directory, instance, {
      selfConnected: (name) => this.#onSelfConnected(name),
      offered: (link, arrival, payload) => accepting.offered(link, arrival, payload),
      answered: (arrival, carrier) => accepting.answered(arrival, carrier),
      alive: (link, connection) => accepting.alive(link, connection),
      introduced: (link, peer) => this.#links.get(link)?.outbound.onIntroduced(peer),
    })
    this.#parts = {
      environment,
      settings,
      dialer,
      incarnations: numbers,
      transit,
      instance,
      acceptedLines: accepting.lines,
      arrived: (arrival) => this.#inbound.onArrival(arrival),
    }
    this.#dialer = dialer
    for (const [index, link] of this.#directory.entries()) this.#make(index, link)
  }

  /** Tells the data plane of the links and dials those that are enabled. @throws CausewayError TLS_UNUSABLE */
  start(): void {
    this.#dialer.useTls(this.#dialer.openTls(this.#settings.links))
    this.#configure()
    this.#inbound.start()
    for (const [index, { enable }] of this.#directory.entries())
      if (enable) this.#links.get(index)?.outbound.start()
    this.#schedulePoll()
  }

  /**
   * Other links from now on. What waits for a link that stays goes on waiting, whatever of it changes; connections are made anew
   * where the change asks for it. One call at a time. Never undone halfway: what can be wrong is found before anything changes.
   * @throws CausewayError TLS_UNUSABLE; everything is as it was then
   */
  async reconfigure(links: readonly LinkConfig[]): Promise<readonly LinkChange[]> {
    const contexts = this.#dialer.openTls(links)
    const names = new Set(links.map(({ name }) => name))
    const changes: LinkChange[] = []
    const ended: Promise<void>[] = []
    for (const [index, { name }] of this.#directory.entries()) {
      if (names.has(name)) continue
      changes.push({ link: name, kind: 'removed', keys: [] })
      ended.push(this.#remove(index, name))
    }
    this.#dialer.useTls(contexts)
    for (const link of links) {
      const index = this.#directory.indexOf(link.name)
      const before = index === undefined ? undefined : this.#directory.at(index)
      if (index === undefined || before === undefined) continue
      const properties = changedProperties(before, link)
      this.#directory.change(index, link)
      if (properties.length === 0) continue
      changes.push({ link: link.name, kind: 'changed', keys: properties.map(fileKey) })
      this.#change(index, link, properties)
    }
    this.#configure()
    await Promise.all(ended) // their numbers can be used again
    for (const link of links) {
      if (this.#directory.indexOf(link.name) !== undefined) continue
      changes.push({ link: link.name, kind: 'added', keys: [] })
      const index = this.#directory.add(link)
      this.#make(index, link)
      this.#configure()
      if (link.enable) this.#links.get(index)?.outbound.start()
    }
    return changes
  }

  /** Hangs up everywhere. What is said to the far ends leaves with the engine's next flush. */
  stop(): void {
    this.#poll?.cancel()
    this.#poll = null
    this.#drain?.cancel()
    this.#drain = null
    this.#inbound.stop()
    for (const { outbound } of this.#links.values()) outbound.stop()
  }

  onLinkPublish(event: LinkPublish): void {
    this.#inbound.onLinkPublish(event)
  }

  onDialed(event: EngineEvent & { kind: 'dialed' }): void {
    this.#dialer.onDialed(event)
  }

  onClientPacket(event: EngineEvent & { kind: 'client-packet' }): void {
    if (!this.#accepting.onPacket(event)) this.#dialer.onClientPacket(event)
  }

  onDialClosed(event: EngineEvent & { kind: 'closed' }): void {
    this.#inbound.onConnectionClosed(event.connection)
    this.#dialer.onDialClosed(event)
  }

  /** An accepted connection is gone: one that carried us is dialled again by the far end. */
  onConnectionClosed(connection: number): void {
    this.#inbound.onConnectionClosed(connection)
    this.#accepting.onClosed(connection)
  }

  /**
   * Local interest may have changed: call it after each batch of engine events. One read of shared memory per link; without
   * it changes wait for the next poll, 10 ms at most.
   */
  onInterestChanged(): void {
    for (const { outbound } of this.#links.values()) outbound.poll()
  }

  status(): LinkStatus[] {
    const { engine } = this.#environment
    return this.#directory.entries().flatMap(([index, { name, enable, topics, acceptOnly }]) => {
      const here = this.#links.get(index)
      if (here === undefined) return []
      const { outbound } = here
      return {
        name,
        enabled: enable,
        topics,
        acceptOnly,
        forwards: this.#accepting.forwards(index, acceptOnly),
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
        times: engine.linkTimes(index),
      }
    })
  }

  /** A page of the routes that we hold for a linked cluster, from 0 or a page's `next` on; null: there is no such link. */
  routes(name: string, from: number): RemoteRoutes | null {
    const index = this.#directory.indexOf(name)
    if (index === undefined) return null
    const actors = new Map(this.#inbound.actors(index).map(({ actor, lane }) => [lane, actor]))
    const { routes, next } = this.#environment.engine.readRoutes(index, from)
    return {
      routes: routes.map(({ filter, id, term, lane }) => ({
        filter,
        id,
        termHex: term?.toString('hex') ?? null,
        actor: actors.get(lane) ?? null,
      })),
      next,
    }
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
    const index = this.#directory.indexOf(name)
    if (index !== undefined) this.#links.get(index)?.outbound.onSelfConnected()
  }

  #make(index: number, link: LinkConfig): void {
    const ranges = firstPool(link.poolSize)
    const counters = new Counters()
    const outbound = new Outbound(this.#parts, link, index, ranges, counters)
    this.#links.set(index, { outbound, ranges, counters, drainedLooks: 0 })
  }

  /** Resolves when nothing of it is left. */
  async #remove(index: number, name: string): Promise<void> {
    const { queued = 0, inflight = 0 } = this.#environment.engine.linkCounters(index)
    this.#links.get(index)?.outbound.stop()
    this.#links.delete(index)
    this.#directory.remove(index)
    this.#accepting.forget(index)
    this.#environment.log.info(
      { event: 'cluster_link_removed', link: name, dropped: queued + inflight },
      `link ${name}: removed; ${queued + inflight} messages waited for it`,
    )
    await this.#inbound.remove(index)
    this.#directory.release(index)
  }

  #change(index: number, link: LinkConfig, properties: readonly (keyof LinkConfig)[]): void {
    const here = this.#links.get(index)
    if (here === undefined) return
    if (needsRedial(properties)) {
      here.outbound.stop()
      if (properties.includes('acceptOnly')) this.#accepting.turned(index, link.acceptOnly)
      here.outbound = new Outbound(this.#parts, link, index, here.ranges, here.counters)
      if (link.enable) here.outbound.start()
    } else {
      here.outbound.configure(link)
      if (properties.includes('enable')) {
        if (link.enable) here.outbound.start()
        else here.outbound.stop()
      }
    }
    if (properties.includes('poolSize')) this.#resize(here, link.poolSize)
  }

  /** One change of size at a time: another one begins when this one is over. */
  #resize(here: LinkHere, size: number): void {
    if (here.ranges.former.count > 0 || here.ranges.pool.count === size) return
    here.ranges = nextPool(here.ranges, size)
    here.drainedLooks = 0
    here.outbound.resize(here.ranges)
    this.#drain ??= this.#nextDrainLook()
  }

  #nextDrainLook(): Timer {
    return this.#environment.timers.after(linkLimits.poolDrainCheckMs, () => {
      this.#lookAtDrains()
      const isDraining = [...this.#links.values()].some(({ ranges }) => ranges.former.count > 0)
      this.#drain = isDraining ? this.#nextDrainLook() : null
    })
  }

  /** Twice nothing, by loops that all work by the new plan: then nothing is in a lane between them either. */
  #lookAtDrains(): void {
    const { engine } = this.#environment
    const settled = engine.linksConfigured()
    for (const [index, here] of this.#links) {
      if (here.ranges.former.count === 0) continue
      const empty = settled && engine.linkCounters(index).draining === 0
      here.drainedLooks = empty ? here.drainedLooks + 1 : 0
      if (here.drainedLooks < 2) continue
      here.ranges = { pool: here.ranges.pool, former: noSlots }
      here.outbound.drained()
      this.#resize(here, this.#directory.at(index)?.poolSize ?? here.ranges.pool.count)
      this.#configure()
    }
  }

  #configure(): void {
    const planes = this.#directory.entries().flatMap(([index, link]) => {
      const here = this.#links.get(index)
      return here === undefined ? [] : [this.#dataPlaneOf(index, link, here.ranges)]
    })
    this.#environment.engine.configureLinks(this.#settings.clusterName, planes)
  }

  #dataPlaneOf(index: number, link: LinkConfig, { pool, former }: PoolRanges): LinkDataPlane {
    const { clusterName, homeOf } = this.#settings
    const places = link.acceptOnly ? Math.max(pool.count, former.count) : 0
    return {
      index,
      name: link.name,
      enabled: link.enable,
      forwards: this.#accepting.forwards(index, link.acceptOnly),
      topics: link.topics,
      pool,
      former,
      homes: Array.from({ length: places }, (_, place) =>
        homeOf(bothWaysClientId(link.name, clusterName, place)),
      ),
      maxInflight: link.maxInflight,
      bufferBytesMax: link.resource.maxBufferBytes,
      requestTtlMs: link.resource.requestTtlMs ?? 0,
      transit: link.transit,
      retainedSync: link.retainedSync,
    }
  }
}

/** Our side of one link, with what outlives its connections. */
interface LinkHere {
  outbound: Outbound
  ranges: PoolRanges
  readonly counters: Counters
  /** How often in a row the former pool was found empty. */
  drainedLooks: number
}
