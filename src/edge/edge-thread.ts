/** The edge thread as control holds it: begun when there are WebSocket listeners or the HTTP API is on, ended by message. */
import { setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { formatPosition, type Position } from '../config/index.js'
import { CausewayError } from '../errors.js'
import { edgeLimits } from '../limits.js'
import type { EdgeDoor, EdgeListener, EdgeTls } from '../listener/index.js'
import type { ApiAnswer, ApiKeys, ApiQuestion, ApiReport } from '../management/api/index.js'
import type { EdgeApi, EdgeSettings, EdgeStarted, FirstWord, FromEdge, ToEdge } from './messages.js'

/** The HTTP API: its listener, and who answers what is asked there. */
export interface ApiOffer {
  readonly listener: EdgeApi
  answer(question: ApiQuestion): Promise<ApiAnswer>
  /** Once a second at most. */
  onReport(report: ApiReport): void
  /** A mistake of ours; who asked was told that there is one. */
  onMistake(error: unknown): void
}

export interface EdgeThreadOptions extends Omit<EdgeSettings, 'listeners' | 'api'> {
  /** Where a configuration key was written; null: it is a default. */
  readonly where: (key: string) => Position | null
  /** New certificates of a listener, given by its path, could not be used. */
  readonly onRenewFailed: (listener: string, why: string) => void
  /** It ended with an error, or without having been asked to. */
  readonly onFatal: (error: unknown) => void
}

/** Owner: main. Thread: control. */
export class EdgeThread implements EdgeDoor {
  readonly #options: EdgeThreadOptions
  readonly #listeners: EdgeListener[] = []
  #api: ApiOffer | null = null
  #worker: Worker | null = null
  #ended: Promise<void> = Promise.resolve()
  #state: 'new' | 'starting' | 'running' | 'stopping' = 'new'

  constructor(options: EdgeThreadOptions) {
    this.#options = options
  }

  open(listener: EdgeListener): void {
    this.#listeners.push(listener)
  }

  renew(listener: number, tls: EdgeTls): void {
    this.#tell({ kind: 'renew', listener, tls })
  }

  /** API keys that count from now on. */
  renewKeys(keys: ApiKeys): void {
    this.#tell({ kind: 'keys', keys })
  }

  /**
   * Resolves when all listeners, and the API where `offer` is not null, are open, or have stayed closed that may; null: there are none and no thread, or it was stopped
   * meanwhile.
   * @throws CausewayError LISTENER_PORT_IN_USE, LISTENER_BIND_FAILED, TLS_UNUSABLE
   */
  async start(offer: ApiOffer | null): Promise<EdgeStarted | null> {
    const { ringBytes, stallMs, library } = this.#options
    const api = offer?.listener ?? null
    if ((this.#listeners.length === 0 && api === null) || this.#state !== 'new') return null
    this.#api = offer
    const listeners = this.#listeners
    const settings: EdgeSettings = { listeners, ringBytes, stallMs, library, api }
    const worker = new Worker(new URL('./edge-worker.js', import.meta.url), {
      workerData: settings,
      name: 'edge',
    })
    this.#worker = worker
    this.#state = 'starting'
    const said = await this.#firstWord(worker)
    if (said === null) return null
    if (said.kind === 'listening') {
      if (this.#state === 'starting') this.#state = 'running'
      return said
    }
    throw this.#failure(said)
  }

  stopListening(): void {
    this.#tell({ kind: 'stop-listening' })
  }

  /**
   * After the engine has said goodbye to all clients. Never terminates the thread; who waits longer than `stopMs` goes on without it.
   * False: it has not ended. Idempotent.
   */
  async stop(): Promise<boolean> {
    this.#state = 'stopping'
    this.#tell({ kind: 'stop' })
    const patience = new AbortController()
    const impatience = delay(edgeLimits.stopMs, undefined, {
      ref: false,
      signal: patience.signal,
    }).catch(() => {})
    await Promise.race([this.#ended, impatience])
    patience.abort()
    this.#worker?.unref()
    return this.#worker === null
  }

  /** What the thread says first; null: it was stopped before. */
  #firstWord(worker: Worker): Promise<FirstWord | null> {
    return new Promise((resolve, reject) => {
      const broke = (error: unknown) => {
        if (this.#state === 'running') this.#options.onFatal(error)
        else reject(error)
      }
      worker.on('message', (said: FromEdge) => {
        switch (said.kind) {
          case 'broke':
            broke(said.error)
            return
          case 'renew-failed':
            this.#options.onRenewFailed(said.listener, said.why)
            return
          case 'ask':
            void this.#answer(said.id, said.question)
            return
          case 'report':
            this.#api?.onReport(said.report)
            return
          case 'api-failed':
            this.#api?.onMistake(said.error)
            return
          default:
            resolve(said)
        }
      })
      worker.once('error', broke)
      this.#ended = new Promise((end) => {
        worker.once('exit', () => {
          this.#worker = null
          end()
          resolve(null)
          if (this.#state === 'running')
            this.#options.onFatal(new Error('the edge thread ended by itself'))
        })
      })
    })
  }

  /** What cannot be answered is our mistake, and no reason to leave everybody else alone. */
  async #answer(id: number, question: ApiQuestion): Promise<void> {
    const api = this.#api
    if (api === null) return
    let answer: ApiAnswer
    try {
      answer = await api.answer(question)
    } catch (error) {
      api.onMistake(error)
      const body = { code: 'INTERNAL_ERROR', message: 'a mistake of ours: see the log' }
      answer = { status: 500, body }
    }
    this.#tell({ kind: 'answer', id, answer })
  }

  #failure({ listener, key, errno, why }: FirstWord & { kind: 'failed' }): CausewayError {
    const position = this.#options.where(`${listener}.${key}`)
    const at = position === null ? null : formatPosition(position)
    const place = at === null ? '' : ` (${at})`
    const detail = { listener }
    if (key === 'ssl_options') {
      const message = `${at === null ? '' : `${at}: `}${listener}.${key}: ${why}`
      return new CausewayError('TLS_UNUSABLE', message, { detail })
    }
    return errno === 'EADDRINUSE'
      ? new CausewayError(
          'LISTENER_PORT_IN_USE',
          `${listener}.bind${place}: the port is in use by another process`,
          { detail },
        )
      : new CausewayError(
          'LISTENER_BIND_FAILED',
          `${listener}.bind${place}: cannot be bound: ${why}`,
          { detail },
        )
  }

  #tell(message: ToEdge): void {
    this.#worker?.postMessage(message)
  }
}
