/** A listener over the `ws` package: where uWebSockets.js does not load, or has not what is asked. Its clients can be paused. */
import { once } from 'node:events'
import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import type { EdgeListener } from '../listener/index.js'
import type { EdgeRefusal, EdgeVisitor } from '../native/index.js'
import { Door, type Knock } from './door.js'
import { type Status, statusTexts } from './handshake.js'
import { httpFront } from './http-front.js'
import type { Client, Pump, Wire } from './pump.js'
import type { EdgeServer } from './server.js'

/** @throws Error of the system when the address cannot be bound, UnusableTls */
export async function serveWs(listener: EdgeListener, pump: Pump): Promise<EdgeServer> {
  const door = new Door(listener, pump)
  const turnedAway = ({ remoteAddress, remotePort }: Socket, why: EdgeRefusal) =>
    door.refused(why, remoteAddress ?? '::', remotePort ?? 0)
  const front = httpFront(listener.tls, (socket) => turnedAway(socket, 'ws_refused_tls'))
  const http = front.server
  const selected = new WeakMap<IncomingMessage, string>()
  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: listener.frameBytesMax,
    handleProtocols: (_, request) => selected.get(request) || false,
  })
  http.on('request', (request, response) => {
    response.writeHead(door.plain(knock(request)), { Connection: 'close' }).end()
  })
  http.on('upgrade', (request, _, head) => {
    const { socket } = request
    const answer = door.upgrade(knock(request))
    if (answer.kind === 'refused') return refuse(socket, answer.status)
    selected.set(request, answer.subprotocol)
    const certificate = front.certificateOf(socket)
    const visitor = { listener: listener.id, peer: answer.peer, certificate }
    sockets.handleUpgrade(request, socket, head, (accepted) => serve(accepted, visitor))
  })
  // A handshake that RFC 6455 does not allow, and what is no HTTP, too large or too late.
  sockets.on('wsClientError', (_, socket) => {
    // Cannot lie: it is the one that 'upgrade' came with.
    turnedAway(socket as Socket, 'ws_refused_request')
    refuse(socket as Socket, 400)
  })
  http.on('clientError', (error: NodeJS.ErrnoException, duplex) => {
    // Cannot lie: HTTP over something else than a socket is nothing of ours.
    const socket = duplex as Socket
    const status = statusOf(error.code)
    if (status === null || !socket.writable) {
      socket.destroy()
      return
    }
    turnedAway(socket, 'ws_refused_request')
    refuse(socket, status)
  })

  function serve(socket: WebSocket, visitor: EdgeVisitor): void {
    const wire = new WsWire(socket)
    const client = pump.add(visitor, wire, listener.idleTimeoutMs)
    wire.client = client
    socket.on('message', (data, isBinary) => {
      // Cannot lie: `binaryType` is left at nodebuffer.
      client.message(data as Buffer, isBinary)
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const fault = faultOf(error.code) // `close` follows
      if (fault !== null) client.broke(fault)
    })
    socket.on('close', () => client.closed())
  }

  await listening(http, listener)
  return {
    renew: async (tls) => front.renew(tls),
    stopListening: () => http.close(),
    close: () => {
      http.close()
      http.closeAllConnections()
    },
  }
}

async function listening(http: Server, { host, port }: EdgeListener): Promise<void> {
  http.listen({ port, exclusive: true, ...(host === '' ? {} : { host }) })
  await once(http, 'listening')
}

function knock({ url = '', headers, socket }: IncomingMessage): Knock {
  const [path = ''] = url.split('?', 1)
  return {
    address: socket.remoteAddress ?? '::',
    port: socket.remotePort ?? 0,
    path,
    header: (name) => {
      const value = headers[name] ?? ''
      return typeof value === 'string' ? value : value.join(',')
    },
  }
}

function refuse(socket: Socket, status: Status): void {
  socket.on('error', () => {}) // it may be gone before it has read the answer
  socket.write(`HTTP/1.1 ${statusTexts[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
  socket.destroySoon()
}

/** Of what node:http complains about; null: nobody is left to be told. */
function statusOf(code = ''): Status | null {
  if (code === 'HPE_HEADER_OVERFLOW') return 431
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 408
  return code.startsWith('HPE_') ? 400 : null
}

/** Of what `ws` complains about; null: the connection broke. */
function faultOf(code = ''): EdgeRefusal | null {
  if (code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') return 'ws_large_messages'
  return code.startsWith('WS_ERR_') ? 'ws_malformed_frames' : null
}

class WsWire implements Wire {
  readonly mayPause = true
  /** Told when the socket has taken something. */
  client: Client | null = null
  readonly #socket: WebSocket

  constructor(socket: WebSocket) {
    this.#socket = socket
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount
  }

  send(chunk: Uint8Array): void {
    // The library keeps what the kernel does not take at once.
    this.#socket.send(Buffer.from(chunk), this.#onSent)
  }

  close(code: number): void {
    this.#socket.close(code)
  }

  destroy(): void {
    this.#socket.terminate()
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  readonly #onSent = () => this.client?.drained()
}
