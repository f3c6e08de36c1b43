/**
 * The Unix socket in `node.data_dir` through which `causeway ctl` asks. Only the broker's own user may: the file has mode 0600.
 * One request a connection; requests, clients and waiting are bounded by `managementLimits`.
 */
import { rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { join, relative, resolve } from 'node:path'
import { CausewayError } from '../errors.js'
import { managementLimits } from '../limits.js'
import type { Log } from '../log.js'
import { type ControlAnswer, type ControlRequest, JsonText, parseRequest } from './protocol.js'

const socketName = 'causeway.sock'

/** Where the broker with this data directory listens: the shorter way to say it, for the kernel takes 107 bytes. */
export function controlSocketPath(dataDir: string): string {
  const absolute = resolve(dataDir, socketName)
  const near = join('.', relative(process.cwd(), absolute))
  return near.length < absolute.length ? near : absolute
}

export interface ControlSocketOptions {
  readonly dataDir: string
  readonly log: Log
  /** @throws CausewayError what cannot be answered; anything else is our mistake and ends the process */
  answer(request: ControlRequest): Promise<unknown>
  /** Our mistakes. */
  onFatal(error: unknown): void
}

export class ControlSocket {
  readonly #options: ControlSocketOptions
  readonly #path: string
  readonly #clients = new Set<Socket>()
  #server: Server | null = null

  constructor(options: ControlSocketOptions) {
    this.#options = options
    this.#path = controlSocketPath(options.dataDir)
  }

  /**
   * Resolves when it listens, or when it cannot: that is logged, and the broker serves without. The data directory's lock must be
   * ours: a file that a broker left behind is removed.
   */
  async start(): Promise<void> {
    const server = createServer({ allowHalfOpen: true }, (socket) => this.#serve(socket))
    const failure = await this.#listen(server)
    if (failure === null) {
      this.#server = server
      server.on('error', (error) => this.#sayUnavailable(error))
      return
    }
    this.#sayUnavailable(failure)
  }

  stop(): void {
    if (this.#server === null) return
    this.#server.close() // removes the file as well
    this.#server = null
    for (const socket of this.#clients) socket.destroy()
  }

  #listen(server: Server): Promise<Error | null> {
    return new Promise((done) => {
      server.once('error', done)
      server.once('listening', () => {
        server.removeListener('error', done)
        done(null)
      })
      // The file is made by `listen` itself, so nobody can connect before it has its mode.
      const mask = process.umask(0o177)
      try {
        rmSync(this.#path, { force: true })
        server.listen(this.#path)
      } catch (error) {
        done(error instanceof Error ? error : new Error(String(error)))
      } finally {
        process.umask(mask)
      }
    })
  }

  #sayUnavailable(error: Error): void {
    this.#options.log.warn(
      { event: 'control_socket_unavailable', path: this.#path, reason: error.message },
      'causeway ctl cannot reach this broker',
    )
  }

  #serve(socket: Socket): void {
    socket.on('error', () => socket.destroy()) // who asked is gone
    socket.setTimeout(managementLimits.requestMs, () => socket.destroy())
    if (this.#clients.size >= managementLimits.clients) {
      say(socket, failed('CTL_BUSY', 'the broker is busy with other questions; ask again'))
      return
    }
    this.#clients.add(socket)
    socket.once('close', () => this.#clients.delete(socket))
    let asked = ''
    socket.setEncoding('utf8')
    const onData = (text: string) => {
      asked += text
      const end = asked.indexOf('\n')
      if (end < 0 && asked.length <= managementLimits.requestBytes) return
      socket.removeListener('data', onData)
      socket.resume() // what else comes is not for us
      socket.setTimeout(managementLimits.answerMs)
      this.#answer(socket, end < 0 ? '' : asked.slice(0, end)).catch(this.#options.onFatal)
    }
    socket.on('data', onData)
    socket.on('end', () => {
      if (!asked.includes('\n')) socket.destroy()
    })
  }

  async #answer(socket: Socket, line: string): Promise<void> {
    const request = parseRequest(line)
    if (request === null) {
      say(socket, failed('CTL_REQUEST_INVALID', 'the broker does not know this request'))
      return
    }
    try {
      say(socket, { ok: true, result: await this.#options.answer(request) })
    } catch (error) {
      if (!(error instanceof CausewayError)) throw error
      say(socket, failed(error.code, error.message))
    }
  }
}

function failed(code: string, message: string): ControlAnswer {
  return { ok: false, error: { code, message } }
}

function say(socket: Socket, answer: ControlAnswer): void {
  socket.end(`${textOf(answer)}\n`, () => socket.destroy())
}

function textOf(answer: ControlAnswer): string {
  return answer.ok && answer.result instanceof JsonText
    ? `{"ok":true,"result":${answer.result.text}}`
    : JSON.stringify(answer)
}
