/** The edge thread as control holds it: begun when there are WebSocket listeners, ended by message. */
import { setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { CausewayError } from '../errors.js'
import { edgeLimits } from '../limits.js'
import type { EdgeDoor, EdgeListener, EdgeTls } from '../listener/index.js'
import type { EdgeSettings, EdgeStarted, FirstWord, FromEdge, ToEdge } from './messages.js'

export interface EdgeThreadOptions extends Omit<EdgeSettings, 'listeners'> {
  /** New certificates of a listener, given by its path, could not be used. */
  readonly onRenewFailed: (listener: string, why: string) => void
  /** It ended with an error, or without having been asked to. */
  readonly onFatal: (error: unknown) => void
}

/** Owner: main. Thread: control. */
export class EdgeThread implements EdgeDoor {
  readonly #options: EdgeThreadOptions
  readonly #listeners: EdgeListener[] = []
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

  /**
   * Resolves when all listeners are open, or have stayed closed that may; null: there are none and no thread, or it was stopped
   * meanwhile.
   * @throws CausewayError LISTENER_BIND_FAILED, TLS_UNUSABLE
   */
  async start(): Promise<EdgeStarted | null> {
    const { ringBytes, stallMs, library } = this.#options
    if (this.#listeners.length === 0 || this.#state !== 'new') return null
    const settings: EdgeSettings = { listeners: this.#listeners, ringBytes, stallMs, library }
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
    throw failure(said)
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
        if (said.kind === 'broke') broke(said.error)
        else if (said.kind === 'renew-failed') this.#options.onRenewFailed(said.listener, said.why)
        else resolve(said)
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

  #tell(message: ToEdge): void {
    this.#worker?.postMessage(message)
  }
}

function failure({ listener, key, why }: FirstWord & { kind: 'failed' }): CausewayError {
  return key === 'bind'
    ? new CausewayError('LISTENER_BIND_FAILED', `${listener}.bind: cannot be bound: ${why}`, {
        detail: { listener },
      })
    : new CausewayError('TLS_UNUSABLE', `${listener}.ssl_options: ${why}`, { detail: { listener } })
}
