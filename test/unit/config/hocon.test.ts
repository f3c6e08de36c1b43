import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import {
  type Environment,
  fieldAt,
  positionOf,
  readHoconFile,
  readHoconText,
  toPlain,
} from '../../../src/config/hocon/index.js'
import { CausewayError } from '../../../src/errors.js'
import { files } from './fixture.js'

function read(text: string, env: Environment = {}): unknown {
  return bare(toPlain(readHoconText('f.conf', text, env)))
}

/** Plain objects with a prototype, for deepEqual; only for data without a `__proto__` key. */
function bare(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(bare)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, bare(inner)]))
}

const readings: readonly (readonly [
  title: string,
  text: string,
  value: unknown,
  env?: Environment,
])[] = [
  ['an empty file is an empty object', '', {}],
  ['comments and blank lines mean nothing', '# a\n\n// b\n  # c', {}],
  ['= and : both assign', 'a = 1\nb : 2\nc=3', { a: 1, b: 2, c: 3 }],
  [
    'an object needs no = in front',
    'a { b = 1 }\nc = { d = 2 }\ne : { f = 3 }',
    { a: { b: 1 }, c: { d: 2 }, e: { f: 3 } },
  ],
  ['outer braces are optional', '{ a = 1 }', { a: 1 }],
  [
    'an opening brace may stand on the next line',
    'a =\n{ b = 1 }\nc\n{ d = 1 }',
    { a: { b: 1 }, c: { d: 1 } },
  ],
  [
    'dotted keys are nested objects and merge',
    'a.b.c = 1\na.b { d = 2 }\na { e = 3 }',
    { a: { b: { c: 1, d: 2 }, e: 3 } },
  ],
  [
    'quoted keys keep their dots',
    '"a.b".c = 1\na."b c".d = 2',
    { 'a.b': { c: 1 }, a: { 'b c': { d: 2 } } },
  ],
  ['an unquoted key may hold blanks', 'a b c = 1', { 'a b c': 1 }],
  ['the last of two scalars counts', 'a = 1\na = 2', { a: 2 }],
  [
    'two objects merge, key by key',
    'a { b = 1, c { d = 1 } }\na { b = 2, c { e = 2 } }',
    { a: { b: 2, c: { d: 1, e: 2 } } },
  ],
  [
    'a scalar between two objects ends the first',
    'a { b = 1 }\na = 0\na { c = 2 }',
    { a: { c: 2 } },
  ],
  ['arrays are replaced, not merged', 'a = [1]\na = [2]', { a: [2] }],
  [
    'array elements end with commas or lines, and a comma may be last',
    'a = [1, 2\n3\n\n4,]',
    { a: [1, 2, 3, 4] },
  ],
  ['entries end with commas or lines', 'a { b = 1, c = 2\nd = 3, }', { a: { b: 1, c: 2, d: 3 } }],
  ['arrays of objects', 'a = [\n  { b = 1 }\n  { b = 2 },\n]', { a: [{ b: 1 }, { b: 2 }] }],
  ['a # in quotes is text', 'a = ["#", "x/#"] # b', { a: ['#', 'x/#'] }],
  ['escapes in quoted strings', String.raw`a = "\"\\\/\b\f\n\r\té"`, { a: '"\\/\b\f\n\r\té' }],
  [
    'triple quotes keep everything, quotes at the end included',
    'a = """x\n"y" \\n""""',
    { a: 'x\n"y" \\n"' },
  ],
  ['unquoted text keeps inner blanks and drops outer ones', 'a =   x  y   # z', { a: 'x  y' }],
  [
    '@ + * and the like need no quotes',
    'a = me@host\nb = t/+/x\nc = 50%',
    { a: 'me@host', b: 't/+/x', c: '50%' },
  ],
  ['durations and sizes stay text for the schema', 'a = 1h30m\nb = 1MB', { a: '1h30m', b: '1MB' }],
  [
    'numbers, booleans and null',
    'a = -1.5\nb = 1e3\nc = true\nd = null',
    { a: -1.5, b: '1e3', c: true, d: null },
  ],
  [
    'a number JavaScript would change stays text',
    'a = 9007199254740993\nb = 1.0\nc = 007',
    { a: '9007199254740993', b: '1.0', c: '007' },
  ],
  [
    'host:port and its kin need no quotes',
    'a = h.x:80\nb = 0.0.0.0:1883\nc = :1883\nd = [::]:1883\ne = [::1]\nf = [a:1, b:2]',
    { a: 'h.x:80', b: '0.0.0.0:1883', c: ':1883', d: '[::]:1883', e: '[::1]', f: ['a:1', 'b:2'] },
  ],
  ['a colon between key and number assigns', 'a { b:80 }', { a: { b: 80 } }],
  [
    'a byte order mark and CRLF line ends are accepted',
    '\ufeffa = 1\r\nb = x y\r\nc = [\r\n1\r\n]\r\n',
    { a: 1, b: 'x y', c: [1] },
  ],
  ['+= appends, and begins an array', 'a += 1\na += 2\nb = [1]\nb+=2', { a: [1, 2], b: [1, 2] }],
  [
    'pieces side by side join',
    'a = [1] [2]\nb = { x = 1 } { y = 2 }\nc = "x" "y"z',
    { a: [1, 2], b: { x: 1, y: 2 }, c: 'x yz' },
  ],
  [
    'a substitution finds what is written later',
    `a = \${b.c}\nb.c = [1]`,
    { a: [1], b: { c: [1] } },
  ],
  ['a substitution finds the final value', `a = 1\nb = \${a}\na = 2`, { a: 2, b: 2 }],
  [
    'a part of an object may look at another part',
    `a { b = 42, c = \${a.b} }\na { b = 43 }`,
    { a: { b: 43, c: 43 } },
  ],
  ['substitutions join with text', `h = x\na = \${h}":"80`, { h: 'x', a: 'x:80' }],
  [
    'substituted objects merge with what follows',
    `base { x = 1, y = 1 }\na = \${base} { y = 2 }`,
    { base: { x: 1, y: 1 }, a: { x: 1, y: 2 } },
  ],
  ['an unset optional substitution leaves the key out', `a = \${?b}\nc = [\${?b}, 1]`, { c: [1] }],
  ['an unset optional substitution leaves the earlier value', `a = 1\na = \${?b}`, { a: 1 }],
  ['an unset optional substitution in text is empty', `a = x\${?b}y`, { a: 'xy' }],
  [
    'the environment is asked when no key has the name',
    `a = \${HOME}/x\nb = \${?NONE}`,
    { a: '/root/x' },
    { HOME: '/root' },
  ],
  [
    'a key hides the environment',
    `HOME = /h\na = \${HOME}`,
    { HOME: '/h', a: '/h' },
    { HOME: '/root' },
  ],
  [
    'a value may append to its own earlier value',
    `a = [1]\na = \${a} [2]\na = \${a} [3]`,
    { a: [1, 2, 3] },
  ],
  [
    'a nested value may append to its own earlier value',
    `x.a = [1]\nx.a = \${x.a} [2]`,
    { x: { a: [1, 2] } },
  ],
  ['an optional look at oneself without earlier value is nothing', `a = \${?a} [1]`, { a: [1] }],
  [
    'the look back of the specification',
    `a : { a : { c : 1 } }\na : \${a.a}\na : \${a.c}`,
    { a: 1 },
  ],
]

