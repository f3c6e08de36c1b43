/** One run of the generator: waits for what a phase should bring, and says in a sentence what it did not. */
import { setTimeout as delay } from 'node:timers/promises'
import {
  type LoadGenerator,
  type LoadPhase,
  type LoadPlan,
  type LoadReading,
  loadRoom,
} from '../../native/index.js'
import { describeEndpoint } from './address.js'
import { benchFailed } from './failure.js'
import { descriptorLimit } from './machine.js'
import type { Setting } from './options.js'

/** Without any progress for this long, what is waited for does not come. */
const patienceMs = 10_000
const pollMs = 5
/** Descriptors of this process, and of a broker, beside its clients. */
const spareDescriptors = 100
/** A loopback address gives 28,000 ports to one destination, fewer while closed connections linger. */
const clientsPerAddress = 2_000
const addressesMax = 64

export class Run {
  readonly #setting: Setting
  readonly #generator: LoadGenerator
  readonly #plan: LoadPlan

  /**
   * Clients begin to connect.
   * @param alreadyOpen clients of another run beside this one
   * @throws CausewayError BENCH_FAILED: more clients than descriptors
   */
  constructor(setting: Setting, plan: LoadPlan, alreadyOpen = 0) {
    checkDescriptors(clientsOf(plan) + alreadyOpen)
    this.#setting = setting
    this.#plan = plan
    this.#generator = loadRoom.start(plan)
  }

  get clients(): number {
    return clientsOf(this.#plan)
  }

  read(): LoadReading {
    return this.#generator.read()
  }

  enter(phase: LoadPhase): void {
    this.#generator.enter(phase)
  }

  measure(fromNs: number, untilNs: number): void {
    this.#generator.measure(fromNs, untilNs)
  }

  latency(what: 'publish' | 'subscribe', shares: readonly number[]) {
    return this.#generator.latency(what, shares)
  }

  stop(): void {
    this.#generator.stop()
  }

  /**
   * Until `count` has reached `wanted`. @throws CausewayError BENCH_FAILED: a client failed, or nothing moves any more
   */
  async reaches(
    wanted: number,
    count: (reading: LoadReading) => number,
    what: string,
  ): Promise<LoadReading> {
    let last = -1
    let movedMs = performance.now()
    for (;;) {
      const reading = this.read()
      const now = count(reading)
      const { connectFailures, disconnects, failures } = reading
      if (connectFailures + disconnects > 0)
        throw benchFailed(
          `${connectFailures + disconnects} of ${this.clients} clients failed at ${this.#where()}: ${failures[0]}`,
        )
      if (now >= wanted) return reading
      if (now !== last) {
        last = now
        movedMs = performance.now()
      } else if (performance.now() - movedMs > patienceMs) {
        throw benchFailed(
          `${now} of ${wanted} ${what} at ${this.#where()}, and nothing more for ${patienceMs / 1000} s`,
        )
      }
      this.#setting.progress(`${what}: ${now} of ${wanted}`)
      await this.wait(pollMs)
    }
  }

  /** Waits, unless the broker dies meanwhile. @throws CausewayError BENCH_FAILED */
  async wait(ms: number): Promise<void> {
    const { died } = this.#setting.side
    await (died === null ? delay(ms) : Promise.race([delay(ms), died]))
  }

  #where(): string {
    return describeEndpoint(this.#setting.side.endpoint)
  }
}

function clientsOf({ publishers, subscribers, churners }: LoadPlan): number {
  return publishers + subscribers + churners
}

function checkDescriptors(clients: number): void {
  const limit = descriptorLimit()
  const wanted = clients + spareDescriptors
  if (wanted > limit)
    throw benchFailed(
      `${clients} clients need ${wanted} file descriptors and this process may open ${limit}: ` +
        `raise the limit (ulimit -n) or ask for ${limit - spareDescriptors} clients`,
    )
}

/** The plan of a workload: what the command line asks for, unless `own` says otherwise. */
export function planOf(setting: Setting, own: Partial<LoadPlan>): LoadPlan {
  const { options, side } = setting
  const plan: LoadPlan = {
    run: runNumber(),
    version: options.mqtt,
    pattern: 'none',
    publishTo: [side.endpoint],
    subscribeTo: [side.endpoint],
    publishers: 0,
    subscribers: 0,
    churners: 0,
    churnOneFilter: false,
    filtersEach: 1,
    regions: 1_000,
    seed: 1,
    retainedPublishers: 0,
    publishQos: options.qos,
    subscribeQos: options.qos,
    clear: false,
    payloadBytes: options.sizeBytes,
    rate: options.rate,
    messagesEach: 0,
    window: options.window,
    inflightMax: options.inflight,
    connectingMax: 64,
    holdSubscriptions: false,
    sessionExpirySeconds: 0,
    sourceAddresses: 1,
    threads: options.threads,
    username: '',
    password: '',
    stream: options.via === 'tls' || options.via === 'ws' ? options.via : 'none',
    ...own,
  }
  const sourceAddresses = Math.min(addressesMax, Math.ceil(clientsOf(plan) / clientsPerAddress))
  return { ...plan, sourceAddresses: Math.max(1, sourceAddresses) }
}

/** A number no other run has, most likely: payloads carry it. */
export function runNumber(): number {
  return Math.floor(Math.random() * 0xffff_ffff)
}

/** As many clients as descriptors allow, at most `wanted`. */
export function clientsWithin(wanted: number): number {
  return Math.min(wanted, descriptorLimit() - spareDescriptors - 10)
}
