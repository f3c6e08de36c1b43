/** mosquitto as a broker, with bridges as its configuration says; and a tap on the line of one. */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server, type Socket, connect as tcpConnect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { eventually, freePort, TestClient } from '../integration/harness/index.js'

export class MosquittoBroker {
  readonly port: number
  readonly #child: ChildProcessByStdio<null, null, Readable>
  readonly #folder: string
  readonly #exited: Promise<void>
  #said = ''

  private constructor(
    child: ChildProcessByStdio<null, null, Readable>,
    folder: string,
    port: number,
  ) {
    this.#child = child
    this.#folder = folder
    this.port = port
    this.#exited = new Promise((resolve) => child.once('exit', () => resolve()))
    child.stderr.on('data', (bytes) => {
      this.#said += bytes
    })
  }

  /** @param config more lines of mosquitto.conf @throws Error with what it said instead of listening */
  static async start(config: string): Promise<MosquittoBroker> {
    const port = await freePort()
    const folder = mkdtempSync(join(tmpdir(), 'causeway-mosquitto-'))
    const file = join(folder, 'mosquitto.conf')
    const own = `listener ${port} 127.0.0.1\nallow_anonymous true\npersistence false\nlog_dest stderr\n`
    writeFileSync(file, `${own}${config}\n`)
    const child = spawn('mosquitto', ['-c', file], { stdio: ['ignore', 'ignore', 'pipe'] })
    const broker = new MosquittoBroker(child, folder, port)
    try {
      await eventually('mosquitto listens', async () => {
        if (child.exitCode !== null) throw new Error(`mosquitto ended: ${broker.#said}`)
        const client = await TestClient.connect({ port }).catch(() => null)
        await client?.disconnect()
        return client !== null
      })
    } catch (error) {
      await broker.stop()
      throw error
    }
    return broker
  }

  /** For messages of failures. */
  get said(): string {
    return this.#said
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM')
    await this.#exited
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** Passes everything on to a port of 127.0.0.1, and keeps how each connection began. */
export class Tap {
  readonly port: number
  /** The first bytes that each client sent. */
  readonly beginnings: Buffer[] = []
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(server: Server, port: number, target: number) {
    this.#server = server
    this.port = port
    server.on('connection', (near) => {
      const far = tcpConnect({ port: target, host: '127.0.0.1' })
      near.once('data', (bytes) => this.beginnings.push(bytes))
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(from)
        from.pipe(to)
        from.on('error', () => to.destroy())
        from.once('close', () => {
          this.#sockets.delete(from)
          to.destroy()
        })
      }
    })
  }

  static async on(target: number): Promise<Tap> {
    const port = await freePort()
    const server = createServer()
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, '127.0.0.1', resolve)
    })
    return new Tap(server, port, target)
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }
}
