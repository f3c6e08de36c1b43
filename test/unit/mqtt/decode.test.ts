import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import mqttPacket, { type IConnectPacket } from 'mqtt-packet'
import {
  decodeConnect,
  decodeDisconnect,
  decodeSubscribe,
  decodeUnsubscribe,
  encodeConnack,
  encodeDisconnect,
  encodeRefusal,
  encodeSuback,
  encodeUnsuback,
  UndecodablePacket,
} from '../../../src/mqtt/index.js'

function connect(version: 3 | 4 | 5, more: Partial<IConnectPacket> = {}): Buffer {
  return mqttPacket.generate({
    cmd: 'connect',
    protocolId: version === 3 ? 'MQIsdp' : 'MQTT',
    protocolVersion: version,
    clientId: 'dev-1',
    clean: true,
    keepalive: 60,
    ...more,
  })
}

test('a CONNECT of each version decodes, with the defaults that version 5 states for absent properties', () => {
  for (const version of [3, 4, 5] as const) {
    const packet = decodeConnect(connect(version))
    assert.equal(packet.version, version)
    assert.equal(packet.clientId, 'dev-1')
    assert.equal(packet.keepAliveSeconds, 60)
    assert.equal(packet.cleanStart, true)
    assert.equal(packet.sessionExpirySeconds, 0)
    assert.equal(packet.receiveMaximum, 65_535)
    assert.equal(packet.requestProblemInformation, true)
    assert.equal(packet.will, null)
  }
})

test('decoding a CONNECT of one version leaves no trace for the next one of another', () => {
  assert.equal(
    decodeConnect(connect(5, { properties: { sessionExpiryInterval: 9 } })).sessionExpirySeconds,
    9,
  )
  assert.equal(decodeConnect(connect(4)).sessionExpirySeconds, 0)
  assert.equal(decodeConnect(connect(5, { properties: { receiveMaximum: 7 } })).receiveMaximum, 7)
})

// What most clients send is taken apart by hand, everything else by mqtt-packet: a packet with something unusual in it, which is
// taken away again afterwards, has to decode like the same packet without.

const word = fc.string({ unit: 'grapheme', maxLength: 40 })
const filter = word.filter((text) => text !== '')
const credentials = fc.oneof(
  fc.constant({}),
  fc.record({ username: word }),
  fc.record({ username: word, password: fc.uint8Array().map((bytes) => Buffer.from(bytes)) }),
)

test('a plain CONNECT decodes as mqtt-packet has it', () => {
  const will = { topic: 't', payload: Buffer.from('p'), qos: 1, retain: true } as const
  fc.assert(
    fc.property(
      fc.constantFrom(4 as const, 5 as const),
      fc.boolean(),
      fc.nat(65_535),
      filter,
      credentials,
      (version, clean, keepalive, clientId, who) => {
        const asked = { clean, keepalive, clientId, ...who }
        const plain = decodeConnect(connect(version, asked))
        assert.deepEqual(plain, {
          ...decodeConnect(connect(version, { ...asked, will })),
          will: null,
        })
        if (version !== 5) return
        const properties = { sessionExpiryInterval: 0 }
        assert.deepEqual(plain, decodeConnect(connect(5, { ...asked, properties })))
      },
    ),
  )
})

test('a plain SUBSCRIBE and a plain UNSUBSCRIBE decode as mqtt-packet has them', () => {
  const option = fc.record({
    topic: filter,
    qos: fc.constantFrom(0 as const, 1 as const, 2 as const),
    nl: fc.boolean(),
    rap: fc.boolean(),
    rh: fc.constantFrom(0 as const, 1 as const, 2 as const),
  })
  const options = fc.array(option, { minLength: 1, maxLength: 20 })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 65_535 }), options, (messageId, subscriptions) => {
      const subscribe = { cmd: 'subscribe', messageId, subscriptions } as const
      const bytes = (more: object) =>
        mqttPacket.generate({ ...subscribe, ...more }, { protocolVersion: 5 })
      const numbered = bytes({ properties: { subscriptionIdentifier: 7 } })
      assert.deepEqual(decodeSubscribe(bytes({}), 5), {
        ...decodeSubscribe(numbered, 5),
        subscriptionId: 0,
      })
      // Versions 3 and 4 differ in bits that are not set here.
      const older = mqttPacket.generate(subscribe, { protocolVersion: 4 })
      assert.deepEqual(decodeSubscribe(older, 4), decodeSubscribe(older, 3))

      const unsubscriptions = subscriptions.map(({ topic }) => topic)
      const unsubscribe = { cmd: 'unsubscribe', messageId, unsubscriptions } as const
      const plain = mqttPacket.generate(unsubscribe, { protocolVersion: 5 })
      const properties = { userProperties: { a: 'b' } }
      const other = mqttPacket.generate({ ...unsubscribe, properties }, { protocolVersion: 5 })
      assert.deepEqual(decodeUnsubscribe(plain, 5), decodeUnsubscribe(other, 5))
      const olderStill = mqttPacket.generate(unsubscribe, { protocolVersion: 4 })
      assert.deepEqual(decodeUnsubscribe(olderStill, 4), decodeUnsubscribe(olderStill, 3))
    }),
  )
})

