/** Rows of `causeway ctl clients`: within 100 columns, and nothing that a terminal would obey. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clientRow, clientsHead, clientText } from '../../../src/cli/ctl-client-text.js'
import type { ClientReport } from '../../../src/management/index.js'

const client: ClientReport = {
  clientid: 'c',
  username: null,
  connected: true,
  node: 'n@h',
  proto_name: 'MQTT',
  proto_ver: 4,
  clean_start: true,
  is_bridge: false,
  keepalive: 60,
  expiry_interval: 7_200,
  connected_at: '2026-11-23T15:04:05.000Z',
  disconnected_at: null,
  ip_address: '10.0.0.1',
  port: 50_000,
  listener: 'tcp:default',
  mountpoint: null,
  subscriptions_cnt: 2,
}

test('columns stand below their heads, whatever is in them', () => {
  const long = { clientid: 'x'.repeat(70_000), username: 'y'.repeat(70_000) }
  const away = { connected: false, disconnected_at: '2026-11-24T16:05:06.000Z', port: null }
  const row = clientRow({ ...client, ...long, ...away, ip_address: '2001:db8:1:2:3:4:5:6' })
  assert.ok(row.length <= 100, `${row.length}`)
  assert.match(row, /^x+… {2}y+… {2}waiting +3\.1\.1 {2}2001:db8:1:2:3… +2 {2}11-24 16:05$/)
  assert.equal(clientRow(client).indexOf('connected'), clientsHead().indexOf('STATE'))
  assert.equal(clientRow(client).indexOf('11-23 15:04'), clientsHead().indexOf('SINCE'))
})

test('what a client calls itself cannot move the cursor, start a line or turn the writing', () => {
  const clientid = 'a\u001b[2J\u0007\n\u009b\u202eb\u2028é'
  const escaped = 'a\\u{1b}[2J\\u{7}\\u{a}\\u{9b}\\u{202e}b\\u{2028}é'
  assert.ok(clientRow({ ...client, clientid: clientid.slice(0, 3) }).startsWith('a\\u{1b}['))
  const text = clientText({ ...client, clientid, username: clientid, mountpoint: clientid })
  for (const name of ['client', 'username', 'mountpoint'])
    assert.ok(text.split('\n').some((line) => line.startsWith(name) && line.endsWith(escaped)))
})

test('one client in full', () => {
  const forever = { expiry_interval: 4_294_967_295, keepalive: 0, is_bridge: true, port: null }
  const text = clientText({ ...client, ...forever, ip_address: 'unix:4711/1000' })
  assert.match(text, /^session expiry +never$/m)
  assert.match(text, /^keep-alive +none$/m)
  assert.match(text, /^bridge +yes$/m)
  assert.match(text, /^address +unix:4711\/1000$/m)
  assert.match(clientText(client), /^address +10\.0\.0\.1, port 50000$/m)
  assert.doesNotMatch(clientText(client), /bridge|disconnected|mountpoint/)
})
