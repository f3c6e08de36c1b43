import assert from 'node:assert/strict'
import test from 'node:test'
import { badAcceptOnly } from './bad-accept-only.js'
import { badInputs, link, mark } from './bad-inputs.js'
import { load, refused } from './fixture.js'

for (const { title, text, message, code = 'CONFIG_INVALID' } of [...badInputs, ...badAcceptOnly]) {
  test(`${title} is refused, pointing at it`, (t) => {
    const at = text.indexOf(mark)
    const before = text.slice(0, at).split('\n')
    const column = (before[before.length - 1] ?? '').length + 1
    const error = refused(t, text.replace(mark, ''))
    const [first, line, caret] = error.message.split('\n')
    assert.equal(first, `c.conf:${before.length}:${column}: ${message}`)
    assert.equal(error.code, code)
    assert.equal(
      caret?.indexOf('^'),
      '      | '.length + Math.min(column - 1, caretColumnMax(line)),
    )
    assert.deepEqual([error.detail.line, error.detail.column], [before.length, column])
  })
}

/** Long lines are cut so that the caret stands at most in the middle of what is shown. */
function caretColumnMax(line: string | undefined): number {
  return (line ?? '').length > 120 ? 60 : Number.POSITIVE_INFINITY
}

test('all errors of a file are told in one message, in the order of the file', (t) => {
  const error = refused(t, 'mqtt {\n  upgrade_qos = 7\n  max_inflight = 0\n}\nfoo = 1\n')
  assert.equal(
    error.message,
    [
      'c.conf:2:17: mqtt.upgrade_qos: expected true or false, got 7',
      '    2 |   upgrade_qos = 7',
      '      |                 ^',
      'c.conf:3:18: mqtt.max_inflight: expected an integer from 1 to 65535, got 0',
      'c.conf:5:1: foo: unknown_fields: no such key',
    ].join('\n'),
  )
})

test('errors beyond the tenth are counted, not listed', (t) => {
  const keys = Array.from({ length: 13 }, (_, i) => `nonsense_${i} = 1`).join('\n')
  const lines = refused(t, keys).message.split('\n')
  assert.equal(lines.length, 1 + 2 + 9 + 1)
  assert.equal(lines.at(-1), 'and 3 more errors')
})

test('--strict refuses what is otherwise ignored', (t) => {
  const error = refused(t, 'mqtt.max_inflight = 1\nrule_engine { x = 1 }', {}, true)
  assert.match(error.message, /^c\.conf:2:1: rule_engine: has no effect and is refused by --strict/)
})

test('more in flight on a link than its far end knows again is refused, as much is not', (t) => {
  const [first] = refused(t, link('max_inflight = 8193')).message.split('\n')
  assert.equal(
    first,
    'c.conf:3:20: cluster.links.1.max_inflight: expected an integer from 0 to 8192, got 8193',
  )
  const { config } = load(t, link('max_inflight = 8192'))
  assert.equal(config.links[0]?.maxInflight, 8_192)
})

test('filters to synchronise are checked as topics are', (t) => {
  for (const [filters, message] of [
    ['"state/#", "a/#/b"', 'retained_sync.2: invalid_topics: topic_invalid_#: "a/#/b"'],
    ['"t/1", "t/+"', 'retained_sync.1: redundant_topics: "t/1" is covered by "t/+"'],
  ] as const) {
    const [first = ''] = refused(t, link(`retained_sync = [${filters}]`)).message.split('\n')
    assert.ok(first.includes(`cluster.links.1.${message}`), first)
  }
  const { config } = load(t, link('retained_sync = ["state/#"]'))
  assert.deepEqual(config.links[0]?.retainedSync, ['state/#'])
})

const many = (count: number, text: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => text(index)).join('\n')

for (const [what, most, text, message] of [
  [
    'links',
    64,
    (count: number) =>
      `cluster.links = [\n${many(count, (i) => `{ name = c${i}, server = h, topics = [] }`)}\n]`,
    'c.conf:1:17: cluster.links: expected at most 64 entries',
  ],
  [
    'listeners',
    252,
    (count: number) => many(count, (i) => `listeners.tcp.l${i} { bind = ${20_000 + i} }`),
    'expected at most 256 listeners, got 257',
  ],
  [
    'topics of a link',
    1000,
    (count: number) => link(`topics = [\n${many(count, (i) => `t/${i}`)}\n]`),
    'c.conf:3:14: cluster.links.1.topics: expected at most 1000 elements, got 1001',
  ],
  [
    'servers of a link',
    16,
    (count: number) => link(`server = "${many(count, (i) => `h${i}`).replaceAll('\n', ',')}"`),
    'c.conf:3:14: cluster.links.1.server: expected at most 16 servers, got 17',
  ],
] as const) {
  test(`${most} ${what} are accepted, one more is refused`, (t) => {
    load(t, text(most))
    const [first] = refused(t, text(most + 1)).message.split('\n')
    assert.ok(first?.endsWith(message), first)
  })
}
