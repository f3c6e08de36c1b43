/** The whole schema: what each top-level section is, and what becomes of it. */

import { availableParallelism } from 'node:os'
import type { z } from 'zod'
import { configLimits } from '../../limits.js'
import type { Config } from '../config.js'
import { authenticationSchema, toAuthentication } from './authentication.js'
import { clusterSchema, toLinks } from './cluster.js'
import { delayedSchema, toDelayed } from './delayed.js'
import * as form from './form.js'
import { asleep, ignored, key, section, unset } from './key.js'
import { dashboardSchema, listenersSchema, toDashboard, toListeners } from './listeners.js'
import { mqttSchema, toMqtt } from './mqtt.js'
import { retainerSchema, toRetainer } from './retainer.js'
import { sysTopicsSchema, toSysTopics } from './sys-topics.js'

const count = form.integer(1, Number.MAX_SAFE_INTEGER)
const erlang = 'there is no Erlang virtual machine'
const later = 'not supported yet'
const logHandler = 'logs go to the standard error'

const nodeSchema = section({
  name: key(
    form.text,
    'causeway@127.0.0.1',
    'Name of this node; part of the client identifiers of links.',
  ),
  data_dir: key(
    form.text,
    'data',
    'Directory of everything kept on disk, relative to the working directory.',
  ),
  cookie: ignored(erlang),
  role: ignored(erlang),
  process_limit: ignored(erlang),
  max_ports: ignored(erlang),
  dist_buffer_size: ignored(erlang),
  dist_net_ticktime: ignored(erlang),
  broker_pool_size: ignored(erlang),
  generic_pool_size: ignored(erlang),
  channel_cleanup_batch_size: ignored(erlang),
  global_gc_interval: ignored(erlang),
  crash_dump_file: ignored(erlang),
  crash_dump_seconds: ignored(erlang),
  crash_dump_bytes: ignored(erlang),
  backtrace_depth: ignored(erlang),
  etc_dir: ignored('files are found relative to the working directory'),
  cluster_call: ignored(erlang),
  db_backend: ignored(erlang),
  db_role: ignored(erlang),
  rpc_module: ignored(erlang),
  tlog_push_mode: ignored(erlang),
  applications: ignored(erlang),
  default_bootstrap_batch_size: ignored(erlang),
  default_shard_transport: ignored(erlang),
  shard_transports: ignored(erlang),
  vm_args_file: ignored(erlang),
  max_clients: ignored('use limits.connections'),
  description: ignored('not shown anywhere'),
  tags: ignored('not shown anywhere'),
})

const workersSchema = section({
  io: key(
    form.integer(1, configLimits.ioLoops),
    Math.min(availableParallelism(), configLimits.ioLoops),
    'Threads that carry the traffic.',
    'number of cores',
  ),
  tasks: key(
    form.integer(1, configLimits.taskThreads),
    Math.min(availableParallelism(), configLimits.taskThreads),
    'Threads for work in bulk.',
    'number of cores',
  ),
  websocket: key(
    form.oneOf('auto', 'ws'),
    'auto',
    'What serves WebSocket: uWebSockets.js where it loads (auto), or the package ws. Not in EMQX.',
  ),
})

const levels = [
  'debug',
  'info',
  'notice',
  'warning',
  'error',
  'critical',
  'alert',
  'emergency',
] as const

const logSchema = section({
  console: section({
    enable: key(form.boolean, true, 'Whether the log is written to the standard error.'),
    level: key(form.oneOf(...levels), 'info', 'Least severe level that is written.'),
    formatter: key(form.oneOf('text', 'json'), 'text', 'For people, or for machines.'),
    time_offset: ignored(later),
    timestamp_format: ignored(later),
    with_mfa: ignored(erlang),
    payload_encode: ignored('payloads are not logged'),
    chars_limit: ignored(later),
    single_line: ignored('a log event is always one line'),
    sync_mode_qlen: ignored(erlang),
    drop_mode_qlen: ignored(erlang),
    flush_qlen: ignored(erlang),
    overload_kill: ignored(erlang),
    burst_limit: ignored(erlang),
    supervisor_reports: ignored(erlang),
    max_depth: ignored(erlang),
  }),
  file: ignored(logHandler),
  console_handler: ignored(logHandler),
  file_handlers: ignored(logHandler),
  audit: ignored(later),
  throttling: ignored(later),
  to: ignored(logHandler),
  level: ignored('use log.console.level'),
})

const apiKeySchema = section({
  bootstrap_file: unset(
    form.text,
    'API keys: a line each, `key:secret` or `key:secret:role`; the role is administrator or viewer.',
  ),
})

