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
    }
  }

  #use(kind: 'ssl' | 'ws'): string {
    const there = this.#options.config.listeners.find((one) => one.kind === kind && one.enable)
    return there === undefined ? `no ${kind} listener is enabled` : `use ${kind} ${there.port}`
  }
}
