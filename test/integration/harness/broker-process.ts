/**
 * A broker as users run it: its own process, a configuration file, a data directory, signals. Ended by its pid; what it
 * wrote to standard error is kept, and its log events can be awaited.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Mailbox } from './mailbox.js'
import { freePort } from './ports.js'

const readyMs = 20_000
const stopMs = 8_000
const countersMs = 5_000

/** The io loops every suite is run with: CAUSEWAY_TEST_IO, 2 by default. */
export const ioLoops = Number(process.env.CAUSEWAY_TEST_IO ?? 2)

export interface BrokerOptions {
  /** HOCON, merged over what every broker under test has. */
  readonly config?: string
  readonly io?: number
  /** Of the listener `tcp.default`; a free one when it is not given. */
  readonly port?: number
  /** Where configuration and data lie; the caller's to remove. Made and removed here when it is not given. */
  readonly directory?: string
  readonly environment?: Readonly<Record<string, string>>
  /** Limit of file descriptors of the process: the hard one too, as Node raises the soft one to it. */
  readonly descriptors?: number
  /** A command that starts the broker's: `taskset -c 0`. */
  readonly prefix?: readonly string[]
}

/** One line of the broker's log. */
export type LogEvent = Readonly<Record<string, unknown>> & { readonly event?: string }

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export class BrokerProcess {
  readonly port: number
  readonly io: number
  readonly exited: Promise<Exit>
  readonly #child: ChildProcess
  readonly #directory: string | null
  readonly #counters = new Mailbox<Readonly<Record<string, number>>>('broker')
  readonly #log: LogEvent[] = []
  readonly #errors: string[] = []
  #hasExited = false

  /** Use `startBroker`. */
  constructor(child: ChildProcess, directory: string | null, port: number, io: number) {
    this.#child = child
    this.#directory = directory // ours to remove, if any
    this.port = port
    this.io = io
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.#hasExited = true
        this.#counters.end(`the broker ended with ${code ?? signal}`)
        resolve({ code, signal })
      })
    })
    if (child.stderr !== null) {
      createInterface({ input: child.stderr }).on('line', (line) => this.#onLine(line))
    }
  }

  get pid(): number {
    return this.#child.pid ?? -1
  }

  /** Log events so far, oldest first. */
  get log(): readonly LogEvent[] {
    return this.#log
  }

  /** What came on standard error and is no log event. */
  get errors(): string {
    return this.#errors.join('\n')
  }

  /** Every metric at this moment: SIGUSR2. */
  counters(): Promise<Readonly<Record<string, number>>> {
    const answer = this.#counters.take('event counters', countersMs)
    this.signal('SIGUSR2')
    return answer
  }

  /** One metric at this moment; unknown names are mistakes. */
  async counter(name: string): Promise<number> {
    const value = (await this.counters())[name]
    if (value === undefined) throw new Error(`there is no metric ${name}`)
    return value
  }

  signal(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal)
  }

  /** SIGTERM, and what became of it. @throws Error when the broker did not end with 0 in time */
  async stop(): Promise<void> {
    if (!this.#hasExited) this.signal('SIGTERM')
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<null>((resolve) => {
      timer = setTimeout(() => resolve(null), stopMs)
    })
    const exit = await Promise.race([this.exited, late])
    clearTimeout(timer)
    if (exit === null) this.signal('SIGKILL')
    await this.exited
    this.#removeDirectory()
    if (exit === null) throw new Error(`the broker did not stop in ${stopMs} ms\n${this.#tail()}`)
    if (exit.code !== 0)
      throw new Error(`the broker ended with ${exit.code ?? exit.signal}\n${this.#tail()}`)
  }

  /** SIGKILL, at once. */
  async kill(): Promise<void> {
    if (!this.#hasExited) this.signal('SIGKILL')
    await this.exited
    this.#removeDirectory()
  }

  /** Waits for the line that says it is ready. @throws Error with what the broker said instead */
  async ready(): Promise<void> {
    const { stdout } = this.#child
    if (stdout === null) throw new Error('no standard output')
    const said = new Promise<boolean>((resolve) => {
      createInterface({ input: stdout }).on('line', (line) => {
        if (line.includes(' ready: ')) resolve(true)
      })
    })
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), readyMs)
    })
    const isReady = await Promise.race([said, late, this.exited.then(() => false)])
    clearTimeout(timer)
    if (isReady) return
    if (!this.#hasExited) this.signal('SIGKILL')
    await this.exited
    this.#removeDirectory()
    throw new Error(`the broker did not start\n${this.#tail()}`)
  }

  #removeDirectory(): void {
    if (this.#directory !== null) rmSync(this.#directory, { recursive: true, force: true })
  }

  #onLine(line: string): void {
    const event = logEvent(line)
    if (event === null) {
      this.#errors.push(line)
      return
    }
    this.#log.push(event)
    // Cannot lie: the broker writes this event as one flat object of numbers.
    if (event.event === 'counters')
      this.#counters.put(event.metrics as Readonly<Record<string, number>>)
  }

  #tail(): string {
    const lines = this.#log.map((event) => JSON.stringify(event))
    return [...lines.slice(-20), this.errors].join('\n')
  }
}

/** Starts a broker with one TCP listener on a free port of 127.0.0.1 and waits until it is ready. */
export async function startBroker(options: BrokerOptions = {}): Promise<BrokerProcess> {
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'causeway-test-'))
  const port = options.port ?? (await freePort())
  const io = options.io ?? ioLoops
  const file = configurationFile(directory)
  writeFileSync(file, configuration(directory, port, io, options.config ?? ''))
  const program = join(compiledRoot(), 'src/cli/main.js')
  const start = [...(options.prefix ?? []), process.execPath, program, 'start', '-c', file]
  const [command = '', ...args] =
    options.descriptors === undefined
      ? start
      : ['/bin/sh', '-c', `ulimit -n ${options.descriptors} && exec "$@"`, 'sh', ...start]
  const child = spawn(command, args, {
    env: { ...process.env, ...options.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const broker = new BrokerProcess(
    child,
    options.directory === undefined ? directory : null,
    port,
    io,
  )
  await broker.ready()
  return broker
}

/** A broker for the time of `run`. @param options a text: its configuration */
export async function withBroker(
  options: BrokerOptions | string,
  run: (broker: BrokerProcess) => Promise<void>,
): Promise<void> {
  const broker = await startBroker(typeof options === 'string' ? { config: options } : options)
  try {
    await run(broker)
  } finally {
    await broker.stop()
  }
}

/** Where `startBroker` writes the configuration of a broker in `directory`. */
export function configurationFile(directory: string): string {
  return join(directory, 'causeway.conf')
}

export function configuration(directory: string, port: number, io: number, own: string): string {
  return `
node.data_dir = ${JSON.stringify(join(directory, 'data'))}
workers { io = ${io}, tasks = 1 }
log.console { level = info, formatter = json }
listeners {
  tcp.default.bind = "127.0.0.1:${port}"
  ssl.default.enable = false
  ws.default.enable = false
  wss.default.enable = false
}
dashboard.listeners.http.bind = 0
${own}
`
}

function logEvent(line: string): LogEvent | null {
  try {
    const parsed: unknown = JSON.parse(line)
    // Cannot lie: an object has string keys.
    return typeof parsed === 'object' && parsed !== null ? (parsed as LogEvent) : null
  } catch {
    return null
  }
}

/** The broker compiled beside this file: three folders above …/test/integration/harness. */
export function compiledRoot(): string {
  return join(dirname(fileURLToPath(import.meta.url)), '../../..')
}
