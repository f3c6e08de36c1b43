/**
 * Who was turned away at the door, in the log: at most one line a listener and second, however many came. The loops
 * count; here the difference is looked at once a second.
 */
import type { Timer, Timers } from '../clock.js'
import type { Config, ListenerConfig } from '../config/index.js'
import type { Log } from '../log.js'
import type { Engine, ListenerState } from '../native/index.js'

export interface RefusalsOptions {
  readonly config: Config
  readonly engine: Pick<Engine, 'listenerState'>
  readonly timers: Timers
  readonly log: Log
}

type Kind = (typeof kinds)[number]

/** What is worth a line; the rest is in the counters. */
const kinds = [
  'refused_full',
  'refused_access',
  'connect_timeouts',
  'proxy_refused',
  'not_mqtt_tls',
  'not_mqtt_http',
  'not_mqtt_proxy',
  'not_mqtt_other',
  'ws_refused_rate',
  'ws_refused_path',
  'ws_refused_http',
  'ws_refused_subprotocol',
  'ws_refused_origin',
  'ws_refused_request',
  'ws_refused_tls',
  'ws_text_frames',
  'ws_large_messages',
  'ws_malformed_frames',
] as const satisfies readonly (keyof ListenerState)[]

const everyMs = 1_000

interface Watched {
  readonly id: number
  readonly config: ListenerConfig
  /** By kind, as they were when we looked last. */
  seen: ListenerState | null
}

export class Refusals {
  readonly #options: RefusalsOptions
  #watched: Watched[] = []
  #timer: Timer | null = null

  constructor(options: RefusalsOptions) {
    this.#options = options
  }

  start(open: readonly { readonly id: number; readonly config: ListenerConfig }[]): void {
    this.#watched = open.map(({ id, config }) => ({ id, config, seen: null }))
    this.#again()
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = null
  }

  #again(): void {
    this.#timer = this.#options.timers.after(everyMs, () => {
      for (const watched of this.#watched) this.#look(watched)
      this.#again()
    })
  }

  #look(watched: Watched): void {
    const { engine, log } = this.#options
    const state = engine.listenerState(watched.id)
    if (state === null) return
    const before = watched.seen
    watched.seen = state
    const more = kinds.flatMap((kind): [Kind, number][] => {
      const count = state[kind] - (before?.[kind] ?? 0)
      return count > 0 ? [[kind, count]] : []
    })
    if (more.length === 0) return
    const { kind, name } = watched.config
    log.warn(
      {
        event: 'listener_refused',
        listener: `${kind}:${name}`,
        ...Object.fromEntries(more),
        peer: state.refusedPeer,
        hint: more.map(([one]) => this.#hint(one, watched.config)).join('; '),
      },
      'connections were turned away',
    )
  }

  /** What whoever runs the broker may do about it. */
  #hint(kind: Kind, listener: ListenerConfig): string {
    const name = `${listener.kind}:${listener.name}`
    switch (kind) {
      case 'refused_full':
        return `${listener.path}.max_connections is reached`
      case 'refused_access':
        return `${listener.path}.access_rules deny the address`
      case 'connect_timeouts':
        return 'no CONNECT came within mqtt.idle_timeout'
      case 'proxy_refused':
        return `${name} has proxy_protocol = true, and no PROXY header came`
      case 'not_mqtt_tls':
        return `TLS on the listener ${name}: ${this.#use('ssl')}`
      case 'not_mqtt_http':
        return `HTTP on the listener ${name}: ${this.#use('ws')}`
      case 'not_mqtt_proxy':
        return `a PROXY header on ${name}, which has proxy_protocol = false`
      case 'not_mqtt_other':
        return `what came first on ${name} is no MQTT CONNECT`
      case 'ws_refused_rate':
        return `${listener.path}.max_conn_rate is exceeded`
      case 'ws_refused_path':
        return `the WebSocket of ${name} is at ${listener.path}.websocket.mqtt_path`
      case 'ws_refused_http':
        return `HTTP on ${name} that does not ask for a WebSocket`
      case 'ws_refused_subprotocol':
        return `a subprotocol of ${listener.path}.websocket.supported_subprotocols is to be named`
      case 'ws_refused_origin':
        return `the Origin is not in ${listener.path}.websocket.check_origins`
      case 'ws_refused_request':
        return `what came on ${name} is no HTTP, too large or too late`
      case 'ws_refused_tls':
        return `no TLS handshake on ${name}: it needs wss://, and a certificate where ${listener.path}.ssl_options asks for one`
      case 'ws_text_frames':
        return `MQTT is binary, and text came on ${name}`
      case 'ws_large_messages':
        return `${listener.path}.websocket.max_frame_size is exceeded`
      case 'ws_malformed_frames':
        return `frames that are none came on ${name}`
    }
  }

  #use(kind: 'ssl' | 'ws'): string {
    const there = this.#options.config.listeners.find((one) => one.kind === kind && one.enable)
    return there === undefined ? `no ${kind} listener is enabled` : `use ${kind} ${there.port}`
  }
}
