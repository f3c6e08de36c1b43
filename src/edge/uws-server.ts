/** A listener over uWebSockets.js. Its clients cannot be paused: who sends more than may wait is closed by its io loop (design.md §6). */
import { edgeLimits } from '../limits.js'
import type { EdgeListener } from '../listener/index.js'
import { judge, peerText, plainStatus, statusTexts } from './handshake.js'
import type { Client, Pump, Wire } from './pump.js'
import type { EdgeServer } from './server.js'
import type { Uws, UwsApp, UwsListenSocket, UwsSocket } from './uws-library.js'

/** What a socket carries from its handshake on. */
interface Visitor {
  readonly peer: string
  wire: UwsWire | null
  client: Client | null
}

/** @throws Error when the address cannot be bound */
export async function serveUws(
  library: Uws,
  listener: EdgeListener,
  pump: Pump,
): Promise<EdgeServer> {
  const app = library.App()
  app.ws<Visitor>('/*', {
    maxPayloadLength: listener.frameBytesMax,
    maxBackpressure: 0, // the pump holds what is too much; nothing may be dropped
    idleTimeout: edgeLimits.pingSeconds,
    sendPingsAutomatically: true,
    compression: library.DISABLED,
    upgrade: (response, request, context) => {
      const subprotocols = request.getHeader('sec-websocket-protocol')
      const version = request.getHeader('sec-websocket-version')
      const verdict = judge({ path: request.getUrl(), version, subprotocols }, listener)
      if (verdict.kind === 'refused') {
        response.writeStatus(statusTexts[verdict.status]).end('', true)
        return
      }
      const peer = peerText(addressText(new Uint8Array(response.getRemoteAddress())), 0)
      const visitor: Visitor = { peer, wire: null, client: null }
      const key = request.getHeader('sec-websocket-key')
      response.upgrade(visitor, key, verdict.subprotocol, '', context)
    },
    open: (socket) => {
      const visitor = socket.getUserData()
      visitor.wire = new UwsWire(socket)
      visitor.client = pump.add(listener.id, visitor.peer, visitor.wire, listener.idleTimeoutMs)
    },
    message: (socket, message, isBinary) =>
      socket.getUserData().client?.message(new Uint8Array(message), isBinary),
    drain: (socket) => socket.getUserData().client?.drained(),
    close: (socket) => {
      const { wire, client } = socket.getUserData()
      wire?.release()
      client?.closed()
    },
  })
  app.any('/*', (response, request) => {
    response.writeStatus(statusTexts[plainStatus(request.getUrl(), listener)]).end('', true)
  })
  const opened = await listening(library, app, listener)
  let isListening = true
  let isClosed = false
  const stopListening = () => {
    if (isListening) library.us_listen_socket_close(opened)
    isListening = false
  }
  return {
    stopListening,
    close: () => {
      stopListening()
      if (!isClosed) app.close()
      isClosed = true
    },
  }
}

function listening(
  library: Uws,
  app: UwsApp,
  { host, port }: EdgeListener,
): Promise<UwsListenSocket> {
  return new Promise((resolve, reject) => {
    const done = (socket: UwsListenSocket | false) => {
      if (socket === false) reject(new Error('the address cannot be bound'))
      else resolve(socket)
    }
    // Else it shares the port with any other process that does.
    const alone = library.LIBUS_LISTEN_EXCLUSIVE_PORT
    if (host === '') app.listen(port, alone, done)
    else app.listen(host, port, alone, done)
  })
}

/** Four or sixteen bytes as text. */
function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.')
  const isV4 = bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff
  if (isV4 && bytes[11] === 0xff) return bytes.subarray(12).join('.')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const groups = Array.from({ length: 8 }, (_, at) => view.getUint16(at * 2).toString(16))
  // URL knows how addresses are shortened, and writes them in brackets.
  return new URL(`ws://[${groups.join(':')}]`).hostname.slice(1, -1)
}

class UwsWire implements Wire {
  readonly mayPause = false
  /** Null once it is closed: every call of the library's object would throw. */
  #socket: UwsSocket<Visitor> | null

  constructor(socket: UwsSocket<Visitor>) {
    this.#socket = socket
  }

  get bufferedBytes(): number {
    return this.#socket?.getBufferedAmount() ?? 0
  }

  release(): void {
    this.#socket = null
  }

  send(chunk: Uint8Array): void {
    this.#socket?.send(chunk, true)
  }

  close(code: number): void {
    this.#socket?.end(code, '')
  }

  destroy(): void {
    this.#socket?.close()
  }

  pause(): void {}

  resume(): void {}
}
