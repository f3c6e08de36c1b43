/** Steady traffic over a link: exactly once, in order; and through kill -9 of either side. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { effective, Pair } from './cluster.js'
import { killRounds } from './kill-rounds.js'
import { Traffic } from './traffic.js'

test('1,000 messages a second each way at once arrive exactly once and in order per topic', async () => {
  // A test that stops for a second would else lose messages in its own subscriber's queue.
  const pair = await Pair.linked({ config: 'mqtt.max_mqueue_len = infinity' })
  const { east, west } = pair
  const streams = [
    new Traffic(east, west, { name: 'eastward', messagesPerSecond: 1_000 }),
    new Traffic(west, east, { name: 'westward', messagesPerSecond: 1_000 }),
  ]
  try {
    for (const stream of streams) await stream.open()
    await effective(east, west)
    await effective(west, east)
    for (const stream of streams) stream.send()
    await delay(5_000)
    for (const stream of streams) await stream.settle(5_000)
    for (const stream of streams) {
      const { sent } = stream
      assert.ok(sent > 4_000, `only ${sent} messages were sent`)
      assert.deepEqual(stream.arrivals(), { arrived: sent, repeated: 0, late: 0, missing: 0 })
    }
  } finally {
    await Promise.all(streams.map((stream) => stream.close()))
    await pair.remove()
  }
})

test('after kill -9 and a restart of either side traffic is back within 10 s, in order', async () => {
  const rounds = await killRounds({ rounds: 2, messagesPerSecond: 1_000 })
  assert.deepEqual(
    rounds.map(({ victim }) => victim),
    ['west', 'east'],
  )
  for (const { victim, resumedMs, late } of rounds) {
    assert.ok(resumedMs <= 10_000, `${victim}: ${resumedMs} ms`)
    assert.equal(late, 0, 'no message overtook another of its topic')
  }
})
