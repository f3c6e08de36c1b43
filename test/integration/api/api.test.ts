/** The HTTP API of a broker that runs: who is let in, what is turned away, how it ends. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, get, type IncomingMessage } from 'node:http'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { apiLimits } from '../../../src/limits.js'
import {
  type BrokerProcess,
  closed,
  ctl,
  eventually,
  freePort,
  startBroker,
  TestClient,
} from '../harness/index.js'

const keyFile = 'admin:s3cret\neye:look:viewer\n'
const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` })
const admin = basic('admin:s3cret')
const json = { 'content-type': 'application/json' }

function folder(): string {
  return mkdtempSync(join(tmpdir(), 'causeway-api-'))
}

/** A broker with the API at `port`; keys and data are in `directory`. */
function start(directory: string, port: number, more = ''): Promise<BrokerProcess> {
  const keys = join(directory, 'keys')
  writeFileSync(keys, keyFile)
  const config = `
dashboard.listeners.http.bind = "127.0.0.1:${port}"
api_key.bootstrap_file = ${JSON.stringify(keys)}
${more}`
  return startBroker({ directory, config })
}

async function opened(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

describe('a broker with the API', () => {
  const directory = folder()
  let broker: BrokerProcess
  let port: number
  let url: string
  before(async () => {
    port = await freePort()
    url = `http://127.0.0.1:${port}`
    broker = await start(directory, port)
  })
  after(async () => {
    await broker.stop()
    rmSync(directory, { recursive: true })
  })

  const ask = (path: string, init: RequestInit = {}) => fetch(`${url}${path}`, init)
  async function codeOf(reply: Response): Promise<readonly [number, unknown]> {
    const body: unknown = await reply.json()
    assert.ok(typeof body === 'object' && body !== null && 'code' in body)
    return [reply.status, body.code]
  }
  const links = '/api/v5/cluster/links'

  test('control answers who has a key', async () => {
    for (const headers of [admin, basic('eye:look')]) {
      const reply = await ask(links, { headers })
      assert.deepEqual([reply.status, await reply.json()], [200, []])
      assert.equal(reply.headers.get('access-control-allow-origin'), null)
    }
    const head = await ask(links, { method: 'HEAD', headers: admin })
    assert.deepEqual([head.status, await head.text()], [200, ''])
  })

  test('who has none, or not for this, is refused, counted and told in the log', async () => {
    assert.deepEqual(await codeOf(await ask(links)), [401, 'AUTHORIZATION_HEADER_ERROR'])
    const wrong = await ask(links, { headers: basic('admin:wrong-secret') })
    assert.deepEqual(await codeOf(wrong), [401, 'BAD_API_KEY_OR_SECRET'])
    const viewer = await ask(`${links}/link/eu`, { method: 'DELETE', headers: basic('eye:look') })
    assert.deepEqual(await codeOf(viewer), [403, 'UNAUTHORIZED_ROLE'])
    await eventually('the log says so', () =>
      broker.log.some(({ event, key }) => event === 'api_refused' && key === 'eye'),
    )
    assert.ok((await broker.counter('api_refused_credentials')) >= 2)
    assert.ok((await broker.counter('api_refused_role')) >= 1)
    const said = JSON.stringify(broker.log)
    for (const secret of ['wrong-secret', 's3cret']) assert.ok(!said.includes(secret), secret)
  })

  test('what is none of its requests is refused', async () => {
    const post = (headers: Record<string, string>, body: string) =>
      ask(links, { method: 'POST', headers: { ...admin, ...headers }, body })
    assert.deepEqual(await codeOf(await ask('/api/v5/nothing')), [404, 'NOT_FOUND'])
    const patch = await ask(links, { method: 'PATCH', headers: admin })
    assert.equal(patch.headers.get('allow'), 'GET, HEAD, POST, PUT')
    assert.deepEqual(await codeOf(patch), [405, 'METHOD_NOT_ALLOWED'])
    assert.deepEqual(await codeOf(await post({}, '{}')), [415, 'UNSUPPORTED_MEDIA_TYPE'])
    assert.deepEqual(await codeOf(await post(json, '{"name":')), [400, 'BAD_REQUEST'])
    const large = await post(json, `"${'x'.repeat(apiLimits.bodyBytes)}"`)
    assert.deepEqual(await codeOf(large), [413, 'PAYLOAD_TOO_LARGE'])
  })

  test('a link is made, shown, changed, measured and removed', async () => {
    const send = async (method: string, path: string, link?: object) => {
      const body = link === undefined ? {} : { body: JSON.stringify(link) }
      const reply = await ask(path, { method, headers: { ...admin, ...json }, ...body })
      const text = await reply.text()
      return { status: reply.status, body: text === '' ? null : JSON.parse(text) }
    }
    const settings = { server: `127.0.0.1:${await freePort()}`, topics: ['to/us/#'], pool_size: 1 }
    const made = await send('POST', links, { name: 'eu', ...settings, password: 'hidden' })
    assert.equal(made.status, 201, JSON.stringify(made.body))
    assert.deepEqual([made.body.name, made.body.password], ['eu', '******'])
    assert.equal(
      (await send('POST', links, { name: 'eu', ...settings })).body.code,
      'ALREADY_EXISTS',
    )
    const listed = await send('GET', links)
    assert.deepEqual(
      listed.body.map(({ name }: { name: string }) => name),
      ['eu'],
    )
    for (const path of [`${links}/link/eu`, `${links}/eu`]) {
      assert.deepEqual((await send('GET', path)).body.topics, ['to/us/#'])
      const { status, body } = await send('GET', `${path}/metrics`)
      assert.deepEqual([status, body.metrics.forwarding.matched], [200, 0])
      assert.equal((await send('PUT', `${path}/metrics/reset`)).status, 204)
    }
    const changed = await send('PUT', links, { name: 'eu', ...settings, topics: ['other/#'] })
    assert.deepEqual([changed.status, changed.body.topics], [200, ['other/#']])
    const wrong = await send('PUT', `${links}/link/eu`, { ...settings, topics: ['a/#', 'a/b'] })
    assert.deepEqual([wrong.status, wrong.body.code], [400, 'BAD_REQUEST'])
    assert.equal((await send('DELETE', `${links}/link/eu`)).status, 204)
    const gone = await send('GET', `${links}/link/eu`)
    assert.deepEqual([gone.status, gone.body.code], [404, 'NOT_FOUND'])
    assert.ok(!JSON.stringify(broker.log).includes('hidden'))
  })

  test('the status and the document are for anybody', async () => {
    const status = await ask('/status')
    assert.equal(await status.text(), 'Node causeway@127.0.0.1 is started\ncauseway is running')
    assert.equal((await ask('/api-docs/swagger.json')).status, 200)
  })

  test('a connection serves one request after another', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const sockets = new Set<Socket>()
    for (let round = 0; round < 20; round++) {
      const request = get(`${url}${links}`, { agent, headers: admin })
      const [reply]: IncomingMessage[] = await once(request, 'response')
      assert.equal(reply?.statusCode, 200)
      if (request.socket !== null) sockets.add(request.socket)
      await once(reply?.resume() ?? request, 'end')
    }
    agent.destroy()
    assert.equal(sockets.size, 1)
  })

  test('what is no HTTP, or has headers without end, is cut off', async () => {
    for (const [sent, expected] of [
      ['\x10\x0c\x00\x04MQTT\r\n\r\n', '400'],
      [`GET / HTTP/1.1\r\nHost: a\r\nx: ${'x'.repeat(apiLimits.headerBytes)}`, '431'],
    ] as const) {
      const socket = await opened(port)
      let said = ''
      socket.on('data', (chunk) => (said += chunk))
      socket.write(sent)
      await closed(socket)
      assert.equal(said.slice(0, 12), `HTTP/1.1 ${expected}`)
    }
    await eventually(
      'they are counted',
      async () => (await broker.counter('api_refused_requests')) >= 2,
    )
  })

  test('headers that do not come are not waited for', async () => {
    const socket = await opened(port)
    let said = ''
    socket.on('data', (chunk) => (said += chunk))
    socket.write('GET /status HTTP/1.1\r\nHost: a\r\n')
    const trickle = setInterval(() => socket.write('x: y\r\n'), 500)
    await closed(socket)
    clearInterval(trickle)
    assert.match(said, /^HTTP\/1\.1 408 /)
    assert.equal((await ask('/status')).status, 200)
  })

  test('connections are bounded, and MQTT does not notice', async () => {
    await eventually(
      'nobody is there',
      async () =>
        !/http:api .* [1-9]\d* conn/.test(
          (await ctl('status', '--data-dir', join(directory, 'data'))).stdout,
        ),
    )
    const all = await Promise.all(
      Array.from({ length: apiLimits.connections + 8 }, () => opened(port)),
    )
    const left = new Set(all)
    for (const socket of all) socket.resume().once('close', () => left.delete(socket))
    await eventually('some are closed', () => left.size <= apiLimits.connections)
    const client = await TestClient.connect({ port: broker.port })
    await client.disconnect()
    for (const socket of left) socket.destroy()
    await eventually(
      'there is room again',
      async () => (await ask('/status').catch(() => null))?.status === 200,
    )
    await eventually(
      'they are counted',
      async () => (await broker.counter('api_refused_connections')) >= 8,
    )
  })

  test('a reload reads the keys again; a file that cannot be used changes nothing', async () => {
    const keys = join(directory, 'keys')
    const statusOf = async (key: string) => (await ask(links, { headers: basic(key) })).status
    writeFileSync(keys, 'other:word\n')
    broker.signal('SIGHUP')
    await eventually('the new key counts', async () => (await statusOf('other:word')) === 200)
    assert.equal(await statusOf('admin:s3cret'), 401)
    writeFileSync(keys, 'other:word\nbroken\n')
    broker.signal('SIGHUP')
    await eventually('it is refused', () =>
      broker.log.some(({ event }) => event === 'api_keys_refused'),
    )
    const said = broker.log.find(({ event }) => event === 'api_keys_refused')
    assert.match(String(said?.reason), /keys:2: expected key:secret/)
    assert.equal(await statusOf('other:word'), 200)
    writeFileSync(keys, keyFile)
    broker.signal('SIGHUP')
    await eventually(
      'the first keys are back',
      async () => (await statusOf('admin:s3cret')) === 200,
    )
  })
})

