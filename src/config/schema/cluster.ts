/** `cluster.name` and `cluster.links`, with EMQX's names and defaults. */

import type { z } from 'zod'
import { configLimits, linkLimits } from '../../limits.js'
import type { LinkConfig, LinkResourceOptions } from '../config.js'
import { serverList } from './address.js'
import * as form from './form.js'
import {
  alias,
  asleep,
  type EntryProblem,
  entries,
  entry,
  ignored,
  key,
  required,
  section,
  unset,
} from './key.js'
import { tlsClientSchema, toTlsClient } from './tls.js'

const hourMs = 3_600_000
const size = form.bytesize({ min: 1024, max: 1024 ** 3 })
const single = 'a node is alone'

/** A name becomes one level of `$LINK/cluster/route/<name>`, unescaped. */
const clusterName: form.Form<string> = {
  type: 'a cluster name (1 to 255 characters, without / + # or control characters)',
  read: (raw) => {
    const name = form.scalarText(raw)
    // biome's rule against control characters in patterns does not apply to \p{Cc}.
    return name !== null && name.length <= 255 && /^[^/+#\p{Cc}]+$/u.test(name)
      ? name
      : new form.Refusal()
  },
}

const resourceOptions = section({
  worker_pool_size: key(
    form.integer(1, 1024),
    16,
    'Accepted as in EMQX; `pool_size` connections carry the messages.',
  ),
  health_check_interval: asleep(
    'connections are pinged every 30 s',
    key(
      form.duration({ min: 1, max: hourMs }),
      '15s',
      'How often the connections of the link are looked after.',
    ),
  ),
  health_check_interval_jitter: key(form.duration({ max: hourMs }), '0ms', 'Accepted as in EMQX.'),
  health_check_timeout: key(
    form.orWord(form.duration({ min: 1 }), 'infinity'),
    '60s',
    'Accepted as in EMQX.',
  ),
  start_timeout: asleep(
    'one attempt to connect may take 10 s',
    key(form.duration({ min: 1 }), '5s', 'How long one attempt to connect may take.'),
  ),
  request_ttl: key(
    form.orWord(form.duration({ min: 1 }), 'infinity'),
    '45s',
    'Age at which a waiting message is dropped and counted.',
  ),
  request_timeout: alias(form.orWord(form.duration({ min: 1 }), 'infinity'), 'request_ttl'),
  inflight_window: asleep(
    'max_inflight is the window',
    key(form.integer(1, 65535), 100, 'Messages taken from the buffer and not yet acknowledged.'),
  ),
  async_inflight_window: asleep(
    'max_inflight is the window',
    alias(form.integer(1, 65535), 'inflight_window'),
  ),
  max_buffer_bytes: key(
    form.bytesize({ min: 1 }),
    '256MB',
    'What one connection may buffer while the link is down or slow.',
  ),
  max_queue_bytes: alias(form.bytesize({ min: 1 }), 'max_buffer_bytes'),
  dispatch_strategy: key(
    form.oneOf('per_clientid', 'random'),
    'per_clientid',
    'Accepted as in EMQX; a topic always uses the same connection.',
  ),
  buffer_mode: ignored('the buffer is in memory'),
  buffer_seg_bytes: ignored('the buffer is in memory'),
  resume_interval: ignored('the link resumes at once'),
  metrics_flush_interval: ignored('metrics are summed when read'),
  auto_restart_interval: ignored('deprecated'),
  enable_queue: ignored('deprecated'),
})

const linkKeys = {
  name: required(clusterName, '`cluster.name` of the remote cluster.'),
  enable: key(form.boolean, true, 'Whether the link is up.'),
  server: unset(
    serverList,
    'Address of the remote cluster, port 1883 by default; several are tried in turn. `mqtts://` implies TLS. Required unless `accept_only` is set.',
  ),
  accept_only: key(
    form.boolean,
    false,
    'Dial nobody: both directions use the connections that the remote cluster, a Causeway, dials. Without `server`. Not in EMQX.',
  ),
  clientid: unset(
    form.text,
    'First part of the client identifiers of the link; unset: our own `cluster.name`.',
  ),
  username: unset(form.text, 'User name for the remote cluster.'),
  password: unset(
    form.text,
    'Password for the remote cluster, or `file:///path` of a file that holds it.',
  ),
  topics: required(
    form.arrayOf(form.text, configLimits.linkTopics),
    'Filters of what we want to receive; `[]`: nothing, we only send.',
  ),
  pool_size: key(form.integer(1, 1024), 8, 'Connections that carry messages.'),
  retry_interval: key(
    form.duration({ min: 1 }),
    '15s',
    'Accepted as in EMQX; messages are sent again after a reconnect.',
  ),
  max_inflight: key(
    form.integer(0, linkLimits.inflightMessages),
    0,
    'Messages per connection not yet acknowledged; 0: as many as the peer accepts, at most 8,192, which is what it knows again when they are repeated. An EMQX accepts 32.',
  ),
  transit: key(
    form.boolean,
    false,
    'Whether this link carries what belongs to other clusters: their interest is announced here, their messages are forwarded. Both sides must ask for it, and be Causeways. Not in EMQX.',
  ),
  retained_sync: key(
    form.arrayOf(form.text, configLimits.linkTopics),
    [],
    'Filters of retained messages that both clusters shall hold alike, the last one written everywhere. Both sides must ask for them, and be Causeways; what arrives must be in `topics` too. Not in EMQX.',
  ),
  drift_check: key(
    form.boolean,
    false,
    'Whether heartbeats carry a checksum of the routes announced, so that a remote Causeway that also asks for it finds and repairs differences. Not in EMQX.',
  ),
  ssl: tlsClientSchema,
  tcp_opts: section({
    nodelay: key(form.boolean, true, 'Send small packets at once (TCP_NODELAY).'),
    keepalive: key(
      form.boolean,
      false,
      'TCP keep-alive probes, as often as the kernel sends them; MQTT pings the far end every 30 s anyway.',
    ),
    sndbuf: unset(size, 'Send buffer of the kernel; unset: its own choice.'),
    recbuf: unset(size, 'Receive buffer of the kernel; unset: its own choice.'),
    buffer: ignored('buffers are sized by need'),
    active_n: ignored('reading is event driven'),
    delay_send: ignored('packets of one round leave together'),
  }),
  resource_opts: resourceOptions,
  ps_actor_incarnation: key(
    form.integer(0, Number.MAX_SAFE_INTEGER),
    0,
    'Maintained by EMQX; accepted.',
  ),
}

const link = entry(linkKeys, dialProblems)

/** Who dials needs an address; who accepts only has no use for what a dial needs. */
function dialProblems(it: {
  readonly accept_only: boolean
  readonly server: unknown
  readonly username: unknown
  readonly password: unknown
  readonly pool_size: number
}): readonly EntryProblem[] {
  if (!it.accept_only) {
    const missing = `required_field: expected ${serverList.type}, got nothing`
    return it.server === null ? [{ path: ['server'], message: missing }] : []
  }
  const unused = (['server', 'username', 'password'] as const)
    .filter((name) => it[name] !== null)
    .map((name) => ({
      path: [name],
      message: `a link with accept_only = true dials nobody: leave out ${name}, or accept_only`,
    }))
  if (it.pool_size <= linkLimits.acceptedSlots) return unused
  const most = `expected at most ${linkLimits.acceptedSlots} with accept_only = true, got ${it.pool_size}`
  return [...unused, { path: ['pool_size'], message: most }]
}

export const clusterSchema = section({
  name: key(clusterName, 'emqxcl', 'How the other regions know this one.'),
  links: entries(link, configLimits.links),
  discovery_strategy: ignored(single),
  core_nodes: ignored(single),
  static: ignored(single),
  dns: ignored(single),
  etcd: ignored(single),
  k8s: ignored(single),
  mcast: ignored(single),
  node_cookie: ignored(single),
  autoclean: ignored(single),
  autoheal: ignored(single),
  proto_dist: ignored(single),
  quic_lb_mode: ignored(single),
  description: ignored('not shown anywhere'),
})

export function toLinks(cluster: z.output<typeof clusterSchema>): LinkConfig[] {
  return cluster.links.map((it, index) => toLink(it, index, cluster.name))
}

function toLink(it: z.output<typeof link>, index: number, clusterName: string): LinkConfig {
  const servers = (it.server ?? []).map((server) => ({
    ...server,
    tls: server.tls || it.ssl.enable,
  }))
  return {
    path: `cluster.links.${index + 1}`,
    name: it.name,
    enable: it.enable,
    acceptOnly: it.accept_only,
    servers,
    clientId: it.clientid ?? clusterName,
    username: it.username,
    password: it.password,
    topics: it.topics,
    poolSize: it.pool_size,
    retryIntervalMs: it.retry_interval,
    maxInflight: it.max_inflight,
    transit: it.transit,
    retainedSync: it.retained_sync,
    driftCheck: it.drift_check,
    tls: servers.some((server) => server.tls)
      ? toTlsClient(it.ssl, `cluster.links.${index + 1}.ssl`)
      : null,
    tcp: {
      nodelay: it.tcp_opts.nodelay,
      keepalive: it.tcp_opts.keepalive,
      sndbufBytes: it.tcp_opts.sndbuf,
      recbufBytes: it.tcp_opts.recbuf,
    },
    resource: toResource(it.resource_opts),
  }
}

function toResource(options: z.output<typeof resourceOptions>): LinkResourceOptions {
  return {
    requestTtlMs:
      options.request_timeout === undefined ? options.request_ttl : options.request_timeout,
    inflightWindow: options.async_inflight_window ?? options.inflight_window,
    maxBufferBytes: options.max_queue_bytes ?? options.max_buffer_bytes,
    healthCheckIntervalMs: options.health_check_interval,
    startTimeoutMs: options.start_timeout,
    workerPoolSize: options.worker_pool_size,
    dispatchStrategy: options.dispatch_strategy,
  }
}
