/**
 * The metrics of links under EMQX's names, since their last reset. What `causeway ctl links` counts is never reset: the values at
 * the reset are subtracted here.
 */
import type { Clock, Timer, Timers } from '../../clock.js'
import { managementLimits } from '../../limits.js'
import type { LinkStatus } from '../../link/index.js'
import { RateMeter } from './rate.js'

export interface LinkMetrics {
  readonly router: { readonly routes: number }
  readonly forwarding: Readonly<Record<string, number>>
}

/** EMQX's counter → ours that it is the sum of (native/link/link_metrics.h). */
const sums = {
  matched: ['matched'],
  success: ['acked', 'sent_qos0'],
  failed: ['rejected', 'oversize', 'undeliverable'],
  dropped: ['expired', 'overflowed', 'dropped'],
  retried: ['retried'],
} as const
const gauges = { queuing: 'queued', inflight: 'inflight' } as const

interface Reset {
  readonly atMs: number
  readonly counters: Readonly<Record<string, number>>
  readonly routes: number
}

export interface LinkMetricsOptions {
  readonly clock: Pick<Clock, 'monotonicMs'>
  readonly timers: Timers
  links(): readonly LinkStatus[]
}

export class LinkMetricsKeeper {
  readonly #options: LinkMetricsOptions
  readonly #meters = new Map<string, RateMeter>()
  readonly #resets = new Map<string, Reset>()
  #timer: Timer | null = null

  constructor(options: LinkMetricsOptions) {
    this.#options = options
  }

  start(): void {
    this.#sample()
    this.#timer = this.#options.timers.after(managementLimits.rateSampleMs, () => this.start())
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = null
  }

  read({ name, counters, routesIn }: LinkStatus): LinkMetrics {
    const reset = this.#resetOf(name, counters)
    const since = (key: string) => (counters[key] ?? 0) - (reset?.counters[key] ?? 0)
    const summed = Object.entries(sums).map(([metric, of]) => [
      metric,
      of.reduce((sum, key) => sum + since(key), 0),
    ])
    const read = Object.entries(gauges).map(([metric, key]) => [metric, counters[key] ?? 0])
    const { now, last5m, max } = this.#meters.get(name)?.read() ?? { now: 0, last5m: 0, max: 0 }
    return {
      router: { routes: this.#isUntallied(reset, routesIn) ? 0 : routesIn },
      forwarding: {
        ...Object.fromEntries([...summed, ...read]),
        rate: now,
        rate_last5m: last5m,
        rate_max: max,
      },
    }
  }

  reset({ name, counters, routesIn }: LinkStatus): void {
    const atMs = this.#options.clock.monotonicMs()
    this.#resets.set(name, { atMs, counters, routes: routesIn })
    this.#meters.set(name, new RateMeter(atMs, counters.matched ?? 0))
  }

  /** Routes show again with the first that comes or goes, and after the time of EMQX's tally. */
  #isUntallied(reset: Reset | undefined, routes: number): boolean {
    if (reset === undefined || reset.routes !== routes) return false
    return this.#options.clock.monotonicMs() - reset.atMs < managementLimits.routeTallyMs
  }

  /** Not that of a link of the same name before this one. */
  #resetOf(name: string, counters: LinkStatus['counters']): Reset | undefined {
    const reset = this.#resets.get(name)
    const isOlder = Object.values(sums)
      .flat()
      .some((key) => (counters[key] ?? 0) < (reset?.counters[key] ?? 0))
    return isOlder ? undefined : reset
  }

  #sample(): void {
    const atMs = this.#options.clock.monotonicMs()
    const links = this.#options.links()
    const names = new Set(links.map(({ name }) => name))
    for (const { name, counters } of links) {
      const meter = this.#meters.get(name)
      const total = counters.matched ?? 0
      if (meter === undefined) this.#meters.set(name, new RateMeter(atMs, total))
      else meter.sample(atMs, total)
    }
    for (const name of [...this.#meters.keys(), ...this.#resets.keys()]) {
      if (names.has(name)) continue
      this.#meters.delete(name)
      this.#resets.delete(name)
    }
  }
}
