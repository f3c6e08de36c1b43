/** Wills. MQTT 3.1.1 §3.1.2.5 to §3.1.2.7, §3.14.4. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chapter, nothingCame, will, willWitness } from '../fixture.js'

const { client } = chapter(4)

test('a will of every QoS is published with it, once; without one there is none', async () => {
  const watching = await willWitness(client)
  for (const qos of [0, 1, 2] as const) {
    await (await client('mortal', { clean: false, will: will(`will/${qos}`, qos, false) })).drop()
    const published = await watching.message()
    assert.deepEqual([published.topic, published.qos], [`will/${qos}`, qos]) // [MQTT-3.1.2-8] [MQTT-3.1.2-14]
    await (await client('mortal', { clean: false })).drop()
    await nothingCame(watching, watching) // [MQTT-3.1.2-10] [MQTT-3.1.2-12]
  }
  await watching.disconnect()
})

test('a protocol error publishes the will, DISCONNECT withdraws it', async () => {
  const watching = await willWitness(client)
  const wrong = await client('wrong', { will: will('will/wrong', 1, false) })
  wrong.sendBytes(Buffer.from('c100', 'hex'))
  await wrong.whenClosed()
  assert.equal((await watching.message()).topic, 'will/wrong') // [MQTT-3.1.2-8]
  await (await client('polite', { will: will('will/polite', 1, false) })).disconnect()
  await nothingCame(watching, watching) // [MQTT-3.14.4-3] [MQTT-3.1.2-10]
  await watching.disconnect()
})

test('a will is retained if and only if it says so', async () => {
  const watching = await willWitness(client)
  for (const retain of [true, false]) {
    const topic = `will/retain/${retain}`
    await (await client('keeper', { will: will(topic, 1, retain) })).drop()
    assert.equal((await watching.message()).retain, false)
    const later = await client('later')
    await later.subscribe(topic)
    if (retain) assert.equal((await later.message()).retain, true) // [MQTT-3.1.2-17]
    await nothingCame(later, watching) // [MQTT-3.1.2-16]
    await watching.publish({ topic, retain: true, qos: 1 })
    await watching.message()
    await later.disconnect()
  }
  await watching.disconnect()
})
