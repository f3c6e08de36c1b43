import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type HandshakeRules,
  judge,
  judgePlain,
  peerBehindProxy,
  peerText,
} from '../../../src/edge/handshake.js'

const strict: HandshakeRules = {
  mqttPath: '/mqtt',
  failIfNoSubprotocol: true,
  subprotocols: ['mqtt', 'mqttv3.1'],
  origins: null,
}
const asked = (subprotocols: string, more: object = {}) => ({
  path: '/mqtt',
  version: '13',
  subprotocols,
  origin: '',
  ...more,
})

test('the first of the client’s names that we speak is selected', () => {
  for (const [named, subprotocol] of [
    ['mqtt', 'mqtt'],
    ['mqttv3.1, mqtt', 'mqttv3.1'],
    ['chat ,  mqtt', 'mqtt'],
  ] as const) {
    assert.deepEqual(judge(asked(named), strict), { kind: 'accepted', subprotocol })
  }
})

const refused = (status: number, why: string) => ({
  kind: 'refused',
  status,
  why: `ws_refused_${why}`,
})

test('what is not ours is refused with the status that says why', () => {
  assert.deepEqual(judge(asked('mqtt', { path: '/' }), strict), refused(404, 'path'))
  assert.deepEqual(judge(asked('mqtt', { version: '8' }), strict), refused(426, 'http'))
  for (const named of ['', ' , ', 'chat', 'MQTT', 'mqtt5'])
    assert.deepEqual(judge(asked(named), strict), refused(400, 'subprotocol'))
})

test('an Origin is compared letter by letter, and its absence is a matter of its own', () => {
  const origins = { allowed: ['http://a.test'], absenceAllowed: true }
  const from = (origin: string, absenceAllowed = true) =>
    judge(asked('mqtt', { origin }), { ...strict, origins: { ...origins, absenceAllowed } }).kind
  assert.equal(from('http://a.test'), 'accepted')
  assert.equal(from(''), 'accepted')
  for (const other of ['http://a.test:80', 'https://a.test', 'http://A.test', 'null'])
    assert.equal(from(other), 'refused', other)
  assert.equal(from('', false), 'refused')
  assert.deepEqual(
    judge(asked('mqtt', { origin: 'http://b.test' }), { ...strict, origins }),
    refused(403, 'origin'),
  )
})

test('no name is accepted where it is allowed, an unknown one never', () => {
  const lenient = { ...strict, failIfNoSubprotocol: false }
  assert.deepEqual(judge(asked(''), lenient), { kind: 'accepted', subprotocol: '' })
  assert.deepEqual(judge(asked('chat'), lenient), refused(400, 'subprotocol'))
})

test('plain HTTP is told to upgrade where a WebSocket would be served', () => {
  assert.deepEqual(judgePlain('/mqtt', strict), refused(426, 'http'))
  assert.deepEqual(judgePlain('/', strict), refused(404, 'path'))
})

test('the first address of a header is the client’s, and what is none is nobody’s', () => {
  for (const [addresses, port, peer] of [
    ['203.0.113.7', '4711', '203.0.113.7:4711'],
    [' 203.0.113.7 , 10.0.0.1', '', '203.0.113.7:0'],
    ['[2001:db8::1]', '1', '[2001:db8::1]:1'],
    ['::ffff:203.0.113.7', '99999', '203.0.113.7:0'],
    ['203.0.113.7:80', '', null],
    ['unknown', '1', null],
    ['', '1', null],
  ] as const) {
    assert.equal(peerBehindProxy(addresses, port), peer)
  }
})

test('peers are written as the io loops write them', () => {
  assert.equal(peerText('10.0.0.1', 7), '10.0.0.1:7')
  assert.equal(peerText('::ffff:10.0.0.1', 7), '10.0.0.1:7')
  assert.equal(peerText('::1', 0), '[::1]:0')
})
