/** `listeners.*` and `dashboard.listeners.*`: EMQX's names; `enable_link` is ours. */

import type { z } from 'zod'
import { configLimits } from '../../limits.js'
import type {
  DashboardConfig,
  ListenerCommon,
  ListenerConfig,
  ListenerKind,
  TcpKeepalive,
} from '../config.js'
import { accessRule } from './access-rule.js'
import { bindAddress } from './address.js'
import { byteBurst, byteRate, clientRate, messageBurst, messageRate } from './client-rate.js'
import * as form from './form.js'
import { asleep, ignored, key, mapOf, required, section, unset } from './key.js'
import { mountpoint } from './mountpoint.js'
import { tlsServerSchema, toTlsServer } from './tls.js'

const defaultPorts: Readonly<Record<Exclude<ListenerKind, 'unix'>, number>> = {
  tcp: 1883,
  ssl: 8883,
  ws: 8083,
  wss: 8084,
}
const socketBuffer = form.bytesize({ min: 1024, max: 1024 ** 3 })

/** `none`, or `idle,interval,probes`. */
const keepalive: form.Form<TcpKeepalive | null> = {
  type: 'none, or idle,interval,probes as in "240,30,5"',
  read: (raw) => {
    if (raw === 'none') return null
    const parts = (form.scalarText(raw) ?? '').split(',').map((part) => part.trim())
    const [idleSeconds, intervalSeconds, probes] = parts.map((part) =>
      /^[1-9]\d{0,4}$/.test(part) ? Number(part) : null,
    )
    if (parts.length !== 3 || !idleSeconds || !intervalSeconds || !probes) return new form.Refusal()
    return { idleSeconds, intervalSeconds, probes }
  },
}

/** Above 0: a listener that accepts nobody is one with `enable = false`. */
const connectionRate: form.Form<number> = {
  type: form.rate.type,
  read: (raw) => {
    const perSecond = form.rate.read(raw)
    return perSecond === 0 ? new form.Refusal() : perSecond
  },
}

/** What fits in struct sockaddr_un, the closing NUL left out. */
const socketPathBytes = 107

const socketPath: form.Form<string> = {
  type: `the path of a file, of at most ${socketPathBytes} bytes`,
  read: (raw) => {
    const path = form.scalarText(raw) ?? ''
    const fits = path !== '' && Buffer.byteLength(path) <= socketPathBytes && !path.includes('\0')
    return fits ? path : new form.Refusal()
  },
}

const fileMode: form.Form<number> = {
  type: 'permissions such as "0660"',
  read: (raw) => {
    const written = form.scalarText(raw) ?? ''
    return /^0?[0-7]{3}$/.test(written) ? Number.parseInt(written, 8) : new form.Refusal()
  },
}

const tcpOptions = section({
  backlog: key(
    form.integer(1, 65535),
    1024,
    'Connections the kernel holds until they are accepted.',
  ),
  nodelay: key(form.boolean, true, 'Send small packets at once (TCP_NODELAY).'),
  send_timeout: key(
    form.duration({ min: 1 }),
    '15s',
    'A client that takes nothing for this long is disconnected.',
  ),
  high_watermark: key(
    form.bytesize({ min: 1024, max: 1024 ** 3 }),
    '4MB',
    'Unsent bytes above which a client counts as not reading.',
  ),
  keepalive: key(keepalive, 'none', 'TCP keep-alive probes, in seconds and a count.'),
  sndbuf: unset(socketBuffer, 'Send buffer of the kernel; unset: its own choice.'),
  recbuf: unset(socketBuffer, 'Receive buffer of the kernel; unset: its own choice.'),
  active_n: ignored('reading is event driven'),
  buffer: ignored('buffers are sized by need'),
  reuseaddr: ignored('always on'),
  send_timeout_close: ignored('always on'),
})

/** A field name of RFC 9110 §5.1. */
const headerName: form.Form<string> = {
  type: 'the name of an HTTP header',
  read: (raw) => {
    const name = form.scalarText(raw) ?? ''
    return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) ? name.toLowerCase() : new form.Refusal()
  },
}

