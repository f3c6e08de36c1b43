/** Shared subscriptions. MQTT 5.0 §4.8.2. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestClient } from '../../integration/harness/index.js'
import { chapter, lasting, nothingCame } from '../fixture.js'

const { client } = chapter(5)

const quiet = { ...lasting, acknowledge: false }
const leave = (one: TestClient) => one.disconnect(0, { sessionExpiryInterval: 0 })

test('shared deliveries respect the granted QoS of the member', async () => {
  const publisher = await client('publisher')
  for (const qos of [0, 1, 2] as const) {
    const member = await client('member')
    const filter = { topic: '$share/granted/s', qos }
    assert.deepEqual((await member.subscribe(filter)).granted, [qos]) // [MQTT-4.8.2-1]
    for (const published of [0, 1, 2] as const) {
      await publisher.publish({ topic: 's', payload: 'x', qos: published })
      assert.equal((await member.message()).qos, Math.min(qos, published)) // [MQTT-4.8.2-3]
    }
    await member.disconnect()
  }
  await publisher.disconnect()
})

/** One member holds a QoS 2 message unacknowledged; another member is there as well. */
async function half(group: string) {
  const publisher = await client('publisher')
  const chosen = await client(`${group}-chosen`, quiet)
  await chosen.subscribe(`$share/${group}/${group}`)
  await publisher.publish({ topic: group, payload: 'half', qos: 2 })
  const message = await chosen.message()
  const other = await client(`${group}-other`, lasting)
  await other.subscribe(`$share/${group}/${group}`)
  return { publisher, chosen, message, other }
}

test('a QoS 2 delivery that has begun is completed with its member when it comes back', async () => {
  const { publisher, chosen, message, other } = await half('begun')
  await chosen.drop()
  await nothingCame(other, publisher)
  const back = await client('begun-chosen', quiet)
  const again = await back.message()
  assert.deepEqual([again.messageId, again.dup], [message.messageId, true]) // [MQTT-4.8.2-4]
  back.send({ cmd: 'pubrec', messageId: again.messageId ?? 0 })
  assert.equal((await back.packet('pubrel')).messageId, again.messageId)
  back.send({ cmd: 'pubcomp', messageId: again.messageId ?? 0 })
  await nothingCame(other, publisher)
  for (const one of [back, other]) await leave(one)
  await publisher.disconnect()
})

test('what was sent to a member whose session ends goes to no other', async () => {
  const { publisher, chosen, other } = await half('ended')
  await leave(chosen)
  await nothingCame(other, publisher) // [MQTT-4.8.2-5]
  await leave(other)
  await publisher.disconnect()
})

test('what a member refuses is discarded and goes to no other', async () => {
  const { publisher, chosen, message, other } = await half('refused')
  chosen.send({ cmd: 'pubrec', messageId: message.messageId ?? 0, reasonCode: 0x83 })
  await chosen.ping()
  await nothingCame(other, publisher) // [MQTT-4.8.2-6]
  await chosen.drop()
  const back = await client('refused-chosen', quiet)
  await nothingCame(back, publisher)
  for (const one of [back, other]) await leave(one)
  await publisher.disconnect()
})
