/**
 * Lists all clients of a broker of ours as fast as one caller can that asks for one page after the other. It counts clients and
 * finds the cursor in the text of the answer: taking 400 KB of JSON apart would cost the generator's processor.
 */
import { managementLimits } from '../../limits.js'
import { parseAnswer } from '../../management/index.js'
import { askBrokerForText } from '../control-question.js'
import { benchFailed } from './failure.js'

export interface Listings {
  readonly clients: number
  /** Listings from the first page to the last. */
  readonly complete: number
  /** Clients of the smallest of them; 0: there was none. */
  readonly fewest: number
  /** From the question to the end of its answer. */
  readonly longestPageMs: number
}

const pageHead = /^\{"ok":true,"result":\{"next":(?:"([^"]*)"|null),"clients":/
const clientHead = '{"clientid":'

export class Lister {
  readonly #dataDir: string
  #stopped = false
  #longestPageMs = 0

  constructor(dataDir: string) {
    this.#dataDir = dataDir
  }

  /** One listing. @returns clients */
  async once(): Promise<number> {
    let listed = 0
    for await (const clients of this.#pages()) listed += clients
    return listed
  }

  /** One listing after the other until `stop`, which the last one does not wait for. @throws CausewayError BENCH_FAILED */
  async again(): Promise<Listings> {
    let clients = 0
    let complete = 0
    let fewest = 0
    while (!this.#stopped) {
      let listed = 0
      for await (const some of this.#pages()) listed += some
      clients += listed
      if (this.#stopped) break
      fewest = complete === 0 ? listed : Math.min(fewest, listed)
      complete++
    }
    return { clients, complete, fewest, longestPageMs: this.#longestPageMs }
  }

  stop(): void {
    this.#stopped = true
  }

  async *#pages(): AsyncGenerator<number> {
    for (let cursor: string | null = null, more = true; more && !this.#stopped; ) {
      const startedMs = performance.now()
      const limit = managementLimits.clientsPerPage
      const text = await askBrokerForText(this.#dataDir, { command: 'clients', limit, cursor })
      this.#longestPageMs = Math.max(this.#longestPageMs, performance.now() - startedMs)
      const head = pageHead.exec(text)
      if (head === null) throw benchFailed(`clients cannot be listed: ${complaintOf(text)}`)
      cursor = head[1] ?? null
      more = cursor !== null
      yield occurrences(text, clientHead)
    }
  }
}

function occurrences(text: string, of: string): number {
  let count = 0
  for (let at = text.indexOf(of); at >= 0; at = text.indexOf(of, at + of.length)) count++
  return count
}

function complaintOf(text: string): string {
  const answer = parseAnswer(text)
  return answer.ok ? 'the answer is no page' : answer.error.message
}
