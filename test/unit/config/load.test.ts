import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
import test from 'node:test'
import { linkOpenToAll, loadConfig } from '../../../src/config/index.js'
import { files, load, refused } from './fixture.js'

const quickStartEast = `cluster {
  name = "cluster-us-east"
  links = [
    {
      name = "cluster-eu-west"
      server = "127.0.0.1:21883"
      clientid = "clink-us-east"
      topics = ["#"]
    }
  ]
}
listeners {
  tcp.clink {
    bind = 11883
  }
}
`

test('the quick start of EMQX loads unchanged', (t) => {
  const { config, warnings } = load(t, quickStartEast)
  assert.deepEqual(warnings, [])
  assert.equal(config.clusterName, 'cluster-us-east')
  const [link] = config.links
  assert.equal(link?.name, 'cluster-eu-west')
  assert.deepEqual(link?.servers, [{ host: '127.0.0.1', port: 21883, tls: false }])
  assert.equal(link?.clientId, 'clink-us-east')
  assert.deepEqual(link?.topics, ['#'])
  assert.deepEqual(
    config.listeners.map(({ path, host, port, enable, enableLink }) => [
      path,
      host,
      port,
      enable,
      enableLink,
    ]),
    [
      ['listeners.tcp.default', '', 1883, true, false],
      ['listeners.tcp.clink', '', 11883, true, true],
      ['listeners.ssl.default', '', 8883, true, false],
      ['listeners.ws.default', '', 8083, true, false],
      ['listeners.wss.default', '', 8084, true, false],
    ],
  )
})

test('without a file everything has the default of EMQX', () => {
  const { config, where } = loadConfig({ file: null, env: {} })
  assert.equal(config.clusterName, 'emqxcl')
  assert.deepEqual(config.links, [])
  assert.deepEqual(config.dashboard, { http: { host: '', port: 0 } })
  assert.equal(config.node.dataDir, 'data')
  assert.equal(config.workers.io, Math.min(availableParallelism(), 64))
  assert.deepEqual(config.mqtt, {
    maxPacketBytes: 1024 * 1024,
    maxClientIdBytes: 65535,
    maxTopicLevels: 128,
    maxTopicAlias: 65535,
    maxQosAllowed: 2,
    retainAvailable: true,
    wildcardSubscription: true,
    sharedSubscription: true,
    sharedSubscriptionStrategy: 'round_robin',
    sharedSubscriptionStickyPick: 'random',
    exclusiveSubscription: false,
    ignoreLoopDeliver: false,
    strictMode: false,
    keepaliveMultiplier: 1.5,
    keepaliveCheckIntervalMs: 30_000,
    serverKeepaliveSeconds: null,
    responseInformation: '',
    idleTimeoutMs: 15_000,
    retryIntervalMs: null,
    sessionExpiryIntervalMs: 7_200_000,
    messageExpiryIntervalMs: null,
    maxAwaitingRel: 100,
    awaitRelTimeoutMs: 300_000,
    maxInflight: 32,
    maxMqueueLen: 1000,
    mqueuePriorities: null,
    mqueueDefaultPriority: 'lowest',
    mqueueStoreQos0: true,
    maxSubscriptions: null,
    upgradeQos: false,
    useUsernameAsClientId: false,
    peerCertAsUsername: null,
    peerCertAsClientId: null,
  })
  assert.equal(config.retainer.maxPayloadBytes, 1024 * 1024)
  assert.equal(config.retainer.maxRetainedMessages, null)
  assert.equal(config.durability, 'strict')
  assert.equal(where('mqtt.max_inflight'), null)
})

