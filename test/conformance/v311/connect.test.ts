/** CONNECT, CONNACK and sessions. MQTT 3.1.1 §3.1, §3.2, §4.1, §4.4. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  connectBytes,
  eventually,
  freePort,
  startBroker,
  TestClient,
} from '../../integration/harness/index.js'
import { chapter, nothingCame, pass } from '../fixture.js'
import { packet, text } from '../raw-client.js'

const here = chapter(4, 'mqtt { max_clientid_len = 64, max_qos_allowed = 1 }')
const { client, clientId, raw } = here

/** What a raw CONNECT with a PUBLISH behind it hears until it is closed. */
async function refused(connect: string): Promise<string[]> {
  const one = await raw()
  one.say(connect + packet('30', `${text('behind')} 78`))
  return one.untilClosed()
}

test('a CONNECT that breaks its format is closed without CONNACK', async () => {
  const start = `${text('MQTT')} 04`
  const id = text('c')
  const broken = [
    `${start} 03 0000 ${id}`, // [MQTT-3.1.2-3]
    `${start} 0a 0000 ${id}`, // [MQTT-3.1.2-11] [MQTT-3.1.2-13]
    `${start} 22 0000 ${id}`, // [MQTT-3.1.2-15]
    `${start} 1e 0000 ${id} ${text('w')} ${text('x')}`, // [MQTT-3.1.2-14]
    `${start} 06 0000 ${id}`, // [MQTT-3.1.2-9]
    `${start} 02 0000 ${id} ${text('user')}`, // [MQTT-3.1.2-18]
    `${start} 82 0000 ${id}`, // [MQTT-3.1.2-19]
    `${start} 82 0000 ${id} ${text('user')} ${text('password')}`, // [MQTT-3.1.2-20]
    `${start} c2 0000 ${id} ${text('user')}`, // [MQTT-3.1.2-21]
    `${start} 42 0000 ${id} ${text('password')}`, // [MQTT-3.1.2-22]
    `${start} 02 0000`, // [MQTT-3.1.3-3]
    `${start} 06 0000 ${text('w')} ${text('x')}`, // [MQTT-3.1.3-1]
  ]
  for (const body of broken) assert.deepEqual(await refused(packet('10', body)), [], body) // [MQTT-3.1.4-1]
  assert.deepEqual(await refused('c0 00'), []) // [MQTT-3.1.0-1]
})

test('a refused CONNECT hears its return code, is closed, and nothing behind it is processed', async () => {
  const witness = await client('witness')
  await witness.subscribe('behind')
  // There is a session of this identifier, which a refusal must not confess to [MQTT-3.2.2-4].
  const options = { port: here.port, version: 4, clientId: 'x'.repeat(64), clean: false } as const
  await (await TestClient.connect(options)).disconnect()
  const will = { topic: 'w', payload: Buffer.from('x'), qos: 2, retain: false } as const
  const cases: [string, string][] = [
    [packet('10', `${text('MQTT')} 04 00 0000 0000`), '02'], // [MQTT-3.1.3-8] [MQTT-3.1.3-7]
    [packet('10', `${text('MQTT')} 04 02 0000 ${text('x'.repeat(65))}`), '02'], // [MQTT-3.1.3-9]
    [packet('10', `${text('MQTT')} 02 02 0000 ${text('c')}`), '01'], // [MQTT-3.1.2-2]
    [packet('10', `${text('MQIsdp')} 04 02 0000 ${text('c')}`), '01'], // [MQTT-3.1.2-1]
    [packet('10', `${text('MQTX')} 04 02 0000 ${text('c')}`), '01'],
    [connectBytes({ ...options, will }).toString('hex'), '05'],
  ]
  for (const [connect, code] of cases) {
    assert.deepEqual(await refused(connect), [`200200${code}`], connect) // [MQTT-3.2.2-5] [MQTT-3.1.4-5] [MQTT-3.2.2-6]
    await nothingCame(witness, witness)
  }
  const back = await TestClient.connect(options)
  assert.equal(back.sessionPresent, true)
  await back.disconnect()
  await (await TestClient.connect({ ...options, clean: true })).disconnect()
  await witness.disconnect()
})

test('a second CONNECT disconnects', async () => {
  const connect = packet('10', `${text('MQTT')} 04 02 0000 ${text(clientId('twice'))}`)
  const one = await raw(connect)
  one.say(connect)
  assert.deepEqual(await one.untilClosed(), []) // [MQTT-3.1.0-2]
})

test('identifiers of 1 to 23 letters and digits are accepted, an empty one is replaced', async () => {
  const allowed = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'
  for (const id of ['a', allowed.slice(0, 23), allowed.slice(23, 46), allowed.slice(46)]) {
    const one = await TestClient.connect({ port: here.port, clientId: id }) // [MQTT-3.1.3-5]
    await one.disconnect()
  }
  const anonymous = () => TestClient.connect({ port: here.port, clientId: '', clean: true })
  const both = [await anonymous(), await anonymous()] // [MQTT-3.1.3-6]
  for (const one of both) await one.ping() // neither took the other over
  for (const one of both) await one.disconnect()
})

