/**
 * A steady stream of QoS 1 messages from one cluster to another: numbered per topic, checked at the far end, both clients
 * coming back after every loss of connection.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { publishPacket, type TestClient } from '../harness/index.js'
import type { Cluster } from './cluster.js'

const tickMs = 5
const reconnectEveryMs = 50
const packetIds = 65_535

export interface TrafficOptions {
  /** First topic level, so that several streams do not meet. */
  readonly name: string
  readonly messagesPerSecond: number
  readonly topics?: number
}

/** What the far end has seen. Counts of messages. */
export interface Arrivals {
  readonly arrived: number
  /** Had arrived before. */
  readonly repeated: number
  /** Arrived for the first time after a later message of their topic. */
  readonly late: number
  /** Not arrived, though a later one of their topic has, or the publisher has sent them. */
  readonly missing: number
}

/** Checks the numbers of one topic: 1, 2, 3 … */
class Sequence {
  highest = 0
  arrived = 0
  repeated = 0
  late = 0
  readonly #gaps = new Set<number>()

  take(number: number): void {
    if (number > this.highest) {
      for (let skipped = this.highest + 1; skipped < number; skipped++) this.#gaps.add(skipped)
      this.highest = number
      this.arrived++
    } else if (this.#gaps.delete(number)) {
      this.late++
      this.arrived++
    } else {
      this.repeated++
    }
  }

  missing(sent: number): number {
    return this.#gaps.size + Math.max(0, sent - this.highest)
  }
}

export class Traffic {
  readonly #from: Cluster
  readonly #to: Cluster
  readonly #options: Required<TrafficOptions>
  readonly #sent: number[]
  readonly #sequences: Sequence[]
  #publisher: TestClient | null = null
  #subscriber: TestClient | null = null
  #acknowledged = 0
  #packetId = 0
  #next = 0
  /** When the last message came, and which was the first to come after `mark`; milliseconds of performance.now(). */
  #marked: { readonly from: readonly number[]; readonly resolve: (atMs: number) => void } | null =
    null
  #isSending = false
  #isOver = false
  readonly #loops: Promise<void>[] = []

  constructor(from: Cluster, to: Cluster, options: TrafficOptions) {
    this.#from = from
    this.#to = to
    this.#options = { topics: 10, ...options }
    this.#sent = new Array<number>(this.#options.topics).fill(0)
    this.#sequences = this.#sent.map(() => new Sequence())
  }

  /** Connects both ends; messages flow from `send` on. */
  async open(): Promise<void> {
    await this.#connectSubscriber()
    await this.#connectPublisher()
    this.#loops.push(this.#receive(), this.#publish())
  }

  send(): void {
    this.#isSending = true
  }

  /** Publishes nothing more; waits until all has arrived, at most `timeoutMs`. */
  async settle(timeoutMs: number): Promise<void> {
    this.#isSending = false
    const until = performance.now() + timeoutMs
    while (this.arrivals().missing > 0 && performance.now() < until) await delay(tickMs)
  }

  async close(): Promise<void> {
    this.#isOver = true
    await Promise.all(this.#loops)
    await Promise.all([this.#publisher?.drop(), this.#subscriber?.drop()])
  }

  /** Resolves with the time at which a message arrived that was sent after this call. */
  resumed(): Promise<number> {
    return new Promise((resolve) => {
      this.#marked = { from: [...this.#sent], resolve }
    })
  }

  get sent(): number {
    return this.#sent.reduce((sum, count) => sum + count, 0)
  }

  get acknowledged(): number {
    return this.#acknowledged
  }

  arrivals(): Arrivals {
    const sum = (of: (sequence: Sequence, topic: number) => number) =>
      this.#sequences.reduce((total, sequence, topic) => total + of(sequence, topic), 0)
    return {
      arrived: sum(({ arrived }) => arrived),
      repeated: sum(({ repeated }) => repeated),
      late: sum(({ late }) => late),
      missing: sum((sequence, topic) => sequence.missing(this.#sent[topic] ?? 0)),
    }
  }

  async #publish(): Promise<void> {
    let dueMs = performance.now()
    const everyMs = 1000 / this.#options.messagesPerSecond
    while (!this.#isOver) {
      await delay(tickMs)
      const now = performance.now()
      const client = this.#publisher
      if (client === null || client.isClosed) {
        await this.#connectPublisher().catch(() => delay(reconnectEveryMs))
        dueMs = performance.now()
        continue
      }
      for (const packet of client.others.takeAll())
        if (packet.cmd === 'puback') this.#acknowledged++
      if (!this.#isSending) {
        dueMs = now
        continue
      }
      for (; dueMs < now; dueMs += everyMs) this.#publishOne(client)
    }
  }

  #publishOne(client: TestClient): void {
    const topic = this.#next
    this.#next = (topic + 1) % this.#options.topics
    const number = (this.#sent[topic] ?? 0) + 1
    this.#sent[topic] = number
    this.#packetId = (this.#packetId % packetIds) + 1
    const message = {
      topic: `${this.#options.name}/${topic}`,
      qos: 1,
      payload: `${number}`,
    } as const
    client.send(publishPacket(message, this.#packetId))
  }

  async #receive(): Promise<void> {
    while (!this.#isOver) {
      await delay(tickMs)
      const client = this.#subscriber
      for (const { topic, payload } of client?.messages.takeAll() ?? []) {
        this.#onMessage(Number(topic.slice(topic.lastIndexOf('/') + 1)), Number(payload.toString()))
      }
      if (client === null || client.isClosed)
        await this.#connectSubscriber().catch(() => delay(reconnectEveryMs))
    }
  }

  #onMessage(topic: number, number: number): void {
    this.#sequences[topic]?.take(number)
    if (this.#marked === null || number <= (this.#marked.from[topic] ?? 0)) return
    this.#marked.resolve(performance.now())
    this.#marked = null
  }

  // Version 4: no Receive Maximum holds the publisher back.
  async #connectPublisher(): Promise<void> {
    this.#publisher = await this.#from.client({ version: 4 })
  }

  async #connectSubscriber(): Promise<void> {
    const client = await this.#to.client({ version: 4 })
    this.#subscriber = client
    await client.subscribe({ topic: `${this.#options.name}/#`, qos: 1 })
  }
}
