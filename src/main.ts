/** One broker in one process, from a loaded configuration to the exit code. Leaving has one door: exit-door.ts. */
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { type Authenticators, openAuthenticators } from './auth/index.js'
import { Broker } from './broker.js'
import { systemClock, systemTimers } from './clock.js'
import { type Config, formatPosition, type LoadedConfig } from './config/index.js'
import type { EarlySignals } from './early-signals.js'
import { type EdgeStarted, EdgeThread } from './edge/index.js'
import { CausewayError } from './errors.js'
import { type ExitDoor, exitDoor } from './exit-door.js'
import { LinkRoom, type LinkStatus, systemLookup } from './link/index.js'
import { bindText, DataDirLock, isOwnAddress } from './listener/index.js'
import { type Log, openLog } from './log.js'
import type { ApiAnswer, ApiQuestion } from './management/api/index.js'
import {
  answerTo,
  apiOffer,
  ClientPages,
  ControlSocket,
  isStopping,
  LinkAdministration,
  type OpenApiOffer,
  Reloader,
  sayCounters,
} from './management/index.js'
import { type Engine, type EngineEvent, openEngine } from './native/index.js'
import { homeLoop } from './session/index.js'
import type { Slicer } from './slices.js'
import { TaskPool } from './tasks/index.js'
import type { TlsContexts } from './tls/index.js'
import { version } from './version.js'

/** Where the configuration comes from. */
export interface ConfigSource {
  /** Null: defaults and the environment. */
  readonly file: string | null
  /** Reads it again; links are kept in `dataDir`. @throws CausewayError CONFIG_* */
  load(links: { readonly dataDir: string; readonly linksText?: string }): LoadedConfig
}

/** What runs, as far as the exit door must know it. */
interface Running {
  readonly engine: Engine
  readonly broker: Broker
  readonly tasks: TaskPool
  readonly edge: EdgeThread
  /** Null until it has been read whether it is on, and where it is off. */
  readonly api: { offer: OpenApiOffer | null }
  readonly links: () => readonly LinkStatus[]
  readonly linkRoom: () => LinkRoom | null
  readonly lock: DataDirLock
  readonly log: Log
}

/**
 * Runs until a signal; `signals` says whether one has come before. Resolves when everything has ended.
 * @throws CausewayError LISTENER_*, DATA_DIR_*, NATIVE_*, AUTH_*, API_KEYS_INVALID; nothing runs any more then
 */
export async function runBroker(
  loaded: LoadedConfig,
  signals: EarlySignals,
  source: ConfigSource,
): Promise<void> {
  const { config, warnings } = loaded
  const log = openLog(config.log)
  for (const { kind, message, position } of warnings) {
    log.warn(
      { event: 'config_warning', kind, at: position === null ? null : formatPosition(position) },
      message,
    )
  }
  const lock = DataDirLock.take(config.node.dataDir)
  const tasks = new TaskPool({
    threads: config.workers.tasks,
    ready: config.links.length > 0 ? 'link-bootstrap' : null,
  })
  let authenticators: Authenticators
  try {
    authenticators = await whoMayConnect(config, tasks, log)
  } catch (error) {
    lock.release()
    await tasks.stop()
    throw error
  }
  if (signals.asked !== null) {
    await tasks.stop()
    lock.release()
    log.info({ event: 'stopped', why: signals.asked }, 'stopped before it was ready')
    return
  }
  // From here until the door hears signals no other turn of the event loop: one that comes meanwhile finds the door.
  const running = opened(loaded, log, lock, tasks, authenticators)
  const reloader = reloaderOf(running, loaded, source)
  const control = controlOf(running, reloader, config, source)
  const administration = administrationOf(running, reloader, config)
  const ended = exitDoor({ ...running, onLeaving: () => administration.stop() })
  signals.letGo()
  listenToSignals(running, reloader, ended)
  administration.start()
  try {
    await started(running, control, ended, config.clusterName, () =>
      offerApi(running, config, (question) =>
        ended.whileRunning(() => administration.answer(question), isStopping),
      ),
    )
    await ended.done
  } finally {
    control.stop()
    administration.stop()
  }
}

