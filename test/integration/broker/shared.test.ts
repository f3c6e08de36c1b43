/** Shared subscriptions: one member each, nobody forgotten, nothing lost with a member. MQTT 5.0 §4.8.2; design.md §4. */
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
  broker = await startBroker({ config: 'mqtt.max_inflight = 4' })
})
after(() => broker.stop())

const on = (loop: number, name: string, more: object = {}) =>
  TestClient.connect({
    port: broker.port,
    version: 5,
    clientId: clientIdOn(broker, loop, name),
    ...more,
  })

async function publishMany(topic: string, count: number, from = 0) {
  const publisher = await on(0, 'publisher')
  for (let n = from; n < from + count; n++)
    await publisher.publish({ topic, payload: `${n}`, qos: 1 })
  await publisher.disconnect()
}

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n)
const drain = (client: TestClient) =>
  client.messages.takeAll().map(({ payload }) => Number(payload.toString()))

test('each message goes to one member of a group, to every group, and to plain subscribers as well', async () => {
  const members = await Promise.all(numbers(4).map((n) => on(n, `member-${n}`)))
  const other = await on(1, 'other-group')
  const plain = await on(0, 'plain')
  for (const member of members) await member.subscribe({ topic: '$share/g/shared/+', qos: 1 })
  await other.subscribe({ topic: '$share/h/shared/+', qos: 1 })
  await plain.subscribe({ topic: 'shared/1', qos: 1 })
  await publishMany('shared/1', 200)
  const sorted = (values: number[]) => values.sort((a, b) => a - b)
  const shares: number[][] = members.map(() => [])
  await eventually('200 messages in the group', () => {
    members.forEach((member, at) => void shares[at]?.push(...drain(member)))
    return shares.flat().length >= 200
  })
  assert.deepEqual(sorted(shares.flat()), numbers(200))
  for (const share of shares) {
    assert.ok(share.length >= 20, `a share of ${share.length}`)
    assert.deepEqual(
      share,
      [...share].sort((a, b) => a - b),
      'in order',
    )
  }
  assert.deepEqual((await other.payloads(200)).map(Number), numbers(200))
  assert.deepEqual((await plain.payloads(200)).map(Number), numbers(200))
  await Promise.all([...members, other, plain].map((client) => client.disconnect()))
})

test('a session with a shared and a plain subscription gets a copy of each', async () => {
  const both = await on(0, 'both')
  await both.subscribe({ topic: '$share/g/twice', qos: 1 }, 1)
  await both.subscribe({ topic: 'twice', qos: 1 }, 2)
  await publishMany('twice', 1)
  const ids = [await both.message(), await both.message()].map(
    ({ properties }) => properties?.subscriptionIdentifier,
  )
  assert.deepEqual(ids.sort(), [1, 2])
  await both.disconnect()
})

test('what was queued for a member and not sent goes to another when its session ends', async () => {
  const leaver = await on(1, 'leaver', {
    acknowledge: false,
    clean: false,
    properties: { sessionExpiryInterval: 60 },
  })
  await leaver.subscribe({ topic: '$share/leave/work', qos: 1 })
  await publishMany('work', 10) // 4 in flight, 6 queued
  assert.equal((await leaver.payloads(4)).length, 4)
  const stayer = await on(0, 'stayer')
  await stayer.subscribe({ topic: '$share/leave/work', qos: 1 })
  await leaver.disconnect(0, { sessionExpiryInterval: 0 })
  const redispatched = (await stayer.payloads(6)).map(Number)
  assert.deepEqual(
    redispatched.sort((a, b) => a - b),
    [4, 5, 6, 7, 8, 9],
  )
  await stayer.ping()
  assert.equal(stayer.messages.length, 0, 'what had been sent is not sent again')
  await stayer.disconnect()
})

test('connected members are preferred; a group whose members are all away keeps its messages', async () => {
  const lasting = { clean: false, properties: { sessionExpiryInterval: 60 } }
  const away = await on(1, 'away', lasting)
  await away.subscribe({ topic: '$share/away/jobs', qos: 1 })
  await away.disconnect() // whose answer comes when the loop knows: a socket that is dropped is noticed whenever it is
  const present = await on(0, 'present', lasting)
  await present.subscribe({ topic: '$share/away/jobs', qos: 1 })
  await publishMany('jobs', 20)
  assert.deepEqual((await present.payloads(20)).map(Number), numbers(20))
  await present.drop()

  await publishMany('jobs', 10, 20)
  const back = await Promise.all([on(0, 'present', lasting), on(1, 'away', lasting)])
  const received: number[] = []
  await eventually('all ten', () => {
    for (const client of back) received.push(...drain(client))
    return received.length >= 10
  })
  assert.deepEqual(
    received.sort((a, b) => a - b),
    numbers(10).map((n) => n + 20),
  )
  await Promise.all(back.map((client) => client.disconnect(0, { sessionExpiryInterval: 0 })))
})

test('members that unsubscribe or disconnect while messages come lose none for the group', async () => {
  const steady = await on(0, 'steady')
  await steady.subscribe({ topic: '$share/churn/stream', qos: 1 })
  const received: number[] = []
  let publishing = true
  const publisher = (async () => {
    await publishMany('stream', 500)
    publishing = false
  })()
  for (let round = 0; publishing; round++) {
    const guest = await on(round, 'guest')
    await guest.subscribe({ topic: '$share/churn/stream', qos: 1 })
    await guest.ping()
    await guest.unsubscribe('$share/churn/stream')
    await guest.ping()
    received.push(...drain(guest))
    await guest.disconnect()
    received.push(...drain(guest))
  }
  await publisher
  await eventually(
    'all 500',
    () => {
      received.push(...drain(steady))
      return new Set(received).size === 500
    },
    5_000,
  )
  assert.equal(received.length, 500, 'each once')
  await steady.disconnect()
})

test('shared subscriptions may be switched off, and are refused with 0x9E then', async () => {
  const without = await startBroker({ config: 'mqtt.shared_subscription = false' })
  try {
    const client = await TestClient.connect({ port: without.port, version: 5 })
    assert.equal(client.connack?.properties?.sharedSubscriptionAvailable, false)
    assert.deepEqual((await client.subscribe('$share/g/x')).granted, [0x9e])
    await client.disconnect()
  } finally {
    await without.stop()
  }
})
