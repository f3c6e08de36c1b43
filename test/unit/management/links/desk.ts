/** Links administered over a real configuration in a directory of its own; the link room is a list. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type Config, type Environment, loadConfig } from '../../../../src/config/index.js'
import { CausewayError } from '../../../../src/errors.js'
import type { LinkStatus } from '../../../../src/link/index.js'
import type { ApiAnswer } from '../../../../src/management/api/question.js'
import { Reloader } from '../../../../src/management/index.js'
import { LinkAdministration } from '../../../../src/management/links/index.js'

const silent = () => {}
const log = { debug: silent, info: silent, warn: silent, error: silent, fatal: silent }
const noTimes = { buckets: [], sumMicros: 0 }

export class Desk {
  readonly directory: string
  readonly #env: Environment
  now = 0
  /** What the room runs. */
  links: Config['links']
  /** The next configuration cannot be put in force. */
  refuses: CausewayError | null = null
  /** How often links were put in force. */
  applied = 0
  /** By link; what is not given is 0. */
  counters: Record<string, Record<string, number>> = {}
  routes = 0
  pool: Partial<LinkStatus['pool']> = {}
  readonly reloader: Reloader
  administration: LinkAdministration
  #tick: () => void = silent

  constructor(t: TestContext, main = '', env: Environment = {}) {
    this.directory = mkdtempSync(join(tmpdir(), 'causeway-admin-'))
    t.after(() => rmSync(this.directory, { recursive: true, force: true }))
    this.#env = env
    this.main = main
    const loaded = this.load()
    this.links = loaded.config.links
    this.reloader = new Reloader({
      loaded,
      log,
      load: (linksText) => this.load(linksText),
      links: async (config) => {
        if (this.refuses !== null) throw this.refuses
        this.applied++
        this.links = config.links
        return []
      },
      certificates: silent,
    })
    this.administration = new LinkAdministration({
      reloader: this.reloader,
      dataDir: this.dataDir,
      node: 'n@1',
      clock: { monotonicMs: () => this.now },
      timers: {
        after: (_, run) => {
          this.#tick = run
          return { cancel: silent }
        },
      },
      status: () => this.links.map((link) => this.#status(link)),
    })
  }

  get dataDir(): string {
    return join(this.directory, 'data')
  }

  get file(): string {
    return join(this.dataDir, 'configs', 'cluster.hocon')
  }

  get mainFile(): string {
    return join(this.directory, 'main.conf')
  }

  set main(text: string) {
    mkdirSync(this.directory, { recursive: true })
    writeFileSync(
      this.mainFile,
      `node { name = "n@1", data_dir = ${JSON.stringify(this.dataDir)} }\n${text}\n`,
    )
  }

  load(linksText?: string) {
    const { dataDir } = this
    const more = linksText === undefined ? {} : { linksText }
    return loadConfig({ file: this.mainFile, env: this.#env, dataDir, ...more })
  }

  kept(): string {
    return readFileSync(this.file, 'utf8')
  }

  /** The timer's time has come. */
  after(ms: number): void {
    this.now += ms
    this.#tick()
  }

  list(): Promise<ApiAnswer> {
    return this.administration.answer({ kind: 'links' })
  }
  get(name: string): Promise<ApiAnswer> {
    return this.administration.answer({ kind: 'link', name })
  }
  post(link: unknown): Promise<ApiAnswer> {
    return this.administration.answer({ kind: 'create-link', link })
  }
  put(name: string, link: unknown): Promise<ApiAnswer> {
    return this.administration.answer({ kind: 'update-link', name, link })
  }
  remove(name: string): Promise<ApiAnswer> {
    return this.administration.answer({ kind: 'delete-link', name })
  }
  metrics(name: string): Promise<ApiAnswer> {
    return this.administration.answer({ kind: 'link-metrics', name })
  }
  reset(name: string): Promise<ApiAnswer> {
    return this.administration.answer({ kind: 'reset-link-metrics', name })
  }

  #status({ name, enable, topics, acceptOnly, poolSize }: Config['links'][number]): LinkStatus {
    return {
      name,
      enabled: enable,
      topics,
      acceptOnly,
      forwards: true,
      route: {
        state: 'online',
        server: 'h:1883',
        incarnation: 7n,
        bootstrap: { batches: 1, entries: 2, done: true },
        routesOut: 2,
        lastError: null,
      },
      pool: { size: poolSize, online: poolSize, lastError: null, ...this.pool },
      remoteActors: [],
      routesIn: this.routes,
      peerIsCauseway: false,
      counters: this.counters[name] ?? {},
      times: { rtt: noTimes, latency: noTimes },
    }
  }
}

export const link = (more: object = {}) => ({
  name: 'eu',
  server: 'eu:1883',
  topics: ['t/#'],
  ...more,
})

/** Fields of the body, for `deepEqual` of some. */
export function bodyOf({ body }: ApiAnswer): Record<string, unknown> {
  if (typeof body !== 'object' || body === null) throw new TypeError('no body')
  return { ...body }
}

export function unusable(): CausewayError {
  return new CausewayError('TLS_UNUSABLE', 'cluster.links.1.ssl.certfile: no certificate', {
    detail: { key: 'cluster.links.1.ssl.certfile', file: '/c.pem', reason: 'no certificate' },
  })
}
