/** What `causeway ctl clients` shows of one client: the fields of EMQX's `GET /clients` that control knows, with their names. */
import { mqttLimits } from '../limits.js'
import type { ClientView } from '../session/index.js'

export interface ClientReport {
  readonly clientid: string
  readonly username: string | null
  /** False: its session waits for it. */
  readonly connected: boolean
  readonly node: string
  /** As the client wrote it. */
  readonly proto_name: 'MQTT' | 'MQIsdp'
  readonly proto_ver: number
  readonly clean_start: boolean
  readonly is_bridge: boolean
  /** Seconds: the client's own, or what it was told; 0: none. */
  readonly keepalive: number
  /** Seconds that the session outlives its connection; 4,294,967,295: for ever. */
  readonly expiry_interval: number
  /** ISO 8601, UTC: of the connection it has or had last. */
  readonly connected_at: string
  /** Null: it is connected. */
  readonly disconnected_at: string | null
  /** Without a port: 'unix:pid/uid' through a Unix socket. */
  readonly ip_address: string
  /** Null: it has none. */
  readonly port: number | null
  /** `tcp:default` */
  readonly listener: string
  readonly mountpoint: string | null
  readonly subscriptions_cnt: number
}

/** A page of a listing. */
export interface ClientsPage {
  /** The cursor of the next page; null: this is the last one. */
  readonly next: string | null
  readonly clients: readonly ClientReport[]
}

export function clientReport(client: ClientView, node: string): ClientReport {
  const { clientId, connected, connection, subscriptions } = client
  const { expiryMs, mountpoint, version } = connection
  return {
    clientid: clientId,
    username: connection.username,
    connected,
    node,
    proto_name: version === 3 ? 'MQIsdp' : 'MQTT',
    proto_ver: version,
    clean_start: connection.cleanStart,
    is_bridge: connection.bridge,
    keepalive: connection.keepAliveSeconds,
    expiry_interval: Number.isFinite(expiryMs)
      ? Math.floor(expiryMs / 1_000)
      : mqttLimits.intervalSeconds,
    connected_at: iso(connection.connectedAtMs),
    disconnected_at: connection.disconnectedAtMs === null ? null : iso(connection.disconnectedAtMs),
    ...addressOf(connection.peer),
    listener: connection.listener,
    mountpoint: mountpoint === '' ? null : mountpoint,
    subscriptions_cnt: subscriptions,
  }
}

/** `10.0.0.1:50000`, `[::1]:50000`, `unix:4711/1000`. */
function addressOf(peer: string): Pick<ClientReport, 'ip_address' | 'port'> {
  const colon = peer.lastIndexOf(':')
  const host = peer.slice(0, colon)
  if (host === '' || peer.startsWith('unix:')) return { ip_address: peer, port: null }
  const isBracketed = host.startsWith('[') && host.endsWith(']')
  return {
    ip_address: isBracketed ? host.slice(1, -1) : host,
    port: Number(peer.slice(colon + 1)),
  }
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}