test('a link has the defaults of EMQX', (t) => {
  const { config } = load(t, 'cluster.links = [{ name = eu, server = h, topics = [] }]')
  const [link] = config.links
  assert.ok(link)
  assert.equal(link.path, 'cluster.links.1')
  assert.deepEqual([link.enable, link.acceptOnly], [true, false])
  assert.deepEqual(link.servers, [{ host: 'h', port: 1883, tls: false }])
  assert.equal(link.clientId, 'emqxcl')
  assert.deepEqual([link.username, link.password, link.tls], [null, null, null])
  assert.deepEqual([link.poolSize, link.retryIntervalMs, link.maxInflight], [8, 15_000, 0])
  assert.deepEqual(link.resource, {
    requestTtlMs: 45_000,
    inflightWindow: 100,
    maxBufferBytes: 256 * 1024 * 1024,
    healthCheckIntervalMs: 15_000,
    startTimeoutMs: 5_000,
    workerPoolSize: 16,
    dispatchStrategy: 'per_clientid',
  })
})

test('a link that accepts only needs no server, and has no use for TLS', (t) => {
  const { config } = load(
    t,
    'cluster.links = [{ name = eu, accept_only = true, topics = [], pool_size = 64, ssl.enable = true }]',
  )
  const [link] = config.links
  assert.ok(link)
  assert.deepEqual([link.acceptOnly, link.servers, link.poolSize, link.tls], [true, [], 64, null])
})

test('scenario 33: tcp_opts of a link are read, and unset where they are', (t) => {
  const link = 'name = eu, server = "h:1", topics = []'
  const { config, warnings } = load(
    t,
    `cluster.links = [{ ${link}, tcp_opts { sndbuf = 16KB, recbuf = 16KB, keepalive = true } }, { ${link.replace('eu', 'us')} }]`,
  )
  assert.deepEqual(warnings, [])
  assert.deepEqual(
    config.links.map(({ tcp }) => tcp),
    [
      { nodelay: true, keepalive: true, sndbufBytes: 16_384, recbufBytes: 16_384 },
      { nodelay: true, keepalive: false, sndbufBytes: null, recbufBytes: null },
    ],
  )
})

test('a link takes every field that EMQX allows, aliases included', (t) => {
  const { config, warnings } = load(
    t,
    `cluster.links = [{
      enable = false, name = eu, server = "h:1", topics = ["a/#"], clientid = c, username = u, password = 1234,
      pool_size = 2, retry_interval = 1m, max_inflight = 0, ps_actor_incarnation = 7
      ssl { enable = true, verify = verify_peer, server_name_indication = disable, versions = "tlsv1.3" }
      tcp_opts { nodelay = false, sndbuf = 64KB }
      resource_opts { request_timeout = infinity, async_inflight_window = 7, max_queue_bytes = 1MB, worker_pool_size = 1 }
    }]`,
  )
  const [link] = config.links
  assert.ok(link)
  assert.deepEqual(
    warnings.map(({ kind, subject }) => [kind, subject]),
    [['ignored-key', 'cluster.links.1.resource_opts.async_inflight_window']],
  )
  assert.equal(link.enable, false)
  assert.deepEqual([link.username, link.password], ['u', '1234'])
  assert.deepEqual([link.poolSize, link.retryIntervalMs, link.maxInflight], [2, 60_000, 0])
  assert.equal(link.tls?.verifyPeer, true)
  assert.equal(link.tls?.serverName, false)
  assert.deepEqual(link.tls?.versions, ['tlsv1.3'])
  assert.deepEqual(link.tcp, {
    nodelay: false,
    keepalive: false,
    sndbufBytes: 65_536,
    recbufBytes: null,
  })
  assert.equal(link.resource.requestTtlMs, null)
  assert.equal(link.resource.inflightWindow, 7)
  assert.equal(link.resource.maxBufferBytes, 1024 * 1024)
})

for (const [server, expected] of [
  ['h', [{ host: 'h', port: 1883, tls: false }]],
  ['h:80', [{ host: 'h', port: 80, tls: false }]],
  ['mqtt://h.x', [{ host: 'h.x', port: 1883, tls: false }]],
  ['mqtts://h', [{ host: 'h', port: 8883, tls: true }]],
  ['[::1]', [{ host: '::1', port: 1883, tls: false }]],
  ['mqtts://[fe80::1]:99', [{ host: 'fe80::1', port: 99, tls: true }]],
  [
    'a:1, b:2,c',
    [
      { host: 'a', port: 1, tls: false },
      { host: 'b', port: 2, tls: false },
      { host: 'c', port: 1883, tls: false },
    ],
  ],
] as const) {
  test(`a link may name its server as ${server}`, (t) => {
    const { config } = load(t, `cluster.links = [{ name = eu, server = "${server}", topics = [] }]`)
    assert.deepEqual(config.links[0]?.servers, expected)
  })
}

