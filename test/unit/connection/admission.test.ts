import assert from 'node:assert/strict'
import { test } from 'node:test'
import mqttPacket, { type IConnectPacket } from 'mqtt-packet'
import { loadConfig } from '../../../src/config/index.js'
import {
  type Admission,
  type Admitted,
  admit,
  Connacks,
  type ConnectionPolicy,
  connectionPolicy,
} from '../../../src/connection/index.js'
import { decodeConnect, decodePacket } from '../../../src/mqtt/index.js'

const defaults = connectionPolicy(loadConfig({ file: null, env: {} }).config)
const origin = {
  connection: 1,
  acceptLoop: 0,
  peer: '127.0.0.1:9',
  linkAllowed: false,
  mountpoint: '',
  zone: 'default',
  port: 1883,
  listener: 'tcp:default',
  atMs: 0,
  certificate: null,
}

function admission(
  more: Partial<IConnectPacket>,
  policy: Partial<ConnectionPolicy> = {},
  linkAllowed = false,
  mountpoint = '',
): Admission {
  const bytes = mqttPacket.generate({
    cmd: 'connect',
    protocolVersion: 5,
    protocolId: 'MQTT',
    clientId: 'c',
    clean: true,
    keepalive: 10,
    ...more,
  })
  return admit(
    decodeConnect(bytes),
    { ...origin, linkAllowed, mountpoint },
    { ...defaults, ...policy },
    () => 'made-up',
  )
}

function admitted(...of: Parameters<typeof admission>): Admitted {
  const result = admission(...of)
  assert.ok(result.kind === 'admitted')
  return result.admitted
}

function refusal(...of: Parameters<typeof admission>): string {
  const result = admission(...of)
  return result.kind === 'refused' ? result.refusal : 'admitted'
}

test('an empty client id gets one made up, which CONNACK tells [MQTT-3.2.2-16]', () => {
  const { clientId, announced } = admitted({ clientId: '' })
  assert.equal(clientId, 'made-up')
  assert.equal(announced.assignedClientId, 'made-up')
})

test('an empty client id with clean session 0 is refused in version 3.1.1 [MQTT-3.1.3-8]', () => {
  const bytes = Buffer.from([0x10, 12, 0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 0, 0, 10, 0, 0])
  const result = admit(decodeConnect(bytes), origin, defaults, () => 'made-up')
  assert.equal(result.kind === 'refused' && result.refusal, 'client-id-invalid')
  assert.equal(admitted({ protocolVersion: 4, clientId: '', clean: true }).clientId, 'made-up')
})

test('a client id is bounded in bytes, not in characters', () => {
  assert.equal(refusal({ clientId: 'ééé' }, { clientIdBytesMax: 5 }), 'client-id-invalid')
  assert.equal(refusal({ clientId: 'ééé' }, { clientIdBytesMax: 6 }), 'admitted')
})

test('the user name is the client id when configured so', () => {
  assert.equal(admitted({ username: 'u' }, { useUsernameAsClientId: true }).clientId, 'u')
  assert.equal(admitted({ username: 'u' }).clientId, 'c')
})

test('keep-alive is multiplied, and the server’s own replaces it and is told [MQTT-3.2.2-21]', () => {
  const own = admitted({}, { keepAliveMultiplier: 1.5 })
  assert.equal(own.keepAliveMs, 15_000)
  assert.equal(own.announced.serverKeepAliveSeconds, null)
  const imposed = admitted({}, { keepAliveMultiplier: 1.5, serverKeepAliveSeconds: 30 })
  assert.equal(imposed.keepAliveMs, 45_000)
  assert.equal(imposed.announced.serverKeepAliveSeconds, 30)
  assert.equal(admitted({ keepalive: 0 }).keepAliveMs, 0)
})

test('a session lasts as the packet says: property in version 5, clean session and configuration below', () => {
  assert.equal(admitted({}).expiryMs, 0)
  assert.equal(admitted({ properties: { sessionExpiryInterval: 7 } }).expiryMs, 7_000)
  assert.equal(
    admitted({ properties: { sessionExpiryInterval: 0xffff_ffff } }).expiryMs,
    Number.POSITIVE_INFINITY,
  )
  assert.equal(admitted({ protocolVersion: 4, clean: true }).expiryMs, 0)
  assert.equal(
    admitted({ protocolVersion: 4, clean: false }, { persistentExpiryMs: 99 }).expiryMs,
    99,
  )
})

test('windows are the smaller of both sides; links get all the protocol has', () => {
  assert.equal(admitted({ properties: { receiveMaximum: 3 } }, { inflightMax: 32 }).windowMax, 3)
  assert.equal(admitted({}, { inflightMax: 32 }).windowMax, 32)
  assert.equal(admitted({}, { receiveMax: 100 }).receiveMax, 100)
  assert.equal(admitted({}, { receiveMax: 100 }, true).receiveMax, 65_535)
  assert.equal(admitted({ protocolVersion: 4 }, { receiveMax: 100 }).receiveMax, 65_535)
})

