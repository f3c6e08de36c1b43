/**
 * Clients that want nothing unusual: pairs, QoS 1, a few messages a second each, open loop: a message carries the time at which
 * it was meant to leave, so that a stall counts for every message it held up.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { BulkClient, publishBytes } from '../../../test/integration/harness/index.js'

const pairs = 20
const messagesPerSecond = 200
const settleMs = 20_000

export class HealthyClients {
  readonly #publishers: BulkClient[]
  readonly #subscribers: BulkClient[]
  #latencies: number[] = []
  #sent = 0

  private constructor(publishers: BulkClient[], subscribers: BulkClient[]) {
    this.#publishers = publishers
    this.#subscribers = subscribers
    for (const subscriber of subscribers) {
      subscriber.onMessage = (payload) =>
        this.#latencies.push(performance.now() - payload.readDoubleLE())
    }
  }

  static async connect(port: number): Promise<HealthyClients> {
    const client = (clientId: string) => BulkClient.connect({ port, clientId })
    const publishers: BulkClient[] = []
    const subscribers: BulkClient[] = []
    for (let n = 0; n < pairs; n++) {
      publishers.push(await client(`healthy-pub-${n}`))
      const subscriber = await client(`healthy-sub-${n}`)
      await subscriber.subscribe([`healthy/${n}`], 1)
      subscribers.push(subscriber)
    }
    return new HealthyClients(publishers, subscribers)
  }

  /** Messages that never came, so far. */
  get missing(): number {
    const received = this.#subscribers.reduce((sum, { received }) => sum + received, 0)
    return this.#sent - received
  }

  /** Latencies of `durationMs` of traffic, milliseconds; what has not come after a while stays missing. */
  async measure(durationMs: number): Promise<number[]> {
    this.#latencies = []
    const startedMs = performance.now()
    const everyMs = 1000 / messagesPerSecond
    const count = Math.floor(durationMs / everyMs)
    for (let n = 0; n < count; ) {
      for (; n < count && startedMs + n * everyMs <= performance.now(); n++)
        this.#publish(n % pairs, startedMs + n * everyMs)
      await delay(1)
    }
    const until = performance.now() + settleMs
    while (this.#latencies.length < count && performance.now() < until) await delay(5)
    return this.#latencies
  }

  async drop(): Promise<void> {
    await Promise.all([...this.#publishers, ...this.#subscribers].map((client) => client.drop()))
  }

  #publish(pair: number, dueMs: number): void {
    const payload = Buffer.alloc(64)
    payload.writeDoubleLE(dueMs)
    const publisher = this.#publishers[pair]
    if (publisher === undefined) return
    const packetId = publisher.nextPacketId()
    publisher.write(publishBytes(`healthy/${pair}`, payload, { qos: 1, packetId }))
    this.#sent++
  }
}
