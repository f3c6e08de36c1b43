/** The edge thread: opens its listeners, pumps, and ends by message only, as uWebSockets.js does not survive being terminated. */
import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../clock.js'
import { edgeLimits } from '../limits.js'
import { type ApiServer, openApi } from '../management/api/index.js'
import { attachEdge } from '../native/index.js'
import type { EdgeSettings, FromEdge, Library, ToEdge } from './messages.js'
import { Pump } from './pump.js'
import { type EdgeServer, UnusableTls } from './server.js'
import { loadUws } from './uws-library.js'
import { serveUws } from './uws-server.js'
import { serveWs } from './ws-server.js'

if (parentPort === null) throw new Error('the edge thread is a worker thread')
const control = parentPort

// Cannot lie: edge-thread.ts, which starts this file, gives it these.
const settings = workerData as EdgeSettings
process.on('uncaughtException', (error) => tell({ kind: 'broke', error }))
const exchange = attachEdge({ ...settings, nice: edgeLimits.nice }, () => pump.run())
const pump = new Pump({ exchange, clock: systemClock, defer: setImmediate })
const ticking = setInterval(() => pump.tick(), edgeLimits.tickMs)
const uws = settings.library === 'auto' ? loadUws() : null
/** By the number of the listener. */
const servers = new Map<number, EdgeServer>()
let api: ApiServer | null = null
let isLeaving = false

// Cannot lie: edge-thread.ts alone writes to this port.
control.on('message', (message: ToEdge) => {
  if (message.kind === 'renew') {
    opening.then(() => renew(message)).catch(rethrow)
  } else if (message.kind === 'keys') {
    opening.then(() => api?.renewKeys(message.keys)).catch(rethrow)
  } else if (message.kind === 'answer') {
    api?.answered(message.id, message.answer)
  } else {
    isLeaving = true
    for (const server of servers.values()) server.stopListening()
    api?.stopListening()
    if (message.kind === 'stop') stop()
  }
})
const opening = open()
await opening

async function open(): Promise<void> {
  const libraries: Record<string, Library> = {}
  const closed: number[] = []
  for (const listener of settings.listeners) {
    try {
      const serving = listener.isBeyondUws ? null : uws
      const server = await (serving === null
        ? serveWs(listener, pump)
        : serveUws(serving, listener, pump))
      libraries[listener.path] = serving === null ? 'ws' : 'uws'
      servers.set(listener.id, server)
      if (isLeaving) server.close()
    } catch (error) {
      if (listener.mayStayClosed) {
        closed.push(listener.id)
        continue
      }
      const key = error instanceof UnusableTls ? 'ssl_options' : 'bind'
      sayFailed(listener.path, key, error)
      return
    }
  }
  if (settings.api !== null) {
    try {
      api = await openApi({
        ...settings.api,
        ask: (id, question) => tell({ kind: 'ask', id, question }),
        report: (report) => tell({ kind: 'report', report }),
        onMistake: (error) => tell({ kind: 'api-failed', error }),
      })
      if (isLeaving) api.close()
    } catch (error) {
      sayFailed(settings.api.path, 'bind', error)
      return
    }
  }
  tell({ kind: 'listening', libraries, closed })
}

async function renew({ listener, tls }: ToEdge & { kind: 'renew' }): Promise<void> {
  if (isLeaving) return
  try {
    await servers.get(listener)?.renew(tls)
  } catch (error) {
    const path = settings.listeners.find(({ id }) => id === listener)?.path ?? ''
    tell({ kind: 'renew-failed', listener: path, why: reasonOf(error) })
  }
}

/** The loops have said all they had to say. What is on its way to clients gets a moment. */
function stop(): void {
  api?.close()
  pump.run()
  const grace = pump.hasServed ? edgeLimits.stopGraceMs : 0
  pump.closeAll()
  setTimeout(() => {
    clearInterval(ticking)
    pump.destroyAll()
    for (const server of servers.values()) server.close()
    control.close()
  }, grace)
}

function sayFailed(listener: string, key: 'bind' | 'ssl_options', error: unknown): void {
  const errno: unknown = error instanceof Error && 'code' in error ? error.code : null
  const name = typeof errno === 'string' ? errno : null
  tell({ kind: 'failed', listener, key, errno: name, why: reasonOf(error) })
}

function tell(message: FromEdge): void {
  control.postMessage(message)
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function rethrow(error: unknown): never {
  throw error
}
