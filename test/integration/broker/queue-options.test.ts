/** `mqtt.*` and `retainer.*` settings of queues, redelivery and lifetimes. docs/operating/configuration.md. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  type BrokerProcess,
  eventually,
  publishPacket,
  startBroker,
  TestClient,
} from '../harness/index.js'

let broker: BrokerProcess

before(async () => {
  broker = await startBroker({
    config: `
mqtt {
  mqueue_priorities = { "alarm" = 9, "notice" = 2 }
  retry_interval = 1s
  await_rel_timeout = 1s
  message_expiry_interval = 90s
  max_topic_levels = 4
}
retainer.stop_publish_clear_msg = true`,
  })
})
after(() => broker.stop())

const lasting = { clean: false, properties: { sessionExpiryInterval: 60 } }

test('mqueue_priorities: what waits leaves by priority, and in order within one', async () => {
  const options = { port: broker.port, version: 5, clientId: 'waiting', ...lasting } as const
  const away = await TestClient.connect(options)
  await away.subscribe([
    { topic: 'alarm', qos: 1 },
    { topic: 'notice', qos: 1 },
    { topic: 'chat', qos: 1 },
  ])
  await away.disconnect() // waits for its end: what came before it would be in flight, in order of publication
  const publisher = await TestClient.connect({ port: broker.port, version: 5 })
  for (let n = 0; n < 3; n++) {
    for (const topic of ['chat', 'notice', 'alarm'])
      await publisher.publish({ topic, payload: `${topic} ${n}`, qos: 1 })
  }
  const back = await TestClient.connect(options)
  assert.deepEqual(
    await back.payloads(9),
    ['alarm', 'notice', 'chat'].flatMap((topic) => [0, 1, 2].map((n) => `${topic} ${n}`)),
  )
  await back.disconnect(0, { sessionExpiryInterval: 0 })
  await publisher.disconnect()
})

test('retry_interval: an unacknowledged message comes again to a connected 3.1.1 client, never to one of version 5 [MQTT-4.4.0-1]', async () => {
  const [four, five] = await Promise.all(
    ([4, 5] as const).map((version) =>
      TestClient.connect({ port: broker.port, version, acknowledge: false }),
    ),
  )
  assert.ok(four !== undefined && five !== undefined)
  await Promise.all([four, five].map((client) => client.subscribe({ topic: 'retried', qos: 1 })))
  const publisher = await TestClient.connect({ port: broker.port })
  const sentMs = performance.now()
  await publisher.publish({ topic: 'retried', payload: 'x', qos: 1 })
  const first = await four.message()
  assert.equal(first.dup, false)
  const again = await four.message()
  assert.ok(performance.now() - sentMs >= 1_000)
  assert.deepEqual([again.dup, again.messageId], [true, first.messageId])
  four.send({ cmd: 'puback', messageId: first.messageId ?? 0 })
  await four.ping()
  four.messages.takeAll()
  assert.equal((await five.message()).dup, false)
  await five.ping()
  assert.equal(five.messages.length, 0)
  await Promise.all([four, five, publisher].map((client) => client.disconnect()))
})

test('await_rel_timeout: a QoS 2 packet id whose PUBREL does not come is free again, counted', async () => {
  const subscriber = await TestClient.connect({ port: broker.port })
  await subscriber.subscribe({ topic: 'open', qos: 0 })
  const client = await TestClient.connect({ port: broker.port, acknowledge: false })
  const say = async (payload: string, dup: boolean) => {
    client.send(publishPacket({ topic: 'open', payload, qos: 2, dup }, 5))
    assert.equal((await client.packet('pubrec')).messageId, 5)
  }
  await say('first', false)
  await say('repeated', true)
  assert.equal((await subscriber.message()).payload.toString(), 'first')
  await eventually('the packet id is free', async () => {
    await say('anew', true)
    return (await broker.counter('native_awaiting_release_expired')) === 1
  })
  assert.equal((await subscriber.message()).payload.toString(), 'anew')
  await subscriber.ping()
  assert.equal(subscriber.messages.length, 0)
  await Promise.all([client.disconnect(), subscriber.disconnect()])
})

test('message_expiry_interval bounds the life of a message; shorter ones stay', async () => {
  const subscriber = await TestClient.connect({ port: broker.port, version: 5 })
  await subscriber.subscribe('life')
  const publisher = await TestClient.connect({ port: broker.port, version: 5 })
  for (const messageExpiryInterval of [undefined, 1_000_000, 30]) {
    await publisher.publish({
      topic: 'life',
      ...(messageExpiryInterval === undefined ? {} : { properties: { messageExpiryInterval } }),
    })
    const left = (await subscriber.message()).properties?.messageExpiryInterval ?? -1
    const most = Math.min(messageExpiryInterval ?? 90, 90)
    assert.ok(left <= most && left >= most - 5, `${left} s of ${most}`)
  }
  await Promise.all([publisher.disconnect(), subscriber.disconnect()])
})

test('max_topic_levels: a deeper topic is refused with 0x90, one at the limit is published', async () => {
  const subscriber = await TestClient.connect({ port: broker.port })
  await subscriber.subscribe('#')
  const client = await TestClient.connect({ port: broker.port, version: 5 })
  await client.publish({ topic: 'a/b/c/d', payload: 'x', qos: 1 })
  assert.equal((await subscriber.message()).topic, 'a/b/c/d')
  client.send(publishPacket({ topic: 'a/b/c/d/e', qos: 0 }))
  await client.whenClosed()
  assert.equal(client.goodbye?.reasonCode, 0x90)
  await subscriber.ping()
  assert.equal(subscriber.messages.length, 0)
  await subscriber.disconnect()
})

test('stop_publish_clear_msg: the empty message clears the retained one and is delivered to nobody', async () => {
  const subscriber = await TestClient.connect({ port: broker.port })
  await subscriber.subscribe('kept')
  const publisher = await TestClient.connect({ port: broker.port })
  await publisher.publish({ topic: 'kept', payload: 'x', qos: 1, retain: true })
  assert.equal((await subscriber.message()).payload.toString(), 'x')
  await publisher.publish({ topic: 'kept', payload: '', qos: 1, retain: true })
  await publisher.publish({ topic: 'kept', payload: 'after', qos: 1 })
  assert.equal((await subscriber.message()).payload.toString(), 'after')
  const late = await TestClient.connect({ port: broker.port })
  await late.subscribe('kept')
  await late.ping()
  assert.equal(late.messages.length, 0)
  await Promise.all([subscriber, publisher, late].map((client) => client.disconnect()))
})

test('msg_expiry_interval: a retained message without an expiry of its own is kept that long', async () => {
  const keeping = await startBroker({ config: 'retainer.msg_expiry_interval = 1s' })
  const publisher = await TestClient.connect({ port: keeping.port, version: 5 })
  const keptMs = performance.now()
  const keep = (topic: string, messageExpiryInterval: number) =>
    publisher.publish({
      topic,
      payload: 'x',
      qos: 1,
      retain: true,
      properties: { messageExpiryInterval },
    })
  await publisher.publish({ topic: 'life/default', payload: 'x', qos: 1, retain: true })
  await keep('life/own', 60)
  const held = async () => {
    const subscriber = await TestClient.connect({ port: keeping.port, version: 5 })
    await subscriber.subscribe('life/+')
    await subscriber.ping()
    await subscriber.disconnect()
    return subscriber.messages.takeAll().map(({ topic }) => topic)
  }
  await eventually('the default is over', async () => (await held()).join() === 'life/own')
  assert.ok(performance.now() - keptMs >= 1_000)
  await publisher.disconnect()
  await keeping.stop()
})
