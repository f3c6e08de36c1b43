/**
 * The broker against a naive model of sessions: seeded stories of `test/integration/model/`, several at once, against one
 * broker with room for everything and one with queues of eight. A failure prints its seed; CAUSEWAY_TEST_SEED plays that
 * story alone, CAUSEWAY_MODEL_SECONDS is how long each test goes on telling stories (default 6).
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type BrokerProcess, seed as firstSeed, Random, withBroker } from '../harness/index.js'
import { type Outcome, Story } from '../model/story.js'

const boxMs = Number(process.env.CAUSEWAY_MODEL_SECONDS ?? 6) * 1000
const replayed = process.env.CAUSEWAY_TEST_SEED !== undefined
const together = 4
const inflightMax = 6
const inflight = `mqtt.max_inflight = ${inflightMax}`

interface Told extends Outcome {
  readonly seed: number
}

/** Tells stories until the box is full, `together` at a time; all of them are judged. */
async function tell(broker: BrokerProcess, mayDrop: boolean): Promise<readonly Told[]> {
  const told: Told[] = []
  const until = performance.now() + boxMs
  let next = firstSeed
  const teller = async () => {
    do {
      const seed = next++
      const story = new Story({
        port: broker.port,
        name: `s${seed}`,
        random: new Random(seed),
        inflightMax,
        mayDrop,
      })
      told.push({ seed, ...(await story.run()) })
    } while (performance.now() < until && !replayed)
  }
  await Promise.all(Array.from({ length: replayed ? 1 : together }, teller))
  return told
}

function assertFaultless(stories: readonly Told[]): void {
  for (const { seed, faults } of stories)
    assert.deepEqual(faults, [], `CAUSEWAY_TEST_SEED=${seed} plays it again`)
}

test('clients that lose their connection at any byte miss nothing and get nothing that is not theirs', (t) =>
  withBroker(`${inflight}\nmqtt.max_mqueue_len = infinity`, async (broker) => {
    const stories = await tell(broker, false)
    assertFaultless(stories)
    for (const { seed, missing } of stories) {
      for (const [client, lost] of missing)
        assert.deepEqual(lost, [], `${client}: CAUSEWAY_TEST_SEED=${seed} plays it again`)
    }
    assert.equal(await broker.counter('native_dropped_queue_full'), 0)
    const received = stories.reduce((sum, story) => sum + story.received, 0)
    const cuts = stories.reduce((sum, story) => sum + story.cuts, 0)
    assert.ok(replayed || (received > 0 && cuts > 0))
    t.diagnostic(
      `${stories.length} stories from seed ${firstSeed}: ${received} messages, ${cuts} cuts`,
    )
  }))

test('with queues of eight nothing is lost but what the queues dropped and counted', (t) =>
  withBroker(`${inflight}\nmqtt.max_mqueue_len = 8`, async (broker) => {
    const stories = await tell(broker, true)
    assertFaultless(stories)
    const missing = stories.flatMap((story) => [...story.missing.values()].flat()).length
    const dropped = await broker.counter('native_dropped_queue_full')
    assert.ok(missing <= dropped, `${missing} missing, ${dropped} counted, from seed ${firstSeed}`)
    assert.ok(replayed || dropped > 0, 'no queue was ever full')
    t.diagnostic(`${stories.length} stories from seed ${firstSeed}: ${missing} dropped and missed`)
  }))
