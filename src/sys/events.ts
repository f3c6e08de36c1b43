/** Payloads of client events: JSON with EMQX's fields. Pure; times are milliseconds since the epoch. */
import type { CloseCause, ProtocolVersion, SubscriptionOp } from '../native/index.js'
import type { Session } from '../session/index.js'

/** What the payloads tell of a connection. */
export interface SysClient {
  readonly clientId: string
  readonly username: string | null
  /** 'address:port' */
  readonly peer: string
  /** Of the listener. */
  readonly port: number
  readonly version: ProtocolVersion
  readonly cleanStart: boolean
  readonly keepAliveSeconds: number
  /** Infinity: never. */
  readonly expiryMs: number
  readonly connectedAtMs: number
}

/** As MQTT says "never" in seconds. */
const neverSeconds = 4_294_967_295

export function connectedPayload(client: SysClient, nowMs: number): object {
  return {
    ...about(client, nowMs),
    keepalive: client.keepAliveSeconds,
    clean_start: client.cleanStart,
    expiry_interval: Number.isFinite(client.expiryMs)
      ? Math.floor(client.expiryMs / 1000)
      : neverSeconds,
  }
}

export function disconnectedPayload(client: SysClient, reason: string, nowMs: number): object {
  return { ...about(client, nowMs), reason, disconnected_at: nowMs }
}

export function subscribedPayload(
  client: SysClient,
  session: Session,
  op: SubscriptionOp & { readonly op: 'subscribe' },
  nowMs: number,
): object {
  const key = op.group === null ? op.filter : `$share/${op.group}/${op.filter}`
  return {
    ...who(client),
    topic: subscriptionText(op),
    subopts: {
      qos: op.qos,
      nl: op.noLocal ? 1 : 0,
      rap: op.retainAsPublished ? 1 : 0,
      rh: session.subscriptions?.get(key)?.retainHandling ?? 0,
    },
    ts: nowMs,
  }
}

export function unsubscribedPayload(client: SysClient, op: SubscriptionOp, nowMs: number): object {
  return { ...who(client), topic: subscriptionText(op), ts: nowMs }
}

/** EMQX's word for why a connection ended. */
export function disconnectReasonText(cause: CloseCause, reasonCode: number): string {
  switch (cause) {
    case 'client-disconnect':
      return reasonCode === 0x04 ? 'disconnect_with_will_message' : 'normal'
    case 'keep-alive':
      return 'keepalive_timeout'
    case 'taken-over':
      return 'takenover'
    case 'closed-by-control':
      return 'kicked'
    case 'socket-closed':
      return 'tcp_closed'
    case 'slow-consumer':
      return 'send_timeout'
    case 'connect-timeout':
      return 'idle_timeout'
    case 'shutdown':
      return 'server_shutting_down'
    default:
      return cause.replaceAll('-', '_')
  }
}

function about(client: SysClient, nowMs: number): object {
  return {
    ...who(client),
    ipaddress: address(client.peer),
    sockport: client.port,
    proto_name: client.version === 3 ? 'MQIsdp' : 'MQTT',
    proto_ver: client.version,
    connected_at: client.connectedAtMs,
    ts: nowMs,
  }
}

/** EMQX writes what it does not know as the word `undefined`. */
function who({ clientId, username }: SysClient): object {
  return { clientid: clientId, username: username ?? 'undefined', protocol: 'mqtt' }
}

function subscriptionText({ filter, group }: SubscriptionOp): string {
  if (group === null) return filter
  return group === '$queue' ? `$queue/${filter}` : `$share/${group}/${filter}`
}

/** Without the port, and without brackets. */
function address(peer: string): string {
  const end = peer.lastIndexOf(':')
  return (end < 0 ? peer : peer.slice(0, end)).replaceAll(/[[\]]/g, '')
}
