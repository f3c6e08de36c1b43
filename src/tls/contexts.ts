/**
 * The TLS contexts of this broker. Files are read again on demand (SIGHUP, a reload of the configuration) and every
 * `tlsLimits.fileCheckMs`; what has changed goes to the engine and serves the handshakes from then on, while connections stay
 * as they are. New files that do not fit leave everything as it was, and are complained about once.
 */
import type { Timer, Timers } from '../clock.js'
import type { Position } from '../config/index.js'
import { CausewayError } from '../errors.js'
import { tlsLimits } from '../limits.js'
import type { Log } from '../log.js'
import type { Engine, TlsContextOptions } from '../native/index.js'
import { type TlsMaterial, TlsMaterialReader } from './material.js'

export interface TlsContextsOptions {
  readonly engine: Pick<Engine, 'setTls'>
  readonly timers: Timers
  readonly log: Log
  /** Where a configuration key was written; null: it is a default. */
  readonly where: (path: string) => Position | null
  /** Content of a file; the file system's when it is not given. */
  readonly readFile?: (path: string) => string
}

interface Context {
  readonly number: number
  readonly material: TlsMaterial
  /** What the engine has, to tell whether anything changed. */
  inForce: string
  /** The last refusal of new files, said once; null: the files are those in force. */
  complaint: string | null
  /** Told of contents that are in force from now on. */
  readonly changed: (contents: TlsContextOptions) => void
}

export class TlsContexts {
  readonly #options: TlsContextsOptions
  readonly #reader: TlsMaterialReader
  readonly #contexts = new Map<number, Context>()
  #timer: Timer | null = null

  constructor(options: TlsContextsOptions) {
    this.#options = options
    this.#reader = new TlsMaterialReader(options)
  }

  /** Number of a new context, for listeners and dials. @throws CausewayError TLS_UNUSABLE */
  open(material: TlsMaterial): number {
    const number = this.#free()
    this.#add(number, material, () => {})
    return number
  }

  /**
   * For whoever makes contexts itself: contents that the engine has found to fit, now and whenever they change.
   * @throws CausewayError TLS_UNUSABLE
   */
  watch(material: TlsMaterial, changed: (contents: TlsContextOptions) => void): TlsContextOptions {
    return this.#add(this.#free(), material, changed)
  }

  /** Nobody begins a handshake with it any more; its number may be used again. */
  close(number: number): void {
    this.#contexts.delete(number)
  }

  /** Reads all files again. Never throws: what cannot be used is logged, and what was in force stays. */
  reload(): void {
    for (const context of this.#contexts.values()) this.#reload(context)
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = null
  }

  #free(): number {
    let number = 1
    while (this.#contexts.has(number)) number++
    return number
  }

  #add(
    number: number,
    material: TlsMaterial,
    changed: (contents: TlsContextOptions) => void,
  ): TlsContextOptions {
    const contents = this.#reader.read(material)
    this.#apply(number, material, contents)
    this.#contexts.set(number, {
      number,
      material,
      inForce: fingerprint(contents),
      complaint: null,
      changed,
    })
    this.#timer ??= this.#nextCheck()
    return contents
  }

  #reload(context: Context): void {
    const { log } = this.#options
    const { number, material } = context
    try {
      const options = this.#reader.read(material)
      const read = fingerprint(options)
      if (read !== context.inForce) {
        this.#apply(number, material, options)
        context.inForce = read
        context.changed(options)
        log.info(
          { event: 'tls_reloaded', section: material.config.path },
          'new certificates serve from now on; connections stay',
        )
      }
      context.complaint = null
    } catch (error) {
      if (!(error instanceof CausewayError)) throw error
      if (context.complaint === error.message) return
      context.complaint = error.message
      const { key = null, file = null } = error.detail
      log.error(
        { event: 'tls_reload_refused', code: error.code, key, file, reason: error.message },
        'the files have changed and cannot be used: what was in force stays',
      )
    }
  }

  #apply(number: number, material: TlsMaterial, options: TlsContextOptions): void {
    const refusal = this.#options.engine.setTls(number, options)
    if (refusal !== null) throw this.#reader.refused(material, refusal)
  }

  #nextCheck(): Timer {
    return this.#options.timers.after(tlsLimits.fileCheckMs, () => {
      this.reload()
      this.#timer = this.#nextCheck()
    })
  }
}

function fingerprint(options: TlsContextOptions): string {
  return JSON.stringify(options)
}