const websocket = section({
  mqtt_path: key(form.text, '/mqtt', 'Path of the WebSocket.'),
  idle_timeout: key(
    form.duration({ min: 1 }),
    '7200s',
    'A WebSocket from which nothing has come for this long is closed.',
  ),
  max_frame_size: key(
    form.orWord(form.bytesize({ min: 1 }), 'infinity'),
    'infinity',
    'Largest WebSocket message, its frames together; infinity: 16 MiB.',
  ),
  fail_if_no_subprotocol: key(form.boolean, true, 'Refuse clients that do not name a subprotocol.'),
  compress: asleep('nothing is compressed', key(form.boolean, false, 'Offer permessage-deflate.')),
  mqtt_piggyback: ignored('packets may share or split frames'),
  supported_subprotocols: key(
    form.listOf(form.text, configLimits.subprotocols),
    ['mqtt', 'mqttv3.1', 'mqtt-v3', 'mqtt-v3.1.1', 'mqtt-v5'],
    'Subprotocols that a client may name; the first of its own that is among them is selected.',
  ),
  check_origin_enable: key(
    form.boolean,
    false,
    'Refuse web pages that are not in `check_origins`.',
  ),
  allow_origin_absence: key(
    form.boolean,
    true,
    'With `check_origin_enable`: let clients in that send no Origin, as those do that are no web pages.',
  ),
  check_origins: key(
    form.listOf(form.text, configLimits.origins),
    ['http://localhost:18083', 'http://127.0.0.1:18083'],
    'Origins of web pages that may connect, as browsers send them.',
  ),
  proxy_address_header: unset(
    headerName,
    'Header whose first address is that of the client, such as `X-Forwarded-For`; only behind a proxy that sets it, as anybody may send it. EMQX reads that one by default.',
  ),
  proxy_port_header: unset(
    headerName,
    'Header with the port of the client, such as `X-Forwarded-Port`; read where `proxy_address_header` is.',
  ),
  deflate_opts: ignored('the defaults are used'),
  validate_utf8: ignored('frames are binary'),
})

/** What every listener has. */
function common(kind: ListenerKind) {
  const awake = <S extends z.ZodType>(schema: S): S =>
    kind === 'ws' || kind === 'wss' ? asleep('there is no PROXY header here', schema) : schema
  return {
    enable: key(form.boolean, true, 'Whether the listener is started.'),
    enable_link: unset(
      form.boolean,
      'Whether `$LINK/#` may be used here; unset: only when the name starts with `clink`. Not in EMQX.',
    ),
    max_connections: key(
      form.orWord(form.integer(1, Number.MAX_SAFE_INTEGER), 'infinity'),
      'infinity',
      'Connections at once.',
    ),
    max_conn_rate: key(
      form.orWord(connectionRate, 'infinity'),
      'infinity',
      kind === 'ws' || kind === 'wss'
        ? 'HTTP requests answered in a time; faster ones get 503.'
        : 'Connections accepted in a time; faster ones wait in the backlog.',
    ),
    messages_rate: key(
      form.orWord(messageRate, 'infinity'),
      'infinity',
      'Messages that one client may publish in a time; above that its socket is not read for a while.',
    ),
    messages_burst: unset(
      messageBurst,
      'Messages that one client may publish beside `messages_rate`, and the time in which they come back.',
    ),
    bytes_rate: key(
      form.orWord(byteRate, 'infinity'),
      'infinity',
      'Bytes that one client may send in a time; above that its socket is not read for a while.',
    ),
    bytes_burst: unset(
      byteBurst,
      'Bytes that one client may send beside `bytes_rate`, and the time in which they come back.',
    ),
    total_messages_rate: key(
      form.orWord(messageRate, 'infinity'),
      'infinity',
      'Messages that all clients of this listener together may publish in a time; above that whoever publishes is not read for a while. EMQX has no such key.',
    ),
    total_bytes_rate: key(
      form.orWord(byteRate, 'infinity'),
      'infinity',
      'Bytes that all clients of this listener together may send in a time; above that whoever sends is not read for a while. EMQX has no such key.',
    ),
    proxy_protocol: key(
      form.boolean,
      false,
      kind === 'ws' || kind === 'wss'
        ? 'Refused when on: have the proxy send a header, `websocket.proxy_address_header`.'
        : 'Connections begin with a PROXY header, version 1 or 2, which says who is behind a load balancer.',
    ),
    proxy_protocol_timeout: awake(
      key(
        form.duration({ min: 1 }),
        '3s',
        'Time for the PROXY header; then the connection is closed.',
      ),
    ),
    mountpoint: key(mountpoint, '', 'Prefix of all topics of these clients; `$LINK/` is exempt.'),
    zone: key(form.text, 'default', 'Accepted as in EMQX; there is one zone.'),
    tcp_options: tcpOptions,
    acceptors: ignored('every io loop accepts'),
    enable_authn: key(
      form.oneOf('true', 'false', 'quick_deny_anonymous'),
      'true',
      'Whether clients of this listener are authenticated, where there are authenticators; `quick_deny_anonymous` refuses clients without a user name before anything else.',
    ),
    authentication: ignored('all listeners share the authenticators of `authentication`'),
    limiter: ignored('rates are not limited yet'),
    max_conn_burst: ignored('what max_conn_rate allows in a second may come at once'),
    tcp_backend: ignored('there is one'),
    parse_unit: ignored('reading is event driven'),
  }
}

