/**
 * All clients, page by page. Clients are numbered as they come; a listing goes through those that were there when it began, in
 * that order, and each page begins behind the last one. So who stays is listed once, who comes meanwhile is not, and who goes and
 * comes again at most once. What a listing has reached is in its cursor: nothing is kept here between two pages.
 */
import { CausewayError } from '../errors.js'
import { managementLimits } from '../limits.js'
import type { ClientRoll } from '../session/index.js'
import { type ClientReport, clientReport } from './client-report.js'
import { JsonText } from './protocol.js'

export interface ClientPagesOptions {
  readonly clients: ClientRoll
  /** Runs a job in slices of the control thread. */
  readonly inSlices: (name: string, job: Iterator<void>) => Promise<void>
  readonly node: string
  /** Of this start of the broker: cursors of another one mean nothing. Lower-case letters and digits. */
  readonly start: string
}

export interface PageRequest {
  /** 1 … managementLimits.clientsPerPage */
  readonly limit: number
  /** Null: from the beginning. */
  readonly cursor: string | null
}

/** A page that is being made. */
interface Page {
  /** The serial number it has reached. */
  reached: number
  /** Of the last client of the listing. */
  readonly until: number
  readonly limit: number
  /** Each client as JSON. */
  readonly rows: string[]
  chars: number
  done: boolean
}

const cursorPattern = /^([0-9a-z]+)-([0-9a-z]{1,11})-([0-9a-z]{1,11})$/

export class ClientPages {
  readonly #options: ClientPagesOptions

  constructor(options: ClientPagesOptions) {
    this.#options = options
  }

  /** The text of a ClientsPage. @throws CausewayError CTL_CURSOR_INVALID */
  async page({ limit, cursor }: PageRequest): Promise<JsonText> {
    const { clients, inSlices } = this.#options
    const from = cursor === null ? { reached: 0, until: clients.newest } : this.#position(cursor)
    const page: Page = { ...from, limit, rows: [], chars: 0, done: false }
    await inSlices('a page of clients', this.#fill(page))
    const next = page.done ? null : this.#cursor(page)
    return new JsonText(`{"next":${JSON.stringify(next)},"clients":[${page.rows.join(',')}]}`)
  }

  /** @throws CausewayError CLIENT_UNKNOWN */
  one(clientId: string): ClientReport {
    const found = this.#options.clients.view(clientId)
    if (found !== null) return clientReport(found, this.#options.node)
    throw new CausewayError(
      'CLIENT_UNKNOWN',
      `there is no client ${JSON.stringify(clientId)}: it is not connected, and no session waits for it`,
    )
  }

  *#fill(page: Page): Generator<void> {
    const { clients, node } = this.#options
    for (;;) {
      const step = clients.after(page.reached, managementLimits.clientsPerStep)
      for (const client of step.clients) {
        if (client.serial > page.until) {
          page.done = true
          return
        }
        const row = JSON.stringify(clientReport(client, node))
        page.rows.push(row)
        page.chars += row.length
        page.reached = client.serial
        if (isFull(page)) {
          page.done = page.reached >= page.until
          return
        }
      }
      page.done = step.reached === null || step.reached >= page.until
      if (step.reached === null || page.done) return
      page.reached = step.reached
      yield
    }
  }

  #cursor({ reached, until }: Page): string {
    return [this.#options.start, reached.toString(36), until.toString(36)].join('-')
  }

  #position(cursor: string): Pick<Page, 'reached' | 'until'> {
    const [, start, ...numbers] = cursorPattern.exec(cursor) ?? []
    const [reached = 0, until = 0] = numbers.map((text) => Number.parseInt(text, 36))
    const { clients, start: ours } = this.#options
    if (start === ours && reached > 0 && reached < until && until <= clients.newest)
      return { reached, until }
    throw new CausewayError(
      'CTL_CURSOR_INVALID',
      'this cursor is none that the broker has given since its start: begin again without one',
    )
  }
}

function isFull({ rows, limit, chars }: Page): boolean {
  return rows.length >= limit || chars >= managementLimits.clientsPageChars
}
