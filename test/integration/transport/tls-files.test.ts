/** Certificates, keys and passwords that do not fit are refused at start by name; new ones are taken while clients stay. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { eventually, freePort, startBroker, TestClient } from '../harness/index.js'
import { handshake, TlsFiles } from './tls-files.js'

let files: TlsFiles

before(async () => {
  files = await TlsFiles.make()
  await files.renew('other')
  const sealed = await files.root.issue({
    name: 'CN=sealed',
    hosts: ['127.0.0.1'],
    password: 'open',
  })
  files.write('sealed.pem', sealed.certificate)
  files.write('sealed.key', sealed.key)
  files.write('password', 'open\n')
  files.write('noise', 'not a certificate\n')
})
after(() => files?.remove())

const quoted = (name: string) => JSON.stringify(files.path(name))

const wrong: readonly (readonly [what: string, options: () => string, says: RegExp])[] = [
  ['no certificate', () => `keyfile = ${quoted('server.key')}`, /ssl_options\.certfile: missing/],
  ['no key', () => `certfile = ${quoted('server.pem')}`, /ssl_options\.keyfile: missing/],
  [
    'a certificate that is not there',
    () => `certfile = ${quoted('gone.pem')}, keyfile = ${quoted('server.key')}`,
    /certfile: \S+gone\.pem: cannot be read \(ENOENT\)/,
  ],
  [
    'a certificate that is none',
    () => `certfile = ${quoted('noise')}, keyfile = ${quoted('server.key')}`,
    /certfile: \S+noise: no certificate in it/,
  ],
  [
    'a key that is none',
    () => `certfile = ${quoted('server.pem')}, keyfile = ${quoted('noise')}`,
    /keyfile: \S+noise: no private key in it/,
  ],
  [
    'the key of another certificate',
    () => `certfile = ${quoted('server.pem')}, keyfile = ${quoted('other.key')}`,
    /keyfile: \S+other\.key: the key does not belong to the certificate/,
  ],
  [
    'a sealed key without password',
    () => `certfile = ${quoted('sealed.pem')}, keyfile = ${quoted('sealed.key')}`,
    /password: \S+sealed\.key: the key is encrypted and no password is given/,
  ],
  [
    'a sealed key with a wrong password',
    () =>
      `certfile = ${quoted('sealed.pem')}, keyfile = ${quoted('sealed.key')}, password = "secret-word"`,
    /password: \S+sealed\.key: the password does not open the key/,
  ],
  [
    'verify_peer without authorities',
    () =>
      `certfile = ${quoted('server.pem')}, keyfile = ${quoted('server.key')}, verify = verify_peer`,
    /cacertfile: missing: verify_peer needs/,
  ],
  [
    'a check of revocations without lists',
    () =>
      `certfile = ${quoted('server.pem')}, keyfile = ${quoted('server.key')}, enable_crl_check = true`,
    /crlfile: missing: enable_crl_check needs/,
  ],
  [
    'an unknown cipher',
    () =>
      `certfile = ${quoted('server.pem')}, keyfile = ${quoted('server.key')}, ciphers = [ROT13]`,
    /ciphers: no such cipher suite: ROT13/,
  ],
  [
    'the key of another host name',
    () =>
      `certfile = ${quoted('server.pem')}, keyfile = ${quoted('server.key')}, sni_hosts = [{ hosts = "a.test", certfile = ${quoted('other.pem')}, keyfile = ${quoted('server.key')} }]`,
    /sni_hosts\.1\.keyfile: \S+server\.key: the key does not belong/,
  ],
]

for (const [what, options, says] of wrong) {
  test(`refused at start: ${what}`, async () => {
    const port = await freePort()
    const config = `listeners.ssl.mine {\n bind = "127.0.0.1:${port}"\n ssl_options { ${options()} }\n}`
    await assert.rejects(startBroker({ config }), (error: Error) => {
      assert.match(error.message, says)
      assert.match(error.message, /causeway\.conf:\d+:\d+: listeners\.ssl\.mine\.ssl_options\./)
      assert.doesNotMatch(error.message, /PRIVATE KEY|secret-word|\n\s+at /)
      return true
    })
  })
}

test('a link whose authorities cannot be read is refused at start too', async () => {
  const config = `cluster { name = a, links = [{ name = b, server = "mqtts://127.0.0.1:1",
    topics = [], ssl { verify = verify_peer, cacertfile = ${quoted('gone.pem')} } }] }`
  await assert.rejects(startBroker({ config }), /cluster\.links\.1\.ssl\.cacertfile: \S+gone\.pem/)
})

for (const [how, password] of [
  ['itself', () => '"open"'],
  ['in a file', () => JSON.stringify(`file://${files.path('password')}`)],
] as const) {
  test(`the password of a key, ${how}, opens it`, async () => {
    const port = await freePort()
    const broker = await startBroker({
      config: `listeners.ssl.sealed { bind = "127.0.0.1:${port}", ssl_options { certfile = ${quoted('sealed.pem')}, keyfile = ${quoted('sealed.key')}, password = ${password()} } }`,
    })
    try {
      const client = await TestClient.connect({ port, via: files.via() })
      await client.disconnect()
    } finally {
      await broker.stop()
    }
  })
}

test('SIGHUP: new handshakes get the new certificate, clients stay, and bad files change nothing', async () => {
  const port = await freePort()
  await files.renew('server')
  const broker = await startBroker({ config: files.listener('live', port) })
  const serial = async () => {
    const socket = await handshake(port, { ca: files.root.certificate })
    const { serialNumber } = socket.getPeerCertificate()
    socket.destroy()
    return serialNumber
  }
  const events = (name: string) => broker.log.filter(({ event }) => event === name)
  try {
    const client = await TestClient.connect({ port, via: files.via() })
    await client.subscribe('stays')
    const before = await serial()

    await files.renew('server')
    broker.signal('SIGHUP')
    await eventually('the new certificate is in force', () => events('tls_reloaded').length === 1)
    const renewed = await serial()
    assert.notEqual(renewed, before)

    await files.renew('other')
    const key = await files.root.issue({ name: 'CN=elsewhere' })
    files.write('server.key', key.key)
    broker.signal('SIGHUP')
    await eventually('the pair is refused', () => events('tls_reload_refused').length === 1)
    const [refused] = events('tls_reload_refused')
    assert.equal(refused?.key, 'listeners.ssl.live.ssl_options.keyfile')
    assert.equal(refused?.file, files.path('server.key'))
    assert.match(String(refused?.reason), /does not belong to the certificate/)
    assert.equal(await serial(), renewed)

    broker.signal('SIGHUP')
    await broker.counters()
    assert.equal(events('tls_reload_refused').length, 1, 'the same complaint is made once')

    await client.publish({ topic: 'stays', payload: 'here', qos: 1 })
    assert.equal((await client.message()).payload.toString(), 'here')
    await client.disconnect()
  } finally {
    await broker.stop()
  }
})
