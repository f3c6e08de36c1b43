/** A listener over uWebSockets.js. Its clients cannot be paused: who sends more than may wait is closed by its io loop (design.md §6). */
import { edgeLimits } from '../limits.js'
import type { EdgeListener, EdgeTls } from '../listener/index.js'
import type { EdgeRefusal } from '../native/index.js'
import { Door, type Knock } from './door.js'
import { statusTexts } from './handshake.js'
import type { Client, Pump, Wire } from './pump.js'
import { type EdgeServer, UnusableTls } from './server.js'
import type {
  Uws,
  UwsApp,
  UwsListenSocket,
  UwsRequest,
  UwsResponse,
  UwsSocket,
} from './uws-library.js'

/** @throws Error when the address cannot be bound, UnusableTls */
export async function serveUws(
  library: Uws,
  listener: EdgeListener,
  pump: Pump,
): Promise<EdgeServer> {
  const server = new UwsServer(library, listener, pump)
  server.open()
  return server
}

/** What a socket carries from its handshake on. */
interface Visitor {
  readonly peer: string
  wire: UwsWire | null
  client: Client | null
}

/** An application and who came in through it: one until the certificates change. */
interface Generation {
  readonly app: UwsApp
  clients: number
}

const noCertificate = new Uint8Array() // isBeyondUws: no client is asked for one

class UwsServer implements EdgeServer {
  readonly #library: Uws
  readonly #listener: EdgeListener
  readonly #pump: Pump
  readonly #door: Door
  /** Accepts, in front of those that still have clients. */
  readonly #generations: Generation[] = []
  #socket: UwsListenSocket | null = null
  #isEnding = false

  constructor(library: Uws, listener: EdgeListener, pump: Pump) {
    this.#library = library
    this.#listener = listener
    this.#pump = pump
    this.#door = new Door(listener, pump)
  }

  open(): void {
    this.#generations.push(this.#generation(this.#listener.tls))
    if (!this.#listen()) throw new Error('the address cannot be bound')
  }

  /**
   * The library cannot change a certificate: another application takes the port over. Between the two calls of one turn a client
   * that dials is reset, which it takes for a lost connection; whoever has been accepted stays with the former one.
   */
  async renew(tls: EdgeTls): Promise<void> {
    this.#generations.unshift(this.#generation(tls))
    for (const idle of this.#generations.slice(2).filter(({ clients }) => clients === 0)) {
      idle.app.close()
      this.#generations.splice(this.#generations.indexOf(idle), 1)
    }
    this.#hangUp()
    this.#listenAgain()
  }

  stopListening(): void {
    this.#isEnding = true
    this.#hangUp()
  }

  close(): void {
    this.stopListening()
    for (const { app } of this.#generations.splice(0)) app.close()
  }

  /** Whoever has taken the port between the two calls has it for a while; it is tried until it is free. */
  #listenAgain(): void {
    if (this.#isEnding || this.#listen()) return
    setTimeout(() => this.#listenAgain(), edgeLimits.listenAgainMs).unref()
  }

  /** The library calls back before it returns. */
  #listen(): boolean {
    const [accepting] = this.#generations
    const { host, port } = this.#listener
    const done = (socket: UwsListenSocket | false) => {
      this.#socket = socket === false ? null : socket
    }
    // Else it shares the port with any other process that does.
    const alone = this.#library.LIBUS_LISTEN_EXCLUSIVE_PORT
    if (host === '') accepting?.app.listen(port, alone, done)
    else accepting?.app.listen(host, port, alone, done)
    return this.#socket !== null
  }

  #hangUp(): void {
    if (this.#socket !== null) this.#library.us_listen_socket_close(this.#socket)
    this.#socket = null
  }

  #generation(tls: EdgeTls | null): Generation {
    const listener = this.#listener
    const pump = this.#pump
    const door = this.#door
    const generation: Generation = { app: application(this.#library, tls), clients: 0 }
    generation.app.ws<Visitor>('/*', {
      maxPayloadLength: listener.frameBytesMax,
      maxBackpressure: 0, // the pump holds what is too much; nothing may be dropped
      idleTimeout: edgeLimits.pingSeconds,
      sendPingsAutomatically: true,
      compression: this.#library.DISABLED,
      upgrade: (response, request, context) => {
        const answer = door.upgrade(knock(response, request))
        if (answer.kind === 'refused') {
          response.writeStatus(statusTexts[answer.status]).end('', true)
          return
        }
        const visitor: Visitor = { peer: answer.peer, wire: null, client: null }
        const key = request.getHeader('sec-websocket-key')
        response.upgrade(visitor, key, answer.subprotocol, '', context)
      },
      open: (socket) => {
        const visitor = socket.getUserData()
        const { peer } = visitor
        generation.clients++
        visitor.wire = new UwsWire(socket)
        visitor.client = pump.add(
          { listener: listener.id, peer, certificate: noCertificate },
          visitor.wire,
          listener.idleTimeoutMs,
        )
      },
      message: (socket, message, isBinary) =>
        socket.getUserData().client?.message(new Uint8Array(message), isBinary),
      drain: (socket) => socket.getUserData().client?.drained(),
      close: (socket, code, message) => {
        const { wire, client } = socket.getUserData()
        generation.clients--
        const fault = code === closedByLibrary ? faultOf(Buffer.from(message).toString()) : null
        if (fault !== null) client?.broke(fault)
        wire?.release()
        client?.closed()
      },
    })
    generation.app.any('/*', (response, request) => {
      response.writeStatus(statusTexts[door.plain(knock(response, request))]).end('', true)
    })
    return generation
  }
}

function application(library: Uws, tls: EdgeTls | null): UwsApp {
  if (tls === null) return library.App()
  const { contents, files } = tls
  const password = contents.identities[0]?.password ?? null
  try {
    return library.SSLApp({
      cert_file_name: files?.certificate ?? '',
      key_file_name: files?.key ?? '',
      ...(password === null ? {} : { passphrase: password }),
    })
  } catch {
    // They fitted a moment ago, when control read them.
    throw new UnusableTls(
      'certfile or keyfile cannot be used by uWebSockets.js, or has just changed',
    )
  }
}

/** What the library says when it closes by itself; with this code come no words of the client's. RFC 6455 §7.4.1 */
const closedByLibrary = 1006

/** Its words, and what they mean. It has none for frames that are none, which therefore look like a lost connection. */
function faultOf(words: string): EdgeRefusal | null {
  if (words === 'Received too big message') return 'ws_large_messages'
  return words === 'Received invalid UTF-8' ? 'ws_text_frames' : null
}

function knock(response: UwsResponse, request: UwsRequest): Knock {
  return {
    address: addressText(new Uint8Array(response.getRemoteAddress())),
    port: 0,
    path: request.getUrl(),
    header: (name) => request.getHeader(name),
  }
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
