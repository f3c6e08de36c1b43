import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errorCodeOf } from '../../../src/link/failure.js'

test('events that say a link cannot be made carry an error code, others none', () => {
  const codes = [
    'self_connected',
    'handshake_rejected',
    'connection_failed',
    'handshake_timeout',
    'online',
  ].map((end) => errorCodeOf(`cluster_link_routerepl_${end}`))
  assert.deepEqual(codes, [
    'LINK_SELF_CONNECTED',
    'LINK_REJECTED',
    'LINK_UNREACHABLE',
    'LINK_UNREACHABLE',
    null,
  ])
})
