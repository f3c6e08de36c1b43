/** TLS listeners: MQTT over it, sessions resumed on any loop, names, and what is not TLS. */
import assert from 'node:assert/strict'
import { constants } from 'node:crypto'
import { once } from 'node:events'
import { connect as tcpConnect } from 'node:net'
import { after, before, test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import {
  type BrokerProcess,
  clientIdOn,
  closed,
  connectBytes,
  eventually,
  freePort,
  startBroker,
  TestClient,
  type Via,
} from '../harness/index.js'
import { handshake, TlsFiles } from './tls-files.js'

let files: TlsFiles
let broker: BrokerProcess
let port: number
let namesPort: number
let hastyPort: number
let oldPort: number
let via: Via

before(async () => {
  files = await TlsFiles.make()
  await files.renew('named', ['mqtt.example'])
  await files.renew('wild', ['*.devices.example'])
  ;[port, namesPort, hastyPort, oldPort] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ]
  const host = (name: string, hosts: string) =>
    `{ hosts = ${hosts}, certfile = "${files.path(`${name}.pem`)}", keyfile = "${files.path(`${name}.key`)}" }`
  broker = await startBroker({
    config:
      files.listener('plain', port) +
      files.listener(
        'names',
        namesPort,
        `sni_hosts = [${host('named', '["mqtt.example"]')}, ${host('wild', '["*.devices.example"]')}]`,
      ) +
      files.listener('hasty', hastyPort, 'handshake_timeout = 300ms') +
      files.listener(
        'old',
        oldPort,
        'versions = [tlsv1.2], ciphers = ["ECDHE-ECDSA-AES128-GCM-SHA256"]',
      ),
  })
  via = files.via()
})
after(async () => {
  await broker?.stop()
  files?.remove()
})

const counter = (name: string) => broker.counter(`native_tls_${name}`)

/** Says goodbye and waits until the server has closed: what is destroyed may take its Finished along. */
async function left(socket: TLSSocket): Promise<void> {
  socket.resume().end()
  await closed(socket)
}

/** How much the counter grows while `act` runs, once it has grown by `least`. */
async function growth(name: string, least: number, act: () => Promise<unknown>): Promise<number> {
  const start = await counter(name)
  await act()
  await eventually(`${name} + ${least}`, async () => (await counter(name)) >= start + least)
  return (await counter(name)) - start
}

for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`${maxVersion}: messages of all sizes and levels between clients on every pair of loops`, async () => {
    const tls = files.via({ maxVersion, minVersion: maxVersion })
    for (let loop = 0; loop < broker.io; loop++) {
      const subscriber = await TestClient.connect({
        port,
        via: tls,
        version: 5,
        clientId: clientIdOn(broker, loop, `sub-${maxVersion}`),
      })
      const publisher = await TestClient.connect({
        port,
        via: tls,
        clientId: clientIdOn(broker, loop + 1, `pub-${maxVersion}`),
      })
      await subscriber.subscribe(`${maxVersion}/#`)
      const sizes = [0, 1, 16_384, 65_536, 900_000]
      for (const [at, bytes] of sizes.entries()) {
        const qos = (at % 3) as 0 | 1 | 2
        await publisher.publish({ topic: `${maxVersion}/x`, payload: Buffer.alloc(bytes, at), qos })
      }
      for (const [at, bytes] of sizes.entries()) {
        const { payload } = await subscriber.message()
        assert.deepEqual(payload, Buffer.alloc(bytes, at))
      }
      await publisher.disconnect()
      await subscriber.disconnect()
    }
  })
}

test('everything sent behind a packet that waits for control is read on, however much it is', async () => {
  const client = await TestClient.connect({ port, via, version: 5 })
  const count = 40
  const payload = 'x'.repeat(20_000)
  // One burst: the SUBSCRIBE is a barrier, and 800 KB behind it are inside OpenSSL when its answer comes.
  client.sendBytes(
    Buffer.concat([
      client.bytesOf({
        cmd: 'subscribe',
        messageId: 1,
        subscriptions: [{ topic: 'burst/#', qos: 1 }],
      }),
      ...Array.from({ length: count }, (_, n) =>
        client.bytesOf({
          cmd: 'publish',
          topic: `burst/${n}`,
          payload,
          qos: 1,
          messageId: n + 2,
          dup: false,
          retain: false,
        }),
      ),
    ]),
  )
  for (let n = 0; n < count; n++) assert.equal((await client.message()).topic, `burst/${n}`)
  await client.disconnect()
})

