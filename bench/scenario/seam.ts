/**
 * Crossings of the seam over 100,000 messages: locally and through a link both ways, each QoS, retained or not, two io
 * loops. Bound: 50 in all, at either broker, the two readings of the counter included.
 */

import { Pair } from '../../test/integration/link/cluster.js'
import { measureSeam, seamConfig, seamRuns } from '../../test/integration/link/seam-run.js'
import { scenario, table } from './report.js'

const messages = 100_000
const crossingsMax = 50

await scenario(async () => {
  const pair = await Pair.linked({ io: 2, config: seamConfig })
  try {
    const rows = []
    for (const run of seamRuns(messages)) {
      const figures = await measureSeam(pair, run)
      rows.push({
        way: run.way,
        qos: run.qos,
        retained: run.retain,
        'crossings east': figures.east,
        'crossings west': figures.west,
        'messages/s': figures.messagesPerSecond,
      })
    }
    table(rows)
    return rows.every(
      (row) => Math.max(row['crossings east'], row['crossings west']) <= crossingsMax,
    )
  } finally {
    await pair.remove()
  }
})
