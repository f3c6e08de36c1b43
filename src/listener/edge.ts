/** What the listener room asks of the edge thread, and tells it of each WebSocket listener. */
import type { WsListenerConfig } from '../config/index.js'
import { edgeLimits } from '../limits.js'

/** A WebSocket listener; plain values, as it crosses to another thread. */
export interface EdgeListener {
  /** Number in the engine. */
  readonly id: number
  /** `listeners.ws.<name>`, for messages. */
  readonly path: string
  /** '': every address. */
  readonly host: string
  readonly port: number
  readonly mqttPath: string
  /** Names that a client may offer. */
  readonly subprotocols: readonly string[]
  readonly failIfNoSubprotocol: boolean
  readonly frameBytesMax: number
  readonly idleTimeoutMs: number
}

/** The edge thread as the listeners see it. */
export interface EdgeDoor {
  /** Before it starts. The engine knows the listener already. */
  open(listener: EdgeListener): void
  /** Nobody new comes in; who is there stays. */
  stopListening(): void
}

export function edgeListener(id: number, listener: WsListenerConfig): EdgeListener {
  const { path, host, port, websocket } = listener
  return {
    id,
    path,
    host,
    port,
    mqttPath: websocket.path,
    subprotocols: websocket.subprotocols,
    failIfNoSubprotocol: websocket.failIfNoSubprotocol,
    frameBytesMax: websocket.maxFrameBytes ?? edgeLimits.frameBytes,
    idleTimeoutMs: websocket.idleTimeoutMs,
  }
}
