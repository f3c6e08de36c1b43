/**
 * Four publishers send QoS 0 messages of 256 bytes as fast as their sockets take them; one subscriber reads what it can. A
 * publisher is slowed by not being read; whoever cannot keep up loses QoS 0.
 */
import { connect } from 'node:net'
import { BulkClient, connectBytes, publishBytes } from '../../test/integration/harness/index.js'
import { overload } from './overload/harness.js'

const publishers = 4
const watermarkMiB = 4
/** The read buffer of a loop, and what a socket's last packet may leave. */
const readMiB = 1

await overload({
  title: `${publishers} publishers without any restraint`,
  config: '',
  memory: {
    MiB: watermarkMiB + publishers * readMiB,
    because: `one subscriber × high_watermark ${watermarkMiB} MiB + ${publishers} × max_packet_size ${readMiB} MiB`,
  },
  counters: ['native_messages_received', 'native_messages_sent', 'native_dropped_qos0_slow'],
  attack: async (port) => {
    const subscriber = await BulkClient.connect({ port, clientId: 'flooded' })
    await subscriber.subscribe(['flood/#'], 0)
    const some = Buffer.concat(
      Array.from({ length: 200 }, (_, n) => publishBytes(`flood/${n}`, Buffer.alloc(256))),
    )
    let batches = 0
    for (let n = 0; n < publishers; n++) {
      const socket = connect({ port, host: '127.0.0.1' })
      socket.resume()
      socket.write(connectBytes({ clientId: `flood-${n}` }))
      const more = () => {
        do batches++
        while (socket.write(some))
      }
      socket.on('drain', more)
      socket.once('connect', more)
      socket.on('error', () => {}) // shows in the figures
    }
    return {
      figures: () => ({ published: batches * 200, 'came to the subscriber': subscriber.received }),
    }
  },
  holds: (counters) => ({
    'it was a flood: 10,000 messages a second': (counters.native_messages_received ?? 0) > 150_000,
  }),
})
