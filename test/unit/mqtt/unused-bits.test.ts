import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  decodeConnect,
  decodeDisconnect,
  decodeSubscribe,
  decodeUnsubscribe,
  UndecodablePacket,
} from '../../../src/mqtt/index.js'

const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex')
const head = '0006 4d5149736470 03'

test('a version 3.1 CONNECT may set any bit that version does not use', () => {
  const packet = decodeConnect(bytes(`1f 10 ${head} 3b 003c 0002 6331`))
  assert.deepEqual([packet.clientId, packet.cleanStart, packet.will], ['c1', true, null])
})

test('a version 3.1 CONNECT may announce a user name and a password and leave them out', () => {
  const nothing = decodeConnect(bytes(`10 10 ${head} c2 003c 0002 6331`))
  assert.deepEqual([nothing.username, nothing.password], [null, null])
  const half = decodeConnect(bytes(`10 13 ${head} c2 003c 0002 6331 0001 75`))
  assert.deepEqual([half.username, half.password], ['u', null])
})

test('a version 3.1 CONNECT keeps its will, user name and password', () => {
  const packet = decodeConnect(
    bytes(`10 1c ${head} f6 003c 0002 6331 0001 77 0001 78 0001 75 0001 70`),
  )
  assert.deepEqual([packet.will?.topic, packet.will?.qos, packet.will?.retain], ['w', 2, true])
  assert.deepEqual([packet.username, packet.password?.toString()], ['u', 'p'])
})

test('a version 3.1 SUBSCRIBE may be a duplicate, and the upper bits of a requested QoS do not count', () => {
  const packet = decodeSubscribe(bytes('8a 0a 0007 0001 61 fd 0001 62 02'), 3)
  assert.equal(packet.packetId, 7)
  assert.deepEqual(
    packet.requests.map(({ filter, qos }) => [filter, qos]),
    [
      ['a', 1],
      ['b', 2],
    ],
  )
})

test('version 3.1 UNSUBSCRIBE and DISCONNECT may have any flags', () => {
  assert.deepEqual(decodeUnsubscribe(bytes('aa 05 0007 0001 61'), 3).filters, ['a'])
  assert.equal(decodeDisconnect(bytes('ef 00'), 3).reasonCode, 0)
})

test('the bytes given are left as they are', () => {
  const given = bytes('8a 06 0007 0001 61 fd')
  decodeSubscribe(given, 3)
  assert.deepEqual(given, bytes('8a 06 0007 0001 61 fd'))
})

test('what version 3.1 does not use is reserved in version 3.1.1', () => {
  assert.throws(() => decodeSubscribe(bytes('8a 06 0007 0001 61 01'), 4), UndecodablePacket)
})
