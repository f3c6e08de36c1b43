/**
 * CONNECTs as fast as one process makes them: 200 sockets at a time connect, send CONNECT, and are dropped with their CONNACK.
 * Half of them use one of ten client ids, so that takeovers queue up behind each other.
 */
import { connect } from 'node:net'
import { connectBytes } from '../../test/integration/harness/index.js'
import { overload } from './overload/harness.js'

const atOnce = 200
const connections = 2_000
const perConnectionKiB = 8

await overload({
  title: `${atOnce} CONNECTs at a time, again and again`,
  config: `listeners.tcp.default.max_connections = ${connections}`,
  memory: {
    MiB: Math.ceil((connections * perConnectionKiB) / 1024) + 32,
    because: `max_connections ${connections} × ${perConnectionKiB} KiB + 32 MiB that control's garbage may come to`,
  },
  counters: [
    'connects_received',
    'connections_attached',
    'connects_refused',
    'sessions_taken_over',
    'connects_abandoned',
  ],
  attack: async (port) => {
    let answered = 0
    let failed = 0
    let next = 0
    for (let n = 0; n < atOnce; n++) again(n)
    return { figures: () => ({ answered, failed }) }

    function again(row: number): void {
      const number = next++
      // One address has some 28,000 ports, and each rests a minute.
      const localAddress = `127.0.3.${1 + (number % 200)}`
      const socket = connect({ port, host: '127.0.0.1', localAddress })
      const clientId = number % 2 === 0 ? `storm-${row % 10}` : `storm-${number}`
      socket.write(connectBytes({ clientId }))
      socket.once('data', () => {
        answered++
        socket.resetAndDestroy()
      })
      socket.on('error', () => {
        failed++
      })
      socket.once('close', () => setImmediate(again, row))
    }
  },
  holds: (_, { answered = 0 }) => ({
    'it was a storm: 500 CONNECTs a second': answered > 7_500,
  }),
})
