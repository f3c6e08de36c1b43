/**
 * Passwords on their way to the task threads: so many at once, the others wait here in order, up to a bound. What nobody waits
 * for any more is not hashed.
 */
import { authLimits } from '../limits.js'
import type { HashRequest } from '../password-hash.js'
import type { HashElsewhere } from './users/load.js'

export interface HashJob {
  readonly request: HashRequest
  /** Asked when its turn comes. */
  readonly wanted: () => boolean
  readonly done: (hash: Buffer) => void
  /** The task threads refused it, or are gone. */
  readonly failed: (error: unknown) => void
}

export class HashQueue {
  readonly #hash: HashElsewhere
  readonly #atOnce: number
  readonly #most: number
  /** Oldest first, from `#first` on. */
  #waiting: HashJob[] = []
  #first = 0
  #running = 0

  constructor(
    hash: HashElsewhere,
    { atOnce, most }: { readonly atOnce: number; readonly most: number } = {
      atOnce: authLimits.hashesAtOnce,
      most: authLimits.hashQueue,
    },
  ) {
    this.#hash = hash
    this.#atOnce = atOnce
    this.#most = most
  }

  /** Jobs that wait for their turn. */
  get length(): number {
    return this.#waiting.length - this.#first
  }

  /** False: the queue is full, and the job is not in it. */
  push(job: HashJob): boolean {
    if (this.#running < this.#atOnce) {
      this.#start(job)
      return true
    }
    if (this.length >= this.#most) return false
    this.#waiting.push(job)
    return true
  }

  #start(job: HashJob): void {
    this.#running++
    this.#hash(job.request)
      .then((hash) => job.done(Buffer.from(hash.buffer, hash.byteOffset, hash.length)), job.failed)
      .finally(() => {
        this.#running--
        this.#next()
      })
  }

  #next(): void {
    while (this.#first < this.#waiting.length && this.#running < this.#atOnce) {
      const job = this.#waiting[this.#first++]
      if (job?.wanted() === true) this.#start(job)
    }
    if (this.#first > 64 && 2 * this.#first > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#first)
      this.#first = 0
    }
  }
}
