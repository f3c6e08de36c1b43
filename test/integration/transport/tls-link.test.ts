/** Links over TLS: two Causeways that know each other by certificates, and why a link stays down. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  type BrokerProcess,
  eventually,
  freePort,
  type Identity,
  startBroker,
  TestClient,
} from '../harness/index.js'
import { TlsFiles } from './tls-files.js'

let files: TlsFiles

before(async () => {
  files = await TlsFiles.make()
  const stranger = await TlsFiles.make()
  files.write('stranger-ca.pem', stranger.root.certificate)
  stranger.remove()
  const write = (name: string, { certificate, key }: Identity) => {
    files.write(`${name}.pem`, certificate)
    files.write(`${name}.key`, key)
  }
  write('expired', await files.root.issue({ name: 'CN=old', hosts: ['127.0.0.1'], days: -1 }))
  write('elsewhere', await files.root.issue({ name: 'CN=x', hosts: ['elsewhere.example'] }))
})
after(() => files?.remove())

const quoted = (name: string) => JSON.stringify(files.path(name))
const pair = (name: string) =>
  `certfile = ${quoted(`${name}.pem`)}, keyfile = ${quoted(`${name}.key`)}`

function link(own: string, far: string, port: number, ssl: string): string {
  return `cluster { name = ${own}, links = [{ name = ${far}, server = "mqtts://127.0.0.1:${port}",
    topics = ["#"], pool_size = 1, ssl { ${ssl} } }] }\n`
}

const mutual = () =>
  `verify = verify_peer, cacertfile = ${quoted('ca.pem')}, fail_if_no_peer_cert = true`

/** The reason why the broker's only link is not up, or null. */
async function lastError(broker: BrokerProcess): Promise<string | null> {
  await broker.counters()
  const event = broker.log.findLast((line) => line.event === 'counters')
  // Cannot lie: the broker writes one entry for each link of its configuration.
  const links = (event?.links ?? []) as readonly { lastError: string | null }[]
  return links[0]?.lastError ?? null
}

test('a message crosses a link whose both ends show and verify certificates', async () => {
  const ports = { east: await freePort(), west: await freePort() }
  const ssl = `verify = verify_peer, cacertfile = ${quoted('ca.pem')}, ${pair('server')}`
  const start = (own: 'east' | 'west', far: 'east' | 'west') =>
    startBroker({
      config: link(own, far, ports[far], ssl) + files.listener('clink', ports[own], mutual()),
    })
  const east = await start('east', 'west')
  try {
    const west = await start('west', 'east')
    try {
      const subscriber = await TestClient.connect({ port: west.port, version: 5 })
      await subscriber.subscribe('crossing/#')
      const publisher = await TestClient.connect({ port: east.port })
      const payload = Buffer.alloc(100_000, 7)
      await eventually('the first message has crossed', async () => {
        await publisher.publish({ topic: 'crossing/1', payload, qos: 1 })
        return subscriber.messages.length > 0
      })
      assert.deepEqual((await subscriber.message()).payload, payload)
      assert.ok((await east.counter('native_tls_handshakes')) >= 2)
    } finally {
      await west.stop()
    }
  } finally {
    await east.stop()
  }
})

const refusals: readonly (readonly [
  what: string,
  listener: () => string,
  ssl: () => string,
  says: RegExp,
])[] = [
  [
    'an expired certificate',
    () => pair('expired'),
    () => `verify = verify_peer, cacertfile = ${quoted('ca.pem')}`,
    /TLS with the server failed: the peer's certificate: certificate has expired/,
  ],
  [
    'an authority of the same name and another key',
    () => pair('server'),
    () => `verify = verify_peer, cacertfile = ${quoted('stranger-ca.pem')}`,
    /TLS with the server failed: the peer's certificate: certificate signature failure/,
  ],
  [
    'another host',
    () => pair('elsewhere'),
    () => `verify = verify_peer, cacertfile = ${quoted('ca.pem')}`,
    /TLS with the server failed: the peer's certificate: IP address mismatch/,
  ],
  [
    'a name that was asked for and not shown',
    () => pair('server'),
    () =>
      `verify = verify_peer, cacertfile = ${quoted('ca.pem')}, server_name_indication = "eu.example"`,
    /TLS with the server failed: the peer's certificate: hostname mismatch/,
  ],
  [
    'a far end that wants a certificate of ours',
    () => `${pair('server')}, ${mutual()}`,
    () => '',
    /TLS with the server failed: the peer refused: /,
  ],
]

test('why a link stays down is said in the words of TLS', async () => {
  for (const [what, listener, ssl, says] of refusals) {
    const port = await freePort()
    const far = await startBroker({
      io: 1,
      config: `listeners.ssl.clink { bind = "127.0.0.1:${port}", ssl_options { ${listener()} } }`,
    })
    try {
      const near = await startBroker({ io: 1, config: link('near', 'far', port, ssl()) })
      try {
        let said: string | null = null
        await eventually(`${what}: a reason`, async () => {
          said = await lastError(near)
          return said !== null
        })
        assert.match(String(said), says, what)
      } finally {
        await near.stop()
      }
      if (what.startsWith('an authority'))
        assert.ok((await far.counter('native_tls_failures_refused_by_peer')) > 0)
    } finally {
      await far.stop()
    }
  }
})

test('a plain port answers a TLS link with nothing that it understands', async () => {
  const far = await startBroker({ io: 1 })
  try {
    const near = await startBroker({ io: 1, config: link('near', 'far', far.port, '') })
    try {
      await eventually('a reason', async () =>
        /TLS with the server failed/.test((await lastError(near)) ?? ''),
      )
    } finally {
      await near.stop()
    }
  } finally {
    await far.stop()
  }
})
