/**
 * Linked clusters of one broker each: addresses stay over restarts, so a link finds a broker that was killed again.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { RemoteRoutes } from '../../../src/link/index.js'
import type { LinkReport } from '../../../src/management/index.js'
import {
  askControl,
  type BrokerProcess,
  type CtlAnswer,
  configuration,
  configurationFile,
  ctl,
  eventually,
  freePort,
  ioLoops,
  type LogEvent,
  startBroker,
  TestClient,
} from '../harness/index.js'

const onlineMs = 20_000
const effectiveMs = 20_000
const probeEveryMs = 10
const lastProbe = 'last'

/** What one cluster's configuration says about another. */
export interface LinkTo {
  readonly name: string
  /** Port of the other cluster's link listener; null: it dials, our link accepts only. */
  readonly port: number | null
  /** What this cluster wants to receive; `['#']` when it is not given. */
  readonly topics?: readonly string[]
  readonly enable?: boolean
  /** More HOCON of the link's object. */
  readonly more?: string
}

export interface ClusterOptions {
  readonly io?: number
  readonly clientId?: string
  /** More HOCON. */
  readonly config?: string
  readonly descriptors?: number
  readonly environment?: Readonly<Record<string, string>>
}

export class Cluster {
  readonly name: string
  readonly port: number
  readonly linkPort: number
  links: readonly LinkTo[] = []
  readonly #options: ClusterOptions
  readonly #directory: string
  #broker: BrokerProcess | null = null

  private constructor(name: string, port: number, linkPort: number, options: ClusterOptions) {
    this.name = name
    this.port = port
    this.linkPort = linkPort
    this.#options = options
    this.#directory = mkdtempSync(join(tmpdir(), `causeway-${name}-`))
  }

  /** Has its addresses, does not run. */
  static async planned(name: string, options: ClusterOptions = {}): Promise<Cluster> {
    return new Cluster(name, await freePort(), await freePort(), options)
  }

