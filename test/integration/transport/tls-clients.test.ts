/** Clients with certificates: who is let in, who is revoked, and who they are by their certificate. */
import assert from 'node:assert/strict'
import { createHash, X509Certificate } from 'node:crypto'
import { after, before, test } from 'node:test'
import type { ConnectionOptions } from 'node:tls'
import { peerCertificateText } from '../../../src/connection/peer-certificate.js'
import {
  Authority,
  type BrokerProcess,
  eventually,
  freePort,
  type Identity,
  startBroker,
  TestClient,
} from '../harness/index.js'
import { handshake, TlsFiles } from './tls-files.js'

let files: TlsFiles
let broker: BrokerProcess
let strictPort: number
let optionalPort: number
let revokedPort: number
let below: Authority
let good: Identity
let chained: Identity
let revoked: Identity
let chainedRevoked: Identity
let expired: Identity
let stranger: Identity

before(async () => {
  files = await TlsFiles.make()
  const { root } = files
  below = await root.intermediate('CN=Below')
  good = await root.issue({ name: 'C=DE,O=Example\\, Inc.,CN=device-1' })
  chained = await below.issue({ name: 'CN=device-2' })
  revoked = await root.issue({ name: 'CN=device-3' })
  chainedRevoked = await below.issue({ name: 'CN=device-4' })
  expired = await root.issue({ name: 'CN=device-5', days: -1 })
  stranger = await (await Authority.root('CN=Stranger')).issue({ name: 'CN=device-6' })
  files.write(
    'crl.pem',
    `${await root.revocations([revoked])}\n${await below.revocations([chainedRevoked])}`,
  )
  ;[strictPort, optionalPort, revokedPort] = [await freePort(), await freePort(), await freePort()]
  const verify = `verify = verify_peer, cacertfile = "${files.path('ca.pem')}"`
  broker = await startBroker({
    config: `
      mqtt { peer_cert_as_username = dn, peer_cert_as_clientid = cn }
      ${files.listener('strict', strictPort, `${verify}, fail_if_no_peer_cert = true`)}
      ${files.listener('optional', optionalPort, verify)}
      ${files.listener('revoked', revokedPort, `${verify}, fail_if_no_peer_cert = true, crlfile = "${files.path('crl.pem')}"`)}
    `,
  })
})
after(async () => {
  await broker?.stop()
  files?.remove()
})

/** The client id that the broker knows the client by, or null when it was not let in. */
async function admittedAs(
  port: number,
  identity: Identity | null,
  more: ConnectionOptions = {},
): Promise<string | null> {
  const shown = identity === null ? {} : { cert: identity.certificate, key: identity.key }
  let client: TestClient
  try {
    client = await TestClient.connect({
      port,
      via: files.via({ ...shown, ...more }),
      version: 5,
      clientId: '',
      username: 'said',
    })
  } catch {
    return null
  }
  const assigned = client.connack?.properties?.assignedClientIdentifier
  await client.disconnect()
  return assigned ?? 'by certificate'
}

for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`${maxVersion}: with fail_if_no_peer_cert only who shows a trusted certificate is let in`, async () => {
    const at = await broker.counter('native_tls_failures_certificate')
    const as = (identity: Identity | null) => admittedAs(strictPort, identity, { maxVersion })
    assert.equal(await as(good), 'by certificate')
    assert.equal(await as(chained), 'by certificate')
    assert.equal(await as(null), null)
    assert.equal(await as(expired), null)
    assert.equal(await as(stranger), null)
    await eventually(
      'three refusals are counted',
      async () => (await broker.counter('native_tls_failures_certificate')) === at + 3,
    )
  })
}

test('without fail_if_no_peer_cert a client may come without one, but not with one that is not trusted', async () => {
  assert.equal(await admittedAs(optionalPort, good), 'by certificate')
  assert.notEqual(await admittedAs(optionalPort, null), null)
  assert.equal(await admittedAs(optionalPort, stranger), null)
})

test('a certificate that a list revokes is refused, whichever authority of the chain revoked it', async () => {
  assert.equal(await admittedAs(revokedPort, good), 'by certificate')
  assert.equal(await admittedAs(revokedPort, chained), 'by certificate')
  assert.equal(await admittedAs(revokedPort, revoked), null)
  assert.equal(await admittedAs(revokedPort, chainedRevoked), null)
  // The same client where no list is looked at.
  assert.equal(await admittedAs(strictPort, revoked), 'by certificate')
})

test('a list that comes later takes effect with SIGHUP, for resumed sessions too', async () => {
  const device = await files.root.issue({ name: 'CN=device-7' })
  const shown = { cert: device.certificate, key: device.key }
  assert.equal(await admittedAs(revokedPort, device), 'by certificate')
  const socket = await handshake(revokedPort, { ca: files.root.certificate, ...shown })
  const session = await new Promise<Buffer>((resolve) => socket.once('session', resolve))
  socket.destroy()
  files.write(
    'crl.pem',
    `${await files.root.revocations([revoked, device])}\n${await below.revocations([chainedRevoked])}`,
  )
  broker.signal('SIGHUP')
  await eventually('the new list is in force', () =>
    broker.log.some(({ event }) => event === 'tls_reloaded'),
  )
  assert.equal(await admittedAs(revokedPort, device, { session }), null)
  assert.equal(await admittedAs(revokedPort, good), 'by certificate')
})

test('a client id taken from the certificate meets its own session, whatever CONNECT says', async () => {
  const via = files.via({ cert: good.certificate, key: good.key })
  const first = await TestClient.connect({ port: strictPort, via, clientId: 'one', version: 5 })
  const second = await TestClient.connect({ port: strictPort, via, clientId: 'two', version: 5 })
  await first.whenClosed()
  assert.equal(first.goodbye?.reasonCode, 0x8e)
  await second.disconnect()
})

test('every field of a certificate can be the client id', () => {
  const der = new X509Certificate(good.certificate).raw
  const expected = {
    dn: 'CN=device-1,O=Example\\, Inc.,C=DE',
    md5: createHash('md5').update(der).digest('hex'),
    pem: der.toString('base64'),
  }
  for (const field of ['dn', 'md5', 'pem'] as const)
    assert.equal(peerCertificateText(der, field), expected[field])
  assert.equal(peerCertificateText(der, 'cn'), 'device-1')
  assert.deepEqual(Buffer.from(peerCertificateText(der, 'crt') ?? '', 'latin1'), der)
})
