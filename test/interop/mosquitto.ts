/** mosquitto_sub and mosquitto_pub of Debian 12 (2.0.11), told what to do by their arguments. */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { eventually, Mailbox, type Version } from '../integration/harness/index.js'
import {
  type Caller,
  type Door,
  type Filter,
  type Message,
  type Program,
  type Properties,
  type Received,
  Subscription,
  user,
} from '../integration/transport/every/index.js'

/** One line a message; everything else on standard output is of -d. */
const format = 'MESSAGE\\t%t\\t%q\\t%r\\t%x\\t%P\\t%R\\t%D\\t%C\\t%E\\t%S'
const versionNames = { 3: 'mqttv31', 4: 'mqttv311', 5: 'mqttv5' } as const

export class Mosquitto implements Program {
  readonly name = 'mosquitto_sub and mosquitto_pub'
  /** WebSockets came with 2.1. */
  readonly dials = ['tcp', 'tls', 'unix'] as const
  readonly tellsSession = false
  readonly tellsGoodbye = true

  redials(version: Version): boolean {
    return version < 5
  }

  /** With reason 0x04 in version 5. */
  leavesItsWill(version: Version): boolean {
    return version === 5
  }

  async subscribe(caller: Caller, filters: readonly Filter[], id?: number): Promise<Subscription> {
    const run = new SubscriberRun(caller, [
      ...filters.flatMap(({ filter, qos }) => ['-t', filter, '-q', `${qos}`]),
      ...(id === undefined ? [] : ['-D', 'subscribe', 'subscription-identifier', `${id}`]),
    ])
    await run.subscribed()
    return new Subscription(run, run.messages, run.ended, null)
  }

  resume(caller: Caller, filters: readonly Filter[]): Promise<Subscription> {
    return this.subscribe(caller, filters)
  }

  async publish(caller: Caller, messages: readonly Message[]): Promise<void> {
    for (const lines of runsOfLines(messages)) {
      const [first, ...more] = lines
      if (first === undefined) continue
      if (more.length > 0) {
        const text = lines.map(({ payload }) => `${payload}\n`).join('')
        await published(caller, first, ['-l'], text)
      } else if (first.payload.length === 0) await published(caller, first, ['-n'], '')
      else await published(caller, first, ['-s'], first.payload)
    }
  }

  async refusal(caller: Caller): Promise<number> {
    const run = new SubscriberRun(caller, ['-t', 'unused'])
    await Promise.race([run.subscribed(), run.ended])
    if (run.connack === 0) {
      await run.leave()
      throw new Error(`${caller.clientId} was let in`)
    }
    return run.connack
  }
}

/** A mosquitto_sub, from its start to its end. */
class SubscriberRun {
  readonly messages: Mailbox<Received>
  readonly ended: Promise<number | null>
  /** Code of the CONNACK; -1: there was none. */
  connack = -1
  readonly #child: ChildProcessByStdio<null, Readable, Readable>
  #goodbye: number | null = null
  #hasSubscribed: () => void = () => {}
  readonly #subscribed: Promise<void>
  #errors = ''

