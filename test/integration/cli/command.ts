/** The `causeway` command as a person runs it: arguments in, what it printed and how it ended out. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface CommandOptions {
  /** Arguments of node itself, before the script. */
  readonly node?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  /** File descriptors that the process and those it starts may open; by default as many as this one. */
  readonly descriptors?: number
}

/** Three folders above dist-test/test/integration/cli. */
export const packageRoot = join(dirname(fileURLToPath(import.meta.url)), '../../../..')
const script = join(packageRoot, 'dist-test/src/cli/main.js')

/** One run of the command. Whatever a test does, end it with `ended` or `killed` (see `within`). */
export class Command {
  readonly exited: Promise<Exit>
  readonly #child: ChildProcess
  readonly #watchers = new Set<() => void>()
  #stdout = ''
  #stderr = ''
  #exit: Exit | null = null

  constructor(args: readonly string[], options: CommandOptions = {}) {
    const { node = [], environment = {}, descriptors = null } = options
    const own = [process.execPath, ...node, script, ...args]
    const limited = ['sh', '-c', `ulimit -n ${descriptors} && exec "$@"`, 'sh', ...own]
    const [program = '', ...rest] = descriptors === null ? own : limited
    this.#child = spawn(program, rest, {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text
      this.#changed()
    })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text
      this.#changed()
    })
    // `close`, not `exit`: everything it wrote has been read by then.
    this.exited = new Promise((resolve) => {
      this.#child.once('close', (code, signal) => {
        this.#exit = { code, signal }
        this.#changed()
        resolve(this.#exit)
      })
    })
  }

  get pid(): number {
    return this.#child.pid ?? -1
  }

  get stdout(): string {
    return this.#stdout
  }

  get stderr(): string {
    return this.#stderr
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Waits until the command has said something. @throws Error with all it said when it ends or takes too long */
  said(pattern: RegExp, where: 'stdout' | 'stderr', timeoutMs = 20_000): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const finish = (outcome: () => void) => {
        clearTimeout(timer)
        this.#watchers.delete(look)
        outcome()
      }
      const look = () => {
        const found = pattern.exec(this[where])
        if (found !== null) finish(() => resolve(found))
        else if (this.#exit !== null)
          finish(() => reject(this.#unexpected(`ended without saying ${pattern}`)))
      }
      const timer = setTimeout(
        () => finish(() => reject(this.#unexpected(`did not say ${pattern} in ${timeoutMs} ms`))),
        timeoutMs,
      )
      this.#watchers.add(look)
      look()
    })
  }

  ready(): Promise<RegExpExecArray> {
    return this.said(/^.* ready: .*$/m, 'stdout')
  }

  /** Waits for its end. @throws Error, after SIGKILL, when that takes longer than `timeoutMs` */
  async ended(timeoutMs: number): Promise<Exit> {
    let late = false
    const timer = setTimeout(() => {
      late = true
      this.#child.kill('SIGKILL')
    }, timeoutMs)
    const exit = await this.exited
    clearTimeout(timer)
    if (late) throw this.#unexpected(`had to be killed after ${timeoutMs} ms`)
    return exit
  }

  /** SIGTERM, and how it ended. */
  stopped(timeoutMs = 8_000): Promise<Exit> {
    this.signal('SIGTERM')
    return this.ended(timeoutMs)
  }

  /** For the end of a test: nothing of it is left, whatever the test found. */
  async killed(): Promise<void> {
    if (this.#exit === null) this.#child.kill('SIGKILL')
    await this.exited
  }

  #changed(): void {
    for (const look of [...this.#watchers]) look()
  }

  #unexpected(what: string): Error {
    return new Error(`causeway ${what}\nstdout: ${this.#stdout}\nstderr: ${this.#stderr}`)
  }
}

/** Starts `causeway ...args`; it is gone when the test is over. */
export function causeway(
  t: TestContext,
  args: readonly string[],
  options?: CommandOptions,
): Command {
  const command = new Command(args, options)
  t.after(() => command.killed())
  return command
}

/** A folder of the test's own, removed after it. */
export function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'causeway-cli-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

export interface BrokerSettings {
  /** Port of `listeners.tcp.default`. */
  readonly port: number
  readonly io?: number
  /** Leaves the default WebSocket listener on, unwritten. */
  readonly ws?: boolean
  /** More HOCON. */
  readonly more?: string
}

/** A configuration in `directory` with one listener on 127.0.0.1; returns the file. */
export function brokerFile(
  directory: string,
  { port, io = 2, ws = false, more = '' }: BrokerSettings,
): string {
  const file = join(directory, 'causeway.conf')
  writeFileSync(
    file,
    `node.data_dir = ${JSON.stringify(join(directory, 'data'))}
workers { io = ${io}, tasks = 1 }
log.console { level = info, formatter = json }
listeners.tcp.default.bind = "127.0.0.1:${port}"
${ws ? '' : 'listeners.ws.default.enable = false'}
${more}
`,
  )
  return file
}

/** The log that the command has written so far; of the last line the end may not have come yet. */
export function log(command: Command): Readonly<Record<string, unknown>>[] {
  return command.stderr
    .split('\n')
    .slice(0, -1)
    .filter((line) => line.startsWith('{'))
    .map((line): Readonly<Record<string, unknown>> => JSON.parse(line))
}

/** The log events of a name that the command has written so far. */
export function events(command: Command, name: string): Readonly<Record<string, unknown>>[] {
  return log(command).filter(({ event }) => event === name)
}