test('a filter decodes as it was sent, whatever was sent before it', () => {
  // In UTF-8 é is what Ã© is in Latin-1; the lengths are around those of filters that are remembered.
  const unit = fc.constantFrom('a', 'b', 'é', 'Ã', '©')
  const similar = fc.oneof(
    fc.string({ unit, minLength: 1, maxLength: 3 }),
    fc.string({ unit, minLength: 30, maxLength: 70 }),
  )
  fc.assert(
    fc.property(fc.array(similar, { minLength: 1, maxLength: 40 }), (filters) => {
      const subscriptions = filters.map((topic) => ({ topic, qos: 0 as const }))
      const bytes = mqttPacket.generate({ cmd: 'subscribe', messageId: 1, subscriptions })
      const { requests } = decodeSubscribe(bytes, 4)
      assert.deepEqual(
        requests.map(({ filter }) => filter),
        filters,
      )
    }),
  )
})

test('a packet cut short is not decoded, plain or not', () => {
  const asked = { username: 'u', password: Buffer.from('p') }
  for (const version of [4, 5] as const) {
    const whole = connect(version, asked)
    for (let length = 14; length < whole.length; length++)
      assert.throws(() => decodeConnect(whole.subarray(0, length)), UndecodablePacket)
  }
})

/** A version 5 CONNECT whose will has User Properties b, a, b in this order, and a delay between them. */
function connectWithWillProperties(): Buffer {
  const pair = (name: string, value: string) => [
    0x26,
    0,
    1,
    name.charCodeAt(0),
    0,
    1,
    value.charCodeAt(0),
  ]
  const properties = [
    ...pair('b', '1'),
    0x18,
    0,
    0,
    0,
    5,
    ...pair('a', '2'),
    0x03,
    0,
    1,
    0x74,
    ...pair('b', '3'),
  ]
  const body = [0, 4, 0x4d, 0x51, 0x54, 0x54, 5, 0x2e, 0, 60, 0, 0, 1, 0x63]
  const will = [properties.length, ...properties, 0, 3, 0x77, 0x2f, 0x31, 0, 2, 0x68, 0x69]
  return Buffer.from([0x10, body.length + will.length, ...body, ...will])
}

test('a will becomes a PUBLISH with its properties in their order and without its delay [MQTT-3.1.3-10]', () => {
  const { will } = decodeConnect(connectWithWillProperties())
  assert.ok(will !== null)
  assert.equal(will.delaySeconds, 5)
  assert.equal(will.qos, 1)
  assert.equal(will.retain, true)
  const properties = '26000162000131' + '26000161000132' + '03000174' + '26000162000133'
  const expected = `33${(2 + 3 + 2 + 1 + 25 + 2).toString(16)}0003772f310001${'19'}${properties}6869`
  assert.equal(Buffer.from(will.packet).toString('hex'), expected)
})

test('a will of version 3.1.1 becomes a PUBLISH of version 5 with no properties', () => {
  const { will } = decodeConnect(
    connect(4, { will: { topic: 'w', payload: Buffer.from('x'), qos: 0, retain: false } }),
  )
  assert.equal(Buffer.from(will?.packet ?? []).toString('hex'), '300500017700' + '78')
})

