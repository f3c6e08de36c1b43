/**
 * A model of the native link engine: the same promises, in the most obvious code. Payloads are JSON instead of ETF; filters
 * have no wildcards, so cutting is a prefix test. Batches are tiny, so that small worlds need many.
 */
import type {
  BootstrapBatch,
  BootstrapRequest,
  InterestBatch,
  LinkEngine,
  RouteMessage,
  RoutesApplied,
  RoutesPage,
  TimeHistogram,
} from '../../src/native/engine.js'
import type { LinkDataPlane } from '../../src/native/link-data-plane.js'

const entriesPerBatch = 3

interface Change {
  readonly filter: string
  readonly add: boolean
}

interface Capture {
  readonly topics: readonly string[]
  readonly pending: Map<string, Change>
  readonly out: Map<number, readonly Change[]>
  overflowed: boolean
}

interface Lane {
  epoch: number
  /** filter → epoch in which it was last confirmed */
  readonly routes: Map<string, number>
}

type Term = { op: string; actor?: string; incarnation?: string; [key: string]: unknown }

export function matches(topics: readonly string[], filter: string): boolean {
  return topics.some(
    (topic) =>
      topic === '#' ||
      topic === filter ||
      (topic.endsWith('/#') && filter.startsWith(topic.slice(0, -1))),
  )
}

/** The parts without a network; the world adds dial, send, answer, close, publish. */
export class ModelLinkEngine implements Omit<LinkEngine, 'carry' | 'dial' | 'send' | 'slotOnline'> {
  /** Local interest: filter → order of arrival, which is what a cursor walks. */
  readonly interest = new Map<string, number>()
  readonly #captures = new Map<number, Capture>()
  readonly #lanes = new Map<string, Lane>()
  readonly #digests = new Set<number>()
  links: readonly LinkDataPlane[] = []
  /** Answers as EMQX does: without a word about what it is. */
  isPlain = false
  /** Tiny, so that small worlds overflow it. */
  captureEntriesMax = 6
  #arrivals = 0
  #tokens = 0

  configureLinks(_self: string, links: readonly LinkDataPlane[]): void {
    this.links = links
  }

