/** CONNECT and CONNACK. MQTT 5.0 §3.1, §3.2. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectBytes, TestClient } from '../../integration/harness/index.js'
import { chapter, lasting, nothingCame } from '../fixture.js'
import { packet, text } from '../raw-client.js'

const here = chapter(
  5,
  'mqtt { max_clientid_len = 64, max_qos_allowed = 1, retain_available = false }',
)
const version = 5 as const

/** The reason codes of table 3-1. */
const connackReasons = [
  ...[0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95],
  ...[0x97, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9f],
]

/** Sends a CONNECT that is refused, with a PUBLISH behind it, and returns the reason. */
async function refusal(bytes: Uint8Array, witness: TestClient): Promise<number> {
  const client = await TestClient.dial({ port: here.port, version })
  const publish = client.bytesOf({
    cmd: 'publish',
    topic: 'behind',
    payload: 'never',
    qos: 0,
    dup: false,
    retain: false,
  })
  client.sendBytes(Buffer.concat([bytes, publish]))
  const connack = await client.packet('connack')
  assert.equal(connack.sessionPresent, false)
  await client.whenClosed()
  assert.equal(client.others.length, 0, 'one packet')
  await nothingCame(witness, witness)
  return connack.reasonCode ?? 0
}

test('a refused CONNECT is told why by a code of CONNACK, closed, and nothing behind it is processed', async () => {
  const witness = await here.client('witness')
  await witness.subscribe('behind')
  const clientId = here.clientId('refused')
  // There is a session, which a refusal must not confess to [MQTT-3.2.2-6].
  await (await TestClient.connect({ port: here.port, version, clientId, ...lasting })).drop()
  const will = { topic: 'w', payload: Buffer.from('x'), retain: false, qos: 0 as const }
  const base = { version, clientId, clean: false }
  const refused: [string, number, Uint8Array][] = [
    ['an identifier that is too long', 0x85, connectBytes({ ...base, clientId: 'x'.repeat(65) })], // [MQTT-3.1.3-8]
    ['a will of QoS 2', 0x9b, connectBytes({ ...base, will: { ...will, qos: 2 } })], // [MQTT-3.2.2-12]
    ['a retained will', 0x9a, connectBytes({ ...base, will: { ...will, retain: true } })], // [MQTT-3.2.2-13]
    [
      'an unknown method',
      0x8c,
      connectBytes({ ...base, properties: { authenticationMethod: 'none such' } }),
    ], // [MQTT-4.12.0-1]
    ['another version', 0x84, Buffer.from('100f00044d5154540602003c0000026331', 'hex')], // [MQTT-3.1.2-2]
    ['a reserved flag', 0x81, Buffer.from('100f00044d5154540503003c0000026331', 'hex')], // [MQTT-3.1.2-3] [MQTT-3.1.4-1]
  ]
  for (const [what, reason, bytes] of refused) {
    assert.equal(await refusal(bytes, witness), reason, what) // [MQTT-3.1.4-2] [MQTT-3.1.4-6] [MQTT-3.2.2-7]
    assert.ok(connackReasons.includes(reason)) // [MQTT-3.2.2-8] [MQTT-4.13.2-1]
  }
  const back = await TestClient.connect({ port: here.port, ...base, ...lasting })
  assert.equal(back.sessionPresent, true, 'no refusal has touched the session')
  await back.disconnect(0, { sessionExpiryInterval: 0 })
})

test('a protocol name that is not MQTT is not served', async () => {
  for (const name of ['MQTS', 'mqtt', 'MQIsdp', '']) {
    const one = await here.raw()
    one.say(packet('10', `${text(name)} 05 02 0000 00 ${text('c')}`))
    for (const heard of await one.untilClosed()) assert.match(heard, /^2003008400$/) // [MQTT-3.1.2-1]
  }
})

test('identifiers of 1 to 23 letters and digits are accepted', async () => {
  const allowed = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'
  const identifiers = ['a', allowed.slice(0, 23), allowed.slice(23, 46), allowed.slice(46)]
  for (const clientId of identifiers) {
    const client = await TestClient.connect({ port: here.port, version, clientId }) // [MQTT-3.1.3-5]
    await client.ping()
    await client.disconnect()
  }
})

