/** The bytes of every packet a server sends, and what it does with bytes that may not be. MQTT 3.1.1 chapters 1 to 3. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chapter, nothingCame } from '../fixture.js'
import { packet, text } from '../raw-client.js'

const { client, clientId, raw } = chapter(4)

/** A CONNECT with clean session 1. */
const connect = (name: string) => packet('10', `${text('MQTT')} 04 02 0000 ${text(clientId(name))}`)

test('flags and identifiers of all a server sends are as prescribed', async () => {
  const one = await raw()
  one.say(connect('format'))
  assert.equal(await one.hear(), '20020000') // [MQTT-3.2.0-1] [MQTT-3.1.4-4] [MQTT-2.2.2-1]
  one.say('82 06 0101 000174 02')
  assert.equal(await one.hear(), '9003' + '0101' + '02') // [MQTT-2.3.1-7] [MQTT-3.8.4-1] [MQTT-3.8.4-2]
  one.say('30 04 000174 61')
  assert.equal(await one.hear(), '3004' + '000174' + '61') // [MQTT-2.3.1-5] [MQTT-3.3.1-2] [MQTT-4.3.1-1] [MQTT-3.3.2-1]

  one.say('32 06 000174 0202 62')
  const [once, puback] = await one.hearUnordered(2)
  const first = once?.slice(10, 14) ?? ''
  assert.notEqual(first, '0000')
  assert.equal(once, `3206000174${first}62`) // [MQTT-2.3.1-4] [MQTT-4.3.2-1]
  assert.equal(puback, '4002' + '0202') // [MQTT-2.3.1-6] [MQTT-3.3.4-1] [MQTT-4.3.2-2]
  one.say(`40 02 ${first}`)

  one.say('34 06 000174 0303 63')
  const [exactly, pubrec] = await one.hearUnordered(2)
  const second = exactly?.slice(10, 14) ?? ''
  assert.equal(exactly, `3406000174${second}63`) // [MQTT-4.3.3-1]
  assert.equal(pubrec, '5002' + '0303') // [MQTT-3.3.4-1] [MQTT-4.3.3-2]
  one.say('62 02 0303')
  assert.equal(await one.hear(), '7002' + '0303') // [MQTT-4.3.3-2] [MQTT-2.3.1-6]
  one.say(`50 02 ${second}`)
  assert.equal(await one.hear(), `6202${second}`) // [MQTT-4.3.3-1] [MQTT-3.6.1-1]
  one.say(`70 02 ${second}`)

  one.say('a2 05 0404 000174')
  assert.equal(await one.hear(), 'b002' + '0404') // [MQTT-2.3.1-7] [MQTT-3.10.4-4]
  one.say('c0 00')
  assert.equal(await one.hear(), 'd000') // [MQTT-3.12.4-1]
  one.say('e0 00')
  assert.deepEqual(await one.untilClosed(), []) // [MQTT-7.1.1-1]
})

test('invalid flags close the connection without a word', async () => {
  const wrong = [
    'c1 00',
    '41 02 0001',
    '51 02 0001',
    '60 02 0001', // [MQTT-3.6.1-1]
    '71 02 0001',
    '80 06 0001 000174 00', // [MQTT-3.8.1-1]
    'a0 05 0001 000174', // [MQTT-3.10.1-1]
    'e1 00', // [MQTT-3.14.1-1]
    '36 06 000174 0001 78', // [MQTT-3.3.1-4]
    '38 04 000174 78', // [MQTT-3.3.1-2]
    '82 06 0001 000174 03', // [MQTT-3.8.3-4]
    '82 06 0001 000174 04',
    '82 06 0001 000174 80',
    '00 00',
    'f0 00',
  ]
  for (const bytes of wrong) {
    const one = await raw(connect('flags'))
    one.say(bytes)
    assert.deepEqual(await one.untilClosed(), [], bytes) // [MQTT-2.2.2-1] [MQTT-2.2.2-2] [MQTT-4.8.0-1]
  }
})

test('ill-formed text closes the connection wherever it stands', async () => {
  for (const bad of [
    '0001ff',
    '0003eda080',
    '0002c080',
    '000100',
    '0004f4908080',
    '000561006200ff',
  ]) {
    const places = [
      packet('30', `${bad} 78`), // [MQTT-3.3.2-1]
      packet('82', `0001 ${bad} 00`), // [MQTT-3.8.3-1]
      packet('a2', `0001 ${bad}`), // [MQTT-3.10.3-1]
    ]
    for (const place of places) {
      const one = await raw(connect('bad-text'))
      one.say(place)
      assert.deepEqual(await one.untilClosed(), [], place) // [MQTT-1.5.3-1] [MQTT-1.5.3-2] [MQTT-4.7.3-2]
    }
    const connects = [
      packet('10', `${text('MQTT')} 04 02 0000 ${bad}`), // [MQTT-3.1.3-4]
      packet('10', `${text('MQTT')} 04 06 0000 ${text('c')} ${bad} ${text('!')}`), // [MQTT-3.1.3-10]
      packet('10', `${text('MQTT')} 04 82 0000 ${text('c')} ${bad}`), // [MQTT-3.1.3-11]
    ]
    for (const bytes of connects) {
      const one = await raw()
      one.say(bytes)
      assert.deepEqual(await one.untilClosed(), [], bytes) // [MQTT-3.1.4-1]
    }
  }
})

test('a byte order mark is a character like any other', async () => {
  const reader = await raw(connect('mark'))
  const marked = text('\ufefftopic')
  reader.say(packet('82', `0001 ${marked} 00`))
  await reader.hear()
  reader.say(packet('30', `${marked} 78`))
  assert.equal(await reader.hear(), packet('30', `${marked}78`)) // [MQTT-1.5.3-3]
  const plain = await client('mark-plain')
  await plain.publish({ topic: 'topic', payload: 'without' })
  await plain.ping()
  reader.say('c0 00')
  assert.equal(await reader.hear(), 'd000')
  await plain.subscribe('topic')
  reader.say(packet('30', `${marked} 78`))
  assert.equal(await reader.hear(), packet('30', `${marked}78`))
  await nothingCame(plain, plain)
})

test('what a client may not send closes its connection and nobody else suffers', async () => {
  const healthy = await client('healthy')
  const wrong = [
    '20 02 0000',
    '90 03 0001 00',
    'b0 02 0001',
    'd0 00',
    '10 0c 00044d51545404020000 0000',
  ]
  for (const bytes of wrong) {
    const one = await raw(connect('wrong'))
    one.say(bytes)
    assert.deepEqual(await one.untilClosed(), [], bytes) // [MQTT-4.8.0-1] [MQTT-3.1.0-2]
    await healthy.ping()
  }
  await healthy.disconnect()
})