test('SUBSCRIBE and UNSUBSCRIBE decode with their options', () => {
  const bytes = mqttPacket.generate(
    {
      cmd: 'subscribe',
      messageId: 9,
      subscriptions: [
        { topic: 'a/+', qos: 2, nl: true, rap: true, rh: 1 },
        { topic: '$share/g/#', qos: 0, nl: false, rap: false, rh: 2 },
      ],
      properties: { subscriptionIdentifier: 268_435_455 },
    },
    { protocolVersion: 5 },
  )
  const option = { qos: 2, noLocal: true, retainAsPublished: true, retainHandling: 1 }
  const shared = { qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 2 }
  assert.deepEqual(decodeSubscribe(bytes, 5), {
    packetId: 9,
    subscriptionId: 268_435_455,
    requests: [
      { filter: 'a/+', ...option },
      { filter: '$share/g/#', ...shared },
    ],
  })
  const old = mqttPacket.generate(
    { cmd: 'unsubscribe', messageId: 8, unsubscriptions: ['a', 'b'] },
    { protocolVersion: 4 },
  )
  assert.deepEqual(decodeUnsubscribe(old, 4), { packetId: 8, filters: ['a', 'b'] })
})

test('DISCONNECT decodes in every length that version 5 allows', () => {
  assert.deepEqual(decodeDisconnect(Buffer.from([0xe0, 0]), 5), {
    reasonCode: 0,
    sessionExpirySeconds: null,
  })
  assert.deepEqual(decodeDisconnect(Buffer.from([0xe0, 0]), 4), {
    reasonCode: 0,
    sessionExpirySeconds: null,
  })
  assert.deepEqual(decodeDisconnect(Buffer.from([0xe0, 1, 4]), 5), {
    reasonCode: 4,
    sessionExpirySeconds: null,
  })
  const long = Buffer.from([0xe0, 7, 0, 5, 0x11, 0, 0, 0, 30])
  assert.deepEqual(decodeDisconnect(long, 5), { reasonCode: 0, sessionExpirySeconds: 30 })
})

test('a packet that does not decode throws, and the one after it decodes', () => {
  assert.throws(() => decodeSubscribe(Buffer.from([0x82, 9, 0, 1, 0]), 4), UndecodablePacket)
  assert.throws(
    () => decodeSubscribe(Buffer.from([0x82, 5, 0, 1, 0, 9, 0x61]), 4),
    UndecodablePacket,
  )
  assert.deepEqual(
    decodeSubscribe(Buffer.from([0x82, 6, 0, 1, 0, 1, 0x61, 1]), 4).requests.length,
    1,
  )
})

const noLimit = { packetBytesMax: 0, problemInformation: true }

test('hand-written answers are what mqtt-packet writes', () => {
  for (const version of [4, 5] as const) {
    const options = { protocolVersion: version }
    for (const count of [1, 3, 200]) {
      const granted = Array.from({ length: count }, (_, at) => (at % 4 === 3 ? 0x80 : at % 4))
      const suback = mqttPacket.generate({ cmd: 'suback', messageId: 513, granted }, options)
      assert.deepEqual(Buffer.from(encodeSuback(version, 513, granted)), suback)
      const unsubacked = granted.map((code) => (code === 0 ? 0 : 0x11))
      const unsuback = mqttPacket.generate(
        { cmd: 'unsuback', messageId: 513, granted: unsubacked },
        options,
      )
      assert.deepEqual(Buffer.from(encodeUnsuback(version, 513, unsubacked)), unsuback)
    }
  }
  assert.equal(Buffer.from(encodeConnack(4, true, {})).toString('hex'), '20020100')
  assert.equal(Buffer.from(encodeConnack(3, true, {})).toString('hex'), '20020000')
  assert.equal(Buffer.from(encodeRefusal(4, 2, noLimit)).toString('hex'), '20020002')
  assert.equal(Buffer.from(encodeRefusal(5, 0x85, noLimit)).toString('hex'), '2003008500')
  assert.equal(
    Buffer.from(encodeRefusal(5, 0x85, noLimit, 'no')).toString('hex'),
    '20080085051f00026e6f',
  )
  assert.equal(Buffer.from(encodeDisconnect(5, 0x8e)).toString('hex'), 'e0018e')
  assert.equal(encodeDisconnect(4, 0x8e).length, 0)
})

test('of a refusal that would be too large the reason string goes first, then everything [MQTT-3.2.2-19] [MQTT-3.1.2-24]', () => {
  const refusal = (packetBytesMax: number, problemInformation = true) =>
    Buffer.from(encodeRefusal(5, 0x85, { packetBytesMax, problemInformation }, 'no')).toString(
      'hex',
    )
  assert.equal(refusal(10), '20080085051f00026e6f')
  assert.equal(refusal(9), '2003008500')
  assert.equal(refusal(5), '2003008500')
  assert.equal(refusal(4), '')
  assert.equal(refusal(0, false), '2003008500') // [MQTT-3.1.2-29]
})
