/** `$queue/…`: the shared subscription of the group `$queue`. Source: docs/protocol/dollar-topics.md. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  type BrokerProcess,
  clientIdOn,
  eventually,
  startBroker,
  TestClient,
} from '../harness/index.js'

let broker: BrokerProcess

before(async () => {
  broker = await startBroker()
})
after(() => broker.stop())

const on = (loop: number, name: string) =>
  TestClient.connect({ port: broker.port, version: 5, clientId: clientIdOn(broker, loop, name) })

test('each message goes to one member, whether it says $queue/ or $share/$queue/', async () => {
  const [short, long, publisher] = await Promise.all([
    on(0, 'short'),
    on(1, 'long'),
    on(0, 'publisher'),
  ])
  await short.subscribe({ topic: '$queue/work/+', qos: 1 })
  await long.subscribe({ topic: '$share/$queue/work/+', qos: 1 })
  const count = 100
  for (let n = 0; n < count; n++)
    await publisher.publish({ topic: 'work/1', payload: `${n}`, qos: 1 })
  const got: number[][] = [[], []]
  await eventually('all of them, once', () => {
    for (const [at, client] of [short, long].entries()) {
      for (const { payload } of client.messages.takeAll()) got[at]?.push(Number(payload.toString()))
    }
    return got.flat().length >= count
  })
  const each = Array.from({ length: count }, (_, n) => n)
  assert.deepEqual(
    got.flat().sort((a, b) => a - b),
    each,
  )
  for (const share of got) assert.ok(share.length > 0, 'both had a share')
  await Promise.all([short, long, publisher].map((client) => client.disconnect()))
})

test('retained messages are not replayed to it; the other spelling does not end it', async () => {
  const client = await on(0, 'retained')
  await client.publish({ topic: 'kept/1', payload: 'x', qos: 1, retain: true })
  await client.subscribe({ topic: '$queue/kept/1', qos: 1 })
  assert.deepEqual((await client.unsubscribe('$share/$queue/kept/1')).granted, [0x11])
  await client.publish({ topic: 'kept/1', payload: 'y', qos: 1 })
  assert.equal((await client.message()).payload.toString(), 'y')
  assert.deepEqual((await client.unsubscribe('$queue/kept/1')).granted, [0])
  await client.disconnect()
})

test('No Local on it is a protocol error, a name without a filter is invalid', async () => {
  const client = await on(0, 'errors')
  assert.deepEqual((await client.subscribe('$queue/')).granted, [0x8f])
  assert.deepEqual((await client.subscribe('$queue/$share/g/t')).granted, [0x8f])
  client.send({
    cmd: 'subscribe',
    messageId: 77,
    subscriptions: [{ topic: '$queue/t', qos: 0, nl: true }],
  })
  await client.whenClosed()
  assert.equal(client.goodbye?.reasonCode, 0x82)
})
