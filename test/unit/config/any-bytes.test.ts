/**
 * Any bytes whatever give a configuration, or one CausewayError that says file, line and column: never another throw,
 * never a hang, and no text that grows when it is read. Boxed by time, CAUSEWAY_FUZZ_SECONDS in each form (default 1);
 * fast-check prints the seed of a failure, CAUSEWAY_TEST_SEED runs it again.
 */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { loadConfig } from '../../../src/config/index.js'
import { CausewayError } from '../../../src/errors.js'
import { files } from './fixture.js'

const boxMs = Number(process.env.CAUSEWAY_FUZZ_SECONDS ?? 1) * 1000
/** Of one load of at most a few kilobytes, on a machine busy with everything else. */
const loadMs = 5_000
const file = 'c.conf'
const root = join(import.meta.dirname, '../../../..')

type Outcome = 'accepted' | 'refused'

/** @throws AssertionError when it is neither accepted nor refused as it should be */
function outcomeOf(directory: string, content: Uint8Array): Outcome {
  const path = join(directory, file)
  writeFileSync(path, content)
  const startedMs = performance.now()
  try {
    loadConfig({ file: path, env: { HOME: '/h', EMPTY: '', NUMBER: '7' } })
    return 'accepted'
  } catch (error) {
    assert.ok(error instanceof CausewayError, `${error}`)
    assert.match(error.code, /^CONFIG_/)
    assertPosition(error, path, content)
    return 'refused'
  } finally {
    const tookMs = performance.now() - startedMs
    assert.ok(tookMs < loadMs, `one load took ${tookMs} ms`)
  }
}

/** The position is the file's own and lies in it. */
function assertPosition(error: CausewayError, path: string, content: Uint8Array): void {
  const [, line = '', column = ''] =
    /^(\d+):(\d+): ./.exec(error.message.slice(path.length + 1)) ?? []
  assert.ok(error.message.startsWith(`${path}:`) && line !== '', error.message)
  const lines = Buffer.from(content).toString('utf8').split('\n')
  assert.ok(Number(line) >= 1 && Number(line) <= lines.length, `line ${line} of ${lines.length}`)
  // Behind the last character at most; a carriage return may count or not.
  const length = [...(lines[Number(line) - 1] ?? '')].length
  assert.ok(Number(column) >= 1 && Number(column) <= length + 1, `column ${column} of ${length}`)
}

/** Plays contents until the box is full. @returns how often each outcome came */
function play(t: TestContext, contents: fc.Arbitrary<Uint8Array>): Record<Outcome, number> {
  const directory = files(t, { [file]: '' })
  const seen: Record<Outcome, number> = { accepted: 0, refused: 0 }
  const seed = process.env.CAUSEWAY_TEST_SEED
  fc.assert(
    fc.property(contents, (content) => {
      seen[outcomeOf(directory, content)]++
    }),
    {
      numRuns: Number.MAX_SAFE_INTEGER,
      interruptAfterTimeLimit: boxMs,
      ...(seed === undefined ? {} : { seed: Number(seed) }),
    },
  )
  t.diagnostic(`${seen.accepted} accepted, ${seen.refused} refused`)
  return seen
}

const text = (parts: fc.Arbitrary<readonly string[]>) =>
  parts.map((tokens) => Buffer.from(tokens.join('')))

/** What opens a substitution, spelled so that it is none here. */
const open = '$' + '{'
const optional = `${open}?`

const tokens =
  '{ } [ ] = : += , \n \r\n # // " """ } . \\ \\u \\ud800 \\n | ; * & ? ! @ ( ) - _ \t \0 \ufeff \u2028 é 😀'
    .split(' ')
    .concat(open, optional)
    .concat(
      ' ',
      'a',
      'b',
      'a.b',
      '"a.b"',
      'include ',
      'file(',
      'required(',
      `"${file}"`,
      '"x.conf"',
    )
    .concat(
      '1',
      '-1',
      '1e999',
      '0x',
      '10ms',
      '1h',
      '10MB',
      '50%',
      'true',
      'null',
      'infinity',
      'NUMBER',
    )
    .concat('mqtt', 'max_inflight', 'listeners', 'tcp', 'default', 'bind', '"127.0.0.1:1883"')
    .concat(
      'cluster',
      'links',
      'name',
      'server',
      'topics',
      'node',
      'data_dir',
      '__proto__',
      'constructor',
    )

test('random bytes', (t) => {
  const { refused } = play(t, fc.uint8Array({ maxLength: 200 }))
  assert.ok(refused > 0)
})

test('words of the language in no order', (t) => {
  const { refused } = play(t, text(fc.array(fc.constantFrom(...tokens), { maxLength: 60 })))
  assert.ok(refused > 0)
})

