/** Unix domain sockets: the file, who may connect, and that everything works over them as over TCP. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import {
  type BrokerProcess,
  clientIdOn,
  connectBytes,
  eventually,
  ioLoops,
  openStream,
  startBroker,
  TestClient,
  type Via,
} from '../harness/index.js'

const directory = mkdtempSync(join(tmpdir(), 'causeway-unix-'))
after(() => rmSync(directory, { recursive: true, force: true }))

const path = join(directory, 'mqtt.sock')
const via: Via = { kind: 'unix', path }
const config = `listeners.unix.local { bind = "${path}", mode = "0600", max_connections = 8 }`

let broker: BrokerProcess
before(async () => {
  broker = await startBroker({ config })
})
after(() => broker.stop())

const connect = (more: object = {}) => TestClient.connect({ port: 0, via, version: 5, ...more })

test('the file has the permissions of the configuration', () => {
  const file = statSync(path)
  assert.ok(file.isSocket())
  assert.equal(file.mode & 0o777, 0o600)
})

test('clients of every loop publish to each other over the socket, and to clients on TCP', async () => {
  const listeners = await Promise.all([
    ...Array.from({ length: ioLoops }, (_, loop) =>
      connect({ clientId: clientIdOn(broker, loop, 'unix') }),
    ),
    TestClient.connect({ port: broker.port }),
  ])
  for (const client of listeners) await client.subscribe('unix/+')
  for (const qos of [0, 1, 2] as const) {
    await listeners[0]?.publish({ topic: `unix/${qos}`, payload: `q${qos}`, qos })
  }
  for (const client of listeners)
    assert.deepEqual((await client.payloads(3)).sort(), ['q0', 'q1', 'q2'])
  await Promise.all(listeners.map((client) => client.disconnect()))
})

test('a session moves between TCP and the socket, with what waited for it', async () => {
  const clientId = clientIdOn(broker, ioLoops - 1, 'moving')
  const properties = { sessionExpiryInterval: 60 }
  const first = await connect({ clientId, clean: false, properties })
  await first.subscribe('moving')
  await first.drop()
  const publisher = await TestClient.connect({ port: broker.port })
  await publisher.publish({ topic: 'moving', payload: 'kept', qos: 1 })
  const again = await TestClient.connect({
    port: broker.port,
    version: 5,
    clientId,
    clean: false,
    properties,
  })
  assert.equal(again.sessionPresent, true)
  assert.deepEqual(await again.payloads(1), ['kept'])
  const back = await connect({ clientId, clean: false, properties: { sessionExpiryInterval: 0 } })
  assert.equal(back.sessionPresent, true)
  await again.whenClosed()
  assert.equal(again.goodbye?.reasonCode, 0x8e)
  await Promise.all([back.disconnect(), publisher.disconnect()])
})

test('peers are named by process and user', async () => {
  const client = await TestClient.dial({ port: 0, via, version: 5 })
  const properties = { authenticationMethod: 'none-such' }
  client.sendBytes(connectBytes({ clientId: 'refused', version: 5, properties }))
  await client.whenClosed()
  const refused = () => broker.log.find((one) => one.event === 'connect_refused')
  await eventually('the refusal is logged', () => refused() !== undefined)
  assert.equal(refused()?.peer, `unix:${process.pid}/${process.getuid?.()}`)
})

test('the socket has a limit of connections of its own', async () => {
  const clients = await Promise.all(Array.from({ length: 8 }, () => connect()))
  const refused = await broker.counter('native_connects_refused_quota')
  const extra = await openStream(via, 0)
  extra.on('error', () => {})
  extra.resume()
  await new Promise((resolve) => extra.once('close', resolve))
  assert.equal(await broker.counter('native_connects_refused_quota'), refused + 1)
  await Promise.all(clients.map((client) => client.disconnect()))
})

test('the file goes when the broker stops', async () => {
  const other = join(directory, 'other.sock')
  const second = await startBroker({ config: `listeners.unix.other.bind = "${other}"` })
  assert.ok(existsSync(other))
  await second.stop()
  assert.ok(!existsSync(other))
})

test('a file that a killed broker left is replaced', async () => {
  const stale = join(directory, 'stale.sock')
  const options = { config: `listeners.unix.stale.bind = "${stale}"` }
  const killed = await startBroker(options)
  await killed.kill()
  assert.ok(existsSync(stale))
  const next = await startBroker(options)
  const client = await TestClient.connect({ port: 0, via: { kind: 'unix', path: stale } })
  await client.disconnect()
  await next.stop()
})

test('a path where another process listens is refused by its key', async () => {
  const taken = join(directory, 'taken.sock')
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(taken, resolve))
  try {
    await assert.rejects(
      startBroker({ config: `listeners.unix.mine.bind = "${taken}"` }),
      /listeners\.unix\.mine\.bind \(.*\): .*taken\.sock is in use by another process/,
    )
    assert.ok(existsSync(taken))
  } finally {
    await new Promise((resolve) => server.close(resolve))
  }
})

test('a file that is no socket is left alone', async () => {
  const file = join(directory, 'notes.txt')
  writeFileSync(file, 'mine')
  await assert.rejects(
    startBroker({ config: `listeners.unix.mine.bind = "${file}"` }),
    /listeners\.unix\.mine\.bind \(.*\): .*notes\.txt cannot be bound: a file of another kind is in its place/,
  )
  assert.ok(statSync(file).isFile())
})
