/**
 * Enhanced authentication of MQTT 5, end to end: CONNECT, AUTH, CONNACK, and AUTH again while messages flow.
 * Source: MQTT 5.0 §3.15, §4.12.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import mqtt from 'mqtt'
import type { IAuthPacket, IConnackPacket, Packet } from 'mqtt-packet'
import {
  type BrokerProcess,
  type ClientOptions,
  clientIdOn,
  connectBytes,
  eventually,
  startBroker,
  TestClient,
} from '../harness/index.js'
import { ScramClient } from './scram-client.js'

const method = 'SCRAM-SHA-256'
const directory = mkdtempSync(join(tmpdir(), 'causeway-auth-'))
let broker: BrokerProcess

before(async () => {
  const users = join(directory, 'scram.csv')
  writeFileSync(
    users,
    'user_id,password,is_superuser\nalice,wonder,true\nbob,builder,\n"a,b=c",odd,false\n',
  )
  broker = await startBroker({
    config: `authentication = [
      { mechanism = scram, backend = built_in_database, bootstrap_file = ${JSON.stringify(users)} }
    ]`,
  })
})
after(async () => {
  await broker.stop()
  rmSync(directory, { recursive: true })
})

const alice = () => new ScramClient({ username: 'alice', password: 'wonder' })

/** A socket with a CONNECT on its way. */
async function begin(
  data: Buffer | null,
  more: Omit<ClientOptions, 'port' | 'properties'> & { properties?: object } = {},
): Promise<TestClient> {
  const client = await TestClient.dial({ port: broker.port, version: 5, ...more })
  client.sendBytes(
    connectBytes({
      ...more,
      version: 5,
      clientId: client.clientId,
      properties: {
        authenticationMethod: method,
        ...(data === null ? {} : { authenticationData: data }),
        ...more.properties,
      },
    }),
  )
  return client
}

function auth(reasonCode: number, data: Buffer | null, name = method): IAuthPacket {
  return {
    cmd: 'auth',
    reasonCode,
    properties: {
      authenticationMethod: name,
      ...(data === null ? {} : { authenticationData: data }),
    },
  }
}

function dataOf(packet: IAuthPacket | IConnackPacket): Buffer {
  return packet.properties?.authenticationData ?? Buffer.alloc(0)
}

/** Accepted, with the CONNACK. */
async function connected(scram = alice(), more: Parameters<typeof begin>[1] = {}) {
  const client = await begin(scram.first(), more)
  const challenge = await client.packet('auth')
  client.send(auth(0x18, scram.final(dataOf(challenge))))
  const connack = await client.packet('connack')
  assert.equal(connack.reasonCode, 0)
  return { client, challenge, connack }
}

/** The server's last word. */
async function refusal(client: TestClient): Promise<IConnackPacket> {
  const connack = await client.packet('connack')
  await client.whenClosed()
  assert.equal(connack.sessionPresent, false)
  return connack
}

test('a client proves who it is by AUTH before its CONNACK [MQTT-4.12.0-2] [MQTT-4.12.0-3] [MQTT-4.12.0-5] [MQTT-3.15.2-1]', async () => {
  for (const loop of [0, 1]) {
    const scram = alice()
    const clientId = clientIdOn(broker, loop, `proves-${loop}`)
    const { client, challenge, connack } = await connected(scram, { clientId })
    assert.equal(challenge.reasonCode, 0x18)
    assert.equal(challenge.properties?.authenticationMethod, method)
    assert.equal(connack.properties?.authenticationMethod, method)
    assert.ok(scram.trusts(dataOf(connack)), 'the server proves itself too')
    await client.subscribe('proved')
    await client.publish({ topic: 'proved', payload: 'yes', qos: 1 })
    assert.deepEqual(await client.payloads(1), ['yes'])
    await client.disconnect()
  }
})

test('a CONNECT without data is asked for the first message', async () => {
  const scram = alice()
  const client = await begin(null)
  const asked = await client.packet('auth')
  assert.equal(asked.reasonCode, 0x18)
  assert.equal(dataOf(asked).length, 0)
  client.send(auth(0x18, scram.first()))
  client.send(auth(0x18, scram.final(dataOf(await client.packet('auth')))))
  assert.ok(scram.trusts(dataOf(await client.packet('connack'))))
  await client.disconnect()
})

