import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  controlCounters,
  controlGauges,
  controlMetrics,
  Metrics,
} from '../../../src/metrics/index.js'

test('one reading has every declared metric, and the data plane’s under its prefix', () => {
  const counters = controlCounters()
  counters.connects_received = 3
  const gauges = {
    authentication_exchanges: 0,
    connections: 1,
    sessions: 2,
    subscriptions: 4,
    subscriptions_shared: 1,
    subscriptions_exclusive: 0,
    control_jobs: 0,
    control_slice_longest_ms: 0,
  }
  const metrics = new Metrics({ counters, native: () => ({ bytes_in: 5 }), gauges: () => gauges })
  const read = metrics.read()
  const declared = [...Object.keys(controlMetrics), ...Object.keys(controlGauges)]
  assert.deepEqual(Object.keys(read).sort(), [...declared, 'native_bytes_in'].sort())
  assert.equal(read.connects_received, 3)
  assert.equal(read.native_bytes_in, 5)
})
