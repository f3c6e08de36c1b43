/** DISCONNECT, and how a connection ends. MQTT 5.0 §3.14, §4.13. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TestClient } from '../../integration/harness/index.js'
import { chapter, nothingCame } from '../fixture.js'
import { goodbye, packet, text } from '../raw-client.js'

const here = chapter(5)
const { client, clientId, raw } = here
const connect = (name: string) =>
  packet('10', `${text('MQTT')} 05 02 0000 00 ${text(clientId(name))}`)

test('a server that says DISCONNECT says nothing behind it, and closes', async () => {
  const publisher = await client('publisher')
  const one = await raw(connect('wrong'))
  one.say(packet('82', `0001 00 ${text('flood')} 00`))
  await one.hear()
  const flood = setInterval(() => void publisher.publish({ topic: 'flood', payload: 'x' }), 1)
  one.say('c1 00')
  const heard = await one.untilClosed()
  clearInterval(flood)
  assert.match(heard.at(-1) ?? '', goodbye('81')) // [MQTT-3.14.4-1] [MQTT-3.14.4-2] [MQTT-4.13.1-1] [MQTT-4.13.2-1]
  assert.equal(heard.filter((packet) => packet.startsWith('e0')).length, 1)
  await publisher.disconnect()
})

test('who is taken over hears 0x8E and is closed', async () => {
  const old = await raw(connect('taken'))
  const next = await raw(connect('taken'))
  assert.match((await old.untilClosed()).join(), goodbye('8e')) // [MQTT-3.1.4-3] [MQTT-3.14.2-1] [MQTT-3.14.2-2]
  next.say('c0 00')
  assert.equal(await next.hear(), 'd000')
  await next.drop()
})

test('whatever reason a client disconnects with, it is closed, unanswered, and nothing behind it counts', async () => {
  const witness = await client('witness')
  await witness.subscribe('behind')
  for (const reason of [
    '',
    '00',
    '0000',
    '04',
    '80',
    '81',
    '82',
    '83',
    '90',
    '93',
    '94',
    '95',
    '96',
    '97',
    '98',
    '99',
  ]) {
    const one = await raw(connect('leaving'))
    one.say(packet('e0', reason) + packet('30', `${text('behind')} 00 78`))
    assert.deepEqual(await one.untilClosed(), [], reason) // [MQTT-4.13.2-1]
  }
  await nothingCame(witness, witness)
  await witness.disconnect()
})

test('before CONNACK an error is told in CONNACK or not at all, never by DISCONNECT', async () => {
  const first = [
    'c0 00',
    'e0 00',
    '82 07 0001 00 000174 00',
    'f0 00',
    '10 00',
    '00 00',
    '10 04 0004 4d51',
  ]
  for (const bytes of first) {
    const one = await raw()
    one.say(bytes)
    for (const heard of await one.untilClosed()) assert.match(heard, /^20/) // [MQTT-3.14.0-1] [MQTT-3.2.0-1]
  }
  const next = await TestClient.connect({ port: here.port, version: 5 })
  await next.disconnect()
})
