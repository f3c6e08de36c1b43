/** Reading of all metrics in one place: control counters, control gauges, the data plane's counters. */
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'
import { type ControlGauge, type ControlMetric, controlMetrics } from './names.js'

/** Plain numbers, incremented in place by the rooms that own the events. */
export type ControlCounters = Record<ControlMetric, number>

export function controlCounters(): ControlCounters {
  // Cannot lie: the keys are those of the table.
  return Object.fromEntries(Object.keys(controlMetrics).map((name) => [name, 0])) as ControlCounters
}

export interface MetricSources {
  readonly counters: ControlCounters
  readonly native: () => Readonly<Record<string, number>>
  readonly gauges: () => Readonly<
    Record<Exclude<ControlGauge, 'control_delay_p99_ms' | 'control_delay_max_ms'>, number>
  >
}

const delayResolutionMs = 10
const nanosecondsPerMs = 1e6

export class Metrics {
  readonly #sources: MetricSources
  readonly #delay: IntervalHistogram = monitorEventLoopDelay({ resolution: delayResolutionMs })

  constructor(sources: MetricSources) {
    this.#sources = sources
  }

  start(): void {
    this.#delay.enable()
  }

  stop(): void {
    this.#delay.disable()
  }

  /** All metrics now. Starts a new interval of the control loop's delay. */
  read(): Readonly<Record<string, number>> {
    return { ...this.counts(), ...this.#readDelay() }
  }

  /** All metrics now but the delay of the control loop, whose interval goes on. */
  counts(): Readonly<Record<string, number>> {
    const all: Record<string, number> = { ...this.#sources.counters, ...this.#sources.gauges() }
    for (const [name, value] of Object.entries(this.#sources.native()))
      all[`native_${name}`] = value
    return all
  }

  /** The histogram samples a timer of `delayResolutionMs`, so that much of every sample is no delay. */
  #readDelay(): Record<'control_delay_p99_ms' | 'control_delay_max_ms', number> {
    const ms = (nanoseconds: number) =>
      Math.max(0, nanoseconds / nanosecondsPerMs - delayResolutionMs)
    const none = this.#delay.count === 0
    const read = {
      control_delay_p99_ms: none ? 0 : ms(this.#delay.percentile(99)),
      control_delay_max_ms: none ? 0 : ms(this.#delay.max),
    }
    this.#delay.reset()
    return read
  }
}
