/** MQTT over WebSocket over TLS, over both servers. Source: MQTT 5.0 §6, docs/operating/websocket.md. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { ConnectionOptions } from 'node:tls'
import {
  Authority,
  type BrokerProcess,
  type ClientOptions,
  clientIdOn,
  eventually,
  freePort,
  type Identity,
  startBroker,
  TestClient,
} from '../harness/index.js'
import { handshake, TlsFiles } from './tls-files.js'

const servers = [
  { library: 'uws', forced: 'auto' },
  { library: 'ws', forced: 'ws' },
] as const

let files: TlsFiles
before(async () => {
  files = await TlsFiles.make()
})
after(() => files?.remove())

const overWss = (port: number, tls: ConnectionOptions = {}, more: Partial<ClientOptions> = {}) =>
  TestClient.connect({
    port,
    via: { kind: 'wss', options: { ca: files.root.certificate, ...tls } },
    version: 5,
    ...more,
  })

const librariesOf = (broker: BrokerProcess) =>
  broker.log.find(({ event }) => event === 'edge_started')?.libraries

for (const { library, forced } of servers) {
  describe(`served by ${library}`, () => {
    let broker: BrokerProcess
    let port: number
    before(async () => {
      port = await freePort()
      await files.renew('server')
      const sealed = await files.root.issue({
        name: 'CN=sealed',
        hosts: ['127.0.0.1'],
        password: 'open',
      })
      files.write('sealed.pem', sealed.certificate)
      files.write('sealed.key', sealed.key)
      files.write('password', 'open\n')
      broker = await startBroker({
        config: `workers.websocket = ${forced}\n${files.listener('live', port, '', 'wss')}`,
      })
    })
    after(() => broker.stop())
    const events = (name: string) => broker.log.filter(({ event }) => event === name)

    test('the broker says which library serves', () => {
      assert.deepEqual(librariesOf(broker), { 'listeners.wss.live': library })
    })

    test('messages of every QoS go both ways between secure WebSocket and TCP, from every loop', async () => {
      for (let loop = 0; loop < broker.io; loop++) {
        const [web, wired] = await Promise.all([
          overWss(port, {}, { clientId: clientIdOn(broker, loop, 'web') }),
          TestClient.connect({ port: broker.port, version: 5 }),
        ])
        await Promise.all([web.subscribe('to/web/#'), wired.subscribe('to/wired/#')])
        for (const qos of [0, 1, 2] as const) {
          await wired.publish({ topic: `to/web/${qos}`, payload: `${qos}`, qos })
          assert.equal((await web.message()).payload.toString(), `${qos}`)
          await web.publish({ topic: `to/wired/${qos}`, payload: `${qos}`, qos })
          assert.equal((await wired.message()).payload.toString(), `${qos}`)
        }
        await Promise.all([web.disconnect(), wired.disconnect()])
      }
    })

    test('a payload of 512 KiB arrives whole', async () => {
      const payload = Buffer.alloc(512 * 1024, 'Causeway')
      const web = await overWss(port)
      await web.subscribe('large')
      await web.publish({ topic: 'large', payload, qos: 1 })
      assert.ok(payload.equals(Buffer.from((await web.message()).payload)))
      await web.disconnect()
    })

    test('TLS 1.2 and 1.3 are spoken, and nothing older', async () => {
      for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
        const client = await overWss(port, { minVersion: version, maxVersion: version })
        await client.disconnect()
      }
      const old = {
        minVersion: 'TLSv1',
        maxVersion: 'TLSv1.1',
        ciphers: 'DEFAULT@SECLEVEL=0',
      } as const
      await assert.rejects(overWss(port, old))
    })

    test('SIGHUP: new handshakes get the new certificate, clients stay, and bad files change nothing', async () => {
      const serial = async () => {
        const socket = await handshake(port, { ca: files.root.certificate })
        const { serialNumber } = socket.getPeerCertificate()
        socket.destroy()
        return serialNumber
      }
      const client = await overWss(port)
      await client.subscribe('stays')
      const before = await serial()
      const renewals = 4 // more than one at a time are kept by uWebSockets.js
      let current = before
      for (let n = 1; n <= renewals; n++) {
        const { serialNumber } = await files.renew('server')
        broker.signal('SIGHUP')
        await eventually('the new certificate serves', async () => {
          current = await serial().catch(() => '')
          return current.toLowerCase() === serialNumber.toLowerCase()
        })
        await eventually('it is logged', () => events('tls_reloaded').length === n)
      }

      const key = await files.root.issue({ name: 'CN=elsewhere' })
      files.write('server.key', key.key)
      broker.signal('SIGHUP')
      await eventually('the pair is refused', () => events('tls_reload_refused').length === 1)
      const [refused] = events('tls_reload_refused')
      assert.equal(refused?.key, 'listeners.wss.live.ssl_options.keyfile')
      assert.equal(refused?.file, files.path('server.key'))
      assert.equal(await serial(), current)

      await client.publish({ topic: 'stays', payload: 'here', qos: 1 })
      assert.equal((await client.message()).payload.toString(), 'here')
      await client.disconnect()
      await files.renew('server')
    })

    test('the password of a key opens it, itself or in a file', async () => {
      const [one, two] = [await freePort(), await freePort()]
      const pair = `certfile = "${files.path('sealed.pem')}", keyfile = "${files.path('sealed.key')}"`
      const sealed = await startBroker({
        config: `workers.websocket = ${forced}
          ${files.listener('one', one, `${pair}, password = open`, 'wss')}
          ${files.listener('two', two, `${pair}, password = "file://${files.path('password')}"`, 'wss')}`,
      })
      try {
        for (const its of [one, two]) await (await overWss(its)).disconnect()
      } finally {
        await sealed.stop()
      }
    })
  })
}

describe('a listener that uWebSockets.js cannot serve is served by ws', () => {
  let broker: BrokerProcess
  const ports = { strict: 0, optional: 0, revoked: 0, named: 0, old: 0, suite: 0, full: 0, text: 0 }
  let good: Identity
  let revoked: Identity
  let chained: Identity
  before(async () => {
    for (const name of Object.keys(ports) as (keyof typeof ports)[]) ports[name] = await freePort()
    const pair = await files.renew('server')
    await files.renew('a', ['a.test'])
    await files.renew('b', ['x.b.test'])
    const below = await files.root.intermediate('CN=Below')
    good = await files.root.issue({ name: 'CN=device-1' })
    revoked = await files.root.issue({ name: 'CN=device-2' })
    chained = await below.issue({ name: 'CN=device-3' })
    files.write(
      'crl.pem',
      `${await files.root.revocations([revoked])}\n${await below.revocations([])}`,
    )
    const verify = `verify = verify_peer, cacertfile = "${files.path('ca.pem')}"`
    const named = (name: string, host: string) =>
      `{ hosts = "${host}", certfile = "${files.path(`${name}.pem`)}", keyfile = "${files.path(`${name}.key`)}" }`
    const wss = (name: keyof typeof ports, options: string) =>
      files.listener(name, ports[name], options, 'wss')
    broker = await startBroker({
      config: `
        mqtt { peer_cert_as_username = dn, peer_cert_as_clientid = cn }
        ${wss('strict', `${verify}, fail_if_no_peer_cert = true, depth = 0`)}
        ${wss('optional', verify)}
        ${wss('revoked', `${verify}, fail_if_no_peer_cert = true, crlfile = "${files.path('crl.pem')}"`)}
        ${wss('named', `sni_hosts = [${named('a', 'A.test')}, ${named('b', '*.b.test')}]`)}
        ${wss('old', 'versions = [tlsv1.2, tlsv1.1]')}
        ${wss('suite', 'ciphers = ["ECDHE-ECDSA-AES128-GCM-SHA256"]')}
        ${wss('full', 'reuse_sessions = false')}
        listeners.wss.text { bind = "127.0.0.1:${ports.text}", ssl_options {
          certfile = """${pair.certificate}""", keyfile = """${pair.key}""" } }`,
    })
  })
  after(() => broker?.stop())

  test('and the broker says so', () => {
    const expected = Object.keys(ports).map((name) => [`listeners.wss.${name}`, 'ws'])
    assert.deepEqual(librariesOf(broker), Object.fromEntries(expected))
  })

  /** The client id that the broker knows the client by, or null when it was not let in. */
  const admittedAs = async (port: number, identity: Identity | null) => {
    const shown = identity === null ? {} : { cert: identity.certificate, key: identity.key }
    const client = await overWss(port, shown, { clientId: '', username: 'said' }).catch(() => null)
    if (client === null) return null
    const assigned = client.connack?.properties?.assignedClientIdentifier
    await client.disconnect()
    return assigned ?? 'by certificate'
  }

  test('clients with certificates: who is trusted is let in and known by its certificate', async () => {
    const stranger = await (await Authority.root('CN=Stranger')).issue({ name: 'CN=device-4' })
    const expired = await files.root.issue({ name: 'CN=device-5', days: -1 })
    assert.equal(await admittedAs(ports.strict, good), 'by certificate')
    for (const refused of [null, stranger, expired])
      assert.equal(await admittedAs(ports.strict, refused), null)
    assert.equal(await admittedAs(ports.optional, good), 'by certificate')
    assert.match((await admittedAs(ports.optional, null)) ?? '', /^causeway-/)
    assert.equal(await admittedAs(ports.optional, stranger), null)
  })

  test('a chain longer than depth is refused', async () => {
    assert.equal(await admittedAs(ports.optional, chained), 'by certificate')
    assert.equal(await admittedAs(ports.strict, chained), null)
  })

  test('a certificate that a list revokes is refused', async () => {
    assert.equal(await admittedAs(ports.revoked, good), 'by certificate')
    assert.equal(await admittedAs(ports.revoked, chained), 'by certificate')
    assert.equal(await admittedAs(ports.revoked, revoked), null)
  })

  test('the name that a client asks for chooses the certificate', async () => {
    for (const [servername, name] of [
      ['a.test', 'a'],
      ['X.B.test', 'b'],
      ['y.x.b.test', 'server'],
      ['localhost', 'server'],
      ['', 'server'],
    ] as const) {
      const socket = await handshake(ports.named, { servername, rejectUnauthorized: false })
      assert.equal(socket.getPeerCertificate().subject.CN, name, servername)
      socket.destroy()
    }
  })

  test('versions and suites are those that were written', async () => {
    const ca = files.root.certificate
    const old = { minVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const
    const socket = await handshake(ports.old, { ca, ...old, maxVersion: 'TLSv1.1' })
    assert.equal(socket.getProtocol(), 'TLSv1.1')
    socket.destroy()
    await assert.rejects(handshake(ports.old, { ca, minVersion: 'TLSv1.3' }))
    const suited = await handshake(ports.suite, { ca })
    assert.equal(suited.getCipher().name, 'ECDHE-ECDSA-AES128-GCM-SHA256')
    suited.destroy()
    await assert.rejects(handshake(ports.suite, { ca, minVersion: 'TLSv1.3' }))
  })

  test('reuse_sessions = false makes every handshake a full one', async () => {
    const ca = files.root.certificate
    const resumed = async (port: number) => {
      const first = await handshake(port, { ca, maxVersion: 'TLSv1.2' })
      const session = first.getSession()
      first.destroy()
      const second = await handshake(port, { ca, maxVersion: 'TLSv1.2', session })
      const isReused = second.isSessionReused()
      second.destroy()
      return isReused
    }
    assert.equal(await resumed(ports.full), false)
    assert.equal(await resumed(ports.old), true)
  })

  test('a certificate written into the configuration itself serves', async () => {
    await (await overWss(ports.text)).disconnect()
  })
})

