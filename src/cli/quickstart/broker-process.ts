/**
 * One broker of the quick start, or of a benchmark, as a child process: `causeway start -c FILE`, its events read from its log.
 *
 * The child has a session of its own, so that Ctrl-C reaches the parent alone and every broker gets exactly one signal; and a
 * channel to the parent, whose end tells it to leave (main.ts). So no broker outlives the parent, even when that is killed.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { createWriteStream, type WriteStream } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { Environment } from '../../config/index.js'
import type { CausewayError } from '../../errors.js'
import { failed } from './waiting.js'

/** An event of the broker's log: the fields that the quick start looks at. */
export interface BrokerEvent {
  readonly event: string
  readonly level: string
  readonly message: string
}

export interface BrokerProcessOptions {
  readonly name: string
  readonly configFile: string
  readonly logFile: string
  readonly env: Environment
  readonly onEvent: (event: BrokerEvent) => void
  /** What `died` rejects with; the quick start's own error otherwise. */
  readonly failure?: (what: string) => CausewayError
}

/** A broker drains within 5 s; who has not gone by then does not go by itself. */
const killAfterMs = 8_000
const entry = fileURLToPath(new URL('../main.js', import.meta.url))

export class BrokerProcess {
  readonly #name: string
  readonly #child: ChildProcess
  readonly #events = new Set<string>()
  readonly #waiting = new Map<string, () => void>()
  readonly #onEvent: (event: BrokerEvent) => void
  readonly #toError: (what: string) => CausewayError
  #lastText = ''
  #lastWarning: string | null = null
  #stopping = false

  /**
   * Rejects when the broker goes without having been asked to; never resolves. Also fires while nobody waits for anything
   * else, so race every wait against it.
   */
  readonly died: Promise<never>
  /** Resolves when the process has gone, for whatever reason. */
  readonly gone: Promise<void>

  constructor({ name, configFile, logFile, env, onEvent, failure }: BrokerProcessOptions) {
    this.#name = name
    this.#onEvent = onEvent
    this.#toError = failure ?? failed
    const log = createWriteStream(logFile)
    this.#child = fork(entry, ['start', '-c', configFile], {
      detached: true,
      env: {
        ...env,
        CAUSEWAY_LOG__CONSOLE__FORMATTER: 'json',
        CAUSEWAY_LOG__CONSOLE__LEVEL: 'info',
      },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    const { stdout, stderr } = this.#child
    stdout?.resume()
    if (stderr !== null) this.#read(stderr, log)
    this.gone = new Promise((resolve) => this.#child.once('close', () => resolve()))
    this.died = new Promise((_, reject) => {
      this.#child.once('error', (cause) =>
        reject(this.#failure(`could not be started: ${cause.message}`)),
      )
      this.#child.once('close', (code, signal) => {
        log.end()
        if (!this.#stopping) reject(this.#failure(this.#epitaph(code, signal)))
      })
    })
    this.died.catch(() => {}) // who waits for it hears of it; nobody has to
  }

  /** Of the process; 0 when it could not be started. */
  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** The last thing the broker was unhappy about, or null. */
  get lastWarning(): string | null {
    return this.#lastWarning
  }

  /** Resolves when an event of this name has been logged, now or before. One waiter an event. */
  logged(event: string): Promise<void> {
    if (this.#events.has(event)) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.set(event, resolve))
  }

  /** Drains the broker and waits for its end. Idempotent. */
  async stop(): Promise<void> {
    this.#stopping = true
    this.#child.kill('SIGTERM')
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), killAfterMs)
    await this.gone
    clearTimeout(timer)
  }

  #read(stderr: Readable, log: WriteStream): void {
    createInterface({ input: stderr }).on('line', (line) => {
      log.write(`${line}\n`)
      const event = eventOf(line)
      if (event === null) {
        this.#lastText = line
        return
      }
      if (isComplaint(event)) this.#lastWarning = event.message
      this.#events.add(event.event)
      this.#waiting.get(event.event)?.()
      this.#waiting.delete(event.event)
      this.#onEvent(event)
    })
  }

  /** What a broker says outside of its log is why it cannot start. */
  #epitaph(code: number | null, signal: NodeJS.Signals | null): string {
    const how = signal === null ? `ended with exit code ${code}` : `died of ${signal}`
    const why = this.#lastText === '' ? this.#lastWarning : this.#lastText
    return why === null ? how : `${how}: ${why}`
  }

  #failure(what: string): CausewayError {
    return this.#toError(`${this.#name} ${what}`)
  }
}

export function isComplaint({ level }: BrokerEvent): boolean {
  return level === 'warn' || level === 'error' || level === 'fatal'
}

function eventOf(line: string): BrokerEvent | null {
  if (!line.startsWith('{')) return null
  try {
    // Cannot lie: a line that is JSON and begins with a brace is an object.
    const { event, level, msg } = JSON.parse(line) as Record<string, unknown>
    return { event: String(event), level: String(level), message: String(msg) }
  } catch {
    return null // not of the log
  }
}