test('a broker ends at once, whoever is connected to the API', async (t) => {
  const directory = folder()
  t.after(() => rmSync(directory, { recursive: true }))
  const port = await freePort()
  const broker = await start(directory, port)
  const idle = await opened(port)
  const halfway = await opened(port)
  halfway.write('POST /api/v5/cluster/links HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n')
  const ends = [closed(idle), closed(halfway)]
  const began = performance.now()
  await broker.stop()
  const tookMs = performance.now() - began
  assert.ok(tookMs < 4_000, `it took ${Math.round(tookMs)} ms`)
  await Promise.all(ends)
})

test('WebSocket listeners and the API share their thread', async (t) => {
  const directory = folder()
  t.after(() => rmSync(directory, { recursive: true }))
  const [port, ws] = [await freePort(), await freePort()]
  const more = `listeners.ws.default { enable = true, bind = "127.0.0.1:${ws}" }`
  const broker = await start(directory, port, more)
  try {
    const client = await TestClient.connect({ port: ws, via: { kind: 'ws' } })
    const reply = await fetch(`http://127.0.0.1:${port}/api/v5/cluster/links`, { headers: admin })
    assert.equal(reply.status, 200)
    await client.disconnect()
  } finally {
    await broker.stop()
  }
})

test('without keys everybody is refused, and the log says why', async (t) => {
  const directory = folder()
  t.after(() => rmSync(directory, { recursive: true }))
  const port = await freePort()
  const config = `dashboard.listeners.http.bind = "127.0.0.1:${port}"`
  const broker = await startBroker({ directory, config })
  try {
    assert.ok(broker.log.some(({ event }) => event === 'api_without_keys'))
    const url = `http://127.0.0.1:${port}/api/v5/cluster/links`
    assert.equal((await fetch(url, { headers: admin })).status, 401)
  } finally {
    await broker.stop()
  }
})

test('a port in use and a bad file of keys are told with their place', async (t) => {
  const directory = folder()
  t.after(() => rmSync(directory, { recursive: true }))
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  await assert.rejects(
    start(directory, address.port),
    /dashboard\.listeners\.http\.bind \(.*causeway\.conf:\d+:\d+\): the port is in use/,
  )
  const port = await freePort()
  await assert.rejects(
    startBroker({
      directory,
      config: `dashboard.listeners.http.bind = ${port}\napi_key.bootstrap_file = ${JSON.stringify(join(directory, 'none'))}`,
    }),
    /api_key\.bootstrap_file: .*none: cannot be read: ENOENT/,
  )
})