  subscribe(filter: string): void {
    if (this.interest.has(filter)) return
    this.interest.set(filter, ++this.#arrivals)
    this.#edge({ filter, add: true })
  }

  unsubscribe(filter: string): void {
    if (this.interest.delete(filter)) this.#edge({ filter, add: false })
  }

  bootstrapBatch({
    topics,
    actor,
    incarnation,
    cursor,
    entriesMax,
  }: BootstrapRequest): BootstrapBatch {
    const left = [...this.interest]
      .filter(([, order]) => order > cursor)
      .sort((a, b) => a[1] - b[1])
    const stretch = left.slice(0, Math.min(entriesMax, entriesPerBatch))
    const changes = stretch
      .filter(([filter]) => matches(topics, filter))
      .map(([filter]) => ({ filter, add: true }))
    return {
      payload:
        changes.length === 0
          ? null
          : encode({ op: 'route', actor, incarnation: String(incarnation), changes }),
      entries: changes.length,
      cursor: stretch.at(-1)?.[1] ?? cursor,
      done: stretch.length === left.length,
    }
  }

  openInterest(link: number, topics: readonly string[]): void {
    this.#captures.set(link, { topics, pending: new Map(), out: new Map(), overflowed: false })
  }

  closeInterest(link: number): void {
    this.#captures.delete(link)
  }

  takeInterest(
    link: number,
    actor: string,
    incarnation: bigint,
    entriesMax: number,
  ): InterestBatch | null {
    const capture = this.#captures.get(link)
    if (capture === undefined || capture.pending.size === 0) return null
    const changes = [...capture.pending.values()].slice(0, Math.min(entriesMax, entriesPerBatch))
    for (const { filter } of changes) capture.pending.delete(filter)
    const token = ++this.#tokens
    capture.out.set(token, changes)
    return {
      payload: encode({ op: 'route', actor, incarnation: String(incarnation), changes }),
      token,
      entries: changes.length,
    }
  }

  settleInterest(link: number, token: number, delivered: boolean): void {
    const capture = this.#captures.get(link)
    const changes = capture?.out.get(token)
    if (capture === undefined || changes === undefined) return
    capture.out.delete(token)
    if (delivered) return
    const newer = new Set([...capture.pending.keys()])
    for (const [other, batch] of capture.out)
      if (other > token) for (const { filter } of batch) newer.add(filter)
    for (const change of changes)
      if (!newer.has(change.filter)) capture.pending.set(change.filter, change)
  }

  interestWaiting(link: number): boolean {
    return (this.#captures.get(link)?.pending.size ?? 0) > 0
  }

  interestOverflowed(link: number): boolean {
    return this.#captures.get(link)?.overflowed ?? false
  }

  decodeRoute(payload: Uint8Array): RouteMessage {
    const trailing = false
    let term: Term
    try {
      term = JSON.parse(Buffer.from(payload).toString()) as Term
    } catch {
      return { op: 'invalid', reason: 'not a term', trailing }
    }
    const actor = term.actor ?? ''
    const incarnation = BigInt(term.incarnation ?? 0)
    switch (term.op) {
      case 'actor_init':
        return {
          op: 'actor_init',
          actor,
          incarnation,
          target: String(term.target),
          protocolVersion: 1,
          capabilities: bytes(term.capabilities),
          trailing,
        }
      case 'actor_init_ack':
        return {
          op: 'actor_init_ack',
          actor,
          protocolVersion: 1,
          error: term.error === null ? null : String(term.error),
          needBootstrap: term.needBootstrap === true,
          capabilities: bytes(term.capabilities),
          trailing,
        }
      case 'route':
        return {
          op: 'route',
          actor,
          incarnation,
          count: (term.changes as Change[]).length,
          trailing,
        }
      case 'heartbeat':
        return { op: 'heartbeat', actor, incarnation, digest: bytes(term.digest), trailing }
      default:
        return { op: 'unknown', name: term.op, trailing }
    }
  }

  encodeActorInit(
    actor: string,
    incarnation: bigint,
    target: string,
    capabilities: Uint8Array | null,
  ): Buffer {
    return encode({
      op: 'actor_init',
      actor,
      incarnation: String(incarnation),
      target,
      capabilities: hex(capabilities),
    })
  }

  encodeActorInitAck(
    actor: string,
    error: string | null,
    needBootstrap: boolean | null,
    capabilities: Uint8Array | null,
  ): Buffer {
    return encode({
      op: 'actor_init_ack',
      actor,
      error,
      needBootstrap,
      capabilities: this.isPlain ? null : hex(capabilities),
    })
  }

  encodeHeartbeat(actor: string, incarnation: bigint, digest: Uint8Array | null): Buffer {
    return encode({
      op: 'heartbeat',
      actor,
      incarnation: String(incarnation),
      ...(digest === null ? {} : { digest: hex(digest) }),
    })
  }

  /** No transit in this model: its links have none. */
  setTransit(): void {}

  /** Nor retained messages. */
  setRetainedSync(): void {}

  startTransitWalk(): void {}

  stepTransitWalk(): boolean {
    return true
  }

  transitRefused(): number {
    return 0
  }

  digestKey(): Buffer {
    return Buffer.alloc(16, 1)
  }

  laneDigest(link: number, lane: number): Buffer {
    return digestOf(this.#lane(link, lane).routes.keys())
  }

  startInterestDigest(link: number): void {
    this.#digests.add(link)
  }

  stepInterestDigest(): boolean {
    return true
  }

  interestDigest(link: number): Buffer | null {
    const capture = this.#captures.get(link)
    if (capture === undefined || !this.#digests.has(link)) return null
    if (capture.overflowed || capture.pending.size + capture.out.size > 0) return null
    return digestOf([...this.interest.keys()].filter((filter) => matches(capture.topics, filter)))
  }

  applyRoutes(link: number, lane: number, payload: Uint8Array): RoutesApplied {
    const { changes } = JSON.parse(Buffer.from(payload).toString()) as { changes: Change[] }
    const { routes, epoch } = this.#lane(link, lane)
    let adds = 0
    let deletes = 0
    for (const { filter, add } of changes) {
      if (add) {
        if (!routes.has(filter)) adds++
        routes.set(filter, epoch)
      } else if (routes.delete(filter)) deletes++
    }
    return { adds, deletes, invalid: 0 }
  }

  markRoutes(link: number, lane: number): void {
    this.#lane(link, lane).epoch++
  }

  sweepRoutes(link: number, lane: number): { removed: number; done: boolean } {
    const { routes, epoch } = this.#lane(link, lane)
    const old = [...routes].filter(([, confirmed]) => confirmed < epoch).map(([filter]) => filter)
    for (const filter of old.slice(0, 2)) routes.delete(filter)
    return { removed: Math.min(2, old.length), done: old.length <= 2 }
  }

  clearRoutes(link: number, lane: number): { removed: number; done: boolean } {
    const { routes } = this.#lane(link, lane)
    const all = [...routes.keys()]
    for (const filter of all.slice(0, 2)) routes.delete(filter)
    return { removed: Math.min(2, all.length), done: all.length <= 2 }
  }

  /** The filters held for a link by any lane, sorted. */
  routesOf(link: number): string[] {
    const filters = new Set<string>()
    for (const [key, { routes }] of this.#lanes)
      if (key.startsWith(`${link}/`)) for (const filter of routes.keys()) filters.add(filter)
    return [...filters].sort()
  }

  /** Loses all routes of a link without telling anybody, as some EMQX versions do. */
  forgetRoutes(link: number): void {
    for (const [key, { routes }] of this.#lanes) if (key.startsWith(`${link}/`)) routes.clear()
  }

  /** Links that some lane holds routes of. */
  linksWithRoutes(): number[] {
    const held = [...this.#lanes].filter(([, { routes }]) => routes.size > 0)
    return [...new Set(held.map(([key]) => Number(key.split('/')[0])))]
  }

  routeCount(link: number): number {
    return this.routesOf(link).length
  }

  /** Small pages, so that a small table has several. */
  readRoutes(link: number, from: number): RoutesPage {
    const all = [...this.#lanes].flatMap(([key, { routes }]) => {
      const [of, lane] = key.split('/').map(Number)
      return of === link
        ? [...routes.keys()].map((filter) => ({ filter, lane: lane ?? 0, id: filter, term: null }))
        : []
    })
    const next = from + entriesPerBatch
    return { routes: all.slice(from, next), next: next < all.length ? next : null }
  }

  /** Messages are not modelled: nothing waits. */
  linkCounters(): Readonly<Record<string, number>> {
    return { draining: 0 }
  }

  linkTimes(): { readonly rtt: TimeHistogram; readonly latency: TimeHistogram } {
    const none = { sumMicros: 0, buckets: [] }
    return { rtt: none, latency: none }
  }

  linksConfigured(): boolean {
    return true
  }

  #edge(change: Change): void {
    for (const capture of this.#captures.values()) {
      if (capture.overflowed || !matches(capture.topics, change.filter)) continue
      capture.pending.set(change.filter, change)
      if (capture.pending.size <= this.captureEntriesMax) continue
      capture.pending.clear()
      capture.overflowed = true
    }
  }

  #lane(link: number, lane: number): Lane {
    const key = `${link}/${lane}`
    let found = this.#lanes.get(key)
    if (found === undefined) {
      found = { epoch: 0, routes: new Map() }
      this.#lanes.set(key, found)
    }
    return found
  }
}

function encode(term: Term): Buffer {
  return Buffer.from(JSON.stringify(term))
}

function digestOf(filters: Iterable<string>): Buffer {
  return Buffer.from([...filters].sort().join(' '))
}

function hex(raw: Uint8Array | null): string | null {
  return raw === null ? null : Buffer.from(raw).toString('hex')
}

function bytes(text: unknown): Buffer | null {
  return typeof text === 'string' ? Buffer.from(text, 'hex') : null
}
