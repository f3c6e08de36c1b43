/** The file of API keys, bodies, waiting questions and what is counted. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { CausewayError } from '../../../../src/errors.js'
import { apiLimits } from '../../../../src/limits.js'
import { type ApiAnswer, readApiKeys } from '../../../../src/management/api/index.js'
import { jsonOf, readBody } from '../../../../src/management/api/json-body.js'
import { apiKeys } from '../../../../src/management/api/key-file.js'
import { KeyRing } from '../../../../src/management/api/key-ring.js'
import { Questions } from '../../../../src/management/api/questions.js'
import { Tally } from '../../../../src/management/api/tally.js'

const salt = new Uint8Array(32).fill(7)

function refusalOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    assert.ok(error instanceof CausewayError)
    assert.equal(error.code, 'API_KEYS_INVALID')
    return error.message
  }
  throw new Error('it was taken')
}

test('keys have roles; comments and blank lines are none', () => {
  const text = '# ours\r\n\r\n  admin:s3cret  \r\neye:look:viewer\nother:x:administrator'
  const { keys } = apiKeys(text, 'keys', salt)
  assert.deepEqual(
    keys.map(({ key, role }) => [key, role]),
    [
      ['admin', 'administrator'],
      ['eye', 'viewer'],
      ['other', 'administrator'],
    ],
  )
  const ring = new KeyRing({ salt: Buffer.from(salt).toString('hex'), keys })
  assert.deepEqual(ring.check('eye', 'look'), { key: 'eye', role: 'viewer' })
  for (const [key, secret] of [
    ['eye', 's3cret'],
    ['eye', ''],
    ['', ''],
    ['Eye', 'look'],
  ] as const)
    assert.equal(ring.check(key, secret), null)
})

test('a line that is no key is told with its place, without its secret', () => {
  const rows: readonly [string, RegExp][] = [
    ['admin', /^api_key\.bootstrap_file: keys:2: expected key:secret/],
    [':hidden', /keys:2: expected key:secret/],
    ['admin:', /keys:2: expected key:secret/],
    ['a:hidden:viewer:x', /keys:2: expected key:secret/],
    ['a:hidden:publisher', /keys:2: expected the role administrator or viewer$/],
    ['a:hidden:', /keys:2: expected the role/],
    ['first:hidden', /keys:2: the key of line 1 again$/],
    ['a b:hidden', /keys:2: a key or secret holds a blank/],
    [`a:${'x'.repeat(apiLimits.keyBytes + 1)}`, /keys:2: .* longer than 255 bytes/],
  ]
  for (const [line, expected] of rows) {
    const message = refusalOf(() => apiKeys(`first:x\n${line}\n`, 'keys', salt))
    assert.match(message, expected)
    assert.doesNotMatch(message, /hidden/)
  }
  const many = Array.from({ length: apiLimits.keys + 1 }, (_, at) => `k${at}:s`)
  assert.equal(apiKeys(many.slice(1).join('\n'), 'keys', salt).keys.length, apiLimits.keys)
  assert.match(
    refusalOf(() => apiKeys(many.join('\n'), 'keys', salt)),
    /keys:1001: more than 1000/,
  )
})

test('a file that is missing, too large or not UTF-8 is refused, none at all is no key', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-keys-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const file = join(directory, 'keys')
  assert.match(
    refusalOf(() => readApiKeys(file)),
    /cannot be read: ENOENT/,
  )
  writeFileSync(file, new Uint8Array([0x61, 0x3a, 0xff]))
  assert.match(
    refusalOf(() => readApiKeys(file)),
    /not UTF-8/,
  )
  writeFileSync(file, '#'.repeat(apiLimits.keyFileBytes + 1))
  assert.match(
    refusalOf(() => readApiKeys(file)),
    /bytes, more than/,
  )
  writeFileSync(file, 'a:b')
  const [first, second] = [readApiKeys(file), readApiKeys(file)]
  assert.notEqual(first.salt, second.salt)
  assert.notDeepEqual(first.keys[0]?.hash, second.keys[0]?.hash)
  assert.deepEqual(readApiKeys(null).keys, [])
})

test('what is no JSON is told where it stops being JSON', () => {
  const rows: readonly [string, string][] = [
    ['', 'it is empty'],
    ['{', 'line 1, column 2, where it ends'],
    ['{"a"', 'line 1, column 5, where it ends'],
    ['{"a":1,}', 'line 1, column 8'],
    ['[1 2]', 'line 1, column 4'],
    ['[1}', 'line 1, column 3'],
    ['{a:1}', 'line 1, column 2'],
    ['{"a" 1}', 'line 1, column 6'],
    ['{"a":}', 'line 1, column 6'],
    ['[,1]', 'line 1, column 2'],
    ['[01]', 'line 1, column 2'],
    ['[1,\n\n  nul]', 'line 3, column 3'],
    ['["\\x"]', 'line 1, column 2'],
    ['"open', 'line 1, column 1'],
    ['{} {}', 'line 1, column 4'],
  ]
  for (const [text, why] of rows) {
    const expected = { kind: 'bad', why: `the body is no JSON: ${why}` }
    assert.deepEqual(jsonOf(Buffer.from(text)), expected, text)
  }
  assert.equal(jsonOf(new Uint8Array([0x22, 0xff, 0x22])).kind, 'bad')
  assert.deepEqual(jsonOf(Buffer.from(' {"a":["]","\\"[",null,1e3]} ')), {
    kind: 'json',
    value: { a: [']', '"[', null, 1000] },
  })
})

test('nesting has a bound', () => {
  const nested = (levels: number) => Buffer.from('['.repeat(levels) + ']'.repeat(levels))
  assert.equal(jsonOf(nested(apiLimits.bodyDepth)).kind, 'json')
  assert.equal(jsonOf(nested(apiLimits.bodyDepth + 1)).kind, 'bad')
  assert.equal(jsonOf(nested(apiLimits.bodyBytes / 2)).kind, 'bad')
})

test('a body that does not say how long it is is read up to the bound', async () => {
  let sent = 0
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      sent += 65_536
      controller.enqueue(new Uint8Array(65_536))
    },
  })
  const request = new Request('http://here/', { method: 'POST', body, duplex: 'half' })
  assert.deepEqual(await readBody(request), { kind: 'large' })
  assert.ok(sent <= apiLimits.bodyBytes + 4 * 65_536, `${sent} bytes were read`)
})

class Desk {
  readonly asked: number[] = []
  readonly due = new Set<() => void>()
  readonly questions = new Questions({
    ask: (id) => this.asked.push(id),
    timers: {
      after: (delayMs, run) => {
        assert.equal(delayMs, apiLimits.answerMs)
        this.due.add(run)
        return { cancel: () => this.due.delete(run) }
      },
    },
  })
}

const answer: ApiAnswer = { status: 200, body: [] }

test('an answer reaches its question', async () => {
  const desk = new Desk()
  const [first, second] = [1, 2].map(() => desk.questions.ask({ kind: 'links' }))
  const other: ApiAnswer = { status: 204, body: null }
  desk.questions.answered(desk.asked[1] ?? 0, other)
  desk.questions.answered(desk.asked[0] ?? 0, answer)
  assert.deepEqual(await Promise.all([first, second]), [answer, other])
  assert.equal(desk.due.size, 0)
})

test('questions are bounded, and one that nobody waits for counts until it is answered', async () => {
  const desk = new Desk()
  const waiting = Array.from({ length: apiLimits.waiting }, () =>
    desk.questions.ask({ kind: 'links' }),
  )
  assert.equal(await desk.questions.ask({ kind: 'links' }), 'busy')
  for (const run of desk.due) run()
  assert.deepEqual(new Set(await Promise.all(waiting)), new Set(['late']))
  assert.equal(await desk.questions.ask({ kind: 'links' }), 'busy')
  desk.questions.answered(desk.asked[0] ?? 0, answer)
  const next = desk.questions.ask({ kind: 'links' })
  desk.questions.answered(desk.asked.at(-1) ?? 0, answer)
  assert.deepEqual(await next, answer)
  assert.equal(desk.asked.length, apiLimits.waiting + 1)
})

test('what was counted is told once, and nothing when nothing happened', () => {
  const tally = new Tally()
  assert.equal(tally.take(), null)
  tally.counts.api_requests += 2
  tally.connections = 1
  tally.refused = { peer: '1.2.3.4', key: null }
  const report = tally.take()
  assert.deepEqual([report?.counts.api_requests, report?.connections], [2, 1])
  assert.deepEqual(report?.refused, { peer: '1.2.3.4', key: null })
  assert.equal(tally.take(), null)
  tally.connections = 0
  assert.equal(tally.take()?.connections, 0)
})
