/** The API's server over node:http: its bounds, its end, and what it says to control. */
import { once } from 'node:events'
import { createServer, type Server, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { systemTimers } from '../../clock.js'
import { apiLimits } from '../../limits.js'
import { apiApp } from './app.js'
import { type ApiKeys, KeyRing } from './key-ring.js'
import type { ApiAnswer, ApiQuestion } from './question.js'
import { Questions } from './questions.js'
import { type ApiReport, Tally } from './tally.js'

export interface ApiServerOptions {
  /** '': every address. */
  readonly host: string
  readonly port: number
  readonly nodeName: string
  readonly version: string
  readonly keys: ApiKeys
  /** To control, which says `answered` with the same id. */
  ask(id: number, question: ApiQuestion): void
  /** Once a second at most. */
  report(report: ApiReport): void
  /** A mistake of ours; the request was answered with 500. */
  onMistake(error: unknown): void
}

export interface ApiServer {
  answered(id: number, answer: ApiAnswer): void
  /** In force from now on. */
  renewKeys(keys: ApiKeys): void
  /** Nobody new comes in, who is idle goes. */
  stopListening(): void
  /** Everybody is cut off, and nothing of it holds the event loop. */
  close(): void
}

/** @throws Error of the system when the address cannot be bound */
export async function serveApi(options: ApiServerOptions): Promise<ApiServer> {
  let keys = new KeyRing(options.keys)
  const tally = new Tally()
  const questions = new Questions({ ask: options.ask, timers: systemTimers })
  const app = apiApp({
    nodeName: options.nodeName,
    version: options.version,
    keys: () => keys,
    ask: (question) => questions.ask(question),
    tally,
    onMistake: options.onMistake,
  })
  const listener = getRequestListener(app.fetch, {
    overrideGlobalObjects: false,
    errorHandler: () => Response.json(badRequest, { status: 400 }),
  })
  const server = createServer(
    {
      connectionsCheckingInterval: apiLimits.headersMs / 4,
      headersTimeout: apiLimits.headersMs,
      requestTimeout: apiLimits.requestMs,
      keepAliveTimeout: apiLimits.keepAliveMs,
      maxHeaderSize: apiLimits.headerBytes,
    },
    (request, response) => void listener(request, response).catch(options.onMistake),
  )
  server.timeout = apiLimits.stalledMs
  server.maxConnections = apiLimits.connections
  count(server, tally)
  server.listen({
    port: options.port,
    exclusive: true,
    ...(options.host === '' ? {} : { host: options.host }),
  })
  await once(server, 'listening')
  const reporting = setInterval(() => {
    const report = tally.take()
    if (report !== null) options.report(report)
  }, apiLimits.reportMs).unref()
  return {
    answered: (id, answer) => questions.answered(id, answer),
    renewKeys: (renewed) => {
      keys = new KeyRing(renewed)
    },
    stopListening: () => server.close(),
    close: () => {
      clearInterval(reporting)
      server.close()
      server.closeAllConnections()
    },
  }
}

/** What node:fetch cannot make a request of: a Host that is none. */
const badRequest = { code: 'BAD_REQUEST', message: 'the request cannot be understood' }

function count(server: Server, tally: Tally): void {
  server.on('connection', (socket) => {
    tally.connections++
    socket.once('close', () => tally.connections--)
  })
  server.on('drop', () => tally.counts.api_refused_connections++)
  server.on('clientError', (error: NodeJS.ErrnoException, duplex) => {
    // Cannot lie: HTTP over something else than a socket is nothing of ours.
    const socket = duplex as Socket
    const status = statusOf(error.code)
    if (status === null || !socket.writable) {
      socket.destroy()
      return
    }
    tally.counts.api_refused_requests++
    turnAway(socket, status)
  })
}

/** Of what node:http complains about; null: nobody is left to be told. */
function statusOf(code = ''): number | null {
  if (code === 'HPE_HEADER_OVERFLOW') return 431
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 408
  return code.startsWith('HPE_') ? 400 : null
}

function turnAway(socket: Socket, status: number): void {
  const body = JSON.stringify({ code: 'BAD_REQUEST', message: STATUS_CODES[status] })
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Type: application/json`
  socket.write(`${head}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
  socket.destroySoon()
}
