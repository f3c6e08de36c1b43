/**
 * Bytes between WebSockets and io loops, one exchange a turn of the event loop. MQTT is unknown here: a packet may come in many
 * frames and a frame may hold many packets [MQTT-6.0.0-2].
 */
import type { Clock } from '../clock.js'
import { edgeLimits } from '../limits.js'
import type { EdgeClient, EdgeExchange, EdgeRefusal, EdgeVisitor } from '../native/index.js'

/** A WebSocket, whichever library has it. After `closed` of its client nothing is called any more. */
export interface Wire {
  readonly mayPause: boolean
  /** Bytes that the socket has not taken yet. */
  readonly bufferedBytes: number
  /** One binary frame [MQTT-6.0.0-1]; `chunk` may be overwritten afterwards. */
  send(chunk: Uint8Array): void
  /** The closing handshake, behind what was sent. */
  close(code: number): void
  /** At once. */
  destroy(): void
  pause(): void
  resume(): void
}

export interface PumpOptions {
  readonly exchange: EdgeExchange
  readonly clock: Pick<Clock, 'monotonicMs'>
  /** After the I/O of this turn; `setImmediate`. */
  readonly defer: (run: () => void) => void
}

/** Close codes of RFC 6455 §7.4.1 that we say. */
export const closeCodes = { normal: 1000, goingAway: 1001, notBinary: 1003 } as const

/** Owner: the edge thread. Attach the exchange with `bell` as what it rings. */
export class Pump {
  readonly #options: PumpOptions
  readonly #clients = new Map<number, Client>()
  /** Being closed; each has until its `deadlineMs`. */
  readonly #closing = new Set<Client>()
  #lastId = 0
  #isDeferred = false
  #isRunning = false

  constructor(options: PumpOptions) {
    this.#options = options
  }

  /** Somebody has been here. */
  get hasServed(): boolean {
    return this.#lastId > 0
  }

  get exchange(): EdgeExchange {
    return this.#options.exchange
  }

  get nowMs(): number {
    return this.#options.clock.monotonicMs()
  }

