import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import * as limits from '../../../src/limits.js'
import { packageRoot } from '../../house/tree.js'
import { assertGenerated, generatedNames, table } from './generated.js'
import { controlLimits, type Limit, nativeLimits } from './limits.js'

const source = (path: string) => readFileSync(join(packageRoot(), path), 'utf8')
const rows = (found: readonly Limit[]) =>
  table(
    ['name', 'value', 'why', 'when it is reached'],
    found.map(({ name, value, meaning, whenFull }) => [`\`${name}\``, value, meaning, whenFull]),
  )

test('the page of limits lists every bound of the io loops', () => {
  const header = source('native/core/limits.h')
  const found = nativeLimits(header)
  const constants = [...header.matchAll(/constexpr \w+ (k\w+) =/g)].map(([, name = '']) => name)
  assert.deepEqual(
    found.map(({ name }) => name),
    constants.filter((name) => name !== 'kKiB' && name !== 'kMiB'),
  )
  assertGenerated('limits.md', 'native', rows(found))
})

test('a link has no more in flight than its far end knows again', () => {
  const known = nativeLimits(source('native/core/limits.h')).find(
    ({ name }) => name === 'kRepeatIds',
  )
  assert.equal(known?.value, String(limits.linkLimits.inflightMessages))
})

test('the page of limits lists every bound of the control thread', () => {
  const found = controlLimits(source('src/limits.ts'))
  assert.deepEqual(
    Object.fromEntries(
      [...found].map(([group, fields]) => [group, fields.map(({ name }) => name)]),
    ),
    Object.fromEntries(Object.entries(limits).map(([group, all]) => [group, Object.keys(all)])),
  )
  for (const [group, fields] of found) assertGenerated('limits.md', group, rows(fields))
  assert.deepEqual(generatedNames('limits.md').sort(), ['native', ...found.keys()].sort())
})