test('mqtts:// turns TLS on for its server alone, ssl.enable for all of the link', (t) => {
  const tlsOf = (link: string) =>
    load(t, `cluster.links = [{ name = eu, topics = [], ${link} }]`).config.links[0]
  const mixed = tlsOf('server = "mqtts://a,b"')
  assert.deepEqual(
    mixed?.servers.map(({ tls }) => tls),
    [true, false],
  )
  assert.notEqual(mixed?.tls, null)
  assert.deepEqual(
    tlsOf('server = "a,b", ssl { enable = true }')?.servers.map(({ tls }) => tls),
    [true, true],
  )
})

for (const [bind, host, port] of [
  ['1884', '', 1884],
  [':1884', '', 1884],
  ['127.0.0.1:1884', '127.0.0.1', 1884],
  ['[::]:1884', '::', 1884],
  ['"[::1]:1884"', '::1', 1884],
] as const) {
  test(`a listener may bind ${bind}`, (t) => {
    const [listener] = load(t, `listeners.tcp.default.bind = ${bind}`).config.listeners
    assert.deepEqual([listener?.host, listener?.port], [host, port])
  })
}

test('a default listener stays on unless it is disabled, and then frees its port', (t) => {
  const { config } = load(
    t,
    'listeners.tcp.default.enable = false\nlisteners.tcp.other.bind = 1883',
  )
  assert.deepEqual(
    config.listeners.filter(({ kind }) => kind === 'tcp').map(({ name, enable }) => [name, enable]),
    [
      ['default', false],
      ['other', true],
    ],
  )
})

test('different addresses may share a port', (t) => {
  const { config } = load(
    t,
    'listeners.tcp.default.bind = "127.0.0.1:1883"\nlisteners.tcp.b.bind = "127.0.0.2:1883"',
  )
  assert.equal(config.listeners.filter(({ port }) => port === 1883).length, 2)
})

test('enable_link decides before the name does', (t) => {
  const { config } = load(
    t,
    'listeners.tcp.clink1 { bind = 1, enable_link = false }\nlisteners.tcp.x { bind = 2, enable_link = true }\nlisteners.tcp.clinkx { bind = 3 }',
  )
  const byName = Object.fromEntries(
    config.listeners.map(({ name, enableLink }) => [name, enableLink]),
  )
  assert.deepEqual(
    [byName.clink1, byName.x, byName.clinkx, byName.default],
    [false, true, true, false],
  )
})

test('links may come in everywhere only when there are links and no listener is meant for them', (t) => {
  const links = 'cluster.links = [{ name = eu, server = h, topics = [] }]\n'
  assert.equal(linkOpenToAll(load(t, links).config), true)
  assert.equal(linkOpenToAll(load(t, '').config), false)
  assert.equal(linkOpenToAll(load(t, `${links}listeners.tcp.clink.bind = 2`).config), false)
  assert.equal(
    linkOpenToAll(load(t, `${links}listeners.tcp.clink { bind = 2, enable = false }`).config),
    true,
  )
})

test('options of a listener become numbers with units', (t) => {
  const { config } = load(
    t,
    'listeners.tcp.default { max_connections = 5, tcp_options { send_timeout = 1.5s, high_watermark = 1MB, keepalive = "240, 30, 5", sndbuf = 4KB } }',
  )
  const [listener] = config.listeners
  assert.equal(listener?.maxConnections, 5)
  assert.deepEqual(listener?.tcp, {
    backlog: 1024,
    nodelay: true,
    sendTimeoutMs: 1500,
    highWatermarkBytes: 1024 * 1024,
    keepalive: { idleSeconds: 240, intervalSeconds: 30, probes: 5 },
    sndbufBytes: 4096,
    recbufBytes: null,
  })
})

