/** `$exclusive/…`: one subscriber of a filter at a time. Source: docs/protocol/dollar-topics.md. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  type BrokerProcess,
  type ClientOptions,
  clientIdOn,
  eventually,
  startBroker,
  TestClient,
} from '../harness/index.js'

let broker: BrokerProcess

before(async () => {
  broker = await startBroker({ config: 'mqtt.exclusive_subscription = true' })
})
after(() => broker.stop())

const on = (loop: number, name: string, more: Partial<ClientOptions> = {}) =>
  TestClient.connect({
    port: broker.port,
    version: 5,
    clientId: clientIdOn(broker, loop, name),
    ...more,
  })
const granted = async (client: TestClient, filter: string) =>
  (await client.subscribe({ topic: filter, qos: 1 })).granted[0]

test('the second subscriber is refused with 0x97, in 3.1.1 with 0x80; messages come on the plain topic', async () => {
  const [first, second, old] = await Promise.all([
    on(0, 'first'),
    on(1, 'second'),
    on(0, 'old', { version: 4 }),
  ])
  assert.equal(await granted(first, '$exclusive/one/t'), 1)
  assert.equal(await granted(second, '$exclusive/one/t'), 0x97)
  assert.equal(await granted(old, '$exclusive/one/t'), 0x80)
  assert.equal(await granted(second, 'one/t'), 1, 'a plain one is nobody’s business')
  await second.publish({ topic: 'one/t', payload: 'x', qos: 1 })
  for (const client of [first, second]) assert.equal((await client.message()).topic, 'one/t')
  await Promise.all([first, second, old].map((client) => client.disconnect()))
})

test('the filter is free after UNSUBSCRIBE, and after the session', async () => {
  const [first, second] = await Promise.all([on(0, 'free-1'), on(1, 'free-2')])
  await granted(first, '$exclusive/free')
  const unsuback = await first.unsubscribe('$exclusive/free')
  assert.deepEqual(unsuback.granted, [0])
  assert.equal(await granted(second, '$exclusive/free'), 1)
  assert.equal(await granted(first, '$exclusive/free'), 0x97)
  await second.drop()
  await eventually('free again', async () => (await granted(first, '$exclusive/free')) === 1)
  await first.disconnect()
})

test('a session that outlives its connection keeps the filter, and finds it again', async () => {
  const lasting = { clean: false, properties: { sessionExpiryInterval: 600 } }
  const first = await on(0, 'lasting', lasting)
  const second = await on(1, 'waiting')
  await granted(first, '$exclusive/kept')
  await first.disconnect()
  assert.equal(await granted(second, '$exclusive/kept'), 0x97)
  await second.publish({ topic: 'kept', payload: 'meanwhile', qos: 1 })
  const back = await on(0, 'lasting', lasting)
  assert.equal(back.sessionPresent, true)
  assert.equal((await back.message()).payload.toString(), 'meanwhile')
  assert.equal(await granted(second, '$exclusive/kept'), 0x97)
  const fresh = await on(0, 'lasting')
  assert.equal(fresh.sessionPresent, false)
  await eventually(
    'a clean start lets go',
    async () => (await granted(second, '$exclusive/kept')) === 1,
  )
  await Promise.all([fresh.disconnect(), second.disconnect()])
})

test('without mqtt.exclusive_subscription SUBACK says 0x8F, as EMQX', async () => {
  const plain = await startBroker({ io: 1 })
  try {
    const client = await TestClient.connect({ port: plain.port, version: 5 })
    assert.equal(await granted(client, '$exclusive/t'), 0x8f)
    await client.disconnect()
  } finally {
    await plain.stop()
  }
})