test('a will whose topic is too long under the mountpoint is refused [MQTT-4.7.3-3]', () => {
  const under = (bytes: number, topic = 't'.repeat(bytes)) =>
    refusal({ will: { topic, payload: 'x', qos: 0, retain: false } }, {}, false, `m/\${clientid}/`)
  assert.equal(under(65_535 - 'm/c/'.length), 'admitted')
  assert.equal(under(65_535 - 'm/c/'.length + 1), 'topic-name-invalid')
})

test('a will must keep to what the server offers', () => {
  const will = { topic: 'a/b/c', payload: 'x', qos: 2, retain: true } as const
  assert.equal(refusal({ will }), 'admitted')
  assert.equal(refusal({ will }, { qosMax: 1 }), 'qos-not-supported')
  assert.equal(refusal({ will }, { retainAvailable: false }), 'retain-not-supported')
  assert.equal(refusal({ will }, { topicLevelsMax: 2 }), 'topic-name-invalid')
  assert.equal(
    refusal({ will: { ...will, topic: '$LINK/cluster/msg/x' } }, {}, true),
    'not-authorized',
  )
})

test('a will for $SYS/ is dropped, and its CONNECT accepted: bridges leave such wills', () => {
  const will = {
    topic: '$SYS/broker/connection/b/state',
    payload: '0',
    qos: 1,
    retain: true,
  } as const
  assert.equal(admitted({ will }).will, null)
  assert.equal(admitted({ will }, {}, false, 'm/').will, null)
  assert.equal(admitted({ will: { ...will, topic: '$SYSTEM/x' } }).will?.qos, 1)
  const delayed = { ...will, topic: '$delayed/5/$SYS/x' }
  assert.equal(refusal({ will: delayed }), 'not-authorized')
})

test('bit 7 of the level makes a bridge of a client of 3.1 and 3.1.1', () => {
  const bridge = { protocolVersion: 4, bridgeMode: true } as const
  assert.equal(admitted(bridge).bridge, true)
  assert.equal(admitted(bridge).version, 4)
  assert.equal(admitted({ ...bridge, protocolVersion: 3, protocolId: 'MQIsdp' }).bridge, true)
  assert.equal(admitted({ protocolVersion: 4 }).bridge, false)
  assert.equal(admitted({}).bridge, false)
})

test('CONNACK tells a version 5 client everything that differs from what it would assume', () => {
  const policy = {
    ...defaults,
    qosMax: 1 as const,
    retainAvailable: false,
    wildcards: false,
    responseInformation: 'r/',
  }
  const client = admitted(
    { clientId: '', properties: { requestResponseInformation: true } },
    policy,
  )
  const packet = decodePacket(Buffer.from(new Connacks(policy).accepting(client, false)), 5)
  assert.ok(packet.cmd === 'connack')
  assert.deepEqual(
    { ...packet.properties },
    {
      maximumQoS: 1,
      retainAvailable: false,
      maximumPacketSize: policy.packetBytesMax,
      topicAliasMaximum: policy.topicAliasMax,
      wildcardSubscriptionAvailable: false,
      subscriptionIdentifiersAvailable: true,
      sharedSubscriptionAvailable: true,
      receiveMaximum: policy.receiveMax,
      assignedClientIdentifier: 'made-up',
      responseInformation: 'r/',
    },
  )
})

test('a CONNACK that would be too large says only what a client cannot assume [MQTT-3.1.2-24]', () => {
  const policy = { ...defaults, responseInformation: 'responses/' }
  const connacks = new Connacks(policy)
  const properties = { requestResponseInformation: true }
  const whole = admitted({ clientId: '', properties }, policy)
  const read = (bytes: Uint8Array) => {
    const packet = decodePacket(Buffer.from(bytes), 5)
    assert.ok(packet.cmd === 'connack')
    return packet.properties
  }
  assert.equal(read(connacks.accepting(whole, false))?.responseInformation, 'responses/')
  const limited = (packetBytesMax: number): Admitted => ({
    ...whole,
    answers: { ...whole.answers, packetBytesMax },
  })
  const bytes = connacks.accepting(limited(32), false)
  assert.ok(bytes.length <= 32)
  assert.equal(read(bytes)?.assignedClientIdentifier, 'made-up')
  assert.equal(read(bytes)?.maximumPacketSize, policy.packetBytesMax)
  assert.equal(read(bytes)?.retainAvailable, undefined)
  assert.equal(read(bytes)?.responseInformation, undefined)
  assert.ok(connacks.fits(limited(32)))
  assert.ok(!connacks.fits(limited(10)))
})
