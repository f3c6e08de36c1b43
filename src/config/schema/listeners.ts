/** `listeners.*` and `dashboard.listeners.*`: EMQX's names; `enable_link` is ours. */

import type { z } from 'zod'
import type {
  DashboardConfig,
  ListenerCommon,
  ListenerConfig,
  ListenerKind,
  TcpKeepalive,
} from '../config.js'
import { bindAddress } from './address.js'
import * as form from './form.js'
import { asleep, ignored, key, mapOf, section, unset } from './key.js'
import { tlsServerSchema, toTlsServer } from './tls.js'

const defaultPorts: Readonly<Record<ListenerKind, number>> = {
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
  keepalive: asleep(
    'the kernel keeps its defaults',
    key(keepalive, 'none', 'TCP keep-alive probes, in seconds and a count.'),
  ),
  sndbuf: asleep(
    'the kernel keeps its defaults',
    unset(socketBuffer, 'Send buffer of the kernel; unset: its own choice.'),
  ),
  recbuf: asleep(
    'the kernel keeps its defaults',
    unset(socketBuffer, 'Receive buffer of the kernel; unset: its own choice.'),
  ),
  active_n: ignored('reading is event driven'),
  buffer: ignored('buffers are sized by need'),
  reuseaddr: ignored('always on'),
  send_timeout_close: ignored('always on'),
})

const websocket = section({
  mqtt_path: key(form.text, '/mqtt', 'Path of the WebSocket.'),
  idle_timeout: key(
    form.duration({ min: 1 }),
    '7200s',
    'A WebSocket without traffic for this long is closed.',
  ),
  max_frame_size: key(
    form.orWord(form.bytesize({ min: 1 }), 'infinity'),
    'infinity',
    'Largest WebSocket frame.',
  ),
  fail_if_no_subprotocol: key(form.boolean, true, 'Refuse clients that do not name a subprotocol.'),
  compress: key(form.boolean, false, 'Offer permessage-deflate.'),
  mqtt_piggyback: ignored('packets may share or split frames'),
  supported_subprotocols: ignored('mqtt, mqtt-v3, mqtt-v3.1.1 and mqtt-v5 are accepted'),
  check_origin_enable: ignored('origins are not checked yet'),
  allow_origin_absence: ignored('origins are not checked yet'),
  check_origins: ignored('origins are not checked yet'),
  proxy_address_header: ignored('proxy headers are not read yet'),
  proxy_port_header: ignored('proxy headers are not read yet'),
  deflate_opts: ignored('the defaults are used'),
  validate_utf8: ignored('frames are binary'),
})

function common(kind: ListenerKind) {
  return {
    enable: key(form.boolean, true, 'Whether the listener is started.'),
    bind: key(bindAddress(), defaultPorts[kind], 'Port, or address:port.'),
    enable_link: unset(
      form.boolean,
      'Whether `$LINK/#` may be used here; unset: only when the name starts with `clink`. Not in EMQX.',
    ),
    max_connections: key(
      form.orWord(form.integer(1, Number.MAX_SAFE_INTEGER), 'infinity'),
      'infinity',
      'Connections at once.',
    ),
    mountpoint: key(form.text, '', 'Prefix of all topics of these clients; `$LINK/` is exempt.'),
    zone: key(form.text, 'default', 'Accepted as in EMQX; there is one zone.'),
    tcp_options: tcpOptions,
    acceptors: ignored('every io loop accepts'),
    access_rules: ignored('addresses are NOT filtered'),
    proxy_protocol: ignored('the PROXY protocol is not spoken yet'),
    proxy_protocol_timeout: ignored('the PROXY protocol is not spoken yet'),
    enable_authn: key(
      form.oneOf('true', 'false', 'quick_deny_anonymous'),
      'true',
      'Whether clients of this listener are authenticated, where there are authenticators; `quick_deny_anonymous` refuses clients without a user name before anything else.',
    ),
    authentication: ignored('all listeners share the authenticators of `authentication`'),
    limiter: ignored('rates are not limited yet'),
    max_conn_rate: ignored('rates are not limited yet'),
    max_conn_burst: ignored('rates are not limited yet'),
    messages_rate: ignored('rates are not limited yet'),
    messages_burst: ignored('rates are not limited yet'),
    bytes_rate: ignored('rates are not limited yet'),
    bytes_burst: ignored('rates are not limited yet'),
    tcp_backend: ignored('there is one'),
    parse_unit: ignored('reading is event driven'),
  }
}

const tcp = section(common('tcp'))
const ssl = section({ ...common('ssl'), ssl_options: tlsServerSchema })
const ws = section({ ...common('ws'), websocket })
const wss = section({ ...common('wss'), ssl_options: tlsServerSchema, websocket })

export const listenersSchema = section({
  tcp: mapOf(tcp),
  ssl: mapOf(ssl),
  ws: mapOf(ws),
  wss: mapOf(wss),
  quic: ignored('QUIC is not supported'),
})

export const dashboardSchema = section({
  listeners: section({
    http: section({
      bind: key(
        bindAddress(0),
        18083,
        'Port, or address:port, of the dashboard and the API; 0: off.',
      ),
      max_connections: ignored('not limited separately'),
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
  const { tcp: tcps, ssl: ssls, ws: wses, wss: wsses } = listeners
  return [
    ...named(tcps, tcp).map(([name, it]) => ({
      kind: 'tcp' as const,
      ...toCommon('tcp', name, it),
    })),
    ...named(ssls, ssl).map(([name, it]) => ({
      kind: 'ssl' as const,
      ...toCommon('ssl', name, it),
      tls: toTlsServer(it.ssl_options),
    })),
    ...named(wses, ws).map(([name, it]) => ({
      kind: 'ws' as const,
      ...toCommon('ws', name, it),
      websocket: toWebsocket(it.websocket),
    })),
    ...named(wsses, wss).map(([name, it]) => ({
      kind: 'wss' as const,
      ...toCommon('wss', name, it),
      tls: toTlsServer(it.ssl_options),
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
  listener: z.output<typeof tcp>,
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
    compress: it.compress,
  }
}
