/**
 * `causeway quickstart [--once] [--dir DIR]`: two linked brokers on this machine, and a message each way.
 *
 *     write two files ─▶ start two processes ─▶ both ready ─▶ both links online ─▶ a message each way ─▶ stay, or leave
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Environment } from '../config/index.js'
import { CausewayError } from '../errors.js'
import { advice } from './quickstart/advice.js'
import { BrokerProcess, isComplaint } from './quickstart/broker-process.js'
import { type Delivery, sendAcross } from './quickstart/proof.js'
import { configurationOf, east, host, type Region, west } from './quickstart/region.js'
import { within } from './quickstart/waiting.js'

export interface QuickstartOptions {
  /** Leave after the proof. */
  readonly once: boolean
  /** Where configurations, logs and data go and stay; null: a temporary folder, removed unless something failed. */
  readonly dir: string | null
  readonly env: Environment
}

interface Site {
  readonly region: Region
  readonly broker: BrokerProcess
}

/** Complaints of the brokers are worth a line between the proof and the end; before it the last one explains a failure. */
interface Phase {
  proven: boolean
  leaving: boolean
}

const readyTimeoutMs = 20_000
const linkTimeoutMs = 20_000
/** The order in which the proof and the messages name them. */
const pair = [
  { region: east, remote: west },
  { region: west, remote: east },
] as const

/** @throws CausewayError QUICKSTART_FAILED; no process of ours is left then */
export async function quickstartCommand({ once, dir, env }: QuickstartOptions): Promise<void> {
  const folder = dir === null ? mkdtempSync(join(tmpdir(), 'causeway-quickstart-')) : resolve(dir)
  const asked = stopSignal()
  const sites: Site[] = []
  const phase = { proven: false, leaving: false }
  try {
    for (const { region, remote } of pair) {
      say(`starting ${region.cluster}`)
      sites.push(startSite(region, remote, folder, env, phase))
    }
    const work = prove(sites).then(() => {
      phase.proven = true
      if (once) return
      process.stdout.write(`\n${advice(east, west, folder)}\n`)
      return never
    })
    // A broker that dies ends everything, whatever is being waited for; so does Ctrl-C.
    await Promise.race([work, asked.promise, ...sites.map(({ broker }) => broker.died)])
  } catch (error) {
    throw withFolder(error, folder)
  } finally {
    phase.leaving = true
    await Promise.all(sites.map(({ broker }) => broker.stop()))
    asked.release()
  }
  if (dir === null) rmSync(folder, { recursive: true, force: true })
  say('both brokers have stopped')
}

const never = new Promise<never>(() => {})

function startSite(
  region: Region,
  remote: Region,
  folder: string,
  env: Environment,
  phase: Phase,
): Site {
  const home = join(folder, region.cluster)
  mkdirSync(home, { recursive: true })
  const configFile = join(folder, `${region.cluster}.conf`)
  writeFileSync(configFile, configurationOf(region, remote, join(home, 'data')))
  const broker = new BrokerProcess({
    name: region.cluster,
    configFile,
    logFile: join(home, 'broker.log'),
    env,
    onEvent: (event) => {
      if (isComplaint(event) && phase.proven && !phase.leaving)
        say(`${region.cluster}: ${event.message}`)
    },
  })
  return { region, broker }
}

async function prove(sites: readonly Site[]): Promise<void> {
  await Promise.all(sites.map(ready))
  await Promise.all(sites.map(linked))
  for (const { region, remote } of pair)
    sayDelivered(region, remote, await sendAcross(region, remote))
  say('it works: QoS 1, each way, through the link')
}

async function ready({ region, broker }: Site): Promise<void> {
  await within(
    readyTimeoutMs,
    broker.logged('ready'),
    () => `${region.cluster} was not ready within ${readyTimeoutMs / 1_000} s`,
  )
  say(
    `${region.cluster} listens: clients on ${host}:${region.clientPort}, links on ${host}:${region.linkPort}`,
  )
}

async function linked({ region, broker }: Site): Promise<void> {
  await within(linkTimeoutMs, broker.logged('cluster_link_routerepl_online'), () => {
    const why = broker.lastWarning
    return `${region.cluster} was not linked within ${linkTimeoutMs / 1_000} s: ${why ?? 'its log does not say why'}`
  })
  say(`${region.cluster} is linked to ${region === east ? west.cluster : east.cluster}`)
}

function sayDelivered(
  from: Region,
  to: Region,
  { topic, payload, routeMs, messageMs }: Delivery,
): void {
  say(`subscription in ${to.cluster} effective in ${from.cluster} after ${routeMs.toFixed(1)} ms`)
  say(`${from.cluster} -> ${to.cluster}: ${topic} "${payload}" in ${messageMs.toFixed(1)} ms`)
}

/** Ctrl-C or SIGTERM. Later ones change nothing: npm sends what the terminal has sent already. */
function stopSignal(): { readonly promise: Promise<void>; release(): void } {
  let stop: () => void = () => {}
  const promise = new Promise<void>((resolvePromise) => {
    stop = resolvePromise
  })
  const onSignal = () => stop()
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  return {
    promise,
    release() {
      process.removeListener('SIGINT', onSignal)
      process.removeListener('SIGTERM', onSignal)
    },
  }
}

function withFolder(error: unknown, folder: string): unknown {
  if (!(error instanceof CausewayError)) return error
  return new CausewayError(error.code, `${error.message}\n(configurations and logs: ${folder})`, {
    detail: error.detail,
    cause: error,
  })
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}