for (const [title, text, value, env] of readings) {
  test(title, () => assert.deepEqual(read(text, env), value))
}

test('every value and key knows where it was written', () => {
  const root = readHoconText('f.conf', '\ta = 1\nb.c = [\n  "ü", {d = 2}\n]\n', {})
  const at = (...path: PropertyKey[]) => {
    const found = fieldAt(root, path)
    assert.ok(found)
    const { line, column } = positionOf(found.value.span)
    return [line, column]
  }
  assert.deepEqual(at('a'), [1, 6])
  assert.deepEqual(at('b', 'c'), [2, 7])
  assert.deepEqual(at('b', 'c', 0), [3, 3])
  assert.deepEqual(at('b', 'c', 1, 'd'), [3, 13])
  assert.equal(fieldAt(root, ['b', 'c', 2]), undefined)
})

test('a substituted scalar is placed where it is used', () => {
  const root = readHoconText('f.conf', `a = 15q\nb = \${a}\n`, {})
  const found = fieldAt(root, ['b'])
  assert.ok(found)
  assert.equal(positionOf(found.value.span).line, 2)
})

test('no key reaches the prototype of objects', () => {
  const plain = toPlain(
    readHoconText(
      'f',
      '__proto__ { polluted = 1 }\na.__proto__.b = 1\nconstructor.prototype.c = 1',
      {},
    ),
  )
  assert.equal(Object.getPrototypeOf(plain), null)
  assert.equal(({} as Record<string, unknown>).polluted, undefined)
  assert.equal(({} as Record<string, unknown>).c, undefined)
  assert.deepEqual(Object.keys(plain as object), ['__proto__', 'a', 'constructor'])
})

