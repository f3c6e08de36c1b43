/**
 * The listeners of the configuration on the engine: which come alive, what is said when one cannot.
 */
import { type Config, formatPosition, type ListenerConfig, type Position } from '../config/index.js'
import { CausewayError } from '../errors.js'
import { linkLimits } from '../limits.js'
import type { Log } from '../log.js'
import type { Engine, ListenerOptions } from '../native/index.js'

export interface ListenersOptions {
  readonly config: Config
  readonly engine: Pick<Engine, 'listen' | 'unlisten'>
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

/** Kinds that are accepted in the configuration and come with later releases. */
const comesWith: Readonly<Record<Exclude<ListenerConfig['kind'], 'tcp'>, string>> = {
  ssl: 'TLS',
  ws: 'WebSocket',
  wss: 'WebSocket over TLS',
}

/** Until a CONNECT has come whole, when `mqtt.idle_timeout` is infinite. */
const connectDeadlineMs = 60_000

export class Listeners {
  readonly #options: ListenersOptions
  readonly #open: OpenListener[] = []

  constructor(options: ListenersOptions) {
    this.#options = options
  }

  get open(): readonly OpenListener[] {
    return this.#open
  }

  /** @throws CausewayError LISTENER_*; the message names the key and where it was written */
  start(): void {
    const { config, engine, log } = this.#options
    for (const [id, listener] of config.listeners.entries()) {
      if (!listener.enable) continue
      if (listener.kind !== 'tcp') {
        this.#noteAsleep(listener, comesWith[listener.kind])
        continue
      }
      if (listener.mountpoint !== '') {
        log.warn(
          { event: 'mountpoint_ignored', listener: listener.path },
          'mountpoint has no effect yet',
        )
      }
      try {
        engine.listen(listenerOptions(id, listener, config))
      } catch (error) {
        throw this.#explained(error, listener)
      }
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
      log.warn(
        { event: 'no_listener' },
        'no listener accepts connections: all are switched off or not available yet',
      )
    }
  }

  /** Stops accepting; connections stay. */
  stop(): void {
    for (const { id } of this.#open.splice(0)) this.#options.engine.unlisten(id)
  }

  /** Only what the operator wrote is worth a warning; the defaults sleep quietly. */
  #noteAsleep(listener: ListenerConfig, transport: string): void {
    const { log, where } = this.#options
    const fields = {
      event: 'listener_not_available',
      listener: `${listener.kind}:${listener.name}`,
    }
    const message = `this listener does not accept connections yet: it comes with ${transport}`
    if (where(listener.path) === null) log.debug(fields, message)
    else log.warn(fields, message)
  }

  #explained(error: unknown, listener: ListenerConfig): unknown {
    if (!(error instanceof CausewayError)) return error
    const key = `${listener.path}.bind`
    const position = this.#options.where(key)
    const what =
      error.code === 'LISTENER_PORT_IN_USE'
        ? `port ${listener.port} is in use by another process`
        : `${bindText(listener)} cannot be bound: ${bindFailureText(error)}`
    const place = position === null ? ' (the default)' : ` (${formatPosition(position)})`
    return new CausewayError(error.code, `${key}${place}: ${what}`, {
      detail: { ...error.detail, listener: listener.path, port: listener.port },
      cause: error,
    })
  }
}

/** What the usual refusals of bind(2) mean for the person who wrote the address. */
function bindFailureText({ message, detail }: CausewayError): string {
  if (detail.error === 'EADDRNOTAVAIL') return 'it is not an address of this machine'
  if (detail.error === 'EACCES') return 'ports below 1024 need more rights'
  return message
}

export function bindText({ host, port }: ListenerConfig): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function listenerOptions(id: number, listener: ListenerConfig, { mqtt }: Config): ListenerOptions {
  return {
    id,
    host: listener.host,
    port: listener.port,
    backlog: listener.tcp.backlog,
    connectionsMax: listener.maxConnections ?? 0,
    packetBytesMax: listener.enableLink
      ? Math.max(mqtt.maxPacketBytes, linkLimits.listenerPacketBytesMin)
      : mqtt.maxPacketBytes,
    connectDeadlineMs: mqtt.idleTimeoutMs ?? connectDeadlineMs,
    highWatermarkBytes: listener.tcp.highWatermarkBytes,
    sendTimeoutMs: listener.tcp.sendTimeoutMs,
    noDelay: listener.tcp.nodelay,
  }
}
