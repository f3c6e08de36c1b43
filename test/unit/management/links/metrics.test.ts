/** Metrics of links: whose sum each is, rates by a clock of their own, and what a reset leaves. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RateMeter } from '../../../../src/management/links/rate.js'
import { bodyOf, Desk, link } from './desk.js'

const zero = { matched: 0, success: 0, failed: 0, dropped: 0, retried: 0, queuing: 0, inflight: 0 }
const still = { rate: 0, rate_last5m: 0, rate_max: 0 }

test('scenario 40: counters are sums of ours, and a reset begins them anew', async (t) => {
  const desk = new Desk(t)
  await desk.post(link())
  desk.administration.start()
  const read = async () => bodyOf(await desk.metrics('eu')).metrics
  const none = { router: { routes: 0 }, forwarding: { ...zero, ...still } }
  assert.deepEqual(await read(), none)
  desk.counters = {
    eu: {
      matched: 100,
      acked: 40,
      sent_qos0: 2,
      rejected: 3,
      oversize: 4,
      undeliverable: 5,
      expired: 6,
      overflowed: 7,
      dropped: 8,
      retried: 9,
      queued: 10,
      inflight: 11,
    },
  }
  desk.routes = 2
  desk.after(5_000)
  const full = {
    router: { routes: 2 },
    forwarding: {
      matched: 100,
      success: 42,
      failed: 12,
      dropped: 21,
      retried: 9,
      queuing: 10,
      inflight: 11,
      rate: 20,
      rate_last5m: 20,
      rate_max: 20,
    },
  }
  assert.deepEqual(bodyOf(await desk.metrics('eu')), {
    metrics: full,
    node_metrics: [{ node: 'n@1', metrics: full }],
  })
  assert.deepEqual(await desk.reset('eu'), { status: 204, body: null })
  const gauges = { queuing: 10, inflight: 11 } // they are what is now
  assert.deepEqual(await read(), { ...none, forwarding: { ...none.forwarding, ...gauges } })
  desk.after(14_999)
  assert.deepEqual(await read(), { ...none, forwarding: { ...none.forwarding, ...gauges } })
  desk.after(1)
  assert.deepEqual(await read(), {
    router: { routes: 2 },
    forwarding: { ...none.forwarding, ...gauges },
  })
  await desk.reset('eu')
  desk.routes = 1 // something new happened
  assert.deepEqual(((await read()) as typeof none).router, { routes: 1 })
})

test('the counters of a link made anew are not those of its namesake', async (t) => {
  const desk = new Desk(t)
  await desk.post(link())
  desk.counters = { eu: { matched: 5, acked: 5 } }
  await desk.reset('eu')
  desk.counters = { eu: { matched: 3, acked: 3 } }
  const { forwarding } = bodyOf(await desk.metrics('eu')).metrics as { forwarding: typeof zero }
  assert.deepEqual([forwarding.matched, forwarding.success], [3, 3])
})

test('a rate is that of the last interval, its largest stays, the average is that of five minutes', () => {
  const meter = new RateMeter(0, 0)
  assert.deepEqual(meter.read(), { now: 0, last5m: 0, max: 0 })
  meter.sample(5_000, 500)
  assert.deepEqual(meter.read(), { now: 100, last5m: 100, max: 100 })
  meter.sample(5_100, 9_999) // too early to say anything
  assert.deepEqual(meter.read(), { now: 100, last5m: 100, max: 100 })
  meter.sample(10_000, 500)
  assert.deepEqual(meter.read(), { now: 0, last5m: 50, max: 100 })
  for (let at = 15_000; at <= 310_000; at += 5_000) meter.sample(at, 500)
  assert.deepEqual(meter.read(), { now: 0, last5m: 0, max: 100 })
  meter.sample(315_000, 10)
  assert.deepEqual(meter.read(), { now: 0, last5m: 0, max: 0 })
})