test('JSON is HOCON: every JSON object reads as JSON.parse reads it', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 5 })),
      fc.constantFrom(0, 2),
      (value, indent) => {
        const json = JSON.stringify(value, null, indent)
        assert.equal(
          JSON.stringify(toPlain(readHoconText('f', json, {}))),
          JSON.stringify(JSON.parse(json)),
        )
      },
    ),
    { numRuns: 500, interruptAfterTimeLimit: 5_000 },
  )
})

test('any text either reads or is refused with a position, in bounded time', () => {
  const alphabet = fc.constantFrom(
    'a',
    'b',
    '.',
    '=',
    ':',
    '{',
    '}',
    '[',
    ']',
    ',',
    '"',
    '#',
    '/',
    '$',
    '{',
    '?',
    '+',
    '\n',
    ' ',
    '1',
    '\\',
    '"""',
    `\${a}`,
    `\${?b}`,
    '+=',
    'include "x"',
  )
  fc.assert(
    fc.property(fc.array(alphabet, { maxLength: 40 }), (tokens) => {
      try {
        readHoconText('f.conf', tokens.join(''), {})
      } catch (error) {
        assert.ok(error instanceof CausewayError, `${error}`)
        assert.match(error.message, /^f\.conf:\d+:\d+: /)
      }
    }),
    { numRuns: 5_000, interruptAfterTimeLimit: 10_000 },
  )
})

for (const [what, seed, step] of [
  ['arrays', '[1]', `\${X} \${X}`],
  ['objects', '{ x = [1, 1] }', `{ l = \${X}, r = \${X} }`],
  ['merged objects', '{ x = 1 }', `\${X} \${X}`],
  ['text', 'xxxxxxxx', `\${X}\${X}`],
] as const) {
  test(`${what} doubled forty times are refused, not computed`, () => {
    const lines = Array.from(
      { length: 40 },
      (_, i) => `a${i + 1} = ${step.replaceAll('X', `a${i}`)}`,
    )
    assert.throws(() => read([`a0 = ${seed}`, ...lines].join('\n')), {
      code: 'CONFIG_LIMIT_EXCEEDED',
    })
  })
}

test('a list may grow by a thousand += and a key may be set ten thousand times', () => {
  const appended = Array.from({ length: 1000 }, (_, i) => `a += ${i}`).join('\n')
  const { a, b } = read(`${appended}\n${'b = 1\n'.repeat(10_000)}`) as { a: unknown[]; b: unknown }
  assert.equal(a.length, 1000)
  assert.equal(b, 1)
})

test('an array that contains itself is refused', () => {
  assert.throws(() => read(`a = [\${a}]`), { code: 'CONFIG_SYNTAX', message: /contains itself/ })
})

test('an object that grows into itself with each look is refused', () => {
  const text = `b { c.a = { b.c = 1, b = \${a.b} }, c = \${b}, c = { b = 1, a = 1 } }`
  assert.throws(() => read(text), { code: 'CONFIG_LIMIT_EXCEEDED', message: /after substitution/ })
})

