import assert from 'node:assert/strict'
import { test } from 'node:test'
import { controlGauges, controlMetrics } from '../../../src/metrics/index.js'
import { nativeCounters, nativeGauges } from '../../../src/native/index.js'
import { metricTopics, statisticTopics } from '../../../src/sys/index.js'

test('every figure under $SYS is a metric that exists, counters where EMQX counts', () => {
  const native = [...nativeCounters, ...nativeGauges].map(({ name }) => `native_${name}`)
  const known = new Set([...Object.keys(controlMetrics), ...Object.keys(controlGauges), ...native])
  const used = [...Object.values(statisticTopics), ...Object.values(metricTopics)].flat()
  assert.deepEqual(
    used.filter((name) => !known.has(name)),
    [],
  )
  const gauges = new Set([
    ...Object.keys(controlGauges),
    ...nativeGauges.map(({ name }) => `native_${name}`),
  ])
  const shown = Object.values(metricTopics).flat()
  assert.deepEqual(
    shown.filter((name) => gauges.has(name)),
    [],
  )
})
