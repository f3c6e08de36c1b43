/** Wills. MQTT 5.0 §3.1.2.5 to §3.1.2.7, §3.1.3.2, §3.14.4. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chapter, lasting, nothingCame, will, willWitness } from '../fixture.js'
import { packet, text } from '../raw-client.js'

const { client, clientId, raw } = chapter(5)

test('a will of every QoS is published with it, once, and not again by a later connection', async () => {
  const watching = await willWitness(client)
  for (const qos of [0, 1, 2] as const) {
    const mortal = await client('mortal', { ...lasting, will: will(`will/${qos}`, qos, false) })
    await mortal.drop()
    const published = await watching.message()
    assert.deepEqual([published.topic, published.qos], [`will/${qos}`, qos]) // [MQTT-3.1.2-7] [MQTT-3.1.2-8] [MQTT-3.1.2-12]
    await (await client('mortal', { ...lasting })).drop()
    await nothingCame(watching, watching) // [MQTT-3.1.2-10]
  }
  await watching.disconnect()
})

test('a will is retained if and only if it says so', async () => {
  const watching = await willWitness(client)
  for (const retain of [true, false]) {
    const topic = `will/retain/${retain}`
    await (await client('keeper', { will: will(topic, 1, retain) })).drop()
    assert.equal((await watching.message()).retain, false, 'forwarded to an existing subscription')
    const later = await client('later')
    await later.subscribe(topic)
    if (retain) assert.equal((await later.message()).retain, true) // [MQTT-3.1.2-15]
    await nothingCame(later, watching) // [MQTT-3.1.2-14]
    await watching.publish({ topic, retain: true, qos: 1 })
    await watching.message()
    await later.disconnect()
  }
  await watching.disconnect()
})

test('DISCONNECT 0x00 withdraws the will, any other reason leaves it', async () => {
  const watching = await willWitness(client)
  const leave = async (reason: number) => {
    const leaver = await client('leaver', { will: will('will/left', 1, false) })
    await leaver.disconnect(reason)
  }
  await leave(0x00)
  await nothingCame(watching, watching) // [MQTT-3.14.4-3] [MQTT-3.1.2-10]
  for (const reason of [0x04, 0x80, 0x93]) {
    await leave(reason)
    assert.equal((await watching.message()).topic, 'will/left') // [MQTT-3.1.2-8]
  }
  await watching.disconnect()
})

test('user properties of a will keep their order', async () => {
  const listening = await raw(
    packet('10', `${text('MQTT')} 05 02 0000 00 ${text(clientId('listening'))}`),
  )
  listening.say(packet('82', `0001 00 ${text('w')} 00`))
  await listening.hear()
  const pairs = [
    ['b', '1'],
    ['a', '2'],
    ['b', '3'],
    ['', ''],
    ['a', '2'],
  ]
  const properties = pairs
    .map(([name = '', value = '']) => `26${text(name)}${text(value)}`)
    .join('')
  const length = (properties.length / 2).toString(16)
  const dying = await raw(
    packet(
      '10',
      `${text('MQTT')} 05 06 0000 00 ${text(clientId('dying'))} ${length}${properties} ${text('w')} ${text('!')}`,
    ),
  )
  await dying.drop()
  assert.equal(await listening.hear(), packet('30', `${text('w')}${length}${properties}21`)) // [MQTT-3.1.3-10]
  await listening.drop()
})
