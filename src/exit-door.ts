/**
 * The one door out of the process (design.md §12):
 *
 *     SIGTERM, SIGINT while users are read ─▶ nothing is opened (early-signals.ts)
 *     SIGTERM, SIGINT, a lost parent ─▶ broker.stop() ─▶ loops joined ─▶ process.exitCode, and the event loop runs dry
 *     a second signal, a failed start after listening, uncaught error ─▶ process.exit (the only one)
 *     'exit', whoever asked for it ─▶ engine.exitProcess(): joined, and gone
 */
import type { Broker } from './broker.js'
import type { EdgeThread } from './edge/index.js'
import type { DataDirLock } from './listener/index.js'
import type { Log } from './log.js'
import type { Engine } from './native/index.js'
import type { TaskPool } from './tasks/index.js'

export interface ExitDoor {
  /** Resolves when everything has ended. */
  readonly done: Promise<void>
  leave(why: string): Promise<void>
  isLeaving(): boolean
  /** What `work` resolves with; `otherwise` when we leave, or the engine has ended before it was done. */
  whileRunning<T>(work: () => Promise<T>, otherwise: T): Promise<T>
}

/** What leaves, in this order: broker and tasks, the edge thread, the data directory. */
export interface Leaving {
  readonly engine: Engine
  readonly broker: Broker
  readonly tasks: TaskPool
  readonly edge: EdgeThread
  readonly lock: DataDirLock
  readonly log: Log
  /** Before anything ends: whoever asks by himself asks no more. */
  onLeaving(): void
}

/** The engine's handle does not keep the process alive; this does, until the door closes. */
const keepAliveMs = 2 ** 30

export function exitDoor(parts: Leaving): ExitDoor {
  const { engine, broker, tasks, edge, lock, log } = parts
  const keepAlive = setInterval(() => {}, keepAliveMs)
  let leaving: Promise<void> | null = null
  let finish: () => void = () => {}
  const done = new Promise<void>((resolve) => {
    finish = resolve
  })

  function leave(why: string): Promise<void> {
    leaving ??= drain(why)
    return leaving
  }

  async function drain(why: string): Promise<void> {
    log.info({ event: 'stopping', why }, 'stopping')
    parts.onLeaving()
    await Promise.all([broker.stop(), tasks.stop()])
    const edgeHasEnded = await edge.stop()
    lock.release()
    clearInterval(keepAlive)
    process.removeListener('SIGTERM', onSignal)
    process.removeListener('SIGINT', onSignal)
    process.removeListener('disconnect', onOrphaned)
    process.removeListener('uncaughtException', onFatal)
    process.removeListener('unhandledRejection', onFatal)
    if (edgeHasEnded) process.removeListener('exit', onExit)
    log.info({ event: 'stopped' }, 'stopped')
    finish()
  }

  function onSignal(signal: NodeJS.Signals): void {
    if (leaving === null) leave(signal).catch(die)
    else exitNow(1, { event: 'stop_cut_short', signal }, 'a second signal: not waiting for clients')
  }

  /** Started with a channel to its parent (quickstart), a broker does not outlive that one. */
  function onOrphaned(): void {
    leave('the parent process is gone').catch(die)
  }

  /** Whoever still waits for the engine when it ends gets no answer, and that is nobody's mistake. */
  function onFatal(error: unknown): void {
    if (!isLate(error)) die(error)
  }

  function isLate(error: unknown): boolean {
    return leaving !== null && codeOf(error) === 'ENGINE_STOPPED'
  }

  async function whileRunning<T>(work: () => Promise<T>, otherwise: T): Promise<T> {
    if (leaving !== null) return otherwise
    try {
      return await work()
    } catch (error) {
      if (isLate(error)) return otherwise
      throw error
    }
  }

  function die(error: unknown): void {
    exitNow(1, { event: 'fatal', err: error }, 'an error that nothing handled: the process ends')
  }

  /** The only caller of process.exit. */
  function exitNow(code: number, fields: object, message: string): never {
    try {
      log.fatal(fields, message)
      engine.halt()
      lock.release()
    } finally {
      process.exit(code)
    }
  }

  /** Node would now terminate its threads wherever they are: uWebSockets.js does not survive that inside a callback. */
  function onExit(code: number): void {
    engine.exitProcess(code)
  }

  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
  if (process.connected) process.on('disconnect', onOrphaned)
  process.on('uncaughtException', onFatal)
  process.on('unhandledRejection', onFatal)
  process.on('exit', onExit)
  return { done, leave, isLeaving: () => leaving !== null, whileRunning }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : null
}
