/** A broker from its start to its end: the ready line, ports and folders that are taken, SIGTERM under load. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import { Traffic } from '../exit/traffic.js'
import { freePort, TestClient } from '../harness/index.js'
import { brokerFile, type Command, causeway, events, folder } from './command.js'

const clients = 200
const drainMs = 5_000

/** The one message of a broker that cannot start. */
async function refused(command: Command): Promise<string> {
  assert.deepEqual(await command.ended(10_000), { code: 1, signal: null })
  assert.equal(command.stdout, '', 'it never was ready')
  const messages = command.stderr.split('\n').filter((line) => line !== '' && !line.startsWith('{'))
  assert.equal(messages.length, 1, command.stderr)
  return messages[0] ?? ''
}

test('ready is one line on standard output, and an event', async (t) => {
  const port = await freePort()
  const broker = causeway(t, ['start', '-c', brokerFile(folder(t), { port, io: 1 })])
  await broker.ready()
  const client = await TestClient.connect({ port })
  await client.disconnect()
  assert.deepEqual(await broker.stopped(), { code: 0, signal: null })
  assert.match(
    broker.stdout,
    new RegExp(
      `^Causeway \\d+\\.\\d+\\.\\d+ ready: cluster emqxcl, tcp:default 127\\.0\\.0\\.1:${port}, 1 io loop\\n$`,
    ),
  )
  assert.equal(events(broker, 'ready').length, 1)
  assert.equal(events(broker, 'stopped').length, 1)
})

for (const host of ['127.0.0.1', '0.0.0.0']) {
  test(`a port that another program listens on at ${host} is refused, naming the key and its place`, async (t) => {
    const port = await freePort()
    const server = createServer()
    server.listen(port, host)
    await once(server, 'listening')
    t.after(() => server.close())
    const message = await refused(causeway(t, ['start', '-c', brokerFile(folder(t), { port })]))
    assert.match(
      message,
      new RegExp(
        `^listeners\\.tcp\\.default\\.bind \\(.*causeway\\.conf:4:30\\): port ${port} is in use`,
      ),
    )
  })
}

for (const [first, second] of [
  [1, 1],
  [1, 2],
  [2, 1],
  [2, 2],
] as const) {
  // SO_REUSEPORT, which loops share a port with, would let the second one in silently.
  test(`a broker with ${second} io loops does not share the port of one with ${first}`, async (t) => {
    const port = await freePort()
    const running = causeway(t, ['start', '-c', brokerFile(folder(t), { port, io: first })])
    await running.ready()
    const late = causeway(t, ['start', '-c', brokerFile(folder(t), { port, io: second })])
    assert.match(
      await refused(late),
      new RegExp(`^listeners\\.tcp\\.default\\.bind .*port ${port} is in use`),
    )
    for (let n = 0; n < 8; n++) await (await TestClient.connect({ port })).disconnect()
    assert.deepEqual(await running.stopped(), { code: 0, signal: null })
  })
}

test('two brokers that start at once, each with an MQTT port of its own, both run: one at most has WebSocket on 8083', async (t) => {
  const pair = await Promise.all(
    [0, 1].map(async () => {
      const file = brokerFile(folder(t), { port: await freePort(), ws: true })
      return causeway(t, ['start', '-c', file])
    }),
  )
  await Promise.all(pair.map((broker) => broker.ready()))
  const open = pair.filter(({ stdout }) => stdout.includes('ws:default :8083'))
  const closed = pair.filter((broker) => events(broker, 'listener_default_in_use').length === 1)
  assert.ok(open.length <= 1) // none where something else of this machine has the port
  assert.deepEqual(new Set([...open, ...closed]), new Set(pair))
  assert.equal(open.length + closed.length, 2)
  for (const broker of pair) assert.deepEqual(await broker.stopped(), { code: 0, signal: null })
})

test('of two brokers that start at once on one port, one runs and the other is refused', async (t) => {
  const port = await freePort()
  const pair = [0, 1].map(() => causeway(t, ['start', '-c', brokerFile(folder(t), { port })]))
  const outcomes = await Promise.all(
    pair.map((broker) =>
      broker.ready().then(
        () => 'ready',
        () => 'refused',
      ),
    ),
  )
  assert.deepEqual(outcomes.toSorted(), ['ready', 'refused'])
})

