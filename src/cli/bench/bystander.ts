/**
 * What a benchmark needs beside its load: questions to the brokers, and the long line between them. It runs in a process of its own
 * that lets everybody else go first, so that it takes from neither the brokers nor the generator what would be counted as theirs.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { ControlRequest } from '../../management/index.js'
import { benchFailed } from './failure.js'
import type { Listings } from './lister.js'

/** A line that is long: who dials `port` of 127.0.0.1 reaches `to`. */
export interface Line {
  readonly port: number
  readonly to: number
}

export type Errand =
  | { readonly kind: 'open-lines'; readonly lines: readonly Line[]; readonly delayMs: number }
  /** Answered with the line that the broker said. */
  | { readonly kind: 'ask'; readonly dataDir: string; readonly request: ControlRequest }
  /** Answered with how many clients one listing has. */
  | { readonly kind: 'list'; readonly dataDir: string }
  /** Answered with `Listings` behind the next `stop-listing`. */
  | { readonly kind: 'list-again'; readonly dataDir: string }
  | { readonly kind: 'stop-listing' }

export interface Sent {
  readonly id: number
  readonly errand: Errand
}

export type Report =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly failure: string }

interface Waiting {
  resolve(result: unknown): void
  reject(error: Error): void
}

const entry = fileURLToPath(new URL('./bystander-process.js', import.meta.url))

export class Bystander {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, Waiting>()
  #next = 0

  /** On the processors of the thread that calls. */
  constructor() {
    // A session of its own: Ctrl-C reaches the benchmark alone, whose end ends this channel.
    this.#child = fork(entry, { detached: true })
    this.#child.on('message', (report: Report) => this.#onReport(report))
    this.#child.once('error', (error) => this.#lost(error.message))
    this.#child.once('close', (code, signal) => this.#lost(`ended with ${signal ?? code}`))
  }

  /** @throws CausewayError BENCH_FAILED: a port is in use */
  async openLines(lines: readonly Line[], delayMs: number): Promise<void> {
    await this.#send({ kind: 'open-lines', lines, delayMs })
  }

  /** @returns what the broker with that data directory answers, a line of JSON  @throws CausewayError BENCH_FAILED */
  async ask(dataDir: string, request: ControlRequest): Promise<string> {
    return String(await this.#send({ kind: 'ask', dataDir, request }))
  }

  /** @throws CausewayError BENCH_FAILED */
  async list(dataDir: string): Promise<number> {
    return Number(await this.#send({ kind: 'list', dataDir }))
  }

  /** One listing after the other until `stopListing`. @throws CausewayError BENCH_FAILED */
  async listAgain(dataDir: string): Promise<Listings> {
    // Cannot lie: bystander-process.ts, which is of this version, says so.
    return (await this.#send({ kind: 'list-again', dataDir })) as Listings
  }

  async stopListing(): Promise<void> {
    await this.#send({ kind: 'stop-listing' })
  }

  stop(): void {
    if (this.#child.connected) this.#child.disconnect()
  }

  #send(errand: Errand): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const sent: Sent = { id: this.#next++, errand }
      this.#waiting.set(sent.id, { resolve, reject })
      this.#child.send(sent, (error) => {
        if (error !== null) this.#lost(error.message)
      })
    })
  }

  #onReport(report: Report): void {
    const waiting = this.#waiting.get(report.id)
    this.#waiting.delete(report.id)
    if ('failure' in report) waiting?.reject(benchFailed(report.failure))
    else waiting?.resolve(report.result)
  }

  #lost(why: string): void {
    for (const { reject } of this.#waiting.values())
      reject(benchFailed(`the process beside the load is gone: ${why}`))
    this.#waiting.clear()
  }
}
