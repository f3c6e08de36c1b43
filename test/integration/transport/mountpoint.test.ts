/** Mountpoints: clients of a listener see their own part of the topics, and nothing else does. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  type BrokerProcess,
  eventually,
  freePort,
  startBroker,
  TestClient,
} from '../harness/index.js'

let broker: BrokerProcess
let port: number
before(async () => {
  port = await freePort()
  broker = await startBroker({
    config: `listeners.tcp.mounted { bind = "127.0.0.1:${port}", mountpoint = "region/\${clientid}/" }`,
  })
})
after(() => broker.stop())

const inside = (clientId: string, more: object = {}) =>
  TestClient.connect({ port, clientId, version: 5, ...more })
const outside = (more: object = {}) =>
  TestClient.connect({ port: broker.port, version: 5, ...more })

test('what a mounted client publishes is under its mountpoint, at every QoS, also through an alias', async () => {
  const [client, watcher] = await Promise.all([inside('a'), outside()])
  await watcher.subscribe('region/#')
  for (const qos of [0, 1, 2] as const) {
    await client.publish({ topic: 't', payload: `${qos}`, qos })
    assert.equal((await watcher.message()).topic, 'region/a/t')
  }
  await client.publish({ topic: 'by/alias', qos: 1, properties: { topicAlias: 1 } })
  await client.publish({ topic: '', qos: 1, properties: { topicAlias: 1 } })
  assert.equal((await watcher.message()).topic, 'region/a/by/alias')
  assert.equal((await watcher.message()).topic, 'region/a/by/alias')
  await Promise.all([client.disconnect(), watcher.disconnect()])
})

test('what it receives has no mountpoint: plain, shared, retained, aliased, QoS 0 to 2', async () => {
  const publisher = await outside()
  await publisher.publish({ topic: 'region/b/kept', payload: 'r', qos: 1, retain: true })
  const client = await inside('b', { properties: { topicAliasMaximum: 4 } })
  await client.subscribe('kept')
  assert.equal((await client.message()).topic, 'kept')
  await client.subscribe('$share/g/shared')
  await client.subscribe('+/x', 7)
  // The first of a topic names it, the next ones may be an alias alone.
  const names = new Map<number, string>()
  const next = async () => {
    const { topic, properties } = await client.message()
    const alias = properties?.topicAlias ?? 0
    if (topic !== '') names.set(alias, topic)
    return topic === '' ? names.get(alias) : topic
  }
  for (const qos of [0, 1, 2] as const) {
    await publisher.publish({ topic: 'region/b/shared', payload: `s${qos}`, qos })
    assert.equal(await next(), 'shared')
    await publisher.publish({ topic: 'region/b/any/x', payload: `x${qos}`, qos })
    assert.equal(await next(), 'any/x')
  }
  await publisher.publish({ topic: 'region/b/kept', qos: 1, retain: true })
  await Promise.all([client.disconnect(), publisher.disconnect()])
})

test('two mounted clients do not see each other, and unsubscribe what they subscribed', async () => {
  const [one, two] = await Promise.all([inside('one'), inside('two')])
  await Promise.all([one.subscribe('#'), two.subscribe('#')])
  await one.publish({ topic: 'mine', payload: '1', qos: 1 })
  await two.publish({ topic: 'mine', payload: '2', qos: 1 })
  assert.deepEqual(await one.payloads(1), ['1'])
  assert.deepEqual(await two.payloads(1), ['2'])
  assert.deepEqual((await one.unsubscribe('#')).granted, [0])
  await one.publish({ topic: 'mine', payload: '3', qos: 1 })
  await one.ping()
  assert.equal(one.messages.length, 0)
  await Promise.all([one.disconnect(), two.disconnect()])
})

test('wills are mounted, and what waits offline comes back without the mountpoint', async () => {
  const watcher = await outside()
  await watcher.subscribe('region/w/gone')
  const options = { clean: false, properties: { sessionExpiryInterval: 60 } }
  const client = await inside('w', {
    ...options,
    will: { topic: 'gone', payload: Buffer.from('bye'), qos: 1, retain: false },
  })
  await client.subscribe('later')
  await client.drop()
  assert.equal((await watcher.message()).topic, 'region/w/gone')
  await watcher.publish({ topic: 'region/w/later', payload: 'kept', qos: 1 })
  const again = await inside('w', options)
  assert.equal(again.sessionPresent, true)
  assert.equal((await again.message()).topic, 'later')
  await Promise.all([again.disconnect(), watcher.disconnect()])
})

test('a client identifier with a wildcard does not widen its mountpoint', async () => {
  await assert.rejects(inside('+'), /refused with 133/)
  await assert.rejects(inside('#'), /refused with 133/)
  const said = () =>
    broker.log.some((one) => one.event === 'connect_refused' && one.clientId === '+')
  await eventually('the refusal is logged', said)
})
