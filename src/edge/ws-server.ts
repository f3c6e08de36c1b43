/** A listener over the `ws` package: everywhere where uWebSockets.js does not load. Its clients can be paused. */
import { once } from 'node:events'
import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import type { EdgeListener } from '../listener/index.js'
import type { EdgeVisitor } from '../native/index.js'
import { judge, peerText, plainStatus, statusTexts } from './handshake.js'
import { httpFront } from './http-front.js'
import type { Client, Pump, Wire } from './pump.js'
import type { EdgeServer } from './server.js'

/** @throws Error of the system when the address cannot be bound, UnusableTls */
export async function serveWs(listener: EdgeListener, pump: Pump): Promise<EdgeServer> {
  const front = httpFront(listener.tls)
  const http = front.server
  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: listener.frameBytesMax,
    handleProtocols: (_, request) => {
      const verdict = judge(asked(request), listener)
      return verdict.kind === 'accepted' && verdict.subprotocol
    },
  })
  http.on('request', (request, response) => {
    response.writeHead(plainStatus(pathOf(request), listener), { Connection: 'close' }).end()
  })
  http.on('upgrade', (request, socket, head) => {
    const verdict = judge(asked(request), listener)
    if (verdict.kind === 'refused') return refuse(socket, statusTexts[verdict.status])
    const { remoteAddress = '::', remotePort = 0 } = request.socket
    const visitor = {
      listener: listener.id,
      peer: peerText(remoteAddress, remotePort),
      certificate: front.certificateOf(request.socket),
    }
    sockets.handleUpgrade(request, socket, head, (accepted) => serve(accepted, visitor))
  })

  function serve(socket: WebSocket, visitor: EdgeVisitor): void {
    const wire = new WsWire(socket)
    const client = pump.add(visitor, wire, listener.idleTimeoutMs)
    wire.client = client
    socket.on('message', (data, isBinary) => {
      // Cannot lie: `binaryType` is left at nodebuffer.
      client.message(data as Buffer, isBinary)
    })
    socket.on('error', () => {}) // a broken frame or a reset: `close` follows
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

function asked(request: IncomingMessage) {
  return {
    path: pathOf(request),
    version: request.headers['sec-websocket-version'] ?? '',
    subprotocols: request.headers['sec-websocket-protocol'] ?? '',
  }
}

function pathOf({ url = '' }: IncomingMessage): string {
  const [path = ''] = url.split('?', 1)
  return path
}

function refuse(socket: Duplex, status: string): void {
  socket.on('error', () => {}) // it may be gone before it has read the answer
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
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
