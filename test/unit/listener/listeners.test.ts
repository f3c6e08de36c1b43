import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type LoadedConfig, loadConfig } from '../../../src/config/index.js'
import { CausewayError } from '../../../src/errors.js'
import { type EdgeListener, Listeners } from '../../../src/listener/index.js'
import type { ListenerOptions, TlsContextOptions } from '../../../src/native/index.js'

function loaded(text: string): LoadedConfig {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-listeners-'))
  try {
    const file = join(directory, 'quick.conf')
    writeFileSync(file, text)
    return loadConfig({ file, env: {} })
  } finally {
    rmSync(directory, { recursive: true })
  }
}

const contents: TlsContextOptions = {
  server: true,
  identities: [{ certificate: 'c', key: 'k', password: null, hosts: [] }],
  authorities: '',
  revocations: null,
  verifyPeer: false,
  peerCertificateRequired: false,
  depth: 10,
  versions: ['tlsv1.3', 'tlsv1.2'],
  ciphers: [],
  serverOrder: true,
  resumption: true,
}

function started(
  { config, where }: LoadedConfig,
  listen: (options: ListenerOptions) => void = () => {},
) {
  const heard: ListenerOptions[] = []
  const closed: number[] = []
  const said: string[] = []
  const told: string[] = []
  const opened: EdgeListener[] = []
  const silent = () => {}
  const listeners = new Listeners({
    config,
    where,
    tls: { open: () => 1, watch: () => contents },
    edge: { open: (listener) => opened.push(listener), renew: silent, stopListening: silent },
    engine: {
      listen: (options) => {
        listen(options)
        heard.push(options)
      },
      unlisten: (id) => closed.push(id),
      listenerState: () => null,
    },
    timers: { after: () => ({ cancel: () => {} }) },
    log: {
      debug: silent,
      info: (_fields, message) => told.push(message),
      warn: (fields) => said.push(JSON.stringify(fields)),
      error: silent,
      fatal: silent,
    },
  })
  return { listeners, heard, closed, said, told, opened }
}

test('default and configured tcp listeners open, and close together', () => {
  const { listeners, heard, closed } = started(
    loaded('listeners.tcp.clink.bind = "127.0.0.1:11883"'),
  )
  listeners.start()
  assert.deepEqual(heard.map(({ host, port }) => `${host}:${port}`).sort(), [
    '127.0.0.1:11883',
    ':1883',
    ':8083',
  ])
  listeners.stop()
  assert.deepEqual(closed.sort(), heard.map(({ id }) => id).sort())
})

test('a disabled listener stays closed', () => {
  const { listeners, heard } = started(
    loaded('listeners { tcp.default.enable = false, ws.default.enable = false }'),
  )
  listeners.start()
  assert.deepEqual(heard, [])
})

test('the default TLS listeners without a certificate stay closed and say how to open them', () => {
  const { listeners, heard, told } = started(
    loaded('listeners { tcp.default.enable = false, ws.default.enable = false }'),
  )
  listeners.start()
  assert.deepEqual(heard, [])
  assert.deepEqual(
    told.filter((line) => line.startsWith('no TLS')),
    [
      'no TLS on port 8883: give listeners.ssl.default.ssl_options.certfile and .keyfile, or set listeners.ssl.default.enable = false',
      'no TLS on port 8084: give listeners.wss.default.ssl_options.certfile and .keyfile, or set listeners.wss.default.enable = false',
    ],
  )
})

test('a TLS listener that is mentioned opens with a context of its own', () => {
  const { listeners, heard } = started(
    loaded(
      'listeners { tcp.default.enable = false, ws.default.enable = false, ssl.mine.bind = 9883 }',
    ),
  )
  listeners.start()
  assert.deepEqual(
    heard.map(({ port, tls, handshakeDeadlineMs }) => [port, tls, handshakeDeadlineMs]),
    [[9883, 1, 15_000]],
  )
})

