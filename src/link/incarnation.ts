/**
 * Incarnations: the number by which the far end tells a restarted actor from the one it knows. Strictly growing across
 * restarts and steps of the clock backwards, because a smaller one is refused until the far end has forgotten the old.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Where the last number used is kept. */
export interface IncarnationStore {
  /** The last number saved, 0 when there is none. */
  load(): bigint
  /** Saved for good when it returns; throws when that is not possible. */
  save(value: bigint): void
}

export class Incarnations {
  readonly #store: IncarnationStore
  readonly #onSaveFailed: (error: unknown) => void
  #last: bigint | null = null

  constructor(store: IncarnationStore, onSaveFailed: (error: unknown) => void) {
    this.#store = store
    this.#onSaveFailed = onSaveFailed
  }

  /** max(wall clock in ms, last + 1), saved before it is used. One small synchronous write, once per link and process. */
  next(wallMs: number): bigint {
    this.#last ??= this.#store.load()
    const now = BigInt(Math.floor(wallMs))
    this.#last = now > this.#last ? now : this.#last + 1n
    try {
      this.#store.save(this.#last)
    } catch (error) {
      // Worse than not saving would be not linking: the clock alone is right unless it steps back across a restart.
      this.#onSaveFailed(error)
    }
    return this.#last
  }
}

/** `link-incarnation.json` in the data directory, replaced by rename so that a crash leaves the old or the new one. */
export class IncarnationFile implements IncarnationStore {
  readonly #directory: string
  readonly #path: string

  constructor(dataDir: string) {
    this.#directory = dataDir
    this.#path = join(dataDir, 'link-incarnation.json')
  }

  load(): bigint {
    let text: string
    try {
      text = readFileSync(this.#path, 'utf8')
    } catch {
      return 0n // the first start, or unreadable: the clock decides, as it does in EMQX
    }
    const digits = /^\{"last":"(\d{1,18})"\}\s*$/.exec(text)?.[1]
    return digits === undefined ? 0n : BigInt(digits)
  }

  save(value: bigint): void {
    mkdirSync(this.#directory, { recursive: true })
    const temporary = `${this.#path}.new`
    writeFileSync(temporary, `{"last":"${value}"}\n`)
    renameSync(temporary, this.#path)
  }
}