/** SIGUSR2 and SIGHUP; nothing happens any more when we leave, and neither ends the process by itself. */
function listenToSignals(running: Running, reloader: Reloader, ended: ExitDoor): void {
  const { broker, links, log } = running
  process.on('SIGUSR2', () => {
    if (ended.isLeaving()) return
    sayCounters(log, broker.metrics.read(), links(), broker.listenerStates())
  })
  process.on('SIGHUP', () => {
    // What is wrong with the file is logged by the reloader; anything else is our mistake.
    if (!ended.isLeaving()) void reloader.reload('SIGHUP').catch(ignoreRefusal)
  })
}

/** Opens the listeners; where there are WebSocket ones that takes turns of the event loop, and a signal may come in between. */
async function started(
  running: Running,
  control: ControlSocket,
  ended: ExitDoor,
  clusterName: string,
  offer: () => void,
): Promise<void> {
  try {
    offer()
    running.broker.start()
    onEdgeStarted(await running.edge.start(running.api.offer), running)
    await control.start()
  } catch (error) {
    await ended.leave('start failed')
    throw error
  }
  if (!ended.isLeaving()) sayReady(running, clusterName)
}

/** Reads the users and says what there is. */
async function whoMayConnect(
  { authentication }: Config,
  tasks: TaskPool,
  log: Log,
): Promise<Authenticators> {
  const authenticators = await openAuthenticators(authentication, (request) =>
    tasks.passwordHash(request),
  )
  const { password, scram } = authenticators
  if (password !== null || scram !== null) {
    log.info(
      {
        event: 'authentication_ready',
        passwordUsers: password?.users.size ?? null,
        scramUsers: scram?.users ?? null,
        method: scram?.method ?? null,
      },
      'clients have to authenticate',
    )
  }
  return authenticators
}

/** Nothing listens yet. */
function opened(
  loaded: LoadedConfig,
  log: Log,
  lock: DataDirLock,
  tasks: TaskPool,
  authenticators: Authenticators,
): Running {
  const { config, where } = loaded
  let engine: Engine | null = null
  try {
    // The engine needs the broker's ear and the broker needs the engine; the first events come in a later tick.
    let hear: (events: readonly EngineEvent[]) => void = () => {}
    const opening = openEngine({ config, onEvents: (events) => hear(events) })
    engine = opening
    let room: LinkRoom | null = null
    const edge = new EdgeThread({
      library: config.workers.websocket,
      ringBytes: config.limits.wsRingBytes,
      stallMs: config.limits.wsStallMs,
      onRenewFailed: (listener, reason) =>
        log.error(
          {
            event: 'tls_reload_refused',
            code: 'TLS_UNUSABLE',
            key: `${listener}.ssl_options`,
            file: null,
            reason,
          },
          'the edge thread cannot use the new files: what was in force stays',
        ),
      where,
      onFatal: rethrow,
    })
    const link = (shared: { readonly slicer: Slicer; readonly tls: TlsContexts }) => {
      room = linkRoom(config, opening, tasks, shared, log)
      return room
    }
    const broker = new Broker({
      config,
      engine,
      clock: systemClock,
      timers: systemTimers,
      log,
      authenticators,
      hash: (request) => tasks.passwordHash(request),
      edge,
      where,
      defer: setImmediate,
      // Thrown from a bulk job's turn of the event loop: reaches the fatal handler of the exit door.
      onFatal: rethrow,
      link,
    })
    hear = broker.onEvents
    return {
      engine,
      broker,
      tasks,
      edge,
      api: { offer: null },
      links: () => room?.status() ?? [],
      linkRoom: () => room,
      lock,
      log,
    }
  } catch (error) {
    engine?.halt()
    lock.release()
    tasks.stop().catch(rethrow)
    throw error
  }
}

function rethrow(error: unknown): never {
  throw error
}

function linkRoom(
  config: Config,
  engine: Engine,
  tasks: TaskPool,
  { slicer, tls }: { readonly slicer: Slicer; readonly tls: TlsContexts },
  log: Log,
): LinkRoom {
  return new LinkRoom({
    environment: {
      engine,
      tasks,
      slices: slicer,
      tls,
      clock: systemClock,
      timers: systemTimers,
      log,
      randomHex: (bytes) => randomBytes(bytes).toString('hex'),
      lookup: systemLookup,
      readSecret: (path) => readFile(path, 'utf8'),
    },
    settings: {
      clusterName: config.clusterName,
      nodeName: config.node.name,
      links: config.links,
      dataDir: config.node.dataDir,
      packetBytesMax: config.mqtt.maxPacketBytes,
      isOwnAddress: (host, port) => isOwnAddress(config.listeners, host, port),
      homeOf: (clientId) => homeLoop(clientId, engine.loops),
    },
  })
}