test('many small messages share records: a subscriber of 2,000 gets them all, in order', async () => {
  const subscriber = await TestClient.connect({ port, via, version: 5 })
  await subscriber.subscribe({ topic: 'small', qos: 0 })
  const publisher = await TestClient.connect({ port: broker.port })
  for (let n = 0; n < 2_000; n++)
    publisher.send({
      cmd: 'publish',
      topic: 'small',
      payload: String(n),
      qos: 0,
      dup: false,
      retain: false,
    })
  for (let n = 0; n < 2_000; n++)
    assert.equal((await subscriber.message()).payload.toString(), String(n))
  await Promise.all([publisher.disconnect(), subscriber.disconnect()])
})

test('a reader that stops costs its own queue only, and gets what it kept when it reads again', async () => {
  const stuck = await TestClient.connect({ port, via, version: 5 })
  const healthy = await TestClient.connect({ port, via, version: 5 })
  await stuck.subscribe({ topic: 'flood', qos: 1 })
  await healthy.subscribe({ topic: 'flood', qos: 1 })
  stuck.stall()
  const publisher = await TestClient.connect({ port, via })
  const count = 300
  for (let n = 0; n < count; n++)
    await publisher.publish({ topic: 'flood', payload: String(n).padEnd(64_000), qos: 1 })
  for (let n = 0; n < count; n++)
    assert.equal((await healthy.message()).payload.toString().trim(), String(n))
  stuck.unstall()
  for (let n = 0; n < count; n++)
    assert.equal((await stuck.message()).payload.toString().trim(), String(n))
  await Promise.all([stuck, healthy, publisher].map((client) => client.disconnect()))
})

test('a TLS 1.3 session is resumed by ticket, whichever loop accepts', async () => {
  let session: Buffer | undefined
  const first = await handshake(port, { ca: files.root.certificate, minVersion: 'TLSv1.3' })
  ;[session] = (await once(first, 'session')) as [Buffer]
  first.destroy()
  for (let n = 0; n < 6; n++) {
    const again = await handshake(port, {
      ca: files.root.certificate,
      minVersion: 'TLSv1.3',
      ...(session === undefined ? {} : { session }),
    })
    assert.equal(again.isSessionReused(), true, `attempt ${n}`)
    again.destroy()
  }
})

for (const [how, secureOptions] of [
  ['ticket', 0],
  ['session id', constants.SSL_OP_NO_TICKET],
] as const) {
  test(`a TLS 1.2 session is resumed by ${how}, whichever loop accepts`, async () => {
    const options = { ca: files.root.certificate, maxVersion: 'TLSv1.2', secureOptions } as const
    const first = await handshake(port, options)
    const session = first.getSession()
    assert.ok(session !== undefined)
    await left(first)
    const grown = await growth('resumptions', 6, async () => {
      for (let n = 0; n < 6; n++) {
        const again = await handshake(port, { ...options, session })
        assert.equal(again.isSessionReused(), true, `attempt ${n}`)
        await left(again)
      }
    })
    assert.equal(grown, 6)
  })
}

test('the client chooses the certificate by name; an unknown name gets that of the listener', async () => {
  const shown = async (servername: string) => {
    const socket = await handshake(namesPort, { servername, rejectUnauthorized: false })
    const name = socket.getPeerCertificate().subject.CN
    socket.destroy()
    return name
  }
  assert.equal(await shown('mqtt.example'), 'named')
  assert.equal(await shown('MQTT.Example'), 'named')
  assert.equal(await shown('a.devices.example'), 'wild')
  assert.equal(await shown('a.b.devices.example'), 'server')
  assert.equal(await shown('elsewhere.example'), 'server')
  assert.equal(await shown(''), 'server')
})

test('ALPN: mqtt is chosen when it is offered, other protocols do not hinder', async () => {
  for (const [offered, chosen] of [
    [['mqtt'], 'mqtt'],
    [['http/1.1', 'mqtt'], 'mqtt'],
    [['http/1.1'], false],
  ] as const) {
    const socket = await handshake(port, {
      ca: files.root.certificate,
      ALPNProtocols: [...offered],
    })
    assert.equal(socket.alpnProtocol, chosen)
    socket.destroy()
  }
})

