/** What one round of a workload found. */
import type { LoadDistribution, LoadReading } from '../../native/index.js'
import { median } from './table.js'

export interface Round {
  readonly workload: string
  readonly side: string
  /** By column; a figure that does not apply is absent. Units are in the names. */
  readonly figures: Figures
  /** What makes the figures unusable, a sentence each; empty: clean. */
  readonly problems: readonly string[]
  /** The figures are of a part of the run only. */
  readonly partial: boolean
  readonly latency: LoadDistribution | null
  /** Deliveries or operations a second over the run, warm-up included. */
  readonly timeline: readonly { readonly seconds: number; readonly perSecond: number }[]
}

export type Figures = Readonly<Record<string, number>>

/** Medians over the rounds of one side. */
export function figureOf(
  side: string,
  key: string,
  rounds: readonly Pick<Round, 'side' | 'figures'>[],
): number | undefined {
  return median(
    rounds
      .filter((round) => round.side === side)
      .flatMap(({ figures }) => {
        const figure = figures[key]
        return figure === undefined ? [] : [figure]
      }),
  )
}

/** Of a schedule's messages: with fewer the figures are those of another rate. */
export const rateShare = 0.99

export function rateMissed(asked: number, reached: number): string {
  return `the rate of ${asked} a second was not reached: ${Math.round(reached)} a second were sent`
}

/** Sentences about a run that was not as it should be. */
export function problemsOf(reading: LoadReading, clients: number): string[] {
  const { failures } = reading
  const missing = reading.expected - reading.unique
  const first = failures[0] === undefined ? '' : `; ${failures[0]}`
  const counted: readonly (readonly [number, string])[] = [
    [reading.disconnects, `of ${clients} clients were disconnected by the broker${first}`],
    [missing, `of ${reading.expected} deliveries are missing`],
    [reading.repeated, 'messages came a second time'],
    [reading.reordered, 'messages came out of order'],
    [reading.corrupt, 'messages came with another payload than was sent'],
    [reading.foreign, "messages are somebody else's: does another benchmark use this broker?"],
    [reading.refused, 'messages were refused by the broker'],
    [reading.stalls, 'times nothing came for a second'],
  ]
  return counted.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`)
}

/** Columns of a distribution, microseconds. */
export function latencyFigures(distribution: LoadDistribution): Figures {
  if (distribution.count === 0) return {}
  const [p50 = 0, p90 = 0, p99 = 0, p999 = 0] = distribution.quantilesNs
  const us = (ns: number) => ns / 1000
  return {
    p50Us: us(p50),
    p90Us: us(p90),
    p99Us: us(p99),
    p999Us: us(p999),
    maxUs: us(distribution.maxNs),
  }
}