/** Links, and with them who may pose as a linked cluster; certificates. The rest is told. */
function reloaderOf(running: Running, loaded: LoadedConfig, { load }: ConfigSource): Reloader {
  const { api, broker, linkRoom: room, log } = running
  return new Reloader({
    loaded,
    log,
    load: (linksText) =>
      load({
        dataDir: loaded.config.node.dataDir,
        ...(linksText === undefined ? {} : { linksText }),
      }),
    links: async (config) => {
      const changes = (await room()?.reconfigure(config.links)) ?? []
      broker.linksChanged(config)
      return changes
    },
    certificates: () => {
      broker.reloadCertificates()
      api.offer?.reloadKeys()
    },
  })
}

/** @throws CausewayError API_KEYS_INVALID */
function offerApi(
  { api, broker, edge, log }: Running,
  config: Config,
  answer: (question: ApiQuestion) => Promise<ApiAnswer>,
): void {
  api.offer = apiOffer({
    config,
    version,
    log,
    answer,
    counted: (counts) => broker.counted(counts),
    renewed: (keys) => edge.renewKeys(keys),
  })
}

/** What the API asks of links. */
function administrationOf(
  { links }: Running,
  reloader: Reloader,
  { node }: Config,
): LinkAdministration {
  return new LinkAdministration({
    reloader,
    dataDir: node.dataDir,
    node: node.name,
    clock: systemClock,
    timers: systemTimers,
    status: links,
  })
}

function ignoreRefusal(error: unknown): void {
  if (!(error instanceof CausewayError)) throw error
}

function controlOf(
  { api, broker, engine, links, linkRoom, log }: Running,
  reloader: Reloader,
  config: Config,
  { file }: ConfigSource,
): ControlSocket {
  const status = () => {
    const { connections = 0, sessions = 0, subscriptions = 0 } = broker.metrics.counts()
    const states = broker.listenerStates()
    return {
      version,
      pid: process.pid,
      node: config.node.name,
      cluster: config.clusterName,
      configFile: file,
      uptimeSeconds: Math.round(process.uptime()),
      loops: engine.loops,
      listeners: broker.listeners
        .map(({ config: listener }) => {
          const name = `${listener.kind}:${listener.name}`
          const state = states.find(({ listener: of }) => of === name)
          return { name, bind: bindText(listener), connections: state?.connections ?? 0 }
        })
        .concat(api.offer?.state() ?? []),
      connections,
      sessions,
      subscriptions,
    }
  }
  const reload = (why: string) => reloader.reload(why)
  const routes = (link: string, from: number) => linkRoom()?.routes(link, from) ?? null
  const clients = new ClientPages({
    clients: broker.clients,
    inSlices: (name, job) => broker.inSlices(name, job),
    node: config.node.name,
    start: randomBytes(6).toString('hex'),
  })
  return new ControlSocket({
    dataDir: config.node.dataDir,
    log,
    answer: (request) => answerTo(request, { status, links, routes, clients, reload }),
    onFatal: rethrowLater,
  })
}

/** Out of a promise and into the fatal handler of the exit door. */
function rethrowLater(error: unknown): void {
  setImmediate(rethrow, error)
}

function onEdgeStarted(started: EdgeStarted | null, { broker, log }: Running): void {
  if (started === null) return
  const { libraries, closed } = started
  for (const listener of closed) broker.listenerClosed(listener)
  if (Object.keys(libraries).length > 0)
    log.info({ event: 'edge_started', libraries }, 'WebSocket listeners are open')
}

/** One line on standard output for whoever started us, and the same as an event. */
function sayReady({ api, engine, broker, log }: Running, clusterName: string): void {
  const listeners = [
    ...broker.listeners.map(({ config }) => `${config.kind}:${config.name} ${bindText(config)}`),
    ...(api.offer?.state() ?? []).map(({ name, bind }) => `${name} ${bind}`),
  ]
  const loops = `${engine.loops} io loop${engine.loops === 1 ? '' : 's'}`
  process.stdout.write(
    `Causeway ${version} ready: ${[`cluster ${clusterName}`, ...listeners, loops].join(', ')}\n`,
  )
  log.info(
    {
      event: 'ready',
      version,
      cluster: clusterName,
      listeners,
      loops: engine.loops,
      pid: process.pid,
    },
    'ready',
  )
}
