/**
 * Thousands of sockets that send a CONNECT one byte every half second, for ever. The broker closes each after
 * mqtt.idle_timeout, or, as they are more than it has places, after two seconds when another wants the place; it comes back at once.
 */
import { connect, type Socket } from 'node:net'
import { connectBytes } from '../../test/integration/harness/index.js'
import { overload } from './overload/harness.js'

const sockets = 5_000
const dribbleMs = 500
const perSocketKiB = 4

await overload({
  title: `${sockets} sockets, each a byte of its CONNECT every ${dribbleMs} ms`,
  descriptors: sockets + 1_000,
  config: 'mqtt.idle_timeout = 5s',
  memory: {
    MiB: Math.ceil((sockets * perSocketKiB) / 1024),
    because: `${sockets} × ${perSocketKiB} KiB: a socket, its watcher, the bytes it has sent`,
  },
  counters: [
    'native_connects_refused_room',
    'native_connections_accepted',
    'native_connects_refused_timeout',
    'connects_received',
    'native_bytes_received',
  ],
  attack: async (port) => {
    const connectPacket = connectBytes({ clientId: 'loris'.repeat(100) })
    const open = new Map<Socket, number>()
    let closed = 0
    const started: Promise<void>[] = []
    for (let n = 0; n < sockets; n++) {
      started.push(new Promise((resolve) => dribble(n, resolve)))
      if (n % 200 === 199) await Promise.all(started)
    }
    setInterval(() => {
      for (const [socket, at] of open) {
        socket.write(connectPacket.subarray(at, at + 1))
        open.set(socket, at + 1)
      }
    }, dribbleMs)
    return { figures: () => ({ open: open.size, 'closed by the broker': closed }) }

    function dribble(n: number, connected: () => void): void {
      const localAddress = `127.0.4.${1 + (n % 100)}`
      const socket = connect({ port, host: '127.0.0.1', localAddress })
      socket.once('connect', () => {
        open.set(socket, 0)
        connected()
      })
      socket.on('error', () => {}) // 'close' follows
      socket.once('close', () => {
        closed++
        open.delete(socket)
        setTimeout(dribble, 10, n, () => {})
      })
    }
  },
  holds: (counters) => ({
    'who sends no CONNECT in time is closed':
      (counters.native_connects_refused_timeout ?? 0) +
        (counters.native_connects_refused_room ?? 0) >=
      sockets,
  }),
})
