/**
 * 100,000 subscribers of one topic, or as many as descriptors allow, and a message to all of them every second. Healthy clients on
 * other topics are served between the slices of the fan-out.
 */
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { BulkClient, publishBytes } from '../../test/integration/harness/index.js'
import { overload } from './overload/harness.js'

const wanted = 100_000
const connectingAtOnce = 200
const perAddress = 10_000
const spareDescriptors = 500
const perSubscriberKiB = 4
const everyMs = 1_000

const subscribers = Math.min(wanted, descriptorLimit() - spareDescriptors)
const shortage =
  subscribers < wanted ? `, as the limit of descriptors allows; ${wanted} were wanted` : ''

await overload({
  title: `${subscribers} subscribers of one topic${shortage}`,
  descriptors: subscribers + spareDescriptors,
  config: 'listeners.tcp.default.max_connections = infinity',
  memory: {
    MiB: Math.ceil((subscribers * perSubscriberKiB) / 1024),
    because: `${subscribers} × ${perSubscriberKiB} KiB: connection, session, subscription, a block of its out-buffer`,
  },
  counters: ['native_messages_sent', 'native_dropped_qos0_slow', 'native_fanout_yields'],
  attack: async (port) => {
    const all: BulkClient[] = []
    while (all.length < subscribers) {
      const batch = Math.min(connectingAtOnce, subscribers - all.length)
      const connecting = Array.from({ length: batch }, async (_, n) => {
        const number = all.length + n
        const localAddress = `127.0.2.${1 + Math.floor(number / perAddress)}`
        const client = await BulkClient.connect({ port, clientId: `one-${number}`, localAddress })
        await client.subscribe(['one/topic'], 0)
        return client
      })
      all.push(...(await Promise.all(connecting)))
    }
    const publisher = all[0]
    let published = 0
    void publish()
    return {
      figures: () => ({
        published,
        'received by all': Math.min(...all.map(({ received }) => received)),
      }),
    }

    async function publish(): Promise<never> {
      for (;;) {
        publisher?.write(publishBytes('one/topic', Buffer.alloc(64)))
        published++
        await delay(everyMs)
      }
    }
  },
  holds: (_, { published = 0, 'received by all': received = 0 }) => ({
    'everybody gets every message, but for the last': received >= published - 1,
  }),
})

function descriptorLimit(): number {
  const limits = readFileSync('/proc/self/limits', 'utf8')
  return Number(/^Max open files\s+\d+\s+(\d+)/m.exec(limits)?.[1] ?? 1024)
}
