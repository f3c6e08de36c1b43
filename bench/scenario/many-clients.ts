/**
 * 10,000 clients, each with a topic of its own, publish one message a second for 60 s to themselves, QoS 1: none missing;
 * the latency includes this program, which is one thread.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { BulkClient, publishBytes, startBroker } from '../../test/integration/harness/index.js'
import { quantile, say, scenario, table } from './report.js'

const clients = 10_000
const seconds = 60
const connectingAtOnce = 100
/** Clients are spread evenly over a second. */
const tickMs = 5
const settleMs = 10_000

await scenario(async () => {
  const broker = await startBroker({ descriptors: clients + 1_000 })
  const all: BulkClient[] = []
  const latencies: number[] = []
  try {
    const startedMs = performance.now()
    while (all.length < clients) {
      const batch = Array.from({ length: connectingAtOnce }, (_, n) =>
        connect(broker.port, all.length + n, latencies),
      )
      all.push(...(await Promise.all(batch)))
    }
    say(
      `${clients} clients connected and subscribed in ${Math.round(performance.now() - startedMs)} ms`,
    )
    const late = await publishAll(all)
    const until = performance.now() + settleMs
    const sent = clients * seconds
    while (latencies.length < sent && performance.now() < until) await delay(tickMs)
    const received = latencies.length
    table([
      {
        sent,
        received,
        missing: all.filter((client) => client.received !== seconds).length,
        'p50 ms': quantile(latencies, 0.5),
        'p99 ms': quantile(latencies, 0.99),
        'max ms': quantile(latencies, 1),
        'generator late, max ms': late,
      },
    ])
    return received === sent && all.every((client) => client.received === seconds)
  } finally {
    await Promise.all(all.map((client) => client.drop()))
    await broker.stop()
  }
})

async function connect(port: number, number: number, latencies: number[]): Promise<BulkClient> {
  // One address has some 28,000 ports, many of which may be resting.
  const localAddress = `127.0.1.${1 + (number % 8)}`
  const client = await BulkClient.connect({ port, clientId: `many-${number}`, localAddress })
  client.onMessage = (payload) => latencies.push(performance.now() - payload.readDoubleLE())
  await client.subscribe([`many/${number}`], 1)
  return client
}

/** Open loop: each message carries the time at which it was meant to leave. Returns how late the latest left, ms. */
async function publishAll(all: readonly BulkClient[]): Promise<number> {
  const startedMs = performance.now()
  const everyMs = 1000 / all.length
  let late = 0
  for (let n = 0; n < all.length * seconds; ) {
    const now = performance.now()
    for (; n < all.length * seconds && startedMs + n * everyMs <= now; n++) {
      const dueMs = startedMs + n * everyMs
      late = Math.max(late, now - dueMs)
      const payload = Buffer.alloc(8)
      payload.writeDoubleLE(dueMs)
      const number = n % all.length
      const client = all[number]
      client?.write(
        publishBytes(`many/${number}`, payload, { qos: 1, packetId: client.nextPacketId() }),
      )
    }
    await delay(1)
  }
  return late
}