test('what comes in one segment with the last AUTH is handled behind the CONNACK', async () => {
  const scram = alice()
  const client = await begin(scram.first())
  const final = auth(0x18, scram.final(dataOf(await client.packet('auth'))))
  client.sendBytes(Buffer.concat([client.bytesOf(final), client.bytesOf({ cmd: 'pingreq' })]))
  assert.equal((await client.packet('connack')).reasonCode, 0)
  await client.packet('pingresp')
  await client.disconnect()
})

test('names with commas and equals signs, and SCRAM with channel binding not used, are accepted', async () => {
  const odd = new ScramClient({ username: 'a,b=c', password: 'odd', gs2Header: 'y,,' })
  const { client } = await connected(odd)
  await client.disconnect()
})

test('an unknown method is refused with 0x8C [MQTT-4.12.0-1]', async () => {
  const client = await begin(null, { properties: { authenticationMethod: 'KERBEROS' } })
  const connack = await refusal(client)
  assert.equal(connack.reasonCode, 0x8c)
  assert.equal(connack.properties?.authenticationMethod, undefined)
})

test('a wrong password and a name that nobody has fail alike, at the same place [MQTT-4.12.0-4]', async () => {
  const salts: string[] = []
  for (const username of ['alice', 'nobody', 'nobody']) {
    const scram = new ScramClient({ username, password: 'guess' })
    const client = await begin(scram.first())
    const challenge = await client.packet('auth')
    salts.push(/s=([^,]+)/.exec(dataOf(challenge).toString())?.[1] ?? '')
    client.send(auth(0x18, scram.final(dataOf(challenge))))
    const connack = await refusal(client)
    assert.equal(connack.reasonCode, 0x87)
    assert.equal(connack.properties?.reasonString, undefined)
    assert.equal(dataOf(connack).toString(), 'e=invalid-proof')
  }
  assert.notEqual(salts[0], salts[1])
  assert.equal(salts[1], salts[2], 'a name that nobody has keeps its salt')
})

test('no other packet may come during the exchange: CONNACK 0x82, never DISCONNECT [MQTT-3.1.2-30] [MQTT-3.14.0-1]', async () => {
  const others: Packet[] = [
    { cmd: 'pingreq' },
    { cmd: 'publish', topic: 'a', payload: '', qos: 0, dup: false, retain: false },
    { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'a', qos: 0 }] },
  ]
  for (const other of others) {
    const client = await begin(alice().first())
    await client.packet('auth')
    client.send(other)
    assert.equal((await refusal(client)).reasonCode, 0x82, other.cmd)
    assert.equal(client.goodbye, null)
  }
})

test('a client may give up with DISCONNECT during the exchange', async () => {
  const client = await begin(alice().first())
  await client.packet('auth')
  await client.disconnect()
  assert.equal(client.others.length, 0)
})

test('an AUTH that breaks the exchange is refused with 0x82 [MQTT-4.12.0-3] [MQTT-4.12.0-5]', async () => {
  const wrong = [auth(0x19, alice().first()), auth(0x18, alice().first(), 'SCRAM-SHA-512')]
  for (const packet of wrong) {
    const client = await begin(alice().first())
    await client.packet('auth')
    client.send(packet)
    assert.equal((await refusal(client)).reasonCode, 0x82)
  }
})

