/**
 * 100,000 subscribers on one filter within a second, end to end: from the first SUBSCRIBE sent to the last SUBACK. As many
 * connections as the limit of descriptors allows, at most 100,000; with fewer the bound shrinks in proportion.
 */
import { readFileSync } from 'node:fs'
import { BulkClient, publishBytes, startBroker } from '../../test/integration/harness/index.js'
import { firstThreadMs, processorMs } from './processor.js'
import { say, scenario, table } from './report.js'

const wanted = 100_000
const msMax = 1_000
const connectingAtOnce = 200
const perAddress = 10_000
const spareDescriptors = 500

await scenario(async () => {
  const clients = Math.min(wanted, descriptorLimit() - spareDescriptors)
  if (clients < wanted) say(`the limit of descriptors allows ${clients} clients only`)
  const broker = await startBroker({
    descriptors: clients + spareDescriptors,
    config: 'listeners.tcp.default.max_connections = infinity',
  })
  const all: BulkClient[] = []
  try {
    while (all.length < clients) {
      const batch = Math.min(connectingAtOnce, clients - all.length)
      const connecting = Array.from({ length: batch }, (_, n) => {
        const number = all.length + n
        const localAddress = `127.0.2.${1 + Math.floor(number / perAddress)}`
        return BulkClient.connect({ port: broker.port, clientId: `one-${number}`, localAddress })
      })
      all.push(...(await Promise.all(connecting)))
    }
    say(`${all.length} clients connected`)
    const startedMs = performance.now()
    const usedMs = [processorMs(broker.pid), firstThreadMs(broker.pid), processorMs(process.pid)]
    await Promise.all(all.map((client) => client.subscribe(['one/filter'], 0)))
    const subscribedMs = performance.now() - startedMs

    const [broker0 = 0, control0 = 0, own0 = 0] = usedMs
    const each = (ms: number) => (ms * 1000) / all.length
    const processor = {
      'broker us each': each(processorMs(broker.pid) - broker0),
      'its control thread': each(firstThreadMs(broker.pid) - control0),
      'this program': each(processorMs(process.pid) - own0),
    }

    const publishedMs = performance.now()
    all[0]?.write(publishBytes('one/filter', 'x'))
    while (all.some((client) => client.received === 0) && performance.now() - publishedMs < 30_000)
      await new Promise((resolve) => setImmediate(resolve))
    const reached = all.filter((client) => client.received === 1).length
    table([
      {
        subscribers: all.length,
        'SUBSCRIBE to last SUBACK, ms': subscribedMs,
        'us each': each(subscribedMs),
        ...processor,
        'one message reached': reached,
        'in ms': performance.now() - publishedMs,
      },
    ])
    return subscribedMs <= (msMax * all.length) / wanted && reached === all.length
  } finally {
    await Promise.all(all.map((client) => client.drop()))
    await broker.stop()
  }
})

function descriptorLimit(): number {
  const limits = readFileSync('/proc/self/limits', 'utf8')
  return Number(/^Max open files\s+\d+\s+(\d+)/m.exec(limits)?.[1] ?? 1024)
}
