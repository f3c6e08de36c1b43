/** Sessions: their beginning, their life, their end. MQTT 5.0 §3.1.2.4, §3.1.2.11.2, §4.1, §4.5. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chapter, lasting, nothingCame, pass } from '../fixture.js'

const { client } = chapter(5)

test('clean start throws the old session away; otherwise it goes on, or a new one begins', async () => {
  const publisher = await client('publisher')
  const first = await client('life', { ...lasting })
  assert.equal(first.sessionPresent, false) // [MQTT-3.1.2-6] [MQTT-3.2.2-3]
  await first.subscribe({ topic: 'life', qos: 1 })
  await first.drop()
  await publisher.publish({ topic: 'life', payload: 'stored', qos: 1 }) // [MQTT-4.5.0-1] [MQTT-3.1.2-23]
  const second = await client('life', { ...lasting })
  assert.equal(second.sessionPresent, true) // [MQTT-3.1.2-5] [MQTT-3.1.3-2]
  assert.equal((await second.message()).payload.toString(), 'stored')
  await second.drop()
  await publisher.publish({ topic: 'life', payload: 'thrown away', qos: 1 })
  const third = await client('life', { ...lasting, clean: true })
  assert.equal(third.sessionPresent, false) // [MQTT-3.1.2-4] [MQTT-3.1.4-4] [MQTT-3.2.2-2]
  await publisher.publish({ topic: 'life', payload: 'no subscription is left', qos: 1 })
  await nothingCame(third, publisher)
  await third.disconnect(0, { sessionExpiryInterval: 0 })
})

test('a session stays while its connection is open, and goes when its expiry has passed', async () => {
  const publisher = await client('publisher')
  const terms = { clean: false, properties: { sessionExpiryInterval: 1 } }
  const first = await client('brief', terms)
  await first.subscribe({ topic: 'brief', qos: 1 })
  await pass(1_500)
  await publisher.publish({ topic: 'brief', payload: 'still here', qos: 1 })
  assert.equal((await first.message()).payload.toString(), 'still here') // [MQTT-4.1.0-1]
  await first.drop()
  await pass(2_500)
  const second = await client('brief', terms)
  assert.equal(second.sessionPresent, false) // [MQTT-4.1.0-2]
  await nothingCame(second, publisher)
  await second.disconnect(0, { sessionExpiryInterval: 0 })
})