test('a malformed AUTH during the exchange is refused: reserved flags, no method, a reason of the server [MQTT-3.15.1-1] [MQTT-3.15.2-1]', async () => {
  for (const [hex, reasonCode] of [
    ['f10218 00', 0x81],
    ['f00218 00', 0x82],
    ['f00111', 0x82],
  ] as const) {
    const client = await begin(alice().first())
    await client.packet('auth')
    client.sendBytes(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
    assert.equal((await refusal(client)).reasonCode, reasonCode, hex)
  }
})

test('authentication data larger than an exchange may have is refused with 0x95', async () => {
  const client = await begin(Buffer.alloc(60_000, 'x'))
  assert.equal((await refusal(client)).reasonCode, 0x95)
})

test('a user name in CONNECT must be the one that is proved', async () => {
  const scram = alice()
  const client = await begin(scram.first(), { username: 'bob' })
  client.send(auth(0x18, scram.final(dataOf(await client.packet('auth')))))
  assert.equal((await refusal(client)).reasonCode, 0x87)
  const { client: same } = await connected(alice(), { username: 'alice' })
  await same.disconnect()
})

test('with SCRAM alone, a CONNECT with a password is not authorized: 0x87, 5', async () => {
  for (const [version, code] of [
    [5, 0x87],
    [4, 5],
    [3, 5],
  ] as const) {
    const options = { port: broker.port, version, username: 'alice', password: 'wonder' }
    const client = await TestClient.dial(options)
    client.sendBytes(connectBytes({ ...options, clientId: client.clientId }))
    const connack = await client.packet('connack')
    assert.equal(connack.reasonCode ?? connack.returnCode, code)
    await client.whenClosed()
  }
})

test('exchanges that are abandoned leave nothing behind, and keep nobody of the client id waiting', async () => {
  const clientId = 'besieged'
  const before = await broker.counter('connects_abandoned')
  const silent = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const client = await begin(alice().first(), { clientId })
      await client.packet('auth')
      return client
    }),
  )
  assert.ok((await broker.counter('authentication_exchanges')) >= silent.length)
  const { client } = await connected(alice(), { clientId })
  await Promise.all(silent.map((one) => one.drop()))
  await eventually('all are forgotten', async () => {
    const { authentication_exchanges, connects_abandoned } = await broker.counters()
    return authentication_exchanges === 0 && (connects_abandoned ?? 0) - before >= silent.length
  })
  await client.ping()
  await client.disconnect()
})

test('an exchange takes over the session of its client id when it is proved [MQTT-3.1.4-3]', async () => {
  const clientId = 'same'
  const properties = { sessionExpiryInterval: 60 }
  const { client: first } = await connected(alice(), { clientId, properties })
  await first.subscribe('kept')
  const scram = alice()
  const second = await begin(scram.first(), { clientId, clean: false, properties })
  const challenge = await second.packet('auth')
  await first.ping() // a claim alone takes nothing over
  second.send(auth(0x18, scram.final(dataOf(challenge))))
  const connack = await second.packet('connack')
  assert.equal(connack.sessionPresent, true)
  await first.whenClosed()
  assert.equal(first.goodbye?.reasonCode, 0x8e)
  await second.disconnect(0, { sessionExpiryInterval: 0 })
})

test('a CONNECT without a method gets no AUTH and may send none: 0x82 [MQTT-4.12.0-6] [MQTT-4.12.0-7]', async () => {
  // Re-authentication needs a served connection, so this one stands on a listener that authenticates nobody.
  const open = await startBroker()
  const client = await TestClient.connect({ port: open.port, version: 5 })
  assert.equal(client.connack?.properties?.authenticationMethod, undefined)
  client.send(auth(0x19, alice().first()))
  await client.whenClosed()
  assert.equal(client.goodbye?.reasonCode, 0x82)
  await open.stop()
})

test('a served client authenticates again, and its messages flow meanwhile [MQTT-4.12.1-1]', async () => {
  const { client } = await connected()
  await client.subscribe('meanwhile')
  for (let round = 0; round < 3; round++) {
    const scram = alice()
    client.send(auth(0x19, scram.first()))
    const challenge = await client.packet('auth')
    assert.equal(challenge.reasonCode, 0x18)
    await client.publish({ topic: 'meanwhile', payload: `${round}`, qos: 2 })
    assert.deepEqual(await client.payloads(1), [`${round}`])
    client.send(auth(0x18, scram.final(dataOf(challenge))))
    const done = await client.packet('auth')
    assert.equal(done.reasonCode ?? 0, 0)
    assert.equal(done.properties?.authenticationMethod, method) // [MQTT-4.12.0-5]
    assert.ok(scram.trusts(dataOf(done)))
  }
  await client.disconnect()
})

test('re-authentication that fails ends the connection: DISCONNECT 0x87, and the will is published [MQTT-4.12.1-2]', async () => {
  const { client: heir } = await connected()
  await heir.subscribe('wills/again')
  const will = {
    topic: 'wills/again',
    payload: Buffer.from('gone'),
    qos: 1,
    retain: false,
  } as const
  const { client } = await connected(alice(), { will })
  const wrong = new ScramClient({ username: 'alice', password: 'forgotten' })
  client.send(auth(0x19, wrong.first()))
  client.send(auth(0x18, wrong.final(dataOf(await client.packet('auth')))))
  await client.whenClosed()
  assert.equal(client.goodbye?.reasonCode, 0x87)
  assert.deepEqual(await heir.payloads(1), ['gone'])
  await heir.disconnect()
})