  constructor(caller: Caller, args: readonly string[]) {
    this.messages = new Mailbox(caller.clientId)
    this.#subscribed = new Promise((resolve) => {
      this.#hasSubscribed = resolve
    })
    this.#child = spawn(
      // Line by line, though it is a pipe.
      'stdbuf',
      ['-oL', 'mosquitto_sub', ...connection(caller), '-d', '-F', format, ...args],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    )
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#onLine(line))
    this.#child.stderr.on('data', (bytes) => {
      this.#errors += bytes
    })
    this.ended = new Promise((resolve) => {
      this.#child.once('close', () => {
        this.messages.end(`mosquitto_sub ended: ${this.#errors}`)
        resolve(this.#goodbye)
      })
    })
  }

  /** @throws Error when it ends before its subscriptions are granted */
  async subscribed(): Promise<void> {
    const tooSoon = this.ended.then(() => {
      throw new Error(`mosquitto_sub ended: ${this.#errors}`)
    })
    await Promise.race([this.#subscribed, tooSoon])
  }

  async leave(): Promise<void> {
    // Its handler of the signal prints: amid a message, that would print the message twice.
    await eventually('mosquitto_sub waits for its socket', () => isAsleep(this.#child.pid ?? 0))
    this.#child.kill('SIGTERM')
    await this.ended
  }

  async drop(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.ended
  }

  #onLine(line: string): void {
    if (line.startsWith('MESSAGE\t')) this.messages.put(messageOf(line))
    else if (line.startsWith('Subscribed (mid')) this.#hasSubscribed()
    this.connack = Number(/received CONNACK \((\d+)\)$/.exec(line)?.[1] ?? this.connack)
    const goodbye = /^Received DISCONNECT \((\d+)\)$/.exec(line)?.[1]
    if (goodbye !== undefined) this.#goodbye = Number(goodbye)
  }
}

/** Whether a process of one thread waits or has ended, as Linux sees it; true where nothing tells. */
function isAsleep(pid: number): boolean {
  try {
    return /^State:\t[SZ]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return true
  }
}

/** Runs mosquitto_pub to its end. @throws Error when it does not succeed */
function published(
  caller: Caller,
  { topic, qos, retain = false, properties }: Message,
  how: readonly string[],
  input: string | Buffer,
): Promise<void> {
  const args = [
    ...connection(caller),
    ...['-t', topic, '-q', `${qos}`, ...how],
    ...(retain ? ['-r'] : []),
    ...(properties === undefined ? [] : propertyArguments(properties)),
  ]
  const child: ChildProcessByStdio<Writable, null, Readable> = spawn('mosquitto_pub', args, {
    stdio: ['pipe', 'ignore', 'pipe'],
  })
  let errors = ''
  child.stderr.on('data', (bytes) => {
    errors += bytes
  })
  child.stdin.on('error', () => {}) // it ended before it read everything: its exit code tells
  child.stdin.end(input)
  return new Promise((resolve, reject) => {
    child.once('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`mosquitto_pub ended with ${code}: ${errors}`)),
    )
  })
}

function connection(caller: Caller): string[] {
  const { door, version, clientId, lasting = false, will } = caller
  return [
    ...address(door),
    ...['-V', versionNames[version], '-i', clientId],
    ...['-u', user.name, '-P', caller.password ?? user.password],
    ...(lasting ? ['-c', ...(version === 5 ? ['-x', '60'] : [])] : []),
    ...(will === undefined
      ? []
      : [
          ...['--will-topic', will.topic, '--will-payload', `${will.payload}`],
          ...['--will-qos', `${will.qos}`],
        ]),
  ]
}

function address({ kind, port, path, caFile }: Door): string[] {
  switch (kind) {
    case 'tcp':
      return ['-h', '127.0.0.1', '-p', `${port}`]
    case 'tls':
      return ['-h', '127.0.0.1', '-p', `${port}`, '--cafile', caFile]
    case 'unix':
      return ['--unix', path]
    default:
      throw new Error(`mosquitto cannot dial ${kind}`)
  }
}

function propertyArguments(properties: Properties): string[] {
  const { userProperties, responseTopic, correlationData, contentType, expirySeconds } = properties
  const all: readonly (readonly [string, ...string[]])[] = [
    ...(userProperties ?? []).map((pair) => ['user-property', ...pair] as const),
    ...(responseTopic === undefined ? [] : [['response-topic', responseTopic] as const]),
    ...(correlationData === undefined ? [] : [['correlation-data', correlationData] as const]),
    ...(contentType === undefined ? [] : [['content-type', contentType] as const]),
    ...(expirySeconds === undefined
      ? []
      : [['message-expiry-interval', `${expirySeconds}`] as const]),
  ]
  return all.flatMap((one) => ['-D', 'publish', ...one])
}

function messageOf(line: string): Received {
  const [, topic = '', qos, retain, payload = '', ...properties] = line.split('\t')
  const [users = '', responseTopic = '', correlationData = '', contentType = '', ...more] =
    properties
  const [expiry = '', ids = ''] = more
  const pairs = users
    .split(' ')
    .filter((pair) => pair !== '')
    .map((pair) => [pair.slice(0, pair.indexOf(':')), pair.slice(pair.indexOf(':') + 1)] as const)
  return {
    topic,
    payload: Buffer.from(payload, 'hex'),
    qos: Number(qos),
    retain: retain === '1',
    properties: {
      ...(pairs.length === 0 ? {} : { userProperties: pairs }),
      ...(responseTopic === '' ? {} : { responseTopic }),
      ...(correlationData === '' ? {} : { correlationData }),
      ...(contentType === '' ? {} : { contentType }),
      ...(expiry === '' ? {} : { expirySeconds: Number(expiry) }),
      ...(ids === '' ? {} : { subscriptionIds: ids.split(' ').map(Number) }),
    },
  }
}

/** Neighbours that one mosquitto_pub can send, a line each. */
function runsOfLines(messages: readonly Message[]): Message[][] {
  const runs: Message[][] = []
  for (const message of messages) {
    const run = runs.at(-1)
    const last = run?.at(-1)
    if (last && isLine(last) && isLine(message) && alike(last, message)) run?.push(message)
    else runs.push([message])
  }
  return runs
}

function isLine({ payload, retain = false, properties }: Message): boolean {
  const isText = typeof payload === 'string' && payload !== '' && !payload.includes('\n')
  return isText && !retain && properties === undefined
}

function alike(a: Message, b: Message): boolean {
  return a.topic === b.topic && a.qos === b.qos
}