test('a row of 256 substitutions is followed, a longer one refused', () => {
  const row = (length: number) =>
    [...Array.from({ length }, (_, i) => `a${i} = \${a${i + 1}}`), `a${length} = x`].join('\n')
  assert.equal((read(row(255)) as { a0: unknown }).a0, 'x')
  assert.throws(() => read(row(10_000)), {
    code: 'CONFIG_LIMIT_EXCEEDED',
    message: /more than 256 substitutions/,
  })
})

// -------------------------------------------------------------------------------------- include

test('an included file stands where it is included, relative to the including file', (t) => {
  const directory = files(t, {
    'main.conf': 'a = 1\nb { include "sub/one.conf" }\ninclude file("sub/two.conf")\nd = 4',
    'sub/one.conf': `x = 1\ny = \${x}\nz = \${a}\ninclude "deep.conf"`,
    'sub/deep.conf': 'w = 5',
    'sub/two.conf': 'a = 2\nc = 3',
  })
  const { root, absentIncludes } = readHoconFile(`${directory}/main.conf`, {})
  assert.deepEqual(bare(toPlain(root)), { a: 2, b: { x: 1, y: 1, z: 2, w: 5 }, c: 3, d: 4 })
  assert.deepEqual(absentIncludes, [])
})

test('an absent include is noted, an absent required one refused where it is asked for', (t) => {
  const directory = files(t, {
    'a.conf': 'include "no.conf"\nx = 1',
    'b.conf': 'x = 1\ninclude required(file("no.conf"))',
  })
  const { root, absentIncludes } = readHoconFile(`${directory}/a.conf`, {})
  assert.deepEqual(bare(toPlain(root)), { x: 1 })
  assert.deepEqual(
    absentIncludes.map(({ file }) => file),
    [`${directory}/no.conf`],
  )
  assert.throws(() => readHoconFile(`${directory}/b.conf`, {}), {
    code: 'CONFIG_FILE_NOT_FOUND',
    message: /b\.conf:2:1: the required file .*no\.conf does not exist/,
  })
})

test('files that include one another in a circle are refused', (t) => {
  const directory = files(t, { 'a.conf': 'include "b.conf"', 'b.conf': 'x = 1\n include "a.conf"' })
  assert.throws(() => readHoconFile(`${directory}/a.conf`, {}), {
    message: /b\.conf:2:2: a\.conf includes itself/,
  })
})

test('a chain of more than 16 includes is refused', (t) => {
  const chain = Object.fromEntries(
    Array.from({ length: 20 }, (_, i) => [`${i}.conf`, `include "${i + 1}.conf"`]),
  )
  const directory = files(t, chain)
  assert.throws(() => readHoconFile(`${directory}/0.conf`, {}), {
    code: 'CONFIG_LIMIT_EXCEEDED',
    message: /16\.conf:1:1: more than 16 files/,
  })
})

test('more than 128 includes in all are refused', (t) => {
  const directory = files(t, { 'a.conf': 'include "b.conf"\n'.repeat(129), 'b.conf': '' })
  assert.throws(() => readHoconFile(`${directory}/a.conf`, {}), {
    code: 'CONFIG_LIMIT_EXCEEDED',
    message: /a\.conf:129:1: more than 128 includes/,
  })
})

test('a file larger than a configuration may be is refused unread', (t) => {
  const directory = files(t, { 'a.conf': ' '.repeat(4 * 1024 * 1024 + 1) })
  assert.throws(() => readHoconFile(`${directory}/a.conf`, {}), { code: 'CONFIG_LIMIT_EXCEEDED' })
})

test('a missing file, a directory and bytes that are not UTF-8 each say so', (t) => {
  const directory = files(t, { 'a.conf': new Uint8Array([0x61, 0x3d, 0xff]) })
  assert.throws(() => readHoconFile(`${directory}/no.conf`, {}), {
    code: 'CONFIG_FILE_NOT_FOUND',
    message: /no such file/,
  })
  assert.throws(() => readHoconFile(directory, {}), {
    code: 'CONFIG_FILE_NOT_FOUND',
    message: /is a directory/,
  })
  assert.throws(() => readHoconFile(`${directory}/a.conf`, {}), {
    code: 'CONFIG_SYNTAX',
    message: /is not UTF-8/,
  })
})
