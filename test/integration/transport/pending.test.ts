/** Sockets that dribble their CONNECT take all places before it: who has one to say is served all the same. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { eventually, TestClient, withBroker } from '../harness/index.js'

const places = 16

// The deadline is longer than the test may last: nothing but giving way makes room.
const config = `limits.pending_connects = ${places}, mqtt.idle_timeout = 10m`

test('when all places are taken, the oldest without a whole CONNECT gives way to who waits', () =>
  withBroker(config, async (broker) => {
    let closed = 0
    const dribbling = await Promise.all(
      Array.from({ length: 2 * places }, async () => {
        const socket = connect({ port: broker.port, host: '127.0.0.1' })
        socket.on('error', () => {}) // reset, when it is its turn
        socket.once('close', () => closed++)
        await once(socket, 'connect')
        socket.resume().write(Buffer.from([0x10, 0x20, 0x00]))
        return socket
      }),
    )
    // It waits in the backlog behind all of them.
    const client = await TestClient.connect({ port: broker.port })
    await client.ping()
    await eventually(
      'as many gave way as there were too many',
      async () => (await broker.counter('native_connects_refused_room')) >= places,
    )
    await eventually('whoever gave way is closed', () => closed >= places)
    assert.equal(await broker.counter('native_connects_refused_timeout'), 0)
    await client.disconnect()
    for (const socket of dribbling) socket.destroy()
  }))