test('only the versions and ciphers of the listener are spoken', async () => {
  const socket = await handshake(oldPort, { ca: files.root.certificate })
  assert.equal(socket.getProtocol(), 'TLSv1.2')
  assert.equal(socket.getCipher().name, 'ECDHE-ECDSA-AES128-GCM-SHA256')
  socket.destroy()
  const grown = await growth('failures_no_agreement', 2, async () => {
    await assert.rejects(handshake(oldPort, { ca: files.root.certificate, minVersion: 'TLSv1.3' }))
    await assert.rejects(
      handshake(oldPort, {
        ca: files.root.certificate,
        ciphers: 'ECDHE-ECDSA-CHACHA20-POLY1305',
      }),
    )
  })
  assert.equal(grown, 2)
})

test('a TLS 1.2 client cannot renegotiate', async () => {
  const socket = await handshake(port, { ca: files.root.certificate, maxVersion: 'TLSv1.2' })
  const refused = await new Promise<Error | null>((resolve) => {
    socket.once('error', resolve)
    socket.renegotiate({}, resolve)
  })
  assert.ok(refused instanceof Error)
  socket.destroy()
})

/** Sends bytes, and waits until the server has closed. */
async function stranger(bytes: Uint8Array): Promise<void> {
  const socket = tcpConnect(port, '127.0.0.1')
  socket.write(bytes)
  socket.resume()
  await closed(socket)
}

const noTls: readonly (readonly [string, Buffer])[] = [
  ['HTTP without TLS', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
  ['HTTP without TLS', Buffer.from('OPTIONS / HTTP/1.1\r\nHost: x\r\n\r\n')],
  ['MQTT without TLS', connectBytes({ clientId: 'lost' })],
  ['bytes that are not TLS', Buffer.from([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13])],
]

test('HTTP, MQTT and noise on a TLS port are closed and counted, and said once a second', async () => {
  const said = () =>
    broker.log.filter(
      (line) => line.event === 'tls_handshake_failed' && line.listener === 'ssl:plain',
    )
  const grown = await growth('failures_not_tls', 3 * noTls.length, async () => {
    for (let round = 0; round < 3; round++) for (const [, bytes] of noTls) await stranger(bytes)
  })
  assert.equal(grown, 3 * noTls.length)
  for (const [reason, bytes] of noTls) {
    await eventually(`a line about ${reason}`, async () => {
      await stranger(bytes)
      return said().some((line) => line.reason === reason)
    })
  }
  const times = said().map(({ time }) => Date.parse(String(time)))
  for (let n = 1; n < times.length; n++)
    assert.ok((times[n] ?? 0) - (times[n - 1] ?? 0) >= 900, `lines at ${times.join()}`)
})

test('a handshake that does not come to an end is closed after handshake_timeout', async () => {
  const silent = tcpConnect(hastyPort, '127.0.0.1')
  const slow = tcpConnect(hastyPort, '127.0.0.1')
  for (const socket of [silent, slow]) socket.resume()
  slow.write(Buffer.from([0x16, 3, 1, 0, 200, 1])) // the beginning of a ClientHello
  const grown = await growth('failures_timeout', 2, () =>
    Promise.all([closed(silent), closed(slow)]),
  )
  assert.equal(grown, 2)
})

test('a connection that shook hands still has to send its CONNECT in time, and only CONNECT', async () => {
  const socket = await handshake(port, { ca: files.root.certificate })
  socket.on('error', () => {})
  socket.write(Buffer.from([0xc0, 0]))
  socket.resume()
  await closed(socket)
})

test('while hundreds shake hands at once, a plain client keeps being served', async () => {
  const plain = await TestClient.connect({ port: broker.port })
  const yields = await counter('handshake_yields')
  const storm = Array.from({ length: 400 }, () =>
    TestClient.connect({ port, via: files.via() }).then((client) => client.drop()),
  )
  let over = false
  const all = Promise.all(storm).then(() => {
    over = true
  })
  let pings = 0
  for (; !over; pings++) await plain.ping()
  await all
  assert.ok(pings > 0)
  assert.ok((await counter('handshake_yields')) > yields, 'the turns had more than their steps')
  await plain.disconnect()
})