test('clean session 0 resumes or begins a session that is kept, clean session 1 one that is not', async () => {
  const publisher = await client('publisher')
  const lasting = { clean: false }
  const first = await client('life', lasting)
  assert.equal(first.sessionPresent, false) // [MQTT-3.2.2-3]
  await first.subscribe({ topic: 'life', qos: 1 })
  await first.ping()
  await publisher.publish({ topic: 'life', payload: 'live', qos: 1 })
  assert.equal((await first.message()).payload.toString(), 'live') // [MQTT-4.1.0-2]
  await first.drop()
  await publisher.publish({ topic: 'life', payload: 'stored', qos: 1 }) // [MQTT-3.1.2-5] [MQTT-4.5.0-1]
  const second = await client('life', lasting)
  assert.equal(second.sessionPresent, true) // [MQTT-3.2.2-2] [MQTT-3.1.2-4] [MQTT-3.1.3-2] [MQTT-4.1.0-1]
  assert.equal((await second.message()).payload.toString(), 'stored')
  await second.disconnect()
  const third = await client('life', { clean: true })
  assert.equal(third.sessionPresent, false) // [MQTT-3.2.2-1] [MQTT-3.1.2-6] [MQTT-3.1.4-3]
  await publisher.publish({ topic: 'life', payload: 'not for us', qos: 1 })
  await nothingCame(third, publisher)
  await third.subscribe('life')
  await third.drop()
  const fourth = await client('life', lasting)
  assert.equal(fourth.sessionPresent, false) // [MQTT-3.1.2-6]
  await publisher.publish({ topic: 'life', payload: 'nor for us', qos: 1 })
  await nothingCame(fourth, publisher)
  await fourth.disconnect()
  await (await client('life', { clean: true })).disconnect()
})

test('a newer connection of the same client disconnects the older one', async () => {
  const options = { clean: false }
  const old = await client('taken', options)
  await old.subscribe({ topic: 'taken', qos: 1 })
  const next = await client('taken', options)
  await old.whenClosed() // [MQTT-3.1.4-2]
  assert.equal(old.others.length, 0, 'there is no DISCONNECT from a server')
  assert.equal(next.sessionPresent, true)
  await next.publish({ topic: 'taken', payload: 'x', qos: 1 })
  assert.equal((await next.message()).payload.toString(), 'x')
  await next.disconnect()
})

test('silence of one and a half keep alives disconnects, anything sent before that keeps', async () => {
  const silent = await client('silent', { keepAliveSeconds: 1 })
  const sinceMs = performance.now()
  await silent.whenClosed()
  const tookMs = performance.now() - sinceMs
  assert.ok(tookMs > 1_400, `${tookMs} ms`) // [MQTT-3.1.2-24]
  const talking = await client('talking', { keepAliveSeconds: 2 })
  for (let n = 0; n < 4; n++) {
    await pass(1_000)
    await talking.ping()
  }
  await talking.disconnect()
})

test('an unauthorized PUBLISH is acknowledged and dropped', async () => {
  // With a link listener of its own, the other listener refuses what is for $LINK/.
  const link = await freePort()
  const guarded = await startBroker({ config: `listeners.tcp.clink.bind = "127.0.0.1:${link}"` })
  try {
    const insider = await TestClient.connect({ port: link, version: 4 })
    assert.deepEqual((await insider.subscribe('$LINK/#')).granted, [2])
    const outsider = await TestClient.connect({ port: guarded.port, version: 4 })
    for (const qos of [1, 2] as const)
      assert.ok(await outsider.publish({ topic: '$LINK/x', payload: 'x', qos })) // [MQTT-3.3.5-2]
    assert.equal(await guarded.counter('native_messages_denied'), 2)
    await insider.ping()
    assert.equal(insider.messages.length, 0)
    // Nothing beyond the protocol is asked of anybody [MQTT-7.0.0-2].
    assert.deepEqual((await outsider.subscribe('$LINK/#')).granted, [0x80])
    await Promise.all([insider.disconnect(), outsider.disconnect()])
  } finally {
    await guarded.stop()
  }
})

test('a CONNECT that cannot be served now is told so and closed, and later served', async () => {
  const small = await startBroker({ config: 'limits.connections = 1' })
  try {
    const inside = await TestClient.connect({ port: small.port, version: 4 })
    const outside = await TestClient.dial({ port: small.port, version: 4 })
    outside.sendBytes(connectBytes({ version: 4, clientId: 'outside' }))
    assert.equal((await outside.packet('connack')).returnCode, 3)
    await outside.whenClosed() // [MQTT-4.8.0-2] [MQTT-3.2.2-5]
    await inside.disconnect()
    await eventually('room again', async () => {
      const next = await TestClient.connect({ port: small.port, version: 4 }).catch(() => null)
      await next?.disconnect()
      return next !== null
    })
  } finally {
    await small.stop()
  }
})
