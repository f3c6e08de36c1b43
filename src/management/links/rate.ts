/** Rates of one counter, from its values at times that somebody else measures. */

export interface Rates {
  /** Per second, between the last two samples. */
  readonly now: number
  /** Per second, over the last five minutes or since the beginning. */
  readonly last5m: number
  /** The largest `now` so far. */
  readonly max: number
}

interface Sample {
  readonly atMs: number
  readonly total: number
}

const longMs = 5 * 60_000
/** Samples closer to each other than this count as one: their quotient would say nothing. */
const leastMs = 1_000

export class RateMeter {
  /** Those of the last five minutes and one before, oldest first. */
  #samples: Sample[]
  #now = 0
  #max = 0

  /** @param atMs monotonic milliseconds */
  constructor(atMs: number, total: number) {
    this.#samples = [{ atMs, total }]
  }

  /** @param total smaller than before: the counter has begun anew, and so do the rates */
  sample(atMs: number, total: number): void {
    const last = this.#samples.at(-1)
    if (last === undefined || total < last.total) {
      this.#samples = [{ atMs, total }]
      this.#now = 0
      this.#max = 0
      return
    }
    if (atMs - last.atMs < leastMs) return
    this.#now = perSecond(last, { atMs, total })
    this.#max = Math.max(this.#max, this.#now)
    this.#samples.push({ atMs, total })
    const kept = this.#samples.findIndex((it) => it.atMs > atMs - longMs)
    this.#samples = this.#samples.slice(Math.max(0, kept - 1))
  }

  read(): Rates {
    const [first] = this.#samples
    const last = this.#samples.at(-1)
    const last5m = first === undefined || last === undefined ? 0 : perSecond(first, last)
    return { now: rounded(this.#now), last5m: rounded(last5m), max: rounded(this.#max) }
  }
}

function perSecond(from: Sample, to: Sample): number {
  const ms = to.atMs - from.atMs
  return ms <= 0 ? 0 : ((to.total - from.total) * 1000) / ms
}

function rounded(rate: number): number {
  return Math.round(rate * 100) / 100
}
