/**
 * 40 subscribers that stop reading, half of them of QoS 0 and half of QoS 1, and a publisher that goes on: 100 messages of 32 KiB a
 * second to each. Of QoS 0 the kernel's buffers fill, then the broker's, then the connection is closed; of QoS 1 the window fills, then the queue.
 */
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import {
  BulkClient,
  connectBytes,
  publishBytes,
  subscribeBytes,
} from '../../test/integration/harness/index.js'
import { overload } from './overload/harness.js'

const stuck = 40
const payloadKiB = 32
const watermarkKiB = 512
const queueLength = 100
const perSecond = 100

await overload({
  title: `${stuck} subscribers that do not read, ${perSecond} messages of ${payloadKiB} KiB a second to each`,
  config: `
    mqtt { max_mqueue_len = ${queueLength}, max_inflight = 32 }
    listeners.tcp.default.tcp_options { high_watermark = ${watermarkKiB}KB, send_timeout = 5s }
  `,
  memory: {
    MiB: Math.ceil((stuck * (watermarkKiB + (queueLength + 32 + 1) * payloadKiB)) / 1024),
    because: `${stuck} × (high_watermark ${watermarkKiB} KiB + (max_mqueue_len + max_inflight + 1) × ${payloadKiB} KiB)`,
  },
  counters: [
    'native_dropped_qos0_slow',
    'native_dropped_queue_full',
    'native_slow_subscribers_closed',
    'native_deliveries',
  ],
  attack: async (port) => {
    let sent = 0
    for (let n = 0; n < stuck; n++) stopReading(n)
    const publisher = await BulkClient.connect({ port, clientId: 'stuck-publisher' })
    const payload = Buffer.alloc(payloadKiB * 1024)
    void publish()
    return { figures: () => ({ published: sent }) }

    function stopReading(n: number): void {
      const socket = connect({ port, host: '127.0.0.1' })
      socket.pause()
      socket.write(connectBytes({ clientId: `stuck-${n}` }))
      socket.write(subscribeBytes(1, ['stuck/+'], n % 2))
      socket.on('error', () => {}) // a reset is what it asked for
    }

    async function publish(): Promise<never> {
      const startedMs = performance.now()
      for (;;) {
        for (; sent < ((performance.now() - startedMs) * perSecond) / 1000; sent++) {
          const packetId = publisher.nextPacketId()
          publisher.write(publishBytes('stuck/x', payload, { qos: 1, packetId }))
        }
        await delay(5)
      }
    }
  },
  holds: (counters) => ({
    'QoS 0 was dropped': (counters.native_dropped_qos0_slow ?? 0) > 0,
    'queues were full': (counters.native_dropped_queue_full ?? 0) > 0,
    'who does not read is closed': (counters.native_slow_subscribers_closed ?? 0) > 0,
  }),
})
