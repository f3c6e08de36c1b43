/**
 * The sides of a comparison: a broker of our own, a mosquitto of our own, somebody's broker, or the floor. Ours are children
 * of this process, started on the broker's processors, with a configuration that means the same service (bench/peers).
 */
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { FloorFan, LoadEndpoint } from '../../native/index.js'
import { describeEndpoint, endpointOf } from './address.js'
import { benchFailed } from './failure.js'
import { identityIn } from './identity.js'
import type { BenchOptions } from './options.js'
import { type OwnSide, startCauseway } from './own-broker.js'
import { freePort, late, onProcessors } from './starting.js'

export interface Side {
  readonly name: string
  readonly endpoint: LoadEndpoint
  /** Whose processor time is the broker's; empty: unknown. */
  readonly pids: readonly number[]
  /** Rejects when a broker of ours dies; null: not ours. */
  readonly died: Promise<never> | null
  stop(): Promise<void>
}

const stopTimeoutMs = 5_000
const pollMs = 50

/**
 * @param folder for files of brokers of ours; its owner removes it
 * @param fan what a floor sends; null: nothing
 */
export async function startSide(
  kind: 'target' | 'causeway' | 'mosquitto' | 'floor',
  options: BenchOptions,
  folder: string,
  fan: FloorFan | null,
): Promise<Side> {
  if (kind === 'target') return target(options)
  if (kind === 'causeway') return ownCauseway(options, folder)
  if (kind === 'mosquitto') return mosquitto(options, folder)
  return floor(options, folder, fan)
}

async function target({ target: written, pids }: BenchOptions): Promise<Side> {
  const endpoint = await endpointOf(written ?? '')
  return { name: describeEndpoint(endpoint), endpoint, pids, died: null, stop: async () => {} }
}

export async function ownCauseway(options: BenchOptions, folder: string): Promise<OwnSide> {
  const port = await freePort()
  const io = options.io ?? (options.pin === null ? null : options.pin.broker.length)
  return startCauseway(
    {
      name: 'causeway',
      port,
      io,
      tasks: options.tasks ?? 1,
      more: '',
      via: options.via,
      pin: options.pin,
    },
    folder,
  )
}

/** The settings of bench/peers/mosquitto.conf. */
async function mosquitto({ via, pin }: BenchOptions, folder: string): Promise<Side> {
  const port = await freePort()
  const socket = join(folder, 'mosquitto.sock')
  const file = join(folder, 'mosquitto.conf')
  // Started by root it would take another user, who may neither read the key nor make the socket. 2.0.11 with WebSocket listeners
  // alone ends.
  const tls = via === 'tls' ? identityIn(folder) : null
  writeFileSync(
    file,
    `user ${userInfo().username}
listener ${port} 127.0.0.1
${tls === null ? '' : `certfile ${tls.certificate}\nkeyfile ${tls.key}`}
${via === 'ws' ? 'protocol websockets' : ''}
${via === 'unix' || via === 'ws' ? `listener 0 ${socket}` : ''}
allow_anonymous true
set_tcp_nodelay true
max_inflight_messages 1000
max_queued_messages 0
max_queued_bytes 0
persistence false
log_dest none
max_connections -1
`,
  )
  const child = onProcessors(pin?.broker ?? null, () =>
    spawn('mosquitto', ['-c', file], { stdio: 'ignore', detached: true }),
  )
  const endpoint: LoadEndpoint = via === 'unix' ? { path: socket } : { host: '127.0.0.1', port }
  return ownProcess('mosquitto', child, endpoint)
}

/** Its end of the same exchange with nothing of a broker in between, in a process of its own. */
async function floor(
  { via, pin }: BenchOptions,
  folder: string,
  fan: FloorFan | null,
): Promise<Side> {
  const path = join(folder, 'floor.sock')
  rmSync(path, { force: true }) // the floor of the round before was ended where it stood
  const endpoint: LoadEndpoint =
    via === 'unix' ? { path } : { host: '127.0.0.1', port: await freePort() }
  const entry = fileURLToPath(new URL('./floor-process.js', import.meta.url))
  const child = onProcessors(pin?.broker ?? null, () =>
    fork(entry, [JSON.stringify(endpoint), JSON.stringify(fan)], { detached: true }),
  )
  return ownProcess('floor', child, endpoint)
}

async function ownProcess(
  name: string,
  child: ChildProcess,
  endpoint: LoadEndpoint,
): Promise<Side> {
  let stopping = false
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const died = new Promise<never>((_, reject) => {
    child.once('error', (cause: NodeJS.ErrnoException) =>
      reject(
        benchFailed(
          cause.code === 'ENOENT' ? `${name} is not installed` : `${name}: ${cause.message}`,
        ),
      ),
    )
    child.once('close', (code, signal) => {
      if (!stopping) reject(benchFailed(`${name} ended with ${signal ?? `exit code ${code}`}`))
    })
  })
  died.catch(() => {}) // who waits for it hears of it
  const stop = async () => {
    stopping = true
    if (child.pid === undefined) return
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs)
    await gone
    clearTimeout(timer)
  }
  try {
    await Promise.race([answers(endpoint), died, late(`${name} did not listen`)])
  } catch (error) {
    await stop()
    throw error
  }
  return { name, endpoint, pids: child.pid === undefined ? [] : [child.pid], died, stop }
}

async function answers(endpoint: LoadEndpoint): Promise<void> {
  for (;;) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect({ ...endpoint }, () => {
        socket.destroy()
        resolve(true)
      })
      socket.once('error', () => resolve(false))
    })
    if (open) return
    await delay(pollMs, undefined, { ref: false })
  }
}