test('good files with a few bytes changed', (t) => {
  const good = [
    readFileSync(join(root, 'bench/peers/causeway.conf')),
    Buffer.from(`
mqtt { max_inflight = 100, max_packet_size = 1MB, upgrade_qos = true }
listeners.tcp.default { bind = "127.0.0.1:1883", max_connections = \${NUMBER} }
listeners.ssl.default.enable = false
cluster { name = here, links = [{ name = there, server = "h:1883", topics = ["t/#"] }] }
log.console { level = info, formatter = json } # a comment
retainer { max_payload_size = 1MB, backend { max_retained_messages = 10 } }
`),
  ]
  const edit = fc.record({
    at: fc.nat({ max: 2000 }),
    drop: fc.nat({ max: 6 }),
    put: fc.oneof(
      fc.constantFrom(...tokens).map((token) => Buffer.from(token)),
      fc.uint8Array({ maxLength: 3 }),
    ),
  })
  const edited = fc
    .tuple(fc.constantFrom(...good), fc.array(edit, { maxLength: 4 }))
    .map(([content, edits]) =>
      edits.reduce<Uint8Array>((bytes, { at, drop, put }) => {
        const from = at % (bytes.length + 1)
        return Buffer.concat([bytes.subarray(0, from), put, bytes.subarray(from + drop)])
      }, content),
    )
  const { accepted, refused } = play(t, edited)
  assert.ok(accepted > 0 && refused > 0)
})

test('fields that stand for each other', (t) => {
  const key = fc.constantFrom('a', 'b', 'c', 'd', 'a.b', 'b.c', 'c.a')
  const value = fc.letrec<{ value: string }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      fc.constantFrom('1', 'x', '"y"', 'null'),
      key.map((name) => `\${${name}}`),
      key.map((name) => `\${?${name}}`),
      fc.array(tie('value'), { maxLength: 4 }).map((values) => `[${values.join(', ')}]`),
      fc.array(tie('value'), { maxLength: 4 }).map((values) => values.join(' ')),
      fc
        .array(fc.tuple(key, tie('value')), { maxLength: 4 })
        .map((fields) => `{ ${fields.map(([name, own]) => `${name} = ${own}`).join(', ')} }`),
    ),
  })).value
  const field = fc
    .tuple(key, fc.constantFrom(' = ', ' : ', ' += ', ' '), value)
    .map(([name, separator, own]) => `${name}${separator}${own}\n`)
  const { refused } = play(t, text(fc.array(field, { maxLength: 12 })))
  assert.ok(refused > 0)
})

for (const [what, content] of [
  ['brackets', '['.repeat(100_000)],
  ['braces', '{a='.repeat(100_000)],
  ['a path', `${'a.'.repeat(100_000)}a = 1`],
  ['a substituted path', `a = \${${'a.'.repeat(100_000)}a}`],
  ['an optional substituted path', `a = \${?${'a.'.repeat(50_000)}a} x`],
  ['one key', `${'a'.repeat(500_000)} = 1`],
  ['one key of many words', `${'a '.repeat(50_000)} = 1`],
  ['one key of many quotes', `${'"a" '.repeat(20_000)} = 1`],
  ['one value of many words', `a = ${'b '.repeat(50_000)}`],
  ['elements', `a = [${'b,'.repeat(190_000)}]`],
  ['comments', `${'# x\n'.repeat(100_000)}a = 1`],
  ['substitutions', open.repeat(100_000)],
  ['concatenated values', `a = ${`${open}b} `.repeat(50_000)}`],
  ['a quoted text without an end', `a = "${'x'.repeat(1_000_000)}`],
  ['multi-line quotes without an end', `a = ${'"""'.repeat(33_333)}`],
  ['escapes', `a = "${'\\u0041'.repeat(50_000)}"`],
  ['one line of commas', ','.repeat(100_000)],
  ['merges of one key', 'a { b = 1 }\n'.repeat(20_000)],
  ['appends to one key', 'a += 1\n'.repeat(5_000)],
  [
    'a text that doubles thirty times',
    `a0 = x\n${Array.from({ length: 30 }, (_, at) => `a${at + 1} = \${a${at}}\${a${at}}`).join('\n')}`,
  ],
  [
    'a list that doubles thirty times',
    `a0 = [x]\n${Array.from({ length: 30 }, (_, at) => `a${at + 1} = [\${a${at}}, \${a${at}}]`).join('\n')}`,
  ],
  [
    'an object that doubles thirty times',
    `a0 { x = 1 }\n${Array.from({ length: 30 }, (_, at) => `a${at + 1} { l = \${a${at}}, r = \${a${at}} }`).join('\n')}`,
  ],
  ['includes of itself', `include "${file}"\n`.repeat(100)],
] as const) {
  test(`a great deal of ${what} is refused in time`, (t) => {
    assert.equal(outcomeOf(files(t, { [file]: '' }), Buffer.from(content)), 'refused')
  })
}
