import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import * as form from '../../../src/config/schema/form.js'
import { filterCovers, filterFault } from '../../../src/config/schema/topic-filter.js'

const refusal = 'refused'

function read<T>(of: form.Form<T>, raw: unknown): T | typeof refusal {
  const value = of.read(raw)
  return value instanceof form.Refusal ? refusal : value
}

for (const [written, ms] of [
  ['15s', 15_000],
  ['500ms', 500],
  ['1.5s', 1500],
  ['1h30m', 5_400_000],
  ['1H30M', 5_400_000],
  ['2d', 172_800_000],
  ['1w', 604_800_000],
  ['1f', 1_209_600_000],
  [250, 250],
  ['250', 250],
  ['0s', 0],
  ['', refusal],
  ['s', refusal],
  ['15', 15],
  ['15 s', refusal],
  ['15q', refusal],
  ['1.5', refusal],
  ['-1s', refusal],
  ['1e3s', refusal],
  ['99999999999999999999f', refusal],
  [true, refusal],
  [[], refusal],
] as const) {
  test(`the duration ${JSON.stringify(written)} is ${ms === refusal ? refusal : `${ms} ms`}`, () => {
    assert.equal(read(form.duration(), written), ms)
  })
}

for (const [written, bytes] of [
  ['1MB', 1_048_576],
  ['1mb', 1_048_576],
  ['10KB', 10_240],
  ['2GB', 2_147_483_648],
  [100, 100],
  ['100', 100],
  ['1.5MB', refusal],
  ['1TB', refusal],
  ['1 MB', refusal],
  ['MB', refusal],
  [-1, refusal],
] as const) {
  test(`the size ${JSON.stringify(written)} is ${bytes === refusal ? refusal : `${bytes} bytes`}`, () => {
    assert.equal(read(form.bytesize(), written), bytes)
  })
}

for (const [written, perSecond] of [
  ['1000/s', 1000],
  ['10/500ms', 20],
  ['60/1m', 1],
  ['1000', refusal],
  ['/s', refusal],
  ['1/0s', refusal],
  ['1/s/s', refusal],
] as const) {
  test(`the rate ${written} is ${perSecond === refusal ? refusal : `${perSecond} a second`}`, () => {
    assert.equal(read(form.rate, written), perSecond)
  })
}

test('a number where text is expected is the text as written', () => {
  assert.equal(read(form.text, 1234), '1234')
  assert.equal(read(form.text, true), 'true')
  assert.equal(read(form.text, {}), refusal)
})

test('a list may be an array or text with commas', () => {
  const list = form.listOf(form.text, 3)
  assert.deepEqual(read(list, 'a, b,c'), ['a', 'b', 'c'])
  assert.deepEqual(read(list, ['a', 'b']), ['a', 'b'])
  assert.deepEqual(read(list, ''), [])
  assert.equal(read(list, 'a,b,c,d'), refusal)
})

test('a filter of more than 65535 bytes is too long', () => {
  assert.equal(filterFault('é'.repeat(32_768)), 'topic_too_long')
  assert.equal(filterFault('é'.repeat(32_767)), null)
  assert.equal(filterFault('a\0b'), 'topic_invalid_char')
})

for (const [wide, narrow, covers] of [
  ['#', 'a', true],
  ['#', '#', true],
  ['#', '$SYS/#', false],
  ['+/x', '$SYS/x', false],
  ['t/#', 't', true],
  ['t/+/#', 't', false],
  ['t/+', 't/1', true],
  ['t/+', 't/#', false],
  ['t/+', 't/1/2', false],
  ['a/+/c', 'a/b/c', true],
  ['a/b', 'a/+', false],
  ['$SYS/#', '$SYS/brokers', true],
  ['a/+', 'a/', true],
] as const) {
  test(`${wide} ${covers ? 'covers' : 'does not cover'} ${narrow}`, () =>
    assert.equal(filterCovers(wide, narrow), covers))
}

/** Whether a topic matches a filter, by the definition. MQTT 5.0 §4.7. */
function matches(filter: readonly string[], topic: readonly string[]): boolean {
  const [level, ...deeper] = filter
  const [word, ...rest] = topic
  if (level === '#') return true
  if (level === undefined || word === undefined) return level === word || false
  return (
    (level === '+' || level === word) &&
    (matches(deeper, rest) ||
      (rest.length === 0 && deeper.length === 1 && deeper[0] === '#') ||
      (rest.length === 0 && deeper.length === 0))
  )
}

test('a filter covers another exactly when it matches every topic the other matches', () => {
  const words = ['a', 'b', 'c']
  const topics = [1, 2, 3, 4].flatMap((n) => product(words, n))
  const filter = fc
    .tuple(fc.array(fc.constantFrom('a', 'b', '+'), { minLength: 1, maxLength: 3 }), fc.boolean())
    .map(([levels, hash]) => (hash ? [...levels, '#'] : levels))
  fc.assert(
    fc.property(filter, filter, (wide, narrow) => {
      // The word c is in no filter, and topics are longer than filters: they tell wildcards apart.
      const all = topics
        .filter((topic) => matches(narrow, topic))
        .every((topic) => matches(wide, topic))
      assert.equal(filterCovers(wide.join('/'), narrow.join('/')), all)
    }),
    { numRuns: 1000, interruptAfterTimeLimit: 5_000 },
  )
})

function product(words: readonly string[], length: number): string[][] {
  if (length === 0) return [[]]
  return product(words, length - 1).flatMap((head) => words.map((word) => [...head, word]))
}
