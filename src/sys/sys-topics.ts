/**
 * When `$SYS/brokers/…` is published. QoS 0, as EMQX; version, sysdescr and the list of brokers are retained. What is not
 * retained is made only while somebody is subscribed under `$SYS/`.
 */
import type { Clock, Timer, Timers } from '../clock.js'
import type { SysTopicsConfig } from '../config/index.js'
import { mqttLimits } from '../limits.js'
import { publishPacket } from '../mqtt/index.js'
import type { Engine, SubscriptionOp } from '../native/index.js'
import type { Candidate, SessionObserver } from '../session/index.js'
import {
  connectedPayload,
  disconnectedPayload,
  disconnectReasonText,
  type SysClient,
  subscribedPayload,
  unsubscribedPayload,
} from './events.js'
import { figure, metricTopics, statisticTopics } from './figures.js'

export type { SysClient } from './events.js'

export interface SysTopicsOptions {
  readonly config: SysTopicsConfig
  readonly nodeName: string
  readonly version: string
  readonly engine: Pick<Engine, 'publish'>
  readonly clock: Clock
  readonly timers: Timers
  /** Whether somebody is subscribed under `$SYS/`. */
  readonly heard: () => boolean
  /** All metrics now. */
  readonly metrics: () => Readonly<Record<string, number>>
}

const description = 'Causeway'
const noProperties = Buffer.alloc(0)
/** What a topic name may not hold; a client id or a node name may. */
const noTopic = /[+#\0]/

export class SysTopics {
  readonly #options: SysTopicsOptions
  readonly #prefix: string
  readonly #startedMs: number
  readonly #highest = new Map<string, number>()
  #timers: Timer[] = []
  #running = false

  constructor(options: SysTopicsOptions) {
    this.#options = options
    this.#prefix = `$SYS/brokers/${options.nodeName}`
    this.#startedMs = options.clock.monotonicMs()
  }

  start(): void {
    const { sysMsgIntervalMs, sysHeartbeatIntervalMs } = this.#options.config
    this.#running = true
    this.#every(sysHeartbeatIntervalMs, 0, () => this.#heartbeat())
    this.#every(sysMsgIntervalMs, 1, () => this.#tick())
  }

  stop(): void {
    this.#running = false
    for (const timer of this.#timers) timer.cancel()
  }

  /** For the session directory: what `sys_event_messages` asks to be told. */
  observer(): SessionObserver<SysClient & Candidate> {
    const { clientConnected, clientDisconnected, clientSubscribed, clientUnsubscribed } =
      this.#options.config.events
    const now = () => this.#options.clock.wallMs()
    return {
      connected: clientConnected
        ? (client) => this.#event(client, 'connected', () => connectedPayload(client, now()))
        : null,
      disconnected: clientDisconnected
        ? (client, cause, reasonCode) =>
            this.#event(client, 'disconnected', () =>
              disconnectedPayload(client, disconnectReasonText(cause, reasonCode), now()),
            )
        : null,
      subscribed: clientSubscribed
        ? (client, session, ops) => {
            for (const op of ops)
              if (op.op === 'subscribe')
                this.#event(client, 'subscribed', () =>
                  subscribedPayload(client, session, op, now()),
                )
          }
        : null,
      unsubscribed: clientUnsubscribed
        ? (client, ops: readonly SubscriptionOp[]) => {
            for (const op of ops)
              this.#event(client, 'unsubscribed', () => unsubscribedPayload(client, op, now()))
          }
        : null,
    }
  }

  // --------------------------------------------------------------------------------------- private

  #every(intervalMs: number | null, at: number, run: () => void): void {
    if (intervalMs === null) return
    this.#timers[at] = this.#options.timers.after(intervalMs, () => {
      run()
      if (this.#running) this.#every(intervalMs, at, run)
    })
  }

  #heartbeat(): void {
    if (!this.#options.heard()) return
    const { clock } = this.#options
    this.#publish('uptime', `${Math.floor(clock.monotonicMs() - this.#startedMs)}`)
    this.#publish('datetime', new Date(clock.wallMs()).toISOString())
  }

  #tick(): void {
    const { version, nodeName, metrics, heard } = this.#options
    this.#publish('version', version, true)
    this.#publish('sysdescr', description, true)
    this.#publishTo('$SYS/brokers', nodeName, true)
    const read = metrics()
    for (const [topic, names] of Object.entries(statisticTopics)) {
      const now = figure(read, names)
      const highest = Math.max(now, this.#highest.get(topic) ?? 0)
      this.#highest.set(topic, highest)
      if (!heard()) continue
      this.#publish(`stats/${topic}/count`, `${now}`)
      this.#publish(`stats/${topic}/max`, `${highest}`)
    }
    if (!heard()) return
    for (const [topic, names] of Object.entries(metricTopics))
      this.#publish(`metrics/${topic}`, `${figure(read, names)}`)
  }

  #event({ clientId }: SysClient, event: string, payload: () => object): void {
    if (!this.#running || !this.#options.heard()) return
    this.#publish(`clients/${clientId}/${event}`, JSON.stringify(payload()))
  }

  #publish(topic: string, payload: string, retain = false): void {
    this.#publishTo(`${this.#prefix}/${topic}`, payload, retain)
  }

  /** A client id may hold what a topic may not; nobody could be told of such a one. */
  #publishTo(topic: string, payload: string, retain: boolean): void {
    if (noTopic.test(topic) || Buffer.byteLength(topic) > mqttLimits.stringBytes) return
    const packet = publishPacket(topic, Buffer.from(payload), 0, retain, noProperties)
    this.#options.engine.publish({ loop: 0, packet, clientId: '' })
  }
}
