import assert from 'node:assert/strict'
import test from 'node:test'
import { checkConfig } from '../../../src/cli/check-command.js'
import { files } from './fixture.js'

test('check says ok, with the warnings first', (t) => {
  const file = `${files(t, { 'c.conf': 'cluster.name = us\nrule_engine { }' })}/c.conf`
  assert.deepEqual(checkConfig(file, { strict: false, env: {} }), {
    ok: true,
    output: `${file}:2:1: warning: rule_engine is accepted and has no effect: not supported yet\n${file}: ok, cluster "us", 1 listener, 0 links`,
  })
})

test('check names a key that has no effect yet, and --strict refuses it', (t) => {
  const file = `${files(t, { 'c.conf': 'retainer { delivery_rate = 9/s }' })}/c.conf`
  const { output } = checkConfig(file, { strict: false, env: {} })
  assert.match(
    output,
    /c\.conf:1:28: warning: retainer\.delivery_rate is accepted and has no effect: /,
  )
  assert.equal(checkConfig(file, { strict: true, env: {} }).ok, false)
})

test('check --strict refuses what has no effect', (t) => {
  const file = `${files(t, { 'c.conf': 'rule_engine { }' })}/c.conf`
  const { ok, output } = checkConfig(file, { strict: true, env: {} })
  assert.equal(ok, false)
  assert.ok(output.startsWith(`${file}:1:1: rule_engine: has no effect and is refused by --strict`))
})

test('check shows the line of an error, and no stack', (t) => {
  const file = `${files(t, { 'c.conf': '\nmqtt { max_inflight = many }\n' })}/c.conf`
  assert.deepEqual(checkConfig(file, { strict: false, env: {} }), {
    ok: false,
    output: [
      `${file}:2:23: mqtt.max_inflight: expected an integer from 1 to 65535, got "many"`,
      '    2 | mqtt { max_inflight = many }',
      '      |                       ^',
    ].join('\n'),
  })
})