describe('refused at start, by name', () => {
  const quoted = (name: string) => JSON.stringify(files.path(name))
  before(async () => {
    await files.renew('server')
    await files.renew('other')
  })
  for (const [what, options, says] of [
    ['no certificate', () => `keyfile = ${quoted('server.key')}`, /certfile: missing/],
    [
      'a key that is not there',
      () => `certfile = ${quoted('server.pem')}, keyfile = ${quoted('gone.key')}`,
      /keyfile: \S+gone\.key: cannot be read \(ENOENT\)/,
    ],
    [
      'the key of another certificate',
      () => `certfile = ${quoted('server.pem')}, keyfile = ${quoted('other.key')}`,
      /keyfile: \S+other\.key: the key does not belong to the certificate/,
    ],
    [
      'a sealed key with a wrong password',
      () =>
        `certfile = ${quoted('sealed.pem')}, keyfile = ${quoted('sealed.key')}, password = "secret-word"`,
      /password: \S+sealed\.key: the password does not open the key/,
    ],
  ] as const) {
    test(what, async () => {
      const config = `listeners.wss.mine {\n bind = "127.0.0.1:${await freePort()}"\n ssl_options { ${options()} }\n}`
      await assert.rejects(startBroker({ config }), (error: Error) => {
        assert.match(error.message, says)
        assert.match(error.message, /causeway\.conf:\d+:\d+: listeners\.wss\.mine\.ssl_options\./)
        assert.doesNotMatch(error.message, /PRIVATE KEY|secret-word|\n\s+at /)
        return true
      })
    })
  }

  test('a suite that node:https has no name for', async () => {
    const config = files.listener(
      'mine',
      await freePort(),
      'ciphers = [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]',
      'wss',
    )
    await assert.rejects(
      startBroker({ config }),
      /causeway\.conf:\d+:\d+: listeners\.wss\.mine\.ssl_options: ciphers: a wss listener takes OpenSSL's names/,
    )
  })
})
