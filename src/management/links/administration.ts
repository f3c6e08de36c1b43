/** Questions about links from the API, and their answers. Changes happen one after another, and between reloads. */
import type { Clock, Timers } from '../../clock.js'
import type { PlainObject } from '../../config/index.js'
import { assertNever } from '../../errors.js'
import type { LinkStatus } from '../../link/index.js'
import type { ApiAnswer, ApiQuestion } from '../api/question.js'
import type { Reloader, ReloadTurn } from '../reloader.js'
import { alreadyExists, notFound, Refused } from './answer.js'
import { LinkCertificates } from './certificates.js'
import { makeChange } from './change.js'
import { linkToKeep, newName, objectOf } from './link-body.js'
import { linkObject } from './link-object.js'
import { LinkMetricsKeeper } from './metrics.js'

export interface LinkAdministrationOptions {
  readonly reloader: Pick<Reloader, 'links' | 'inTurn'>
  readonly dataDir: string
  /** `node.name`. */
  readonly node: string
  readonly clock: Pick<Clock, 'monotonicMs'>
  readonly timers: Timers
  /** Of the links in force. */
  status(): readonly LinkStatus[]
}

export class LinkAdministration {
  readonly #options: LinkAdministrationOptions
  readonly #certificates: LinkCertificates
  readonly #metrics: LinkMetricsKeeper

  constructor(options: LinkAdministrationOptions) {
    this.#options = options
    this.#certificates = new LinkCertificates(options.dataDir)
    const links = () => options.status()
    this.#metrics = new LinkMetricsKeeper({ clock: options.clock, timers: options.timers, links })
  }

  /** Rates are measured from now on. */
  start(): void {
    this.#metrics.start()
  }

  stop(): void {
    this.#metrics.stop()
  }

  /** Rejects for nothing but mistakes of ours. A change is kept on disk and in force when its answer says so. */
  async answer(question: ApiQuestion): Promise<ApiAnswer> {
    try {
      return await this.#answer(question)
    } catch (error) {
      if (error instanceof Refused) return error.answer
      throw error
    }
  }

  async #answer(question: ApiQuestion): Promise<ApiAnswer> {
    switch (question.kind) {
      case 'links':
        return this.#all()
      case 'link':
        return this.#one(question.name, 200)
      case 'create-link':
        return await this.#create(objectOf(question.link))
      case 'update-link':
        return await this.#update(question.name, question.link)
      case 'delete-link':
        return await this.#delete(question.name)
      case 'link-metrics':
        return this.#measured(question.name)
      case 'reset-link-metrics':
        return this.#reset(question.name)
      default:
        return assertNever(question)
    }
  }

  async #create(body: PlainObject): Promise<ApiAnswer> {
    const name = newName(body)
    return await this.#options.reloader.inTurn(async (turn) => {
      const { entries } = turn.links
      if (indexOf(entries, name) >= 0) return alreadyExists
      const { link, files } = this.#certificates.split(linkToKeep(body, name, null))
      const index = entries.length
      const why = `API: link ${name} created`
      await makeChange(turn, this.#certificates, { entries: [...entries, link], index, files, why })
      return this.#one(name, 201)
    })
  }

  async #update(name: string, body: unknown): Promise<ApiAnswer> {
    return await this.#change(name, async (turn, index, before) => {
      const kept = linkToKeep(objectOf(body), name, before)
      const { link, files } = this.#certificates.split(kept)
      const entries = turn.links.entries.with(index, link)
      const why = `API: link ${name} changed`
      await makeChange(turn, this.#certificates, { entries, index, files, why })
      return this.#one(name, 200)
    })
  }

  async #delete(name: string): Promise<ApiAnswer> {
    return await this.#change(name, async (turn, index) => {
      const entries = turn.links.entries.toSpliced(index, 1)
      const why = `API: link ${name} deleted`
      await makeChange(turn, this.#certificates, { entries, index: null, files: [], why })
      return { status: 204, body: null }
    })
  }

  /** Of a link that is there when its turn comes: of two that delete it, the second finds nothing. */
  async #change(
    name: string,
    work: (turn: ReloadTurn, index: number, before: PlainObject) => Promise<ApiAnswer>,
  ): Promise<ApiAnswer> {
    return await this.#options.reloader.inTurn(async (turn) => {
      const index = indexOf(turn.links.entries, name)
      const before = turn.links.entries[index]
      return before === undefined ? notFound : await work(turn, index, before)
    })
  }

  #all(): ApiAnswer {
    const states = new Map(this.#options.status().map((link) => [link.name, link]))
    const shown = this.#entries.map((link) => this.#shown(link, states.get(String(link.name))))
    return { status: 200, body: shown }
  }

  #one(name: string, status: 200 | 201): ApiAnswer {
    const link = this.#entries[indexOf(this.#entries, name)]
    if (link === undefined) return notFound
    return { status, body: this.#shown(link, this.#statusOf(name) ?? undefined) }
  }

  #measured(name: string): ApiAnswer {
    const status = this.#statusOf(name)
    if (status === null) return notFound
    const metrics = this.#metrics.read(status)
    return { status: 200, body: { metrics, node_metrics: [{ node: this.#options.node, metrics }] } }
  }

  #reset(name: string): ApiAnswer {
    const status = this.#statusOf(name)
    if (status === null) return notFound
    this.#metrics.reset(status)
    return { status: 204, body: null }
  }

  #shown(link: PlainObject, status: LinkStatus | undefined): unknown {
    return linkObject(link, status ?? null, this.#options.node)
  }

  #statusOf(name: string): LinkStatus | null {
    return this.#options.status().find((link) => link.name === name) ?? null
  }

  get #entries(): readonly PlainObject[] {
    return this.#options.reloader.links.entries
  }
}

function indexOf(entries: readonly PlainObject[], name: string): number {
  return entries.findIndex((link) => String(link.name) === name)
}
