/** A cluster whose links are changed over HTTP. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually, fastTime, freePort } from '../harness/index.js'
import { Cluster, type LinkTo } from './cluster.js'

const base = '/api/v5/cluster/links'
const authorization = `Basic ${Buffer.from('admin:s3cret').toString('base64')}`

export interface Reply {
  readonly status: number
  /** Null: none. */
  readonly body: unknown
}

export class ApiCluster {
  readonly cluster: Cluster
  readonly #port: number
  readonly #directory: string

  private constructor(cluster: Cluster, directory: string, port: number) {
    this.cluster = cluster
    this.#directory = directory
    this.#port = port
  }

  /** @param links of its main file */
  static async started(name: string, links: readonly LinkTo[] = []): Promise<ApiCluster> {
    const directory = mkdtempSync(join(tmpdir(), `causeway-api-${name}-`))
    const port = await freePort()
    const keys = join(directory, 'keys')
    writeFileSync(keys, 'admin:s3cret\n')
    const config = `
dashboard.listeners.http.bind = "127.0.0.1:${port}"
api_key.bootstrap_file = ${JSON.stringify(keys)}`
    const cluster = await Cluster.planned(name, { config, environment: fastTime() })
    cluster.links = links
    await cluster.start()
    return new ApiCluster(cluster, directory, port)
  }

  get name(): string {
    return this.cluster.name
  }

  get linksFile(): string {
    return join(this.cluster.dataDir, 'configs', 'cluster.hocon')
  }

  async remove(): Promise<void> {
    await this.cluster.remove()
    rmSync(this.#directory, { recursive: true, force: true })
  }

  async ask(method: string, path = '', body?: unknown): Promise<Reply> {
    const reply = await fetch(`http://127.0.0.1:${this.#port}${base}${path}`, {
      method,
      headers: {
        authorization,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await reply.text()
    return { status: reply.status, body: text === '' ? null : JSON.parse(text) }
  }

  list = () => this.ask('GET')
  get = (name: string) => this.ask('GET', `/link/${name}`)
  post = (link: object) => this.ask('POST', '', link)
  put = (name: string, link: object) => this.ask('PUT', `/link/${name}`, link)
  delete = (name: string) => this.ask('DELETE', `/link/${name}`)
  metrics = (name: string) => this.ask('GET', `/link/${name}/metrics`)
  reset = (name: string) => this.ask('PUT', `/link/${name}/metrics/reset`)

  /** A link to that cluster, for a body. */
  to({ cluster }: ApiCluster, more: object = {}): Record<string, unknown> {
    const server = `127.0.0.1:${cluster.linkPort}`
    return {
      name: cluster.name,
      server,
      clientid: `clink-${this.name}`,
      topics: [],
      pool_size: 1,
      ...more,
    }
  }

  connected(name: string): Promise<void> {
    return eventually(
      `${this.name}'s link ${name} is connected`,
      async () => field(await this.get(name), 'status') === 'connected',
      20_000,
    )
  }
}

/** What is at these keys of the body, undefined where there is nothing. */
export function field({ body }: Reply, ...path: readonly (string | number)[]): unknown {
  let value = body
  for (const key of path)
    value = typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined
  return value
}
