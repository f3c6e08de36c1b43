/** From a listener of the configuration to what the engine opens. */
import type { Config, ListenerConfig } from '../config/index.js'
import { linkLimits } from '../limits.js'
import type { ListenerOptions } from '../native/index.js'

/** Until a CONNECT has come whole, when `mqtt.idle_timeout` is infinite. */
const connectDeadlineMs = 60_000

/** @param tls number of the TLS context of its sockets on the io loops, 0: plain */
export function listenerOptions(
  id: number,
  listener: ListenerConfig,
  { mqtt }: Config,
  tls: number,
): ListenerOptions {
  const { tcp } = listener
  const perSecond = listener.maxConnRatePerSecond
  return {
    id,
    host: listener.host,
    port: listener.port,
    path: listener.kind === 'unix' ? listener.socketPath : '',
    mode: listener.kind === 'unix' ? listener.mode : 0,
    backlog: tcp.backlog,
    connectionsMax: listener.maxConnections ?? 0,
    acceptIntervalNs: perSecond === null ? 0 : Math.ceil(1e9 / perSecond),
    messageRate: listener.messageRate,
    byteRate: listener.byteRate,
    totalMessagesPerSecond: listener.totalMessagesPerSecond ?? 0,
    totalBytesPerSecond: listener.totalBytesPerSecond ?? 0,
    acceptBurst: perSecond === null ? 1 : Math.max(1, Math.floor(perSecond)),
    // Rules that let everybody in need not be asked.
    accessRules: listener.accessRules[0] === 'allow all' ? [] : listener.accessRules,
    proxyTimeoutMs: listener.proxyTimeoutMs ?? 0,
    packetBytesMax: listener.enableLink
      ? Math.max(mqtt.maxPacketBytes, linkLimits.listenerPacketBytesMin)
      : mqtt.maxPacketBytes,
    connectDeadlineMs: mqtt.idleTimeoutMs ?? connectDeadlineMs,
    highWatermarkBytes: tcp.highWatermarkBytes,
    sendTimeoutMs: tcp.sendTimeoutMs,
    sndbufBytes: tcp.sndbufBytes ?? 0,
    recbufBytes: tcp.recbufBytes ?? 0,
    probeIdleSeconds: tcp.keepalive?.idleSeconds ?? 0,
    probeIntervalSeconds: tcp.keepalive?.intervalSeconds ?? 0,
    probes: tcp.keepalive?.probes ?? 0,
    noDelay: tcp.nodelay,
    onEdge: listener.kind === 'ws' || listener.kind === 'wss',
    tls,
    handshakeDeadlineMs: listener.kind === 'ssl' ? listener.tls.handshakeTimeoutMs : 0,
    wantsPeerCertificate: mqtt.peerCertAsUsername !== null || mqtt.peerCertAsClientId !== null,
  }
}