test('an assigned identifier is new, is told, and works like one the client chose', async () => {
  const anonymous = () =>
    TestClient.connect({ port: here.port, version, clientId: '', ...lasting, clean: true })
  const [one, other] = [await anonymous(), await anonymous()]
  const assigned = (client: TestClient) => client.connack?.properties?.assignedClientIdentifier
  const clientId = assigned(one) ?? ''
  assert.notEqual(clientId, '') // [MQTT-3.1.3-6] [MQTT-3.1.3-7] [MQTT-3.2.2-16]
  assert.notEqual(assigned(other), clientId)
  await one.drop()
  const back = await TestClient.connect({ port: here.port, version, clientId, ...lasting })
  assert.equal(back.sessionPresent, true)
  await other.ping() // two sessions, not one taken over
  for (const client of [back, other]) await client.disconnect(0, { sessionExpiryInterval: 0 })
})

test('CONNACK comes first and once, also where messages wait', async () => {
  const clientId = here.clientId('first')
  const publisher = await here.client('first-publisher')
  const away = await TestClient.connect({ port: here.port, version, clientId, ...lasting })
  await away.subscribe({ topic: 'first', qos: 1 })
  await away.drop()
  for (const payload of ['1', '2', '3'])
    await publisher.publish({ topic: 'first', payload, qos: 1 })
  const back = await here.raw()
  back.say(packet('10', `${text('MQTT')} 05 00 0000 05 110000003c ${text(clientId)}`))
  back.say('c0 00')
  const heard = [await back.hear()]
  while (heard.at(-1) !== 'd000' || heard.length < 5) heard.push(await back.hear())
  assert.match(heard[0] ?? '', /^20..0100/) // [MQTT-3.2.0-1] [MQTT-3.1.4-5] [MQTT-3.2.2-3]
  const kinds = heard.map((one) => one[0]).sort()
  assert.deepEqual(kinds, ['2', '3', '3', '3', 'd']) // [MQTT-3.2.0-2]
  await back.drop()
})

test('a lower maximum QoS is announced, and subscriptions of any QoS are taken all the same', async () => {
  const client = await here.client('qos')
  assert.equal(client.connack?.properties?.maximumQoS, 1) // [MQTT-3.2.2-9]
  const topics = ([0, 1, 2] as const).map((qos) => ({ topic: `qos/${qos}`, qos }))
  assert.deepEqual((await client.subscribe(topics)).granted, [0, 1, 1]) // [MQTT-3.2.2-10] [MQTT-3.8.4-7]
  await client.publish({ topic: 'qos/2', payload: 'x', qos: 1 })
  assert.equal((await client.message()).qos, 1)
  await client.disconnect()
})

test('without an authentication method there is no AUTH and none is named in CONNACK', async () => {
  const one = await here.raw()
  one.say(packet('10', `${text('MQTT')} 05 02 0000 00 ${text(here.clientId('no-method'))}`))
  const connack = Buffer.from(await one.hear(), 'hex')
  assert.equal(connack[0], 0x20) // [MQTT-4.12.0-6]
  const client = await here.client('no-method-decoded')
  assert.equal(client.connack?.properties?.authenticationMethod, undefined)
  await client.disconnect()
  await one.drop()
})

test('a CONNACK, its reason string included, stays within the maximum packet size of the client', async () => {
  const connect = (name: string, size: number, method = false) =>
    connectBytes({
      version,
      clientId: here.clientId(name),
      properties: {
        maximumPacketSize: size,
        ...(method ? { authenticationMethod: 'none such' } : {}),
      },
    })
  for (const [size, method] of [
    [10, true],
    [30, true],
    [10, false],
    [24, false],
  ] as const) {
    const one = await here.raw()
    one.say(connect(`size-${size}`, size, method).toString('hex'))
    const connack = await one.hear()
    assert.ok(connack.length / 2 <= size, `${connack.length / 2} bytes of ${size}`) // [MQTT-3.2.2-19] [MQTT-3.2.2-20] [MQTT-3.1.2-24]
    await one.drop()
  }
})
