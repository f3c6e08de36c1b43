/**
 * One seeded story: clients of both kinds and versions publish to each other while their connections are cut at any byte,
 * taken over, closed and begun again. A seed decides the same things again; threads and sockets decide when.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { eventually, type Qos, type Random } from '../harness/index.js'
import { ModelClient, type Sent } from './model-client.js'
import { faults, isOwed } from './oracle.js'
import { type Cut, uncut } from './wire.js'

const clientCount = 5
const phases = 2
const stepsPerPhase = 90
/** Messages of QoS 1 and 2 that a client leaves unacknowledged: below every Receive Maximum of the server. */
const outboundMax = 8
const patienceMs = 30_000

export interface StoryOptions {
  readonly port: number
  readonly name: string
  readonly random: Random
  /** mqtt.max_inflight: what a client of version 4 gets at once. */
  readonly inflightMax: number
  /** Whether queues are short enough to lose messages. */
  readonly mayDrop: boolean
}

export interface Outcome {
  /** What contradicts the specification, one sentence each. */
  readonly faults: readonly string[]
  /** Messages of QoS 1 and 2 that are owed and did not come, by client id. */
  readonly missing: ReadonlyMap<string, readonly string[]>
  readonly received: number
  readonly cuts: number
}

export class Story {
  readonly #options: StoryOptions
  readonly #random: Random
  readonly #clients: ModelClient[]
  readonly #sent = new Map<string, Sent>()
  /** By phase, then client id. */
  readonly #filters: Map<string, ReadonlyMap<string, Qos>>[] = []
  /** Clients that connect, so that two attempts of one do not cross. */
  readonly #busy = new Map<ModelClient, Promise<void>>()
  #now = 0
  #cuts = 0

