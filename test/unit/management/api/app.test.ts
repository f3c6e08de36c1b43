/** What the API answers, asked without a socket. Source: EMQX's REST API of cluster links. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { apiLimits } from '../../../../src/limits.js'
import { apiApp } from '../../../../src/management/api/app.js'
import { document } from '../../../../src/management/api/document.js'
import type { ApiAnswer, ApiQuestion } from '../../../../src/management/api/index.js'
import { apiKeys } from '../../../../src/management/api/key-file.js'
import { KeyRing } from '../../../../src/management/api/key-ring.js'
import type { Unanswered } from '../../../../src/management/api/questions.js'
import { Tally } from '../../../../src/management/api/tally.js'

const ring = new KeyRing(apiKeys('admin:s3cret\neye:look:viewer\n', 'keys', new Uint8Array(32)))
const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
const admin = { authorization: basic('admin:s3cret') }
const viewer = { authorization: basic('eye:look') }
const json = { 'content-type': 'application/json' }
const links = '/api/v5/cluster/links'

class Desk {
  readonly asked: ApiQuestion[] = []
  readonly mistakes: unknown[] = []
  readonly tally = new Tally()
  answer: ApiAnswer | Unanswered | Error = { status: 200, body: { answered: true } }
  readonly app = apiApp({
    nodeName: 'causeway@here',
    version: '1.2.3',
    keys: () => ring,
    ask: async (question) => {
      this.asked.push(question)
      if (this.answer instanceof Error) throw this.answer
      return this.answer
    },
    tally: this.tally,
    onMistake: (error) => this.mistakes.push(error),
  })

  async send(method: string, path: string, headers: Record<string, string> = {}, body?: string) {
    const init = body === undefined ? { method, headers } : { method, headers, body }
    const reply = await this.app.request(path, init)
    const text = await reply.text()
    const type = reply.headers.get('content-type') ?? ''
    return {
      status: reply.status,
      headers: reply.headers,
      text,
      body: type.startsWith('application/json') && text !== '' ? JSON.parse(text) : null,
    }
  }
}

describe('questions', () => {
  const rows: readonly [string, string, ApiQuestion][] = [
    ['GET', links, { kind: 'links' }],
    ...[`${links}/link/eu-1`, `${links}/eu-1`].flatMap((path): [string, string, ApiQuestion][] => [
      ['GET', path, { kind: 'link', name: 'eu-1' }],
      ['DELETE', path, { kind: 'delete-link', name: 'eu-1' }],
      ['GET', `${path}/metrics`, { kind: 'link-metrics', name: 'eu-1' }],
      ['PUT', `${path}/metrics/reset`, { kind: 'reset-link-metrics', name: 'eu-1' }],
    ]),
    ['GET', `${links}/link/metrics`, { kind: 'link', name: 'metrics' }],
    ['GET', `${links}/link`, { kind: 'link', name: 'link' }],
    ['GET', `${links}/link/a%2Fb%20c`, { kind: 'link', name: 'a/b c' }],
  ]
  for (const [method, path, question] of rows) {
    test(`${method} ${path}`, async () => {
      const desk = new Desk()
      const { status, body } = await desk.send(method, path, admin)
      assert.deepEqual([status, body], [200, { answered: true }])
      assert.deepEqual(desk.asked, [question])
    })
  }

  test('bodies go through as they are', async () => {
    const desk = new Desk()
    desk.answer = { status: 201, body: { name: 'eu' } }
    const link = { name: 'eu', topics: ['a/#'], pool_size: 2 }
    const body = JSON.stringify(link)
    assert.equal((await desk.send('POST', links, { ...admin, ...json }, body)).status, 201)
    for (const path of [links, `${links}/link/eu`, `${links}/eu`])
      await desk.send('PUT', path, { ...admin, ...json }, body)
    const update = { kind: 'update-link', name: 'eu', link }
    assert.deepEqual(desk.asked, [{ kind: 'create-link', link }, update, update, update])
  })

  test('a change of a link without a path or a name is refused', async () => {
    const desk = new Desk()
    for (const body of ['{}', '[]', 'null', '"eu"', '{"name":7}', '{"name":""}']) {
      const { status, body: said } = await desk.send('PUT', links, { ...admin, ...json }, body)
      assert.deepEqual([status, said.code], [400, 'BAD_REQUEST'], body)
    }
    assert.deepEqual(desk.asked, [])
  })

  test('an answer without a body has none, an error has its own', async () => {
    const desk = new Desk()
    desk.answer = { status: 204, body: null }
    const gone = await desk.send('DELETE', `${links}/eu`, admin)
    assert.deepEqual([gone.status, gone.text], [204, ''])
    const message = { kind: 'validation_error', reason: 'Invalid name format' }
    desk.answer = { status: 400, body: { code: 'BAD_REQUEST', message } }
    const refused = await desk.send('POST', links, { ...admin, ...json }, '{}')
    assert.deepEqual([refused.status, refused.body], [400, { code: 'BAD_REQUEST', message }])
  })

  test('HEAD is GET without the body', async () => {
    const desk = new Desk()
    const { status, text } = await desk.send('HEAD', links, viewer)
    assert.deepEqual([status, text, desk.asked], [200, '', [{ kind: 'links' }]])
  })
})

describe('who asks', () => {
  const strangers: readonly [string, string | null, string][] = [
    ['nobody', null, 'AUTHORIZATION_HEADER_ERROR'],
    ['another scheme', 'Digest x=y', 'AUTHORIZATION_HEADER_ERROR'],
    ['a token', 'Bearer abc', 'BAD_TOKEN'],
    ['another secret', basic('admin:secret'), 'BAD_API_KEY_OR_SECRET'],
    ['the secret of another key', basic('admin:look'), 'BAD_API_KEY_OR_SECRET'],
    ['an unknown key', basic('someone:s3cret'), 'BAD_API_KEY_OR_SECRET'],
    ['a key alone', basic('admin'), 'BAD_API_KEY_OR_SECRET'],
    ['nothing at all', basic(':'), 'BAD_API_KEY_OR_SECRET'],
    ['no base64', 'Basic %%%', 'BAD_API_KEY_OR_SECRET'],
  ]
  for (const [who, authorization, code] of strangers) {
    test(`${who}: 401, counted, control is not asked`, async () => {
      const desk = new Desk()
      const headers = authorization === null ? {} : { authorization }
      const reply = await desk.send('GET', links, headers)
      assert.deepEqual([reply.status, reply.body.code], [401, code])
      assert.match(reply.headers.get('www-authenticate') ?? '', /^Basic realm=/)
      assert.deepEqual(desk.asked, [])
      assert.equal(desk.tally.counts.api_refused_credentials, 1)
    })
  }

  test('a viewer reads and does not write', async () => {
    const desk = new Desk()
    assert.equal((await desk.send('GET', `${links}/eu/metrics`, viewer)).status, 200)
    desk.asked.length = 0
    const writes = [
      ['POST', links],
      ['PUT', links],
      ['PUT', `${links}/eu`],
      ['DELETE', `${links}/link/eu`],
      ['PUT', `${links}/link/eu/metrics/reset`],
    ] as const
    for (const [method, path] of writes) {
      const { status, body } = await desk.send(
        method,
        path,
        { ...viewer, ...json },
        '{"name":"eu"}',
      )
      assert.deepEqual([status, body.code], [403, 'UNAUTHORIZED_ROLE'], path)
    }
    assert.deepEqual(desk.asked, [])
    const report = desk.tally.take()
    assert.equal(report?.counts.api_refused_role, writes.length)
    assert.deepEqual(report?.refused, { peer: '', key: 'eye' })
  })
})

describe('what cannot be answered', () => {
  test('unknown paths and methods', async () => {
    const desk = new Desk()
    for (const path of ['/', '/api/v5', '/api/v5/nothing', `${links}/`, `${links}/a/b/c`]) {
      const { status, body } = await desk.send('GET', path, admin)
      assert.deepEqual([status, body.code], [404, 'NOT_FOUND'], path)
    }
    const others: readonly [string, string, string][] = [
      ['DELETE', links, 'GET, HEAD, POST, PUT'],
      ['PATCH', `${links}/link/eu`, 'GET, HEAD, PUT, DELETE'],
      ['POST', `${links}/eu`, 'GET, HEAD, PUT, DELETE'],
      ['PUT', `${links}/eu/metrics`, 'GET, HEAD'],
      ['GET', `${links}/link/eu/metrics/reset`, 'PUT'],
      ['OPTIONS', links, 'GET, HEAD, POST, PUT'],
      ['POST', '/status', 'GET, HEAD'],
    ]
    for (const [method, path, allowed] of others) {
      const { status, headers } = await desk.send(method, path, admin)
      assert.deepEqual([status, headers.get('allow')], [405, allowed], `${method} ${path}`)
      assert.equal(headers.get('access-control-allow-origin'), null)
    }
    assert.deepEqual(desk.asked, [])
  })

  test('bodies of another type, too large, or no JSON', async () => {
    const desk = new Desk()
    const post = (headers: Record<string, string>, body: string) =>
      desk.send('POST', links, { ...admin, ...headers }, body)
    for (const type of ['application/x-www-form-urlencoded', 'text/plain', 'application/jsonp'])
      assert.equal((await post({ 'content-type': type }, '{}')).status, 415, type)
    assert.equal(
      (await post({ 'content-type': 'Application/JSON; charset=utf-8' }, '{}')).status,
      200,
    )
    const most = `"${'x'.repeat(apiLimits.bodyBytes - 2)}"`
    assert.equal((await post(json, most)).status, 200)
    assert.equal((await post(json, `${most} `)).status, 413)
    const { status, body } = await post(json, '{\n  "password": oops }')
    assert.equal(status, 400)
    assert.deepEqual(body, {
      code: 'BAD_REQUEST',
      message: 'the body is no JSON: line 2, column 15',
    })
    assert.equal(desk.asked.length, 2)
  })

  test('control is busy, late, or makes a mistake', async () => {
    const desk = new Desk()
    for (const [answer, counter] of [
      ['busy', 'api_refused_busy'],
      ['late', 'api_unanswered'],
    ] as const) {
      desk.answer = answer
      const { status, body } = await desk.send('GET', links, admin)
      assert.deepEqual([status, body.code], [503, 'SERVICE_UNAVAILABLE'])
      assert.equal(desk.tally.counts[counter], 1)
    }
    desk.answer = new Error('inner words')
    const { status, text, body } = await desk.send('GET', links, admin)
    assert.deepEqual([status, body.code, desk.mistakes], [500, 'INTERNAL_ERROR', [desk.answer]])
    assert.doesNotMatch(text, /inner words/)
  })
})

test('anybody may ask whether the broker runs', async () => {
  const desk = new Desk()
  for (const path of ['/status', '/api/v5/status']) {
    const { status, text } = await desk.send('GET', path)
    assert.deepEqual([status, text], [200, 'Node causeway@here is started\ncauseway is running'])
  }
})

test('the OpenAPI document has every route, and no other', async () => {
  const desk = new Desk()
  const { body } = await desk.send('GET', '/api-docs/swagger.json')
  assert.deepEqual(body, JSON.parse(JSON.stringify(document('1.2.3'))))
  const described = Object.entries<Record<string, unknown>>(body.paths).flatMap(([path, item]) =>
    Object.keys(item)
      .filter((key) => key !== 'parameters')
      .map((method) => `${method.toUpperCase()} ${path}`),
  )
  const routed = desk.app.routes
    .filter(({ method }) => method !== 'ALL')
    .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`)
  assert.deepEqual([...described].sort(), [...new Set(routed)].sort())
  assert.ok(routed.length > 10)
  const ids = Object.values<Record<string, { operationId?: string }>>(body.paths)
    .flatMap((item) => Object.values(item))
    .flatMap(({ operationId }) => operationId ?? [])
  assert.equal(new Set(ids).size, described.length)
  const refs = [...JSON.stringify(body).matchAll(/#\/components\/schemas\/(\w+)/g)].map(
    ([, name]) => name,
  )
  for (const name of refs) assert.ok(Object.hasOwn(body.components.schemas, name ?? ''), name)
})