  /** A WebSocket is open. */
  add(visitor: EdgeVisitor, wire: Wire, idleTimeoutMs: number): Client {
    do this.#lastId = (this.#lastId + 1) >>> 0
    while (this.#clients.has(this.#lastId))
    const client = new Client(this, this.#lastId, visitor, wire, idleTimeoutMs)
    this.#clients.set(client.id, client)
    this.exchange.open(client.id, visitor, wire.mayPause)
    this.wake()
    return client
  }

  /**
   * Something waits to go down. Nothing is sent to a WebSocket here, as a library may be calling: uWebSockets.js reads TLS in
   * pieces, and whoever writes to a socket while it hands one out makes it forget the rest (`ssl_read_input_length`).
   */
  wake(): void {
    if (this.exchange.waiting >= edgeLimits.batchBytes && !this.#isRunning) this.exchange.submit()
    if (this.#isDeferred) return
    this.#isDeferred = true
    this.#options.defer(this.#deferred)
  }

  /** One exchange, and more while the loops have more. */
  run(): void {
    this.#isRunning = true
    try {
      let more = true
      for (let round = 0; more && round < edgeLimits.exchangesPerTurn; round++) {
        more = this.exchange.run((id) => this.#clients.get(id))
      }
      if (more || this.exchange.waiting > 0) this.#again()
    } finally {
      this.#isRunning = false
    }
  }

  /** Every `edgeLimits.tickMs`: what takes too long, here and below. */
  tick(): void {
    const nowMs = this.nowMs
    for (const client of this.#closing) if (nowMs >= client.deadlineMs) client.destroy()
    for (const client of this.#clients.values()) client.closeIfIdle(nowMs)
    if (this.#clients.size > 0) this.run()
  }

  /** Nobody is served any more: whoever is left is told that we go. */
  closeAll(): void {
    for (const client of this.#clients.values()) client.refuse(closeCodes.goingAway)
    this.run()
  }

  destroyAll(): void {
    for (const client of [...this.#clients.values(), ...this.#closing]) client.destroy()
    this.run()
  }

  /** A client's: from now on the loops do not know it. */
  left(client: Client): void {
    if (!this.#clients.delete(client.id)) return
    this.exchange.gone(client.id)
    this.wake()
  }

  /** A client's: its WebSocket is being closed, or is closed. */
  closing(client: Client, isClosed: boolean): void {
    if (isClosed) this.#closing.delete(client)
    else this.#closing.add(client)
  }

  #again(): void {
    if (this.#isDeferred) return
    this.#isDeferred = true
    this.#options.defer(this.#deferred)
  }

  readonly #deferred = () => {
    this.#isDeferred = false
    this.run()
  }
}

/** One WebSocket between its library, which calls the upper half, and its io loop, which calls the lower one. */
export class Client implements EdgeClient {
  readonly id: number
  /** When it is cut off, once it is being closed. */
  deadlineMs = Number.POSITIVE_INFINITY
  readonly #pump: Pump
  readonly #visitor: EdgeVisitor
  readonly #wire: Wire
  readonly #idleTimeoutMs: number
  #heardMs: number
  #isHeld = false
  #state: 'open' | 'closing' | 'closed' = 'open'

  constructor(pump: Pump, id: number, visitor: EdgeVisitor, wire: Wire, idleTimeoutMs: number) {
    this.id = id
    this.#pump = pump
    this.#visitor = visitor
    this.#wire = wire
    this.#idleTimeoutMs = idleTimeoutMs
    this.#heardMs = pump.nowMs
  }

  // ---- its library

  /** `bytes` may be overwritten afterwards. */
  message(bytes: Uint8Array, isBinary: boolean): void {
    if (this.#state !== 'open') return
    if (!isBinary) {
      this.broke('ws_text_frames')
      this.refuse(closeCodes.notBinary) // [MQTT-6.0.0-1]
      return
    }
    this.#heardMs = this.#pump.nowMs
    this.#pump.exchange.data(this.id, bytes)
    this.#pump.wake()
  }

  /** It sent what it may not; counted. The library closes it, or we do. */
  broke(why: EdgeRefusal): void {
    const { listener, peer } = this.#visitor
    this.#pump.exchange.refused(listener, why, peer)
    this.#pump.wake()
  }

  /** The socket took what it had, or some of it. */
  drained(): void {
    if (!this.#isHeld || this.#state === 'closed') return
    if (this.#wire.bufferedBytes > edgeLimits.sendLowBytes) return
    this.#isHeld = false
    this.#pump.exchange.unhold(this.id)
    this.#pump.wake()
  }

  closed(): void {
    this.#state = 'closed'
    this.#pump.closing(this, true)
    this.#pump.left(this)
  }

  // ---- the pump

  /** Closes it for a reason of ours; for its io loop it is gone. */
  refuse(code: number): void {
    this.#close(code)
    this.#pump.left(this)
  }

  closeIfIdle(nowMs: number): void {
    if (nowMs - this.#heardMs >= this.#idleTimeoutMs) this.refuse(closeCodes.goingAway)
  }

  destroy(): void {
    if (this.#state !== 'closed') this.#wire.destroy()
  }

  // ---- its io loop

  bytes(chunk: Uint8Array): void {
    if (this.#state !== 'open') return
    this.#wire.send(chunk)
    // `send` may have found that the socket is gone.
    if (this.#isHeld || this.#isClosed() || this.#wire.bufferedBytes <= edgeLimits.sendHighBytes)
      return
    this.#isHeld = true
    this.#pump.exchange.hold(this.id)
  }

  end(): void {
    this.#close(closeCodes.normal)
  }

  /** Behind an end it means that nobody waits any more for the client's own closing; it has its time all the same. */
  drop(): void {
    if (this.#state === 'open') this.#wire.destroy()
  }

  pause(): void {
    if (this.#state === 'open') this.#wire.pause()
  }

  resume(): void {
    if (this.#state !== 'closed') this.#wire.resume()
  }

  #isClosed(): boolean {
    return this.#state === 'closed'
  }

  #close(code: number): void {
    if (this.#state !== 'open') return
    this.#state = 'closing'
    this.deadlineMs = this.#pump.nowMs + edgeLimits.closeMs
    this.#pump.closing(this, false)
    this.#wire.resume() // a paused socket would never read the answer
    this.#wire.close(code)
  }
}