const limitsSchema = section({
  connections: key(
    form.orWord(count, 'infinity'),
    'infinity',
    'Connections at once, all listeners together.',
  ),
  pending_connects: key(
    form.integer(1, 1_000_000),
    4096,
    'Connections that have not yet sent a whole CONNECT, shared evenly by the io loops; beyond it accepting pauses.',
  ),
  connects_per_clientid: key(
    form.integer(1, 1024),
    8,
    'CONNECTs of one client identifier that wait for each other; beyond it the newest is refused.',
  ),
  sessions: key(form.orWord(count, 'infinity'), 'infinity', 'Sessions, connected or not.'),
  session_queue_bytes: asleep(
    'it is 64MB',
    key(
      form.bytesize({ min: 65_536 }),
      '64MB',
      'Bytes the queue of one session may hold, whatever `mqtt.max_mqueue_len` says.',
    ),
  ),
  decision_timeout: asleep(
    'it is 15s',
    key(
      form.duration({ min: 100 }),
      '10s',
      'Time a connection waits for an answer that needs a decision.',
    ),
  ),
  ws_stall: key(
    form.duration({ min: 100 }),
    '5s',
    'A WebSocket publisher that has to be slowed for longer than this is closed.',
  ),
  ws_ring_bytes: key(
    form.bytesize({ min: 65_536 }),
    '1MB',
    'Bytes of a WebSocket publisher that may wait to be processed.',
  ),
})

const lifeSchema = {
  durability: asleep(
    'nothing is kept on disk',
    key(
      form.oneOf('strict', 'relaxed', 'off'),
      'strict',
      'What an acknowledgement promises: on disk, on disk within 100 ms, nothing.',
    ),
  ),
}

/** EMQX's sections that we do not have, with why that matters or does not. */
const emqxOnly = {
  authentication_settings: 'there is nothing to set',
  authorization: 'access is NOT controlled',
  zones: 'there is one zone',
  broker: later,
  sysmon: erlang,
  force_gc: erlang,
  force_shutdown: erlang,
  overload_protection: erlang,
  conn_congestion: erlang,
  stats: erlang,
  rpc: erlang,
  alarm: later,
  flapping_detect: later,
  limiter: later,
  quota: later,
  rate_limit: later,
  durable_sessions: later,
  durable_storage: later,
  session_persistence: later,
  persistent_session_store: later,
  trace: later,
  tracing: later,
  crl_cache: later,
  plugins: later,
  prometheus: later,
  opentelemetry: later,
  telemetry: 'nothing is ever sent home',
  rule_engine: later,
  bridges: later,
  connectors: later,
  actions: later,
  sources: later,
  resource_opts: later,
  rewrite: later,
  auto_subscribe: later,
  topic_metrics: later,
  event_message: later,
  slow_subs: later,
  gateway: later,
  exhook: later,
  psk_authentication: later,
  statsd: later,
  modules: later,
  schema_registry: later,
  schema_validation: later,
  message_transformation: later,
  file_transfer: later,
  license: 'none is needed',
  multi_tenancy: later,
  node_rebalance: later,
  ai: later,
  mcp: later,
  queues: later,
  streams: later,
  mq: later,
} as const

const ignoredRoots = Object.fromEntries(
  Object.entries(emqxOnly).map(([name, why]) => [name, ignored(why)]),
)

const known = {
  authentication: authenticationSchema,
  cluster: clusterSchema,
  listeners: listenersSchema,
  dashboard: dashboardSchema,
  api_key: apiKeySchema,
  node: nodeSchema,
  workers: workersSchema,
  mqtt: mqttSchema,
  retainer: retainerSchema,
  delayed: delayedSchema,
  sys_topics: sysTopicsSchema,
  log: logSchema,
  limits: limitsSchema,
  ...lifeSchema,
}

export const rootSchema = section({ ...ignoredRoots, ...known } as typeof known)

export function toConfig(root: z.output<typeof rootSchema>): Config {
  const { limits } = root
  return {
    authentication: toAuthentication(root.authentication),
    clusterName: root.cluster.name,
    links: toLinks(root.cluster),
    listeners: toListeners(root.listeners),
    dashboard: toDashboard(root.dashboard),
    apiKey: { bootstrapFile: root.api_key.bootstrap_file },
    node: { name: root.node.name, dataDir: root.node.data_dir },
    workers: root.workers,
    mqtt: toMqtt(root.mqtt),
    retainer: toRetainer(root.retainer),
    delayed: toDelayed(root.delayed),
    sysTopics: toSysTopics(root.sys_topics),
    log: {
      console: {
        enable: root.log.console.enable,
        level: root.log.console.level,
        formatter: root.log.console.formatter,
      },
    },
    limits: {
      connections: limits.connections,
      pendingConnects: limits.pending_connects,
      connectsPerClientId: limits.connects_per_clientid,
      sessions: limits.sessions,
      sessionQueueBytes: limits.session_queue_bytes,
      decisionTimeoutMs: limits.decision_timeout,
      wsStallMs: limits.ws_stall,
      wsRingBytes: limits.ws_ring_bytes,
    },
    durability: root.durability,
  }
}