test('null takes a value back, so that the default applies', (t) => {
  assert.equal(
    load(t, 'mqtt.max_inflight = 7\nmqtt.max_inflight = null').config.mqtt.maxInflight,
    32,
  )
})

test('the configuration is frozen through and through', (t) => {
  const { config } = load(t, quickStartEast)
  assert.ok(
    Object.isFrozen(config) &&
      Object.isFrozen(config.mqtt) &&
      Object.isFrozen(config.links[0]?.servers[0]),
  )
})

test('sections and keys of EMQX without effect are named once each, with their place', (t) => {
  const { warnings } = load(
    t,
    'mqtt.limiter { x = 1 }\nlisteners.tcp.default { acceptors = 16 }\nrule_engine { a { b = 1 }, c = 2 }\nexhook = []',
  )
  assert.deepEqual(
    warnings.map(({ subject, position }) => [subject, position?.line, position?.column]),
    [
      ['mqtt.limiter', 1, 6],
      ['listeners.tcp.default.acceptors', 2, 25],
      ['rule_engine', 3, 1],
      ['exhook', 4, 1],
    ],
  )
  assert.match(warnings[3]?.message ?? '', /not supported yet/)
})

test('a link with our own cluster name is refused', (t) => {
  const text = 'cluster { name = eu, links = [{ name = eu, server = h, topics = [] }] }'
  assert.throws(() => load(t, text), {
    code: 'CONFIG_INVALID',
    message: /c\.conf:1:40: cluster\.links\.1\.name: "eu" is our own cluster\.name/,
  })
})

test('where() finds a key in the file, in an included file and in the environment', (t) => {
  const directory = files(t, {
    'main.conf': 'include "sub.conf"\nlisteners.tcp.clink {\n  bind = 2000\n}\n',
    'sub.conf': '\ncluster.links = [{ name = eu\n  server = h, topics = [] }]',
  })
  const { where } = loadConfig({
    file: `${directory}/main.conf`,
    env: { EMQX_MQTT__MAX_INFLIGHT: '7' },
  })
  assert.deepEqual(where('listeners.tcp.clink.bind'), {
    file: `${directory}/main.conf`,
    line: 3,
    column: 10,
  })
  assert.deepEqual(where('cluster.links.1.server'), {
    file: `${directory}/sub.conf`,
    line: 3,
    column: 12,
  })
  assert.equal(where('mqtt.max_inflight')?.file, 'environment variable EMQX_MQTT__MAX_INFLIGHT')
  assert.equal(where('cluster.links.2.server'), null)
})

test('a missing file is an error of its own', () => {
  assert.throws(() => loadConfig({ file: 'does/not/exist.conf', env: {} }), {
    code: 'CONFIG_FILE_NOT_FOUND',
    message: 'does/not/exist.conf: no such file',
  })
})

// ----------------------------------------------------------------------------------- environment

test('the environment overrides the file, key by key', (t) => {
  const { config } = load(t, quickStartEast, {
    EMQX_CLUSTER__NAME: 'other',
    EMQX_MQTT__MAX_PACKET_SIZE: '2MB',
    EMQX_CLUSTER__LINKS__1__SERVER: 'host.name:80',
    EMQX_CLUSTER__LINKS__1__TOPICS: '["a/#", "b/#"]',
    EMQX_CLUSTER__LINKS__1__PASSWORD: 'p#ss "w=rd" ',
    EMQX_LISTENERS__TCP__DEFAULT__BIND: '[::]:1999',
    EMQX_NODE: '{ name = "n@h" }',
  })
  assert.equal(config.clusterName, 'other')
  assert.equal(config.mqtt.maxPacketBytes, 2 * 1024 * 1024)
  assert.deepEqual(config.links[0]?.servers, [{ host: 'host.name', port: 80, tls: false }])
  assert.deepEqual(config.links[0]?.topics, ['a/#', 'b/#'])
  assert.equal(config.links[0]?.password, 'p#ss "w=rd"')
  assert.equal(config.listeners.find(({ path }) => path === 'listeners.tcp.default')?.host, '::')
  assert.equal(config.node.name, 'n@h')
})