test('re-authentication as another user is refused: DISCONNECT 0x87 [MQTT-4.12.1-2]', async () => {
  const { client } = await connected()
  const bob = new ScramClient({ username: 'bob', password: 'builder' })
  client.send(auth(0x19, bob.first()))
  client.send(auth(0x18, bob.final(dataOf(await client.packet('auth')))))
  await client.whenClosed()
  assert.equal(client.goodbye?.reasonCode, 0x87)
})

test('re-authentication out of turn or by another method is a protocol error: DISCONNECT 0x82 [MQTT-4.12.1-1]', async () => {
  const attempts: readonly (readonly Packet[])[] = [
    [auth(0x19, alice().first(), 'SCRAM-SHA-512')],
    [auth(0x18, alice().first())],
    [auth(0x19, alice().first()), auth(0x19, alice().first())],
  ]
  for (const packets of attempts) {
    const { client } = await connected()
    for (const packet of packets) client.send(packet)
    await client.whenClosed()
    assert.equal(client.goodbye?.reasonCode, 0x82)
  }
})

test('a malformed AUTH of a served client is 0x81, one of an earlier version too [MQTT-3.15.1-1]', async () => {
  const { client } = await connected()
  client.sendBytes(Buffer.from('f1021800', 'hex'))
  await client.whenClosed()
  assert.equal(client.goodbye?.reasonCode, 0x81)
})

test('AUTH and CONNACK never tell a reason that was not asked for [MQTT-3.1.2-29] [MQTT-3.15.2-2] [MQTT-3.15.2-3]', async () => {
  const properties = { requestProblemInformation: false }
  const { client, challenge } = await connected(alice(), { properties })
  assert.equal(challenge.properties?.reasonString, undefined)
  assert.equal(challenge.properties?.userProperties, undefined)
  await client.disconnect()
  const refused = await begin(null, { properties: { ...properties, authenticationMethod: 'X' } })
  assert.equal((await refusal(refused)).properties?.reasonString, undefined)
  const told = await begin(null, { properties: { authenticationMethod: 'X' } })
  assert.equal((await refusal(told)).properties?.reasonString, 'unknown authentication method')
})

test('no packet is larger than the client’s Maximum Packet Size: a shorter CONNACK, or none [MQTT-3.1.2-24] [MQTT-3.2.2-19] [MQTT-3.2.2-20]', async () => {
  const reason = { authenticationMethod: 'X', maximumPacketSize: 20 }
  const short = await refusal(await begin(null, { properties: reason }))
  assert.equal(short.reasonCode, 0x8c)
  assert.equal(short.properties?.reasonString, undefined)

  const tiny = await begin(null, { properties: { ...reason, maximumPacketSize: 4 } })
  await tiny.whenClosed()
  assert.equal(tiny.others.length, 0)

  const challenged = await begin(alice().first(), { properties: { maximumPacketSize: 40 } })
  assert.equal((await refusal(challenged)).reasonCode, 0x95)
})

test('MQTT.js authenticates by SCRAM', async () => {
  const scram = alice()
  const client = mqtt.connect({
    port: broker.port,
    host: '127.0.0.1',
    protocolVersion: 5,
    reconnectPeriod: 0,
    properties: { authenticationMethod: method, authenticationData: scram.first() },
  })
  client.handleAuth = (packet, answer) => {
    answer(undefined, auth(0x18, scram.final(dataOf(packet))))
  }
  const connack = await new Promise<IConnackPacket>((resolve, reject) => {
    client.once('connect', resolve)
    client.once('error', reject)
  })
  assert.ok(scram.trusts(dataOf(connack)))
  await client.endAsync()
})

test('no log line has a password, a proof or a key', () => {
  const said = JSON.stringify(broker.log) + broker.errors
  assert.ok(broker.log.some(({ event }) => event === 'reauthentication_failed'))
  assert.ok(broker.log.some(({ event }) => event === 'connect_refused'))
  for (const secret of ['wonder', 'builder', 'guess', 'forgotten', ',p='])
    assert.ok(!said.includes(secret), secret)
})
