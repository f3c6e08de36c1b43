/** Eclipse Paho for Python, 1.6: one Python process with a client for each caller. */
import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { packageRoot } from '../house/tree.js'
import { Mailbox } from '../integration/harness/index.js'
import {
  type Caller,
  type Filter,
  type Message,
  type Program,
  patienceMs,
  type Received,
  Subscription,
  user,
} from '../integration/transport/every/index.js'

/** What the script says: an answer to a request, or an event of a client. */
interface Line {
  readonly id?: number
  readonly error?: string
  readonly event?: 'message' | 'closed'
  readonly connection?: number
  readonly code?: number
  readonly sessionPresent?: boolean
  readonly granted?: readonly number[]
  readonly transports?: readonly string[]
}

interface Listener {
  readonly messages: Mailbox<Received>
  readonly onClosed: () => void
}

/** The Python that has Paho, which need not be the first in PATH; null: none has. */
export function pythonWithPaho(): string | null {
  const has = (python: string) =>
    spawnSync(python, ['-c', 'import paho.mqtt.client'], { stdio: 'ignore' }).status === 0
  return ['python3', '/usr/bin/python3'].find(has) ?? null
}

export class Paho implements Program {
  readonly name = 'Paho'
  /** Unix domain sockets came with 2.0. */
  readonly dials = ['tcp', 'tls', 'ws', 'wss'] as const
  readonly tellsSession = true
  /** 1.6 reads the reason of a DISCONNECT that has properties, only. */
  readonly tellsGoodbye = false
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  readonly #requests = new Map<number, (line: Line) => void>()
  /** By number of the connection: two may have one client id. */
  readonly #listeners = new Map<number, Listener>()
  #request = 0
  #connection = 0

  constructor(python: string) {
    const script = join(packageRoot(), 'test', 'interop', 'paho-client.py')
    this.#child = spawn(python, [script], { stdio: ['pipe', 'pipe', 'inherit'] })
    createInterface({ input: this.#child.stdout }).on('line', (text) => {
      // Cannot lie: the script writes nothing else.
      this.#onLine(JSON.parse(text) as Line)
    })
  }

  leavesItsWill(): boolean {
    return false
  }

  redials(): boolean {
    return false // reconnect_on_failure = False
  }

  async subscribe(caller: Caller, filters: readonly Filter[], id?: number): Promise<Subscription> {
    const { connection, subscription } = await this.#connect(caller)
    const { granted } = await this.#ask('subscribe', connection, {
      filters,
      ...(id === undefined ? {} : { subscriptionId: id }),
    })
    if (granted?.some((code) => code > 2)) throw new Error(`SUBACK with ${granted}`)
    return subscription
  }

  async resume(caller: Caller): Promise<Subscription> {
    return (await this.#connect(caller)).subscription
  }

  async publish(caller: Caller, messages: readonly Message[]): Promise<void> {
    const { connection, subscription } = await this.#connect(caller)
    await this.#ask('publish', connection, {
      messages: messages.map((message) => ({
        retain: false,
        ...message,
        payload: Buffer.from(message.payload).toString('base64'),
      })),
    })
    await subscription.leave()
  }

  async refusal(caller: Caller): Promise<number> {
    const connection = ++this.#connection
    const { code } = await this.#ask('connect', connection, connectRequest(caller))
    if (code === 0) {
      await this.#ask('leave', connection)
      throw new Error(`${caller.clientId} was let in`)
    }
    return code ?? -1
  }

  /** What this version of Paho takes for a transport. */
  async transports(): Promise<readonly string[]> {
    return (await this.#ask('transports', 0)).transports ?? []
  }

  async stop(): Promise<void> {
    const exited = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()))
    this.#child.stdin.end()
    await exited
  }

  async #connect(caller: Caller): Promise<{ connection: number; subscription: Subscription }> {
    const connection = ++this.#connection
    const messages = new Mailbox<Received>(caller.clientId)
    const ended = new Promise<null>((resolve) => {
      const onClosed = () => {
        messages.end('the connection is closed')
        resolve(null)
      }
      this.#listeners.set(connection, { messages, onClosed })
    })
    const { code, sessionPresent } = await this.#ask('connect', connection, connectRequest(caller))
    if (code !== 0) throw new Error(`${caller.clientId}: refused with ${code}`)
    const over = (how: 'leave' | 'drop') => async () => {
      await this.#ask(how, connection)
      await ended
    }
    const subscriber = { leave: over('leave'), drop: over('drop') }
    const subscription = new Subscription(subscriber, messages, ended, sessionPresent ?? null)
    return { connection, subscription }
  }

  #ask(op: string, connection: number, more: object = {}): Promise<Line> {
    const id = ++this.#request
    const request = { id, op, connection, patienceSeconds: patienceMs / 1_000, ...more }
    return new Promise((resolve, reject) => {
      this.#requests.set(id, (line) => {
        if (line.error === undefined) resolve(line)
        else reject(new Error(`${op} of connection ${connection}: ${line.error}`))
      })
      this.#child.stdin.write(`${JSON.stringify(request)}\n`)
    })
  }

  #onLine(line: Line): void {
    if (line.id !== undefined) {
      this.#requests.get(line.id)?.(line)
      this.#requests.delete(line.id)
      return
    }
    const listener = this.#listeners.get(line.connection ?? 0)
    if (line.event === 'closed') listener?.onClosed()
    else listener?.messages.put(messageOf(line))
  }
}

function connectRequest(caller: Caller): object {
  const { door, version, clientId, lasting = false, will } = caller
  return {
    door,
    version,
    clientId,
    lasting,
    user: user.name,
    password: caller.password ?? user.password,
    ...(will === undefined
      ? {}
      : { will: { ...will, payload: Buffer.from(will.payload).toString('base64') } }),
  }
}

function messageOf(line: Line): Received {
  // Cannot lie: the script's on_message writes these fields, the payload as base64.
  const { topic, payload, qos, retain, properties } = line as unknown as Omit<
    Received,
    'payload'
  > & { payload: string }
  return { topic, payload: Buffer.from(payload, 'base64'), qos, retain, properties }
}
