/** The bytes of every packet a server sends. MQTT 5.0 chapters 1, 2 and 3. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chapter } from '../fixture.js'
import { goodbye, packet, text } from '../raw-client.js'

const { raw, client, clientId } = chapter(5)

/** A CONNECT with a clean start. @param properties hexadecimal */
function connect(name: string, properties = ''): string {
  const length = (properties.replaceAll(' ', '').length / 2).toString(16).padStart(2, '0')
  return packet('10', `${text('MQTT')} 05 02 0000 ${length} ${properties} ${text(clientId(name))}`)
}

test('flags, identifiers and property lengths of all a server sends are as prescribed', async () => {
  const one = await raw()
  one.say(connect('format'))
  const connack = await one.hear()
  assert.match(connack, /^20..0000/) // [MQTT-3.2.2-1] [MQTT-2.1.3-1] [MQTT-3.1.4-5]

  one.say('82 07 0101 00 000174 02') // SUBSCRIBE t
  assert.equal(await one.hear(), '9004' + '0101' + '0002') // [MQTT-2.2.1-6] [MQTT-2.2.2-1] [MQTT-3.8.4-1] [MQTT-3.8.4-2]

  one.say('30 05 000174 00 61')
  assert.equal(await one.hear(), '3005' + '00017400' + '61') // [MQTT-2.2.1-2] [MQTT-3.3.1-2] [MQTT-4.3.1-1] [MQTT-3.3.2-1]

  one.say('32 07 000174 0202 00 62')
  const [once, puback] = await one.hearUnordered(2)
  const identifier = once?.slice(10, 14) ?? ''
  assert.notEqual(identifier, '0000') // [MQTT-2.2.1-4]
  assert.equal(once, `3207000174${identifier}0062`) // [MQTT-4.3.2-2]
  assert.equal(puback, '4002' + '0202') // [MQTT-2.2.1-5] [MQTT-3.3.4-1] [MQTT-3.4.2-1] [MQTT-4.3.2-4]
  one.say(`40 02 ${identifier}`)

  one.say('34 07 000174 0303 00 63')
  const [exactly, pubrec] = await one.hearUnordered(2)
  const second = exactly?.slice(10, 14) ?? ''
  assert.equal(exactly, `3407000174${second}0063`) // [MQTT-4.3.3-2]
  assert.equal(pubrec, '5002' + '0303') // [MQTT-3.5.2-1] [MQTT-4.3.3-8]
  one.say('62 02 0303')
  assert.equal(await one.hear(), '7002' + '0303') // [MQTT-3.7.2-1] [MQTT-4.3.3-11]
  one.say(`50 02 ${second}`)
  assert.equal(await one.hear(), `6202${second}`) // [MQTT-3.6.1-1] [MQTT-3.6.2-1] [MQTT-4.3.3-4]
  one.say(`70 02 ${second}`)

  one.say('a2 06 0404 00 000174')
  assert.equal(await one.hear(), 'b004' + '0404' + '0000') // [MQTT-3.10.4-4] [MQTT-3.10.4-5] [MQTT-3.11.3-2]
  one.say('c0 00')
  assert.equal(await one.hear(), 'd000') // [MQTT-3.12.4-1]
  one.say('c1 00')
  assert.match(await one.hear(), goodbye('81')) // [MQTT-3.14.2-1] [MQTT-3.14.2-2]
  assert.deepEqual(await one.untilClosed(), []) // [MQTT-4.2.0-1]
})

test('no answer but a refusing CONNACK grows by a reason string or user properties', async () => {
  // Request Problem Information 0, Maximum Packet Size 64: an answer with either would be wrong by the one and may
  // be too large by the other.
  const one = await raw(connect('terse', '1700 2700000040'))
  one.say(
    packet('82', `0101 00 ${text('t')} 02 ${text('$share/g/t')} 02 ${text('t'.repeat(40))} 02`),
  )
  assert.equal(await one.hear(), '9006' + '0101' + '00020202') // [MQTT-3.1.2-29] [MQTT-3.9.2-1] [MQTT-3.9.2-2]
  one.say('32 07 000175 0202 00 62') // nobody listens
  assert.equal(await one.hear(), '4003' + '0202' + '10') // [MQTT-3.4.2-2] [MQTT-3.4.2-3]
  one.say('34 07 000175 0303 00 62')
  assert.equal(await one.hear(), '5003' + '0303' + '10') // [MQTT-3.5.2-2] [MQTT-3.5.2-3]
  one.say('62 02 0909') // unknown
  assert.equal(await one.hear(), '7003' + '0909' + '92') // [MQTT-3.7.2-2] [MQTT-3.7.2-3]
  one.say('50 02 0808') // unknown
  assert.equal(await one.hear(), '6203' + '0808' + '92') // [MQTT-3.6.2-2] [MQTT-3.6.2-3]
  one.say('a2 09 0404 00 000178 000174')
  assert.equal(await one.hear(), 'b005' + '0404' + '001100') // [MQTT-3.11.2-1] [MQTT-3.11.2-2]
  one.say('10 00')
  const last = await one.untilClosed()
  assert.equal(last.length, 1)
  assert.match(last[0] ?? '', goodbye('8[12]')) // [MQTT-3.14.2-3] [MQTT-3.14.2-4]
})

