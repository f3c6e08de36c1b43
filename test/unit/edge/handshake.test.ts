import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type HandshakeRules, judge, peerText, plainStatus } from '../../../src/edge/handshake.js'

const strict: HandshakeRules = {
  mqttPath: '/mqtt',
  failIfNoSubprotocol: true,
  subprotocols: ['mqtt', 'mqttv3.1'],
}
const asked = (subprotocols: string, more: object = {}) => ({
  path: '/mqtt',
  version: '13',
  subprotocols,
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

test('what is not ours is refused with the status that says why', () => {
  const refused = (status: number) => ({ kind: 'refused', status })
  assert.deepEqual(judge(asked('mqtt', { path: '/' }), strict), refused(404))
  assert.deepEqual(judge(asked('mqtt', { version: '8' }), strict), refused(426))
  for (const named of ['', ' , ', 'chat', 'MQTT', 'mqtt5'])
    assert.deepEqual(judge(asked(named), strict), refused(400))
})

test('no name is accepted where it is allowed, an unknown one never', () => {
  const lenient = { ...strict, failIfNoSubprotocol: false }
  assert.deepEqual(judge(asked(''), lenient), { kind: 'accepted', subprotocol: '' })
  assert.deepEqual(judge(asked('chat'), lenient), { kind: 'refused', status: 400 })
})

test('plain HTTP is told to upgrade where a WebSocket would be served', () => {
  assert.equal(plainStatus('/mqtt', strict), 426)
  assert.equal(plainStatus('/', strict), 404)
})

test('peers are written as the io loops write them', () => {
  assert.equal(peerText('10.0.0.1', 7), '10.0.0.1:7')
  assert.equal(peerText('::ffff:10.0.0.1', 7), '10.0.0.1:7')
  assert.equal(peerText('::1', 0), '[::1]:0')
})
