/** The edge thread: opens its listeners, pumps, and ends by message only, as uWebSockets.js does not survive being terminated. */
import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../clock.js'
import { edgeLimits } from '../limits.js'
import { attachEdge } from '../native/index.js'
import type { EdgeSettings, FromEdge, ToEdge } from './messages.js'
import { Pump } from './pump.js'
import type { EdgeServer } from './server.js'
import { loadUws } from './uws-library.js'
import { serveUws } from './uws-server.js'
import { serveWs } from './ws-server.js'

if (parentPort === null) throw new Error('the edge thread is a worker thread')
const control = parentPort

// Cannot lie: edge-thread.ts, which starts this file, gives it these.
const settings = workerData as EdgeSettings
process.on('uncaughtException', (error) => tell({ kind: 'broke', error }))
const exchange = attachEdge(settings, () => pump.run())
const pump = new Pump({ exchange, clock: systemClock, defer: setImmediate })
const ticking = setInterval(() => pump.tick(), edgeLimits.tickMs)
const uws = settings.library === 'auto' ? loadUws() : null
const servers: EdgeServer[] = []
let isLeaving = false

// Cannot lie: edge-thread.ts alone writes to this port.
control.on('message', (message: ToEdge) => {
  isLeaving = true
  for (const server of servers) server.stopListening()
  if (message === 'stop') stop()
})
await open()

async function open(): Promise<void> {
  for (const listener of settings.listeners) {
    try {
      const server = await (uws === null ? serveWs(listener, pump) : serveUws(uws, listener, pump))
      servers.push(server)
      if (isLeaving) server.close()
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      tell({ kind: 'failed', listener: listener.path, why })
      return
    }
  }
  tell({ kind: 'listening', library: uws === null ? 'ws' : 'uws' })
}

/** The loops have said all they had to say. What is on its way to clients gets a moment. */
function stop(): void {
  pump.run()
  const grace = pump.hasServed ? edgeLimits.stopGraceMs : 0
  pump.closeAll()
  setTimeout(() => {
    clearInterval(ticking)
    pump.destroyAll()
    for (const server of servers) server.close()
    control.close()
  }, grace)
}

function tell(message: FromEdge): void {
  control.postMessage(message)
}
