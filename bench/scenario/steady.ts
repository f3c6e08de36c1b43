/** 1,000 messages a second QoS 1 each way at once for 60 s over a link: exactly once, in order per topic. */
import { setTimeout as delay } from 'node:timers/promises'
import { effective, Pair } from '../../test/integration/link/cluster.js'
import { Traffic } from '../../test/integration/link/traffic.js'
import { scenario, table } from './report.js'

const seconds = 60
const messagesPerSecond = 1_000

await scenario(async () => {
  const pair = await Pair.linked()
  const { east, west } = pair
  const streams = [
    new Traffic(east, west, { name: 'eastward', messagesPerSecond }),
    new Traffic(west, east, { name: 'westward', messagesPerSecond }),
  ]
  try {
    for (const stream of streams) await stream.open()
    await effective(east, west)
    await effective(west, east)
    for (const stream of streams) stream.send()
    await delay(seconds * 1000)
    for (const stream of streams) await stream.settle(10_000)
    const rows = streams.map((stream, at) => ({
      way: at === 0 ? 'eastward' : 'westward',
      sent: stream.sent,
      ...stream.arrivals(),
    }))
    table(rows)
    return rows.every(
      ({ sent, arrived, repeated, late, missing }) =>
        sent >= 0.95 * seconds * messagesPerSecond &&
        arrived === sent &&
        repeated + late + missing === 0,
    )
  } finally {
    await Promise.all(streams.map((stream) => stream.close()))
    await pair.remove()
  }
})