test('WebSocket listeners open at the engine and at the edge, the default one without being mentioned', () => {
  const { listeners, heard, opened } = started(
    loaded('listeners.ws.mine { bind = 9083, websocket.mqtt_path = "/here" }'),
  )
  listeners.start()
  const onEdge = heard.filter((one) => one.onEdge)
  assert.deepEqual(
    onEdge.map(({ id, port }) => ({ id, port })),
    opened.map(({ id, port }) => ({ id, port })),
  )
  assert.deepEqual(
    opened.map(({ path, port, mqttPath }) => [path, port, mqttPath]),
    [
      ['listeners.ws.default', 8083, '/mqtt'],
      ['listeners.ws.mine', 9083, '/here'],
    ],
  )
})

test('the default WebSocket listener stays closed where its port is in use, unless it is written down', () => {
  const inUse = ({ onEdge }: ListenerOptions) => {
    if (onEdge) throw new CausewayError('LISTENER_PORT_IN_USE', 'EADDRINUSE')
  }
  const unwritten = started(loaded(''), inUse)
  unwritten.listeners.start()
  assert.deepEqual(unwritten.opened, [])
  assert.match(unwritten.said[0] ?? '', /listener_default_in_use.*ws:default/)
  const written = started(loaded('listeners.ws.default.bind = 8083'), inUse)
  assert.throws(
    () => written.listeners.start(),
    /listeners\.ws\.default\.bind .*port 8083 is in use/,
  )
})

test('the default WebSocket listener that the edge could not open is open no more', () => {
  const { listeners, opened, said } = started(loaded('listeners.tcp.default.enable = false'))
  listeners.start()
  assert.deepEqual(
    opened.map(({ mayStayClosed }) => mayStayClosed),
    [true],
  )
  listeners.closedByEdge(opened[0]?.id ?? -1)
  assert.deepEqual(listeners.open, [])
  assert.match(said[0] ?? '', /listener_default_in_use/)
})

test('a listener of WebSocket over TLS has a certificate, and uWebSockets.js serves it where it can', () => {
  const mine = (options: string) =>
    `listeners.ws.default.enable = false\nlisteners.wss.mine { bind = 9083, ssl_options { keyfile = "k.pem", ${options} } }`
  for (const [options, isBeyondUws] of [
    ['certfile = "c.pem"', false],
    ['certfile = "-----BEGIN CERTIFICATE-----"', true],
    ['certfile = "c.pem", handshake_timeout = 5s', true],
  ] as const) {
    const { listeners, heard, opened } = started(loaded(mine(options)))
    listeners.start()
    assert.deepEqual(
      heard.filter(({ onEdge }) => onEdge).map(({ port, tls }) => [port, tls]),
      [[9083, 0]],
    )
    assert.deepEqual(
      opened.map(({ path, tls, isBeyondUws }) => [path, tls?.contents, isBeyondUws]),
      [['listeners.wss.mine', contents, isBeyondUws]],
    )
  }
})

test('a port in use is refused by a message with the key, the place and the port', () => {
  const inUse = () => {
    throw new CausewayError('LISTENER_PORT_IN_USE', 'EADDRINUSE')
  }
  const { listeners } = started(loaded('listeners {\n  tcp.default.bind = 1884\n}\n'), inUse)
  assert.throws(
    () => listeners.start(),
    (error) =>
      error instanceof CausewayError &&
      error.code === 'LISTENER_PORT_IN_USE' &&
      /^listeners\.tcp\.default\.bind \(.*quick\.conf:2:22\): port 1884 is in use by another process$/.test(
        error.message,
      ),
  )
})

test('an address of another machine is refused in words', () => {
  const notOurs = () => {
    throw new CausewayError('LISTENER_BIND_FAILED', 'bind failed: EADDRNOTAVAIL', {
      detail: { error: 'EADDRNOTAVAIL' },
    })
  }
  const { listeners } = started(loaded('listeners.tcp.default.bind = "192.0.2.1:1883"'), notOurs)
  assert.throws(
    () => listeners.start(),
    /: 192\.0\.2\.1:1883 cannot be bound: it is not an address of this machine$/,
  )
})

test('a broker without any listener says so', () => {
  const { listeners, said } = started(
    loaded('listeners { tcp.default.enable = false, ws.default.enable = false }'),
  )
  listeners.start()
  assert.deepEqual(said, ['{"event":"no_listener"}'])
})