test('a link can be made of the environment alone', (t) => {
  const { config } = load(t, '', {
    EMQX_CLUSTER__LINKS__1__NAME: 'eu',
    EMQX_CLUSTER__LINKS__1__SERVER: 'h:1',
    EMQX_CLUSTER__LINKS__1__TOPICS: '[]',
    EMQX_CLUSTER__LINKS__2: '{ name = ap, server = "h:2", topics = ["#"] }',
  })
  assert.deepEqual(
    config.links.map(({ name }) => name),
    ['eu', 'ap'],
  )
})

test('element 10 of a list comes after element 9', (t) => {
  const names = Array.from({ length: 10 }, (_, i) => `c${i + 1}`)
  const variables = names.map((name, i) => [
    `EMQX_CLUSTER__LINKS__${i + 1}`,
    `{ name = ${name}, server = h, topics = [] }`,
  ])
  const { config } = load(t, '', Object.fromEntries(variables))
  assert.deepEqual(
    config.links.map(({ name }) => name),
    names,
  )
})

test('a byte order mark does not count as a column', (t) => {
  assert.match(refused(t, '\ufeffmqtt = 5').message, /^c\.conf:1:8: mqtt: expected an object/)
})

test('a variable for one key wins over one for its section', (t) => {
  const { config } = load(t, '', {
    EMQX_MQTT: '{ max_inflight = 1, max_topic_alias = 2 }',
    EMQX_MQTT__MAX_INFLIGHT: '3',
  })
  assert.deepEqual([config.mqtt.maxInflight, config.mqtt.maxTopicAlias], [3, 2])
})

test('CAUSEWAY_ wins over EMQX_', (t) => {
  assert.equal(
    load(t, '', { CAUSEWAY_MQTT__MAX_INFLIGHT: '1', EMQX_MQTT__MAX_INFLIGHT: '2' }).config.mqtt
      .maxInflight,
    1,
  )
})

test('variables that look like a key of no section are ignored with a warning, others without', (t) => {
  const { warnings } = load(t, '', {
    EMQX_NOWHERE__KEY: '1',
    EMQX_HOME: '/opt/emqx',
    HOME: '/root',
  })
  assert.deepEqual(
    warnings.map(({ kind, subject }) => [kind, subject]),
    [['unknown-variable', 'EMQX_NOWHERE__KEY']],
  )
})

for (const [title, env, message] of [
  [
    'a bad value',
    { EMQX_MQTT__MAX_INFLIGHT: 'many' },
    'environment variable EMQX_MQTT__MAX_INFLIGHT:1:1: mqtt.max_inflight: expected an integer from 1 to 65535, got "many"',
  ],
  [
    'an unknown key',
    { EMQX_MQTT__MAX_INFLIGT: '1' },
    'environment variable EMQX_MQTT__MAX_INFLIGT:1:1: mqtt.max_infligt: unknown_fields: no such key; did you mean "max_inflight"?',
  ],
  [
    'bad HOCON',
    { EMQX_MQTT: '{ a' },
    'environment variable EMQX_MQTT:1:4: expected = or : or { after the key "a"',
  ],
  [
    'a gap in a list',
    { EMQX_CLUSTER__LINKS__2__NAME: 'x' },
    'environment variable EMQX_CLUSTER__LINKS__2__NAME: cluster.links: expected the number of an element from 1 to 1, got "2"',
  ],
  [
    'a name in a list',
    { EMQX_CLUSTER__LINKS__X__NAME: 'x' },
    'environment variable EMQX_CLUSTER__LINKS__X__NAME: cluster.links: expected the number of an element from 1 to 1, got "x"',
  ],
] as const) {
  test(`${title} in the environment is refused, naming the variable`, (t) => {
    assert.equal(refused(t, '', env).message.split('\n')[0], message)
  })
}