test('a data directory in use is refused, naming its owner', async (t) => {
  const home = folder(t)
  const running = causeway(t, ['start', '-c', brokerFile(home, { port: await freePort() })])
  await running.ready()
  const late = causeway(t, ['start', '-c', brokerFile(home, { port: await freePort() })])
  assert.match(
    await refused(late),
    new RegExp(`^node\\.data_dir: .*in use .*process ${running.pid}`),
  )
})

test('a data directory that was left behind by a killed broker is taken over', async (t) => {
  const file = brokerFile(folder(t), { port: await freePort() })
  const first = causeway(t, ['start', '-c', file])
  await first.ready()
  first.signal('SIGKILL')
  assert.deepEqual(await first.ended(5_000), { code: null, signal: 'SIGKILL' })
  const second = causeway(t, ['start', '-c', file])
  await second.ready()
  assert.deepEqual(await second.stopped(), { code: 0, signal: null })
})

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} with ${clients} clients under traffic: everybody is told, exit code 0 within 5 s`, async (t) => {
    const { port, broker } = await started(t)
    const idle = await Promise.all(
      Array.from({ length: clients }, () => TestClient.connect({ port, version: 5 })),
    )
    const traffic = await Traffic.start(port)
    await traffic.delivered(1_000)
    const asked = performance.now()
    broker.signal(signal)
    assert.deepEqual(await broker.ended(10_000), { code: 0, signal: null })
    const tookMs = performance.now() - asked
    assert.ok(tookMs <= drainMs, `took ${tookMs} ms`)
    await Promise.all(idle.map((client) => client.whenClosed()))
    const codes = idle.map(({ goodbye }) => goodbye?.reasonCode)
    assert.deepEqual(
      codes,
      codes.map(() => 0x8b),
      'server shutting down [MQTT-4.13.1]',
    )
    await traffic.stop()
  })
}

for (const [moment, listener, ready] of [
  ['while it still loads', 1, 0],
  ['before the turn in which it gets ready has ended', 2, 1],
] as const) {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    test(`${signal} ${moment} ends a broker with 0`, async (t) => {
      const home = folder(t)
      const file = brokerFile(home, { port: await freePort() })
      const broker = causeway(t, ['start', '-c', file], { node: signalAt(signal, listener) })
      assert.deepEqual(await broker.ended(10_000), { code: 0, signal: null }, broker.stderr)
      assert.equal(events(broker, 'ready').length, ready)
      const next = causeway(t, ['start', '-c', file])
      await next.ready()
      assert.deepEqual(await next.stopped(), { code: 0, signal: null })
    })
  }
}

/** Arguments of a node that sends itself the signal as soon as it is listened to for the `nth` time. */
function signalAt(signal: NodeJS.Signals, nth: number): string[] {
  const script = `let left = ${nth}
process.on('newListener', (event) => {
  if (event === '${signal}' && --left === 0) setImmediate(() => process.kill(process.pid, '${signal}'))
})`
  return ['--import', `data:text/javascript,${encodeURIComponent(script)}`]
}

test('a broker whose clients do not read still exits with 0 within 5 s', async (t) => {
  const { port, broker } = await started(t)
  const stuck = await TestClient.connect({ port })
  await stuck.subscribe({ topic: 'stuck', qos: 0 })
  stuck.stall()
  const publisher = await TestClient.connect({ port })
  const payload = Buffer.alloc(64 * 1024)
  for (let n = 0; n < 64; n++) await publisher.publish({ topic: 'stuck', payload, qos: 1 })
  const asked = performance.now()
  assert.deepEqual(await broker.stopped(10_000), { code: 0, signal: null })
  assert.ok(performance.now() - asked <= drainMs)
  stuck.unstall()
})

async function started(t: TestContext): Promise<{ port: number; broker: Command }> {
  const port = await freePort()
  const broker = causeway(t, ['start', '-c', brokerFile(folder(t), { port })])
  await broker.ready()
  return { port, broker }
}
