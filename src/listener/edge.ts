/** What the listener room asks of the edge thread, and tells it of each WebSocket listener. */
import type {
  OriginRules,
  TlsServerConfig,
  WsListenerConfig,
  WssListenerConfig,
} from '../config/index.js'
import { edgeLimits } from '../limits.js'
import type { TlsContextOptions } from '../native/index.js'
import { isPem } from '../tls/index.js'

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
  /** Null: an Origin is not looked at. */
  readonly origins: OriginRules | null
  /** Headers that say who is behind a proxy, in lower case; null: not read. */
  readonly proxyAddressHeader: string | null
  readonly proxyPortHeader: string | null
  readonly frameBytesMax: number
  readonly idleTimeoutMs: number
  /** Null: plain. */
  readonly tls: EdgeTls | null
  /** It asks for what uWebSockets.js does not have. */
  readonly isBeyondUws: boolean
  /** Nobody asked for it: where its port is in use the others open all the same. */
  readonly mayStayClosed: boolean
}

/** What a listener's handshakes are made with: at first, or from now on. */
export interface EdgeTls {
  readonly contents: TlsContextOptions
  /** Where the contents come from: uWebSockets.js reads files itself. Null: they are no files. */
  readonly files: { readonly certificate: string; readonly key: string } | null
  readonly handshakeTimeoutMs: number
}

/** The edge thread as the listeners see it. */
export interface EdgeDoor {
  /** Before it starts. The engine knows the listener already. */
  open(listener: EdgeListener): void
  /** Handshakes of this listener are made with these from now on; connections stay. */
  renew(id: number, tls: EdgeTls): void
  /** Nobody new comes in; who is there stays. */
  stopListening(): void
}

export function edgeListener(
  id: number,
  listener: WsListenerConfig | WssListenerConfig,
  tls: EdgeTls | null,
): EdgeListener {
  const { path, host, port, websocket, messageRate, byteRate } = listener
  // Who is above a rate is not read for a while, which uWebSockets.js cannot do.
  const isLimited = messageRate !== null || byteRate !== null
  return {
    id,
    path,
    host,
    port,
    mqttPath: websocket.path,
    subprotocols: websocket.subprotocols,
    failIfNoSubprotocol: websocket.failIfNoSubprotocol,
    origins: websocket.origins,
    proxyAddressHeader: websocket.proxyAddressHeader,
    proxyPortHeader: websocket.proxyPortHeader,
    frameBytesMax: websocket.maxFrameBytes ?? edgeLimits.frameBytes,
    idleTimeoutMs: websocket.idleTimeoutMs,
    tls,
    isBeyondUws: isLimited || (tls !== null && (tls.files === null || isBeyondUws(tls))),
    mayStayClosed: false,
  }
}

/** @param contents of the files that `config` names */
export function edgeTls(config: TlsServerConfig, contents: TlsContextOptions): EdgeTls {
  const { certFile, keyFile, handshakeTimeoutMs } = config
  const areFiles = certFile !== null && keyFile !== null && !isPem(certFile) && !isPem(keyFile)
  const files = areFiles ? { certificate: certFile, key: keyFile } : null
  return { contents, files, handshakeTimeoutMs }
}

/**
 * Whether a handshake needs more than uWebSockets.js has: a certificate and its key, from files, for TLS 1.2 and 1.3. It knows
 * passwords, but no client may come with a certificate of its own, or it must. docs/decisions/0020
 */
function isBeyondUws({ contents, handshakeTimeoutMs }: EdgeTls): boolean {
  const { verifyPeer, versions, ciphers, identities, serverOrder, resumption } = contents
  const modern =
    versions.length === 2 && versions.includes('tlsv1.2') && versions.includes('tlsv1.3')
  return (
    verifyPeer ||
    !modern ||
    ciphers.length > 0 ||
    identities.length > 1 ||
    !serverOrder ||
    !resumption ||
    handshakeTimeoutMs < edgeLimits.handshakeMs
  )
}
