/** What is not MQTT on a listener for MQTT: closed at once, counted by kind, and said with a hint. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { connect as tlsConnect } from 'node:tls'
import {
  type BrokerProcess,
  eventually,
  openStream,
  overTcp,
  startBroker,
  TestClient,
} from '../harness/index.js'

let broker: BrokerProcess
before(async () => {
  broker = await startBroker()
})
after(() => broker.stop())

/** Sends the bytes and waits for the end of the connection. */
async function sent(bytes: string | Buffer): Promise<Buffer> {
  const stream = await openStream(overTcp, broker.port)
  const got: Buffer[] = []
  stream.on('error', () => {})
  stream.on('data', (chunk: Buffer) => got.push(chunk))
  stream.write(bytes)
  await new Promise((resolve) => stream.once('close', resolve))
  return Buffer.concat(got)
}

for (const [what, metric, bytes] of [
  ['an HTTP request', 'native_not_mqtt_http', 'GET / HTTP/1.1\r\nHost: broker\r\n\r\n'],
  [
    'an HTTP upload',
    'native_not_mqtt_http',
    `POST /x HTTP/1.1\r\nContent-Length: 9\r\n\r\n${'x'.repeat(9)}`,
  ],
  ['HTTP/2', 'native_not_mqtt_http', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['SSH', 'native_not_mqtt_other', 'SSH-2.0-OpenSSH_9.2\r\n'],
  ['nothing but zeros', 'native_not_mqtt_other', Buffer.alloc(64)],
  ['a first packet that is no CONNECT', 'native_not_mqtt_other', Buffer.from('c000', 'hex')],
] as const) {
  test(`${what} is closed without an answer and counted as ${metric}`, async () => {
    const before = await broker.counter(metric)
    assert.equal((await sent(bytes)).length, 0)
    assert.equal(await broker.counter(metric), before + 1)
  })
}

test('a TLS client learns at once that this is no TLS, and the log says where to go', async () => {
  const before = await broker.counter('native_not_mqtt_tls')
  const client = tlsConnect({ port: broker.port, host: '127.0.0.1' })
  await new Promise((resolve) => {
    client.once('error', resolve)
    client.once('close', resolve)
  })
  assert.equal(await broker.counter('native_not_mqtt_tls'), before + 1)
  const said = () => broker.log.find((one) => one.event === 'listener_refused' && one.not_mqtt_tls)
  await eventually('the refusal is logged', () => said() !== undefined)
  assert.match(String(said()?.hint), /TLS on the listener tcp:default: no ssl listener is enabled/)
})

test('a flood of strangers is a line a second', async () => {
  const count = 40
  const from = broker.log.length
  const began = performance.now()
  await Promise.all(Array.from({ length: count }, () => sent('GET /flood HTTP/1.1\r\n\r\n')))
  const lines = () =>
    broker.log.slice(from).filter((one) => one.event === 'listener_refused' && one.not_mqtt_http)
  await eventually(
    'all are in the log',
    () => lines().reduce((sum, one) => sum + Number(one.not_mqtt_http), 0) >= count,
  )
  // What came before may add a line of its own.
  const seconds = (performance.now() - began) / 1000
  assert.ok(lines().length <= seconds + 2, `${lines().length} lines in ${seconds} s`)
})

test('the broker serves on', async () => {
  const client = await TestClient.connect({ port: broker.port })
  await client.ping()
  await client.disconnect()
})