/** What a listener on a port has besides. */
function onPort(kind: Exclude<ListenerKind, 'unix'>) {
  const rules = key(
    form.arrayOf(accessRule, configLimits.accessRules),
    ['allow all'],
    'Who may connect, by address; the first rule that fits decides, who fits none is let in.',
  )
  return {
    ...common(kind),
    bind: key(bindAddress(), defaultPorts[kind], 'Port, or address:port.'),
    access_rules: rules,
  }
}

const tcp = section(onPort('tcp'))
const ssl = section({ ...onPort('ssl'), ssl_options: tlsServerSchema })
const ws = section({ ...onPort('ws'), websocket })
const wss = section({ ...onPort('wss'), ssl_options: tlsServerSchema, websocket })
const unix = section({
  ...common('unix'),
  bind: required(socketPath, 'File of the socket; made at start, removed at stop. Not in EMQX.'),
  mode: key(fileMode, '0660', 'Permissions of the file, octal: who may write may connect.'),
})

export const listenersSchema = section({
  tcp: mapOf(tcp),
  ssl: mapOf(ssl),
  ws: mapOf(ws),
  wss: mapOf(wss),
  unix: mapOf(unix),
  quic: ignored('QUIC is not supported'),
})

export const dashboardSchema = section({
  listeners: section({
    http: section({
      bind: key(
        bindAddress(0),
        0,
        'Port, or address:port, of the HTTP API; 0: off. EMQX has 18083.',
      ),
      max_connections: ignored('a fixed number is enough'),
      num_acceptors: ignored('one thread serves'),
      backlog: ignored('the default is used'),
      inet6: ignored('write an IPv6 address in bind'),
      ipv6_v6only: ignored('the default is used'),
      proxy_header: ignored('not supported yet'),
      send_timeout: ignored('the default is used'),
    }),
    https: ignored('the dashboard has no TLS yet'),
  }),
  default_username: ignored('the dashboard has no users yet'),
  default_password: ignored('the dashboard has no users yet'),
  token_expired_time: ignored('the dashboard has no users yet'),
  password_expired_time: ignored('the dashboard has no users yet'),
  cors: ignored('not supported yet'),
  i18n_lang: ignored('English only'),
  swagger_support: ignored('not supported yet'),
  sso: ignored('not supported yet'),
  mfa: ignored('not supported yet'),
  bootstrap_users_file: ignored('the dashboard has no users yet'),
  sample_interval: ignored('not supported yet'),
  hwmark_expire_time: ignored('not supported yet'),
})

