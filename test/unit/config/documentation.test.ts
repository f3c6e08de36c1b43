import assert from 'node:assert/strict'
import test from 'node:test'
import { configurationReference } from '../../../src/config/index.js'
import { errorCodes } from '../../../src/errors.js'
import { assertGenerated, generatedNames, table } from '../documentation/generated.js'

test('the configuration page lists every key with type, default and meaning', () => {
  const reference = configurationReference()
  for (const [section, rows] of reference) assertGenerated('configuration.md', section, rows)
  assert.deepEqual(generatedNames('configuration.md').sort(), [...reference.keys()].sort())
})

test('the page of errors lists every code with its sentence', () => {
  const rows = Object.entries(errorCodes).map(([code, sentence]) => [`\`${code}\``, sentence])
  assertGenerated('errors.md', 'error codes', table(['code', 'meaning'], rows))
})
