/** No PUBLISH touches V8: the seam is crossed no more often than control itself needs it. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Pair } from './cluster.js'
import { measureSeam, seamConfig, seamRuns } from './seam-run.js'

/** Far above the bound, so that one crossing in 100 messages would show. bench/scenario/seam.ts sends 100,000. */
const messages = 10_000
const crossingsMax = 50

describe(`the seam while ${messages} messages pass`, () => {
  let pair: Pair
  before(async () => {
    pair = await Pair.linked({ config: seamConfig })
  })
  after(() => pair.remove())

  for (const run of seamRuns(messages)) {
    const retained = run.retain ? 'retained' : 'not retained'
    test(`is crossed at most ${crossingsMax} times: ${run.way}, QoS ${run.qos}, ${retained}`, async () => {
      const { east, west } = await measureSeam(pair, run)
      assert.ok(east <= crossingsMax, `${east} crossings in the east`)
      assert.ok(west <= crossingsMax, `${west} crossings in the west`)
    })
  }
})