  get dataDir(): string {
    return join(this.#directory, 'data')
  }

  get broker(): BrokerProcess {
    if (this.#broker === null) throw new Error(`${this.name} does not run`)
    return this.#broker
  }

  /** Starts, or starts again, over the same data directory; with the links as they are now, or with another configuration. */
  async start(
    other: {
      readonly name?: string
      readonly links?: readonly LinkTo[]
      /** More HOCON. */
      readonly more?: string
    } = {},
  ): Promise<void> {
    this.#broker = await startBroker({
      port: this.port,
      directory: this.#directory,
      config: `${this.#configuration(other.name ?? this.name, other.links ?? this.links)}\n${other.more ?? ''}`,
      ...(this.#options.io === undefined ? {} : { io: this.#options.io }),
      ...(this.#options.descriptors === undefined
        ? {}
        : { descriptors: this.#options.descriptors }),
      ...(this.#options.environment === undefined
        ? {}
        : { environment: this.#options.environment }),
    })
  }

  /** `causeway ctl reload` with these links; the answer must be a success. */
  async reload(links: readonly LinkTo[]): Promise<string> {
    this.links = links
    const { exitCode, stdout, stderr } = await this.reloaded(this.#configuration(this.name, links))
    if (exitCode !== 0) throw new Error(`the reload was refused: ${stderr}`)
    return stdout
  }

  /** `causeway ctl reload` with this configuration. */
  reloaded(config: string): Promise<CtlAnswer> {
    const whole = configuration(this.#directory, this.port, this.#options.io ?? ioLoops, config)
    writeFileSync(configurationFile(this.#directory), whole)
    return this.ctl('reload')
  }

  ctl(...args: readonly string[]): Promise<CtlAnswer> {
    return ctl(...args, '--data-dir', this.dataDir)
  }

  /** What `causeway ctl links` says of the link with that cluster. */
  async report(link: string): Promise<LinkReport> {
    const { stdout, stderr } = await this.ctl('links', link, '--json')
    if (stdout === '') throw new Error(stderr)
    // Cannot lie: what the broker compiled beside this test says.
    const [report] = JSON.parse(stdout) as readonly LinkReport[]
    if (report === undefined) throw new Error(`no report of ${link}`)
    return report
  }

  /** All that we hold of the cluster of that name, page by page: `filter id actor`, sorted. */
  async routes(link: string): Promise<string[]> {
    const held: string[] = []
    for (let from: number | null = 0; from !== null; ) {
      const request = { command: 'routes', link, from } as const
      // Cannot lie: what the broker compiled beside this test says.
      const page = (await askControl(this.dataDir, request)) as RemoteRoutes
      held.push(
        ...page.routes.map(
          ({ filter, id, termHex, actor }) => `${filter} ${id ?? termHex} ${actor}`,
        ),
      )
      from = page.next
    }
    return held.sort()
  }

  async stop(): Promise<void> {
    await this.#broker?.stop()
    this.#broker = null
  }

  async kill(): Promise<void> {
    await this.#broker?.kill()
    this.#broker = null
  }

  /** Stops and forgets what is on disk. */
  async remove(): Promise<void> {
    await this.stop()
    rmSync(this.#directory, { recursive: true, force: true })
  }

  /** A client of this cluster, MQTT 5 unless said otherwise. */
  client(options: Partial<Parameters<typeof TestClient.connect>[0]> = {}): Promise<TestClient> {
    return TestClient.connect({ version: 5, ...options, port: this.port })
  }

  /** Waits until the broker that runs now has logged `event`; `like`: fields that it must have. */
  async logged(
    event: string,
    like: Readonly<Record<string, unknown>> = {},
    timeoutMs = onlineMs,
  ): Promise<LogEvent> {
    const isIt = (line: LogEvent) =>
      line.event === event && Object.entries(like).every(([key, value]) => line[key] === value)
    await eventually(`event ${event} at ${this.name}`, () => this.broker.log.some(isIt), timeoutMs)
    const found = this.broker.log.findLast(isIt)
    if (found === undefined) throw new Error('a log only grows')
    return found
  }

  /** The route channel to the cluster of that name is up and has told all our routes. */
  async online(link: string): Promise<void> {
    await this.logged('cluster_link_routerepl_online', { link })
  }

  #configuration(name: string, all: readonly LinkTo[]): string {
    const links = all.map(
      ({ name: to, port, topics = ['#'], enable = true, more = '' }) => `{
      name = ${JSON.stringify(to)}
      ${port === null ? 'accept_only = true' : `server = "127.0.0.1:${port}"`}
      clientid = ${JSON.stringify(this.#options.clientId ?? `clink-${this.name}`)}
      topics = ${JSON.stringify(topics)}
      enable = ${enable}
      ${more}
    }`,
    )
    return `
cluster { name = ${JSON.stringify(name)}, links = [${links.join(', ')}] }
node.name = "${this.name}@127.0.0.1"
listeners.tcp.clink.bind = "127.0.0.1:${this.linkPort}"
${this.#options.config ?? ''}
`
  }
}

export interface PairOptions extends ClusterOptions {
  /** What the east wants from the west, and the other way; `['#']` when not given. */
  readonly east?: Partial<LinkTo>
  readonly west?: Partial<LinkTo>
}

/** Two clusters with a link each way, both route channels up. */
export class Pair {
  readonly east: Cluster
  readonly west: Cluster

  private constructor(east: Cluster, west: Cluster) {
    this.east = east
    this.west = west
  }

  static async linked(options: PairOptions = {}): Promise<Pair> {
    const east = await Cluster.planned('east', options)
    const west = await Cluster.planned('west', options)
    east.links = [{ name: 'west', port: west.linkPort, ...options.east }]
    west.links = [{ name: 'east', port: east.linkPort, ...options.west }]
    await Promise.all([east.start(), west.start()])
    const pair = new Pair(east, west)
    await pair.online()
    return pair
  }

  async online(): Promise<void> {
    await Promise.all([this.east.online('west'), this.west.online('east')])
  }

  async remove(): Promise<void> {
    await Promise.all([this.east.remove(), this.west.remove()])
  }
}

let probes = 0

/**
 * Everything that clients of `to` subscribed to before is known to `from`, and messages pass: a topic subscribed to now is
 * announced after it on the one ordered channel. Topics are below `prefix`, which the link must let through. Nothing of it is on
 * its way when it resolves, so counters of what crossed can be read then.
 */
export async function effective(from: Cluster, to: Cluster, prefix = 'probe'): Promise<void> {
  const topic = `${prefix}/${++probes}`
  const [publisher, subscriber] = await Promise.all([from.client(), to.client()])
  try {
    await subscriber.subscribe({ topic, qos: 1 })
    const until = performance.now() + effectiveMs
    while (subscriber.messages.length === 0) {
      if (performance.now() > until)
        throw new Error(`${from.name} does not forward to ${to.name} after ${effectiveMs} ms`)
      await publisher.publish({ topic, qos: 1 })
      await delay(probeEveryMs)
    }
    // One topic, one connection: it comes behind all others.
    await publisher.publish({ topic, qos: 1, payload: lastProbe })
    for (let payload = ''; payload !== lastProbe; )
      payload = (await subscriber.message(effectiveMs)).payload.toString()
  } finally {
    await Promise.all([publisher.drop(), subscriber.drop()])
  }
}
