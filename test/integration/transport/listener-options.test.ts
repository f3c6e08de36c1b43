/** What a listener may be told: addresses, who may connect, how fast, how many undecided, for how long. */
import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import { after, before, test } from 'node:test'
import {
  type BrokerProcess,
  eventually,
  freePort,
  ioLoops,
  startBroker,
  TestClient,
} from '../harness/index.js'

const ports = new Map<string, number>()
let broker: BrokerProcess
const pending = 4 * ioLoops
const hasIpv6 = Object.values(networkInterfaces()).some((list) =>
  list?.some(({ address }) => address === '::1'),
)

before(async () => {
  for (const name of ['every', 'four', 'six', 'denied', 'slow']) ports.set(name, await freePort())
  const port = (name: string) => ports.get(name)
  broker = await startBroker({
    config: `
    listeners.tcp.every.bind = ${port('every')}
    listeners.tcp.four.bind = "0.0.0.0:${port('four')}"
    ${hasIpv6 ? `listeners.tcp.six.bind = "[::1]:${port('six')}"` : ''}
    listeners.tcp.off { bind = ${port('every')}, enable = false }
    listeners.tcp.denied {
      bind = "127.0.0.1:${port('denied')}", access_rules = ["allow 192.0.2.0/24", "deny 127.0.0.0/8"]
    }
    listeners.tcp.slow {
      bind = "127.0.0.1:${port('slow')}", max_conn_rate = "5/s"
      tcp_options { keepalive = "60,10,3", sndbuf = 64KB, recbuf = 64KB, nodelay = false, backlog = 64 }
    }
    limits.pending_connects = ${pending}
    mqtt.idle_timeout = 1500ms`,
  })
})
after(() => broker.stop())

/** A socket on which nothing is sent. */
async function silent(port: number, host = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ port, host })
  socket.on('error', () => {})
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', reject)
  })
  return socket
}

const closed = (socket: Socket) =>
  new Promise<void>((resolve) => {
    socket.resume()
    socket.once('close', () => resolve())
  })

/** Whether a CONNECT is answered with CONNACK 0 at this address. */
async function serves(host: string, port: number): Promise<boolean> {
  const socket = await silent(port, host)
  socket.write(Buffer.from('100c00044d5154540402003c0000', 'hex'))
  const answer = await new Promise<Buffer>((resolve) => socket.once('data', resolve))
  socket.destroy()
  return answer.equals(Buffer.from('20020000', 'hex'))
}

test('a bare port is open on every address of both families', async () => {
  const port = ports.get('every') ?? 0
  assert.ok(await serves('127.0.0.1', port))
  assert.ok(await serves('127.0.0.2', port))
  if (hasIpv6) assert.ok(await serves('::1', port))
})

test('an address is the only one that is open', async () => {
  assert.ok(await serves('127.0.0.1', ports.get('four') ?? 0))
  if (!hasIpv6) return
  await assert.rejects(silent(ports.get('four') ?? 0, '::1'), /ECONNREFUSED/)
  assert.ok(await serves('::1', ports.get('six') ?? 0))
  await assert.rejects(silent(ports.get('six') ?? 0, '127.0.0.1'), /ECONNREFUSED/)
})

test('a denied address is closed at once, counted and said', async () => {
  const before = await broker.counter('native_connects_refused_access')
  await closed(await silent(ports.get('denied') ?? 0))
  assert.equal(await broker.counter('native_connects_refused_access'), before + 1)
  const said = () =>
    broker.log.find((one) => one.event === 'listener_refused' && one.refused_access)
  await eventually('the refusal is logged', () => said() !== undefined)
  assert.equal(said()?.listener, 'tcp:denied')
})

test('connections above max_conn_rate wait, and all are served in the end', async () => {
  const pauses = await broker.counter('native_accept_pauses_rate')
  const began = performance.now()
  const count = 9
  await Promise.all(
    Array.from({ length: count }, async () => {
      const client = await TestClient.connect({ port: ports.get('slow') ?? 0 })
      await client.disconnect()
    }),
  )
  // Five at once, then one each 200 ms.
  assert.ok(performance.now() - began >= (count - 5) * 200 - 50)
  assert.ok((await broker.counter('native_accept_pauses_rate')) > pauses)
})

test('silent sockets fill limits.pending_connects: accepting pauses, counted, until they time out', async () => {
  const pauses = await broker.counter('native_accept_pauses_pending')
  const timeouts = await broker.counter('native_connects_refused_timeout')
  const count = pending + 1 // so one loop at least has more than its share
  const sockets = await Promise.all(Array.from({ length: count }, () => silent(broker.port)))
  const ends = sockets.map(closed)
  await eventually(
    'a loop has paused',
    async () => (await broker.counter('native_accept_pauses_pending')) > pauses,
  )
  const client = await TestClient.connect({ port: broker.port })
  await client.disconnect()
  await Promise.all(ends)
  assert.equal(await broker.counter('native_connects_refused_timeout'), timeouts + count)
})

test('a CONNECT that drips does not outlive mqtt.idle_timeout', async () => {
  const timeouts = await broker.counter('native_connects_refused_timeout')
  const socket = await silent(broker.port)
  const bytes = Buffer.from('100c00044d5154540402003c0000', 'hex')
  let at = 0
  const drip = setInterval(() => {
    if (at < bytes.length - 1) socket.write(bytes.subarray(at, ++at))
  }, 100)
  const began = performance.now()
  await closed(socket)
  clearInterval(drip)
  assert.ok(performance.now() - began >= 1400)
  assert.equal(await broker.counter('native_connects_refused_timeout'), timeouts + 1)
})