/** All listeners, those called `default` included whether the file mentions them or not. */
export function toListeners(listeners: z.output<typeof listenersSchema>): ListenerConfig[] {
  const { tcp: tcps, ssl: ssls, ws: wses, wss: wsses, unix: unixes } = listeners
  return [
    ...named(tcps, tcp).map(([name, it]) => ({
      kind: 'tcp' as const,
      ...toCommon('tcp', name, it),
    })),
    ...Object.entries(unixes).map(([name, it]) => ({
      kind: 'unix' as const,
      ...toCommon('unix', name, { ...it, bind: { host: '', port: 0 } }),
      socketPath: it.bind,
      mode: it.mode,
    })),
    ...named(ssls, ssl).map(([name, it]) => ({
      kind: 'ssl' as const,
      ...toCommon('ssl', name, it),
      tls: toTlsServer(it.ssl_options, `listeners.ssl.${name}.ssl_options`),
    })),
    ...named(wses, ws).map(([name, it]) => ({
      kind: 'ws' as const,
      ...toCommon('ws', name, it),
      websocket: toWebsocket(it.websocket),
    })),
    ...named(wsses, wss).map(([name, it]) => ({
      kind: 'wss' as const,
      ...toCommon('wss', name, it),
      tls: toTlsServer(it.ssl_options, `listeners.wss.${name}.ssl_options`),
      websocket: toWebsocket(it.websocket),
    })),
  ]
}

export function toDashboard(dashboard: z.output<typeof dashboardSchema>): DashboardConfig {
  return { http: dashboard.listeners.http.bind }
}

function named<S extends z.ZodType>(
  listeners: Readonly<Record<string, z.output<S>>>,
  schema: S,
): [string, z.output<S>][] {
  const given = Object.entries(listeners)
  return Object.hasOwn(listeners, 'default') ? given : [['default', schema.parse({})], ...given]
}

function toCommon(
  kind: ListenerKind,
  name: string,
  listener: Omit<z.output<typeof tcp>, 'access_rules'> & { readonly access_rules?: string[] },
): ListenerCommon {
  const options = listener.tcp_options
  return {
    name,
    path: `listeners.${kind}.${name}`,
    enable: listener.enable,
    host: listener.bind.host,
    port: listener.bind.port,
    enableLink: listener.enable_link ?? name.startsWith('clink'),
    enableAuthn:
      listener.enable_authn === 'quick_deny_anonymous'
        ? listener.enable_authn
        : listener.enable_authn === 'true',
    maxConnections: listener.max_connections,
    maxConnRatePerSecond: listener.max_conn_rate,
    messageRate: clientRate(listener.messages_rate, listener.messages_burst),
    byteRate: clientRate(listener.bytes_rate, listener.bytes_burst),
    totalMessagesPerSecond: listener.total_messages_rate,
    totalBytesPerSecond: listener.total_bytes_rate,
    proxyTimeoutMs: listener.proxy_protocol ? listener.proxy_protocol_timeout : null,
    accessRules: listener.access_rules ?? [],
    mountpoint: listener.mountpoint,
    zone: listener.zone,
    tcp: {
      backlog: options.backlog,
      nodelay: options.nodelay,
      sendTimeoutMs: options.send_timeout,
      highWatermarkBytes: options.high_watermark,
      keepalive: options.keepalive,
      sndbufBytes: options.sndbuf,
      recbufBytes: options.recbuf,
    },
  }
}

function toWebsocket(it: z.output<typeof websocket>) {
  return {
    path: it.mqtt_path,
    idleTimeoutMs: it.idle_timeout,
    maxFrameBytes: it.max_frame_size,
    failIfNoSubprotocol: it.fail_if_no_subprotocol,
    subprotocols: it.supported_subprotocols,
    compress: it.compress,
    origins: it.check_origin_enable
      ? { allowed: it.check_origins, absenceAllowed: it.allow_origin_absence }
      : null,
    proxyAddressHeader: it.proxy_address_header,
    proxyPortHeader: it.proxy_port_header,
  }
}
