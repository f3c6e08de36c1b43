/** mosquitto's clients with certificates of their own: who shows a good one is let in. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  Authority,
  type BrokerProcess,
  eventually,
  freePort,
  type Identity,
  startBroker,
} from '../integration/harness/index.js'
import { TlsFiles } from '../integration/transport/tls-files.js'
import { MosquittoSub, missing, mosquittoPub } from './tools.js'

const skip = missing('mosquitto_sub')

describe("mosquitto's clients and a listener that asks for certificates", { skip }, () => {
  let files: TlsFiles
  let broker: BrokerProcess
  let port: number

  before(async () => {
    files = await TlsFiles.make()
    const stranger = await Authority.root('CN=Stranger')
    const write = (name: string, { certificate, key }: Identity) => {
      files.write(`${name}.pem`, certificate)
      files.write(`${name}.key`, key)
    }
    write('good', await files.root.issue({ name: 'CN=good' }))
    const below = await files.root.intermediate('CN=Below')
    write('chained', await below.issue({ name: 'CN=chained' }))
    write('stranger', await stranger.issue({ name: 'CN=stranger' }))
    write('expired', await files.root.issue({ name: 'CN=expired', days: -1 }))
    port = await freePort()
    const ca = JSON.stringify(files.path('ca.pem'))
    broker = await startBroker({
      config: files.listener(
        'strict',
        port,
        `verify = verify_peer, fail_if_no_peer_cert = true, cacertfile = ${ca}`,
      ),
    })
  })
  after(async () => {
    await broker?.stop()
    files?.remove()
  })

  function as(name: string | null, tlsVersion: string): string[] {
    return [
      ...['--cafile', files.path('ca.pem'), '--tls-version', tlsVersion],
      ...(name === null
        ? []
        : ['--cert', files.path(`${name}.pem`), '--key', files.path(`${name}.key`)]),
    ]
  }

  for (const tlsVersion of ['tlsv1.2', 'tlsv1.3']) {
    test(`${tlsVersion}: a certificate of the authority, or of one below it, lets publish and subscribe`, async () => {
      const sub = await MosquittoSub.start(port, 'm/#', ...as('good', tlsVersion))
      for (const name of ['good', 'chained'])
        mosquittoPub(port, 'm/1', '-q', '1', '-m', `from ${name}`, ...as(name, tlsVersion))
      assert.deepEqual([await sub.line(), await sub.line()], ['from good', 'from chained'])
      await sub.stop()
    })

    for (const [what, name] of [
      ['no certificate', null],
      ['one of another authority', 'stranger'],
      ['one that has ended', 'expired'],
    ] as const) {
      test(`${tlsVersion}: ${what} lets neither publish nor subscribe, and is counted`, async () => {
        const failures = await broker.counter('native_tls_failures_certificate')
        const published = await broker.counter('native_messages_published')
        const publishing = ['-q', '1', '-m', 'x', ...as(name, tlsVersion)]
        assert.throws(() => mosquittoPub(port, 'm/1', ...publishing), /ended with [1-9]/)
        await assert.rejects(MosquittoSub.start(port, 'm/#', ...as(name, tlsVersion)), /ended with/)
        await eventually(
          'both are counted',
          async () => (await broker.counter('native_tls_failures_certificate')) >= failures + 2,
        )
        assert.equal(await broker.counter('native_messages_published'), published)
      })
    }
  }
})
