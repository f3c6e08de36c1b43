/**
 * The listeners of the configuration on the engine: which come alive, what is said when one cannot.
 */
import type { Timers } from '../clock.js'
import {
  type Config,
  formatPosition,
  type ListenerConfig,
  type Position,
  type WsListenerConfig,
  type WssListenerConfig,
} from '../config/index.js'
import { CausewayError } from '../errors.js'
import type { Log } from '../log.js'
import type { Engine, ListenerState } from '../native/index.js'
import type { TlsContexts } from '../tls/index.js'
import { type EdgeDoor, edgeListener, edgeTls } from './edge.js'
import { listenerOptions } from './options.js'
import { Refusals } from './refusals.js'

export interface ListenersOptions {
  readonly config: Config
  readonly engine: Pick<Engine, 'listen' | 'unlisten' | 'listenerState'>
  readonly tls: Pick<TlsContexts, 'open' | 'watch'>
  /** Accepts for WebSocket listeners. */
  readonly edge: EdgeDoor
  readonly timers: Timers
  readonly log: Log
  /** Where a configuration key was written; null: it is a default. */
  readonly where: (path: string) => Position | null
}

/** A listener that accepts connections. */
export interface OpenListener {
  /** Number in `connect` events. */
  readonly id: number
  readonly config: ListenerConfig
}

export class Listeners {
  readonly #options: ListenersOptions
  readonly #open: OpenListener[] = []
  readonly #refusals: Refusals

  constructor(options: ListenersOptions) {
    this.#options = options
    this.#refusals = new Refusals(options)
  }

  get open(): readonly OpenListener[] {
    return this.#open
  }

  /** @throws CausewayError LISTENER_*; the message names the key and where it was written */
  start(): void {
    const { config, engine, log, tls } = this.#options
    for (const [id, listener] of config.listeners.entries()) {
      if (!listener.enable) continue
      if (this.#lacksCertificate(listener)) {
        this.#noteCertificate(listener)
        continue
      }
      const context =
        listener.kind === 'ssl' ? tls.open({ side: 'server', config: listener.tls }) : 0
      try {
        engine.listen(listenerOptions(id, listener, config, context))
      } catch (error) {
        if (isInUse(error) && this.#mayStayClosed(listener)) {
          this.#noteInUse(listener)
          continue
        }
        throw this.#explained(error, listener)
      }
      if (listener.kind === 'ws' || listener.kind === 'wss') this.#openOnEdge(id, listener)
      this.#open.push({ id, config: listener })
      log.info(
        {
          event: 'listener_started',
          listener: `${listener.kind}:${listener.name}`,
          bind: bindText(listener),
        },
        'listening',
      )
    }
    if (this.#open.length === 0) {
      log.warn({ event: 'no_listener' }, 'no listener accepts connections: all are switched off')
      return
    }
    this.#refusals.start(this.#open)
  }

  /** After its `listen`, which has found the port free. @throws CausewayError TLS_UNUSABLE */
  #openOnEdge(id: number, listener: WsListenerConfig | WssListenerConfig): void {
    const { edge, tls } = this.#options
    if (listener.kind === 'ws') {
      const mayStayClosed = this.#mayStayClosed(listener)
      edge.open({ ...edgeListener(id, listener, null), mayStayClosed })
      return
    }
    const { tls: config } = listener
    const contents = tls.watch({ side: 'server', config }, (changed) =>
      edge.renew(id, edgeTls(config, changed)),
    )
    edge.open(edgeListener(id, listener, edgeTls(config, contents)))
  }

  /** The edge found the port of a listener in use after all: two brokers started at once. */
  closedByEdge(id: number): void {
    const at = this.#open.findIndex((one) => one.id === id)
    const [closed] = at < 0 ? [] : this.#open.splice(at, 1)
    if (closed !== undefined) this.#noteInUse(closed.config)
  }

  /** What happened at each open listener, by its name. */
  states(): (ListenerState & { readonly listener: string })[] {
    return this.#open.flatMap(({ id, config }) => {
      const state = this.#options.engine.listenerState(id)
      return state === null ? [] : [{ listener: `${config.kind}:${config.name}`, ...state }]
    })
  }

  /** Stops accepting; connections stay. */
  stop(): void {
    this.#refusals.stop()
    this.#options.edge.stopListening()
    for (const { id } of this.#open.splice(0)) this.#options.engine.unlisten(id)
  }

  /**
   * The default WebSocket listener, of which nobody has written a word: whoever runs two brokers on one machine, each with its own MQTT
   * port, need not think of it.
   */
  #mayStayClosed(listener: ListenerConfig): boolean {
    return listener.kind === 'ws' && this.#options.where(listener.path) === null
  }

  #noteInUse(listener: ListenerConfig): void {
    this.#options.log.warn(
      { event: 'listener_default_in_use', listener: `${listener.kind}:${listener.name}` },
      `no WebSocket: port ${listener.port} is in use by another process; set ${listener.path}.bind, or ${listener.path}.enable = false`,
    )
  }

  /** A default TLS listener, of which nobody has written a word. */
  #lacksCertificate(listener: ListenerConfig): boolean {
    return (
      (listener.kind === 'ssl' || listener.kind === 'wss') &&
      listener.tls.certFile === null &&
      listener.tls.keyFile === null &&
      this.#options.where(listener.path) === null
    )
  }

  #noteCertificate(listener: ListenerConfig): void {
    this.#options.log.info(
      { event: 'listener_without_certificate', listener: `${listener.kind}:${listener.name}` },
      `no TLS on port ${listener.port}: give ${listener.path}.ssl_options.certfile and .keyfile, or set ${listener.path}.enable = false`,
    )
  }

  #explained(error: unknown, listener: ListenerConfig): unknown {
    if (!(error instanceof CausewayError)) return error
    const key = `${listener.path}.bind`
    const position = this.#options.where(key)
    const what =
      error.code === 'LISTENER_PORT_IN_USE'
        ? `${listener.kind === 'unix' ? listener.socketPath : `port ${listener.port}`} is in use by another process`
        : `${bindText(listener)} cannot be bound: ${bindFailureText(error)}`
    const place = position === null ? ' (the default)' : ` (${formatPosition(position)})`
    return new CausewayError(error.code, `${key}${place}: ${what}`, {
      detail: { ...error.detail, listener: listener.path, port: listener.port },
      cause: error,
    })
  }
}

function isInUse(error: unknown): boolean {
  return error instanceof CausewayError && error.code === 'LISTENER_PORT_IN_USE'
}

/** What the usual refusals of bind(2) mean for the person who wrote the address. */
function bindFailureText({ message, detail }: CausewayError): string {
  switch (detail.error) {
    case 'EADDRNOTAVAIL':
      return 'it is not an address of this machine'
    case 'EACCES':
      return detail.path === '' || detail.path === undefined
        ? 'ports below 1024 need more rights'
        : 'the directory may not be written'
    case 'EEXIST':
      return 'a file of another kind is in its place'
    case 'ENOENT':
      return 'there is no such directory'
    default:
      return message
  }
}

/** `1.2.3.4:1883`, `[::]:1883`, `:1883` for every address, or the path of a Unix socket. */
export function bindText(listener: ListenerConfig): string {
  if (listener.kind === 'unix') return listener.socketPath
  const { host, port } = listener
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
