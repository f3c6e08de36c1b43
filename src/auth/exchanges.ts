/**
 * The exchanges in progress: one for each connection that authenticates with AUTH packets, before its CONNACK or later. Each has
 * a deadline, a number of rounds and a size of data. Source: MQTT 5.0 §4.12.
 */
import type { Clock, Timers } from '../clock.js'
import { authLimits } from '../limits.js'
import { DeadlineClock } from '../session/index.js'
import type { Slicer } from '../slices.js'
import { begun, type ScramServer, type ScramState, scramStep } from './scram/index.js'

export interface Exchange<T> {
  readonly connection: number
  /** Whose it is. */
  readonly of: T
  state: ScramState
  rounds: number
}

/** What a message of the client leads to. */
export type ExchangeStep =
  | { readonly kind: 'continue'; readonly data: Buffer }
  | {
      readonly kind: 'done'
      readonly data: Buffer
      readonly username: string
      readonly superuser: boolean
    }
  | { readonly kind: 'failed'; readonly data: Buffer | null; readonly reason: string }
  | { readonly kind: 'too-large' }

export interface ExchangesOptions<T> {
  readonly server: ScramServer
  readonly clock: Clock
  readonly timers: Timers
  readonly slicer: Slicer
  /** The server's part of a nonce, fresh and unguessable. */
  readonly nonce: () => string
  /** The exchange is over: its time has passed. */
  readonly expired: (exchange: Exchange<T>) => void
}

export class Exchanges<T> {
  readonly #options: ExchangesOptions<T>
  /** By connection. Bound: one for each. */
  readonly #open = new Map<number, Exchange<T>>()
  readonly #deadlines: DeadlineClock<Exchange<T>>

  constructor(options: ExchangesOptions<T>) {
    this.#options = options
    this.#deadlines = new DeadlineClock({
      ...options,
      run: (exchange) => {
        this.end(exchange.connection)
        options.expired(exchange)
      },
    })
  }

  get size(): number {
    return this.#open.size
  }

  get(connection: number): Exchange<T> | null {
    return this.#open.get(connection) ?? null
  }

  begin(connection: number, of: T): Exchange<T> {
    const exchange = { connection, of, state: begun, rounds: 0 }
    this.#open.set(connection, exchange)
    this.#deadlines.set(exchange, this.#options.clock.monotonicMs() + authLimits.exchangeMs)
    return exchange
  }

  /** Also of a connection that has none. */
  end(connection: number): void {
    const exchange = this.#open.get(connection)
    if (exchange === undefined) return
    this.#open.delete(connection)
    this.#deadlines.set(exchange, Number.POSITIVE_INFINITY)
  }

  /**
   * One message of the client. Every step but `continue` ends the exchange.
   * @param data null: none, which asks the server to begin; SCRAM lets the client begin, so it is asked in turn (RFC 4422 §3)
   */
  step(exchange: Exchange<T>, data: Buffer | null): ExchangeStep {
    const step = this.#step(exchange, data)
    if (step.kind !== 'continue') this.end(exchange.connection)
    return step
  }

  stop(): void {
    this.#deadlines.stop()
  }

  #step(exchange: Exchange<T>, data: Buffer | null): ExchangeStep {
    exchange.rounds++
    if (exchange.rounds > authLimits.exchangeRounds)
      return { kind: 'failed', data: null, reason: 'more messages than an exchange has' }
    if ((data?.length ?? 0) > authLimits.exchangeDataBytes) return { kind: 'too-large' }
    if (exchange.state.kind === 'begun' && (data === null || data.length === 0))
      return { kind: 'continue', data: Buffer.alloc(0) }
    const { server, nonce } = this.#options
    const step = scramStep(server, exchange.state, data ?? Buffer.alloc(0), nonce())
    switch (step.kind) {
      case 'continue':
        exchange.state = step.state
        return { kind: 'continue', data: step.message }
      case 'done': {
        const { message, username, superuser } = step
        return { kind: 'done', data: message, username, superuser }
      }
      case 'failed':
        return { kind: 'failed', data: step.message, reason: step.error }
    }
  }
}