  constructor(options: StoryOptions) {
    const { random, name, port, inflightMax } = options
    this.#options = options
    this.#random = random
    this.#clients = Array.from({ length: clientCount }, (_, at) => {
      const version = random.pick([4, 5] as const)
      return new ModelClient({
        port,
        clientId: `${name}-${at}`,
        version,
        lasting: at < 3 || random.below(2) === 0,
        receiveMaximum: version === 5 ? 1 + random.below(10) : inflightMax,
      })
    })
  }

  async run(): Promise<Outcome> {
    for (let phase = 0; phase < phases; phase++) {
      if (this.#hasFailed()) break
      await this.#changeFilters(phase)
      for (let step = 0; step < stepsPerPhase; step++) await this.#step(phase)
      await this.#settle(phase)
    }
    const outcome = this.#judge()
    for (const client of this.#clients) client.goodbye()
    return outcome
  }

  // ------------------------------------------------------------------------------------ phases

  async #changeFilters(phase: number): Promise<void> {
    for (const client of this.#clients) {
      for (const filter of [...client.filters.keys()])
        if (this.#random.below(2) === 0) await client.unsubscribe(filter)
      for (let count = 1 + this.#random.below(3); count > 0; count--)
        client.filters.set(this.#filter(), this.#random.pick([0, 1, 1, 2, 2] as const))
      client.filters.set(this.#topic('marker'), 1)
      if (phase === 0) await client.connect(true, uncut)
      await client.subscribe(() => ++this.#now)
    }
    this.#filters.push(
      new Map(this.#clients.map((client) => [client.options.clientId, new Map(client.filters)])),
    )
  }

  /**
   * Everybody is there and acknowledges; every exchange ends; then a marker of each to all: behind it, in every lane and
   * queue, is nothing of this phase.
   */
  async #settle(phase: number): Promise<void> {
    await Promise.all(this.#busy.values())
    for (const client of this.#clients) {
      client.isEager = true
      client.cut({ written: Number.POSITIVE_INFINITY, read: Number.POSITIVE_INFINITY })
      client.answer(Number.POSITIVE_INFINITY)
    }
    await this.#eventually('everybody is connected', () => {
      for (const client of this.#clients)
        if (!client.isConnected && !this.#busy.has(client)) this.#connect(client, false, uncut)
      return this.#clients.every((client) => client.isConnected && !this.#busy.has(client))
    })
    await this.#eventually('every exchange ends', () =>
      this.#clients.every(({ outbound }) => outbound === 0),
    )
    const markers = this.#clients.map((client) =>
      this.#publish(client, phase, this.#topic('marker'), 1),
    )
    await this.#eventually('markers arrive', () =>
      this.#clients.every((client) =>
        markers.every((marker) => client.received.some(({ payload }) => payload === marker)),
      ),
    )
    await this.#eventually('markers are acknowledged', () =>
      this.#clients.every(({ outbound }) => outbound === 0),
    )
  }

  // ------------------------------------------------------------------------------------- steps

  async #step(phase: number): Promise<void> {
    const random = this.#random
    const client = random.pick(this.#clients)
    switch (random.below(14)) {
      case 0:
        if (client.isConnected && !this.#busy.has(client)) {
          this.#cuts++
          client.cut(this.#chance(300))
        }
        break
      case 1:
        if (!this.#busy.has(client)) client.drop()
        break
      case 2:
        if (!this.#busy.has(client)) client.goodbye()
        break
      case 3: // after a close, or as a takeover
      case 4:
        this.#connect(client, false, random.below(2) === 0 ? uncut : this.#chance(400))
        break
      case 5:
        if (random.below(4) === 0) this.#connect(client, true, uncut)
        break
      case 6:
        client.isEager = !client.isEager
        break
      case 7:
        client.answer(random.below(6))
        break
      case 8:
        for (let turns = random.below(20); turns > 0; turns--) await nextTurn()
        break
      default:
        for (let count = 1 + random.below(4); count > 0; count--)
          this.#publish(client, phase, this.#topic(), random.pick([0, 1, 1, 2, 2] as const))
    }
    await nextTurn()
  }

  /** A lasting session is resumed, unless it is to be begun afresh; another begins and subscribes. */
  #connect(client: ModelClient, fresh: boolean, cut: Cut): void {
    if (this.#busy.has(client)) return
    const begins = fresh || !client.options.lasting
    const done = (async () => {
      if (!(await client.connect(fresh, cut))) return
      if (begins) await client.subscribe(() => ++this.#now)
    })()
      .catch((error: unknown) => {
        client.failures.push(error instanceof Error ? error : new Error(`${error}`))
      })
      .finally(() => this.#busy.delete(client))
    this.#busy.set(client, done)
  }

  #publish(client: ModelClient, phase: number, topic: string, qos: Qos): string | null {
    if (!client.isConnected || client.outbound >= outboundMax) return null
    const number = this.#sent.size
    const publisher = client.options.clientId
    const padding = 'x'.repeat(this.#random.below(20) === 0 ? 6_000 : this.#random.below(60))
    const payload = `${publisher}:${number}:${padding}`
    const message: Sent = {
      payload,
      topic,
      qos,
      publisher,
      number,
      phase,
      sentAt: ++this.#now,
      sends: 0,
      accepted: false,
    }
    this.#sent.set(payload, message)
    client.publish(message)
    return payload
  }

  #chance(most: number): Cut {
    const at = this.#random.below(most)
    return this.#random.below(2) === 0 ? { written: at, read: null } : { written: null, read: at }
  }

  #topic(last = this.#random.pick(['a', 'b', 'a/c'])): string {
    return `${this.#options.name}/${last}`
  }

  #filter(): string {
    const name = this.#options.name
    return `${name}/${this.#random.pick(['a', 'b', 'a/+', 'a/#', '+', '+/c', 'nobody'])}`
  }

  #hasFailed(): boolean {
    return this.#clients.some(({ failures }) => failures.length > 0)
  }

  /** A client that has failed ends the waiting: the story is judged as it is. */
  #eventually(what: string, ask: () => boolean): Promise<void> {
    return eventually(
      `${this.#options.name}: ${what}`,
      () => this.#hasFailed() || ask(),
      patienceMs,
    )
  }

  // ------------------------------------------------------------------------------------- verdict

  #judge(): Outcome {
    const found: string[] = []
    const missing = new Map<string, string[]>()
    const all = [...this.#sent.values()]
    for (const client of this.#clients) {
      const { clientId } = client.options
      const filtersOf = (phase: number) => this.#filters[phase]?.get(clientId) ?? new Map()
      found.push(...client.failures.map(({ message }) => message))
      found.push(
        ...faults(client, filtersOf, this.#sent, this.#options.mayDrop).map(
          (fault) => `${clientId}: ${fault}`,
        ),
      )
      const seen = new Set(client.received.map(({ payload }) => payload))
      const lost = all.filter(
        (message) =>
          isOwed(client, filtersOf(message.phase), message) && !seen.has(message.payload),
      )
      missing.set(
        clientId,
        lost.map(({ payload, topic, qos }) => `${payload.slice(0, 24)} to ${topic}, QoS ${qos}`),
      )
    }
    return {
      faults: found,
      missing,
      received: this.#clients.reduce((sum, { received }) => sum + received.length, 0),
      cuts: this.#cuts,
    }
  }
}
