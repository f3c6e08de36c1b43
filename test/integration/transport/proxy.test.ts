/** The PROXY protocol: who is behind the load balancer, and what happens to those who do not say so. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  type BrokerProcess,
  connectBytes,
  eventually,
  freePort,
  startBroker,
  TestClient,
} from '../harness/index.js'

let broker: BrokerProcess
let port: number
before(async () => {
  port = await freePort()
  broker = await startBroker({
    config: `listeners.tcp.behind {
      bind = "127.0.0.1:${port}", proxy_protocol = true, proxy_protocol_timeout = 1s
    }`,
  })
})
after(() => broker.stop())

const signature = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')

function v2(command: number, family: number, rest: Buffer): Buffer {
  const fixed = Buffer.from([command, family, rest.length >> 8, rest.length & 0xff])
  return Buffer.concat([signature, fixed, rest])
}

/** 192.0.2.1:56324 to 10.0.0.1:1883. */
const inet = Buffer.from('c00002010a000001dc04075b', 'hex')
const v1 = Buffer.from('PROXY TCP4 192.0.2.1 10.0.0.1 56324 1883\r\n')

/** Sent first; then a CONNECT that is refused, so that the broker logs who it was. */
async function peerBehind(header: Buffer, clientId: string): Promise<unknown> {
  const client = await TestClient.dial({ port, version: 5 })
  client.sendBytes(
    Buffer.concat([
      header,
      connectBytes({ clientId, version: 5, properties: { authenticationMethod: 'none-such' } }),
    ]),
  )
  await client.whenClosed()
  const said = () =>
    broker.log.find((one) => one.event === 'connect_refused' && one.clientId === clientId)
  await eventually(`the refusal of ${clientId} is logged`, () => said() !== undefined)
  return said()?.peer
}

test('version 1 names the peer', async () => {
  assert.equal(await peerBehind(v1, 'one'), '192.0.2.1:56324')
  const six = Buffer.from('PROXY TCP6 2001:db8::1 ::1 56324 1883\r\n')
  assert.equal(await peerBehind(six, 'one-six'), '[2001:db8::1]:56324')
})

test('version 2 names the peer, and its TLVs are passed over', async () => {
  const tlvs = Buffer.concat([inet, Buffer.from('020004', 'hex'), Buffer.from('mqtt')])
  assert.equal(await peerBehind(v2(0x21, 0x11, tlvs), 'two'), '192.0.2.1:56324')
})

test('a proxy that speaks for itself is the peer', async () => {
  for (const [at, header] of [
    v2(0x20, 0, Buffer.alloc(0)),
    Buffer.from('PROXY UNKNOWN\r\n'),
  ].entries())
    assert.match(String(await peerBehind(header, `self-${at}`)), /^127\.0\.0\.1:\d+$/)
})

test('the byte behind the header is the first of the CONNECT, wherever the bytes are cut', async () => {
  const whole = Buffer.concat([v2(0x21, 0x11, inet), connectBytes({ clientId: 'cut', version: 5 })])
  for (const cut of [1, 12, 15, 16, 20, 27, 28, 29, 30]) {
    const client = await TestClient.dial({ port, version: 5 })
    client.sendBytes(whole.subarray(0, cut))
    await new Promise(setImmediate)
    client.sendBytes(whole.subarray(cut))
    assert.equal((await client.packet('connack')).reasonCode, 0)
    await client.ping()
    await client.disconnect()
  }
})

test('a message in the same segment as header and CONNECT is published', async () => {
  const listening = await TestClient.connect({ port: broker.port })
  await listening.subscribe('behind')
  const client = await TestClient.dial({ port, version: 4 })
  client.sendBytes(
    Buffer.concat([
      v1,
      connectBytes({ clientId: 'all-at-once' }),
      client.bytesOf({
        cmd: 'publish',
        topic: 'behind',
        payload: 'hi',
        qos: 0,
        retain: false,
        dup: false,
      }),
    ]),
  )
  assert.deepEqual(await listening.payloads(1), ['hi'])
  await Promise.all([client.disconnect(), listening.disconnect()])
})

test('no header, or a wrong one, is no connection: counted, and said once', async () => {
  const wrong = [
    connectBytes({ clientId: 'direct' }),
    Buffer.from('PROXY TCP4 192.0.2.1 10.0.0.1 56324\r\n'),
    Buffer.from(`PROXY UNKNOWN ${'x'.repeat(120)}`),
    v2(0x21, 0x11, inet.subarray(0, 8)),
    v2(0x31, 0x11, inet),
  ]
  const before = await broker.counter('native_proxy_headers_refused')
  for (const bytes of wrong) {
    const client = await TestClient.dial({ port })
    client.sendBytes(bytes)
    await client.whenClosed()
    assert.equal(client.connack, null)
  }
  assert.equal(await broker.counter('native_proxy_headers_refused'), before + wrong.length)
  const said = () =>
    broker.log.filter((one) => one.event === 'listener_refused' && one.proxy_refused)
  await eventually(
    'all are in the log',
    () => said().reduce((sum, one) => sum + Number(one.proxy_refused), 0) >= wrong.length,
  )
  assert.match(String(said()[0]?.hint), /tcp:behind has proxy_protocol = true/)
  assert.match(String(said()[0]?.peer), /^127\.0\.0\.1:\d+$/)
})

test('silence is closed after proxy_protocol_timeout', async () => {
  const before = await broker.counter('native_proxy_headers_refused')
  const client = await TestClient.dial({ port })
  client.sendBytes(v1.subarray(0, 7))
  await client.whenClosed()
  assert.equal(await broker.counter('native_proxy_headers_refused'), before + 1)
})

test('a PROXY header on a listener without the option is told from MQTT', async () => {
  const before = await broker.counter('native_not_mqtt_proxy')
  const client = await TestClient.dial({ port: broker.port })
  client.sendBytes(v1)
  await client.whenClosed()
  assert.equal(await broker.counter('native_not_mqtt_proxy'), before + 1)
})
