/** Programs of other people as child processes. */
import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { Mailbox } from '../integration/harness/index.js'

/** The reason to skip a test that needs this program; false: it is there. */
export function missing(program: string): string | false {
  const { error } = spawnSync(program, ['--help'], { stdio: 'ignore' })
  return error === undefined ? false : `${program} is not installed`
}

/** `mosquitto_sub`, subscribed: `lines` holds what it prints. */
export class MosquittoSub {
  readonly lines = new Mailbox<string>('mosquitto_sub')
  readonly #child: ChildProcessByStdio<null, Readable, null>
  readonly #exited: Promise<void>
  #onSubscribed: () => void = () => {}

  private constructor(child: ChildProcessByStdio<null, Readable, null>) {
    this.#child = child
    this.#exited = new Promise((resolve) => child.once('exit', () => resolve()))
    createInterface({ input: child.stdout }).on('line', (line) => {
      // -d: what it sends and receives is printed between the messages.
      if (line.startsWith('Subscribed (mid')) this.#onSubscribed()
      else if (!line.startsWith('Client ')) this.lines.put(line)
    })
  }

  /** Resolves once the broker has acknowledged the subscription. */
  static async start(port: number, filter: string, ...args: string[]): Promise<MosquittoSub> {
    const child = spawn(
      // Line by line, though it is a pipe.
      'stdbuf',
      ['-oL', 'mosquitto_sub', '-h', '127.0.0.1', '-p', `${port}`, '-t', filter, '-d', ...args],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    const sub = new MosquittoSub(child)
    await new Promise<void>((resolve, reject) => {
      sub.#onSubscribed = resolve
      child.once('exit', (code) => reject(new Error(`mosquitto_sub ended with ${code}`)))
    })
    return sub
  }

  line(): Promise<string> {
    return this.lines.take('line', 10_000)
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM')
    await this.#exited
  }

  /** Its socket closes without DISCONNECT. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exited
  }
}

/** Runs `mosquitto_pub` to its end. @throws Error when it does not succeed */
export function mosquittoPub(port: number, topic: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(
    'mosquitto_pub',
    ['-h', '127.0.0.1', '-p', `${port}`, '-t', topic, ...args],
    { encoding: 'utf8', timeout: 10_000 },
  )
  if (status !== 0) throw new Error(`mosquitto_pub ended with ${status}: ${stderr}`)
}
