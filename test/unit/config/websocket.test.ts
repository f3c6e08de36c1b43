/** `websocket` of a listener: who may come in, and how a client behind a proxy is known. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { load, refused } from './fixture.js'

function websocketOf(t: TestContext, options: string) {
  const { config, warnings } = load(t, `listeners.ws.default.websocket { ${options} }`)
  assert.deepEqual(warnings, [])
  const listener = config.listeners.find(({ kind }) => kind === 'ws')
  return listener?.kind === 'ws' ? listener.websocket : assert.fail('no ws listener')
}

test('origins are looked at when that is switched on, with EMQX’s defaults', (t) => {
  assert.equal(websocketOf(t, '').origins, null)
  assert.equal(websocketOf(t, 'check_origins = "http://a.test"').origins, null)
  assert.deepEqual(websocketOf(t, 'check_origin_enable = true').origins, {
    allowed: ['http://localhost:18083', 'http://127.0.0.1:18083'],
    absenceAllowed: true,
  })
  const written = 'check_origin_enable = true, allow_origin_absence = false'
  assert.deepEqual(
    websocketOf(t, `${written}, check_origins = "http://a.test, http://b.test"`).origins,
    {
      allowed: ['http://a.test', 'http://b.test'],
      absenceAllowed: false,
    },
  )
})

test('headers of proxies are read where they are named, whatever the case of their letters', (t) => {
  const none = websocketOf(t, '')
  assert.deepEqual([none.proxyAddressHeader, none.proxyPortHeader], [null, null])
  const named = websocketOf(
    t,
    'proxy_address_header = X-Forwarded-For, proxy_port_header = x-forwarded-port',
  )
  assert.deepEqual(
    [named.proxyAddressHeader, named.proxyPortHeader],
    ['x-forwarded-for', 'x-forwarded-port'],
  )
  const { message } = refused(t, 'listeners.ws.a.websocket.proxy_address_header = "X Forwarded"')
  assert.match(
    message,
    /proxy_address_header: expected the name of an HTTP header, got "X Forwarded"/,
  )
})

test('a PROXY header in front of WebSocket is refused, and the header to use instead is named', (t) => {
  for (const kind of ['ws', 'wss']) {
    const { message } = refused(t, `listeners.${kind}.a { bind = 2000, proxy_protocol = true }`)
    assert.match(
      message,
      new RegExp(
        `listeners\\.${kind}\\.a\\.proxy_protocol: expected false: .*listeners\\.${kind}\\.a\\.websocket\\.proxy_address_header`,
      ),
    )
  }
  load(t, 'listeners.ws.a { bind = 2000, proxy_protocol = true, enable = false }')
})
