/** `$SYS/…`: what the broker says about itself, and that nobody else says it. Source: docs/protocol/dollar-topics.md. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  type BrokerProcess,
  type ClientOptions,
  clientIdOn,
  startBroker,
  TestClient,
} from '../harness/index.js'

const events = `sys_topics {
  sys_msg_interval = 200ms, sys_heartbeat_interval = 200ms
  sys_event_messages { client_subscribed = true, client_unsubscribed = true }
}
node.name = "sys@test"`

let broker: BrokerProcess

before(async () => {
  broker = await startBroker({ config: events })
})
after(() => broker.stop())

const on = (loop: number, name: string, more: Partial<ClientOptions> = {}) =>
  TestClient.connect({
    port: broker.port,
    version: 5,
    clientId: clientIdOn(broker, loop, name),
    ...more,
  })

async function until(client: TestClient, topic: string): Promise<string> {
  for (;;) {
    const message = await client.message()
    if (message.topic !== topic) continue
    assert.equal(message.qos, 0)
    return message.payload.toString()
  }
}

test('version, description and brokers wait as retained messages; figures and heartbeats keep coming', async () => {
  const client = await on(1, 'reader')
  await client.subscribe('$SYS/#')
  const node = '$SYS/brokers/sys@test'
  assert.match(await until(client, `${node}/version`), /^\d+\.\d+\.\d+/)
  const first = Number(await until(client, `${node}/uptime`))
  assert.ok(Number(await until(client, `${node}/uptime`)) > first)
  assert.ok(!Number.isNaN(Date.parse(await until(client, `${node}/datetime`))))
  assert.ok(Number(await until(client, `${node}/stats/connections/count`)) >= 1)
  assert.ok(Number(await until(client, `${node}/stats/connections/max`)) >= 1)
  assert.ok(Number(await until(client, `${node}/metrics/packets/subscribe/received`)) >= 1)
  const later = await on(0, 'later')
  await later.subscribe([
    { topic: '$SYS/brokers', qos: 0 },
    { topic: `${node}/sysdescr`, qos: 0 },
  ])
  const kept = new Map<string, string>()
  while (kept.size < 2) {
    const { topic, payload, retain } = await later.message()
    if (retain) kept.set(topic, payload.toString())
  }
  assert.equal(kept.get('$SYS/brokers'), 'sys@test')
  assert.equal(kept.get(`${node}/sysdescr`), 'Causeway')
  await Promise.all([client.disconnect(), later.disconnect()])
})

test('clients that come, subscribe, unsubscribe and go are told of, in this order', async () => {
  const watcher = await on(1, 'watcher')
  await watcher.subscribe('$SYS/brokers/+/clients/watched/#')
  const options = { port: broker.port, version: 4, clientId: 'watched', username: 'u' } as const
  const watched = await TestClient.connect({ ...options, keepAliveSeconds: 77 })
  await watched.subscribe({ topic: '$queue/a/+', qos: 1 })
  await watched.unsubscribe('$queue/a/+')
  await watched.disconnect()
  const told: [string | undefined, Record<string, unknown>][] = []
  while (told.length < 4) {
    const { topic, payload } = await watcher.message()
    told.push([topic.split('/').at(-1), JSON.parse(payload.toString())])
  }
  assert.deepEqual(
    told.map(([event]) => event),
    ['connected', 'subscribed', 'unsubscribed', 'disconnected'],
  )
  const [connected, subscribed, , disconnected] = told.map(([, fields]) => fields)
  assert.equal(connected?.clientid, 'watched')
  assert.equal(connected?.username, 'u')
  assert.equal(connected?.ipaddress, '127.0.0.1')
  assert.equal(connected?.sockport, broker.port)
  assert.equal(connected?.keepalive, 77)
  assert.equal(subscribed?.topic, '$queue/a/+')
  assert.deepEqual(subscribed?.subopts, { qos: 1, nl: 0, rap: 0, rh: 0 })
  assert.equal(disconnected?.reason, 'normal')
  assert.equal(disconnected?.connected_at, connected?.connected_at)
  await watcher.disconnect()
})

test('a filter that begins with a wildcard hears nothing of it [MQTT-4.7.2-1]', async () => {
  const [wild, named, other] = await Promise.all([on(0, 'wild'), on(1, 'named'), on(0, 'other')])
  await wild.subscribe(['#', '+/brokers/#', '+/+/sys@test/uptime'])
  await named.subscribe('$SYS/brokers/sys@test/uptime')
  await named.message()
  await named.message()
  await other.publish({ topic: 'plain', payload: 'x', qos: 1 })
  assert.equal((await wild.message()).topic, 'plain')
  assert.deepEqual(wild.messages.takeAll(), [])
  await Promise.all([wild, named, other].map((one) => one.disconnect()))
})

test('a client id that no topic may hold harms nobody', async () => {
  const watcher = await on(1, 'watcher')
  await watcher.subscribe('$SYS/brokers/+/clients/#')
  for (const clientId of ['a+b', '#', 'plain'])
    await (await TestClient.connect({ port: broker.port, version: 5, clientId })).disconnect()
  assert.match(await next(watcher, 'connected'), /clients\/plain\/connected$/)
  await watcher.disconnect()
})

test('sys_topics.subscribers says who may listen; nobody may publish', async () => {
  const closed = await startBroker({ io: 1, config: 'sys_topics.subscribers = none' })
  try {
    const client = await TestClient.connect({ port: closed.port, version: 5 })
    const filters = ['$SYS/#', '$SYS/brokers/+/uptime', '$share/g/$SYS/#', '$queue/$SYS/x', '#']
    assert.deepEqual((await client.subscribe(filters)).granted, [0x87, 0x87, 0x87, 0x87, 2])
    const answer = await client.publish({ topic: '$SYS/brokers', qos: 1 })
    assert.equal(answer?.reasonCode, 0x87)
    client.send({ cmd: 'publish', topic: '$SYS/x', payload: '', qos: 0, retain: true, dup: false })
    await client.ping()
    assert.equal(await closed.counter('native_messages_denied'), 2)
    assert.equal(await closed.counter('native_retained_count'), 0)
    await client.disconnect()
  } finally {
    await closed.stop()
  }
})

/** The topic of the next message of this event that is not about the watcher itself. */
async function next(client: TestClient, event: string): Promise<string> {
  for (;;) {
    const { topic } = await client.message()
    if (topic.endsWith(`/${event}`) && !topic.includes('watcher')) return topic
  }
}