test('lengths are written in their shortest form', async () => {
  const reader = await raw(connect('lengths'))
  reader.say('82 07 0001 00 00016c 00')
  await reader.hear()
  const writer = await client('lengths-writer')
  for (const payload of [0, 122, 123, 124, 125, 16_378, 16_379, 16_380, 16_381, 70_000]) {
    await writer.publish({ topic: 'l', payload: Buffer.alloc(payload, 0x61) })
    const body = `00016c00${'61'.repeat(payload)}`
    assert.equal(await reader.hear(), packet('30', body)) // [MQTT-1.5.5-1]
  }
  // A property length of two bytes: 43 user properties of 7 bytes are 301.
  const properties = `26${text('a')}${text('b')}`.repeat(43)
  await reader.say(packet('30', `00016c ad02 ${properties}`))
  assert.equal(await reader.hear(), packet('30', `00016cad02${properties}`))
})

test('text comes out as it went in, a byte order mark and unnormalized letters included', async () => {
  const reader = await raw(connect('text'))
  const marked = text('\ufefftopic')
  reader.say(packet('82', `0001 00 ${marked} 00`))
  assert.equal(await reader.hear(), '9004' + '0001' + '0000')
  const plain = await client('text-plain')
  await plain.subscribe('topic')
  // User property and content type begin with the mark as well.
  const properties = `26${text('\ufeffname')}${text('\ufeff')}03${text('\ufefftext')}`
  const length = (properties.length / 2).toString(16)
  const publish = packet('30', `${marked} ${length} ${properties} 78`)
  reader.say(publish)
  const heard = await reader.hear()
  assert.ok(heard.startsWith(`30${publish.slice(2, 4)}${marked}${length}`)) // [MQTT-1.5.4-3]
  assert.ok(heard.includes(`26${text('\ufeffname')}${text('\ufeff')}`))
  assert.ok(heard.includes(`03${text('\ufefftext')}`))
  await plain.publish({ topic: 'topic', payload: 'without the mark' })
  assert.equal((await plain.message()).payload.toString(), 'without the mark') // not the marked one
})

test('text that is no UTF-8 closes the connection wherever it stands', async () => {
  const bad = ['0001ff', '0003eda080', '0002c080', '000100', '0004f4908080']
  for (const wrong of bad) {
    const places = [
      packet('30', `${wrong} 00`), // [MQTT-3.3.2-1]
      packet('30', `000174 ${size(`08${wrong}`)} 08${wrong}`), // [MQTT-3.3.2-13]
      packet('30', `000174 ${size(`03${wrong}`)} 03${wrong}`), // [MQTT-3.3.2-19]
      packet('30', `000174 ${size(`26${wrong}000176`)} 26${wrong}000176`), // [MQTT-1.5.7-1]
      packet('30', `000174 ${size(`260001 6b${wrong}`)} 2600016b${wrong}`),
      packet('82', `0001 00 ${wrong} 00`), // [MQTT-3.8.3-1]
      packet('a2', `0001 00 ${wrong}`), // [MQTT-3.10.3-1]
      packet('40', `0001 00 ${size(`1f${wrong}`)} 1f${wrong}`),
      packet('e0', `00 ${size(`1f${wrong}`)} 1f${wrong}`),
    ]
    for (const place of places) {
      const one = await raw(connect('bad-text'))
      one.say(place)
      assert.match((await one.untilClosed()).join(), goodbye('81'), place) // [MQTT-1.5.4-1] [MQTT-1.5.4-2]
    }
    const refused = await raw()
    refused.say(packet('10', `${text('MQTT')} 05 02 0000 00 ${wrong}`))
    assert.deepEqual(await refused.untilClosed(), ['2003008100'], wrong) // [MQTT-3.1.3-4]
  }
})

/** The property length that these properties need: one byte. */
function size(properties: string): string {
  return (properties.replaceAll(' ', '').length / 2).toString(16).padStart(2, '0')
}
