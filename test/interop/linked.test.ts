/** The quick start's promise with ordinary clients: mosquitto's tools and MQTT.js at two linked brokers. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import mqtt, { type IPublishPacket, type MqttClient } from 'mqtt'
import { type Cluster, effective, Pair } from '../integration/link/cluster.js'
import { MosquittoSub, missing, mosquittoPub } from './tools.js'

const skip = missing('mosquitto_sub')

describe('ordinary clients at two linked brokers', () => {
  let pair: Pair
  before(async () => {
    pair = await Pair.linked()
  })
  after(() => pair.remove())

  const ways: readonly (readonly [string, (pair: Pair) => readonly [Cluster, Cluster]])[] = [
    ['east to west', ({ east, west }) => [east, west]],
    ['west to east', ({ east, west }) => [west, east]],
  ]

  for (const [way, ends] of ways) {
    test(`mosquitto_pub -t linked/42 reaches mosquitto_sub -t linked/# -q 1, ${way}`, {
      skip,
    }, async () => {
      const [from, to] = ends(pair)
      const sub = await MosquittoSub.start(to.port, 'linked/#', '-q', '1', '-v')
      await effective(from, to)
      for (const qos of ['0', '1', '2'])
        mosquittoPub(from.port, 'linked/42', '-q', qos, '-m', `hello ${qos}`)
      for (const qos of ['0', '1', '2']) assert.equal(await sub.line(), `linked/42 hello ${qos}`)
      await effective(from, to)
      assert.equal(sub.lines.length, 0, 'nothing comes twice')
      await sub.stop()
    })

    test(`a publish of MQTT.js reaches a subscription of MQTT.js with its properties, ${way}`, async () => {
      const [from, to] = ends(pair)
      const publisher = await mqttjs(from)
      const subscriber = await mqttjs(to)
      await subscriber.subscribeAsync('linked/js/#', { qos: 2, rap: true })
      await effective(from, to)
      const message = nextMessage(subscriber)
      const userProperties = { region: ['east', 'west'] }
      await publisher.publishAsync('linked/js/1', 'from MQTT.js', {
        qos: 2,
        properties: { userProperties, contentType: 'text/plain' },
      })
      const packet = await message
      assert.deepEqual(
        [packet.topic, String(packet.payload), packet.qos],
        ['linked/js/1', 'from MQTT.js', 2],
      )
      assert.deepEqual({ ...packet.properties?.userProperties }, userProperties)
      assert.equal(packet.properties?.contentType, 'text/plain')
      await Promise.all([publisher.endAsync(), subscriber.endAsync()])
    })
  }

  test('a retained message reaches who listens now at the far side, and is kept at home only', {
    skip,
  }, async () => {
    const { east, west } = pair
    const there = await MosquittoSub.start(west.port, 'kept/#', '-q', '1', '-v')
    await effective(east, west)
    mosquittoPub(east.port, 'kept/1', '-q', '1', '-r', '-m', 'kept')
    assert.equal(await there.line(), 'kept/1 kept')
    const home = await MosquittoSub.start(east.port, 'kept/#', '-q', '1', '-v')
    assert.equal(await home.line(), 'kept/1 kept')
    const later = await mqttjs(west)
    const got: string[] = []
    later.on('message', (topic) => got.push(topic))
    await later.subscribeAsync('kept/#', { qos: 1 })
    await later.subscribeAsync('fence', { qos: 1 })
    await later.publishAsync('fence', '', { qos: 1 })
    while (!got.includes('fence')) await nextMessage(later)
    assert.deepEqual(got, ['fence'])
    await Promise.all([there.stop(), home.stop(), later.endAsync()])
  })

  test('the will of a mosquitto_sub that is killed arrives at the far side', { skip }, async () => {
    const { east, west } = pair
    const listener = await MosquittoSub.start(west.port, 'wills/#', '-q', '1', '-v')
    await effective(east, west)
    const will = ['--will-topic', 'wills/1', '--will-payload', 'gone', '--will-qos', '1']
    const dying = await MosquittoSub.start(east.port, 'unused', ...will)
    await dying.kill()
    assert.equal(await listener.line(), 'wills/1 gone')
    await listener.stop()
  })
})

test('with topics = [] on one side mosquitto_sub there gets nothing from the other', {
  skip,
}, async () => {
  const pair = await Pair.linked({ west: { topics: [] } })
  const { east, west } = pair
  try {
    const atEast = await MosquittoSub.start(east.port, 'linked/#', '-q', '1')
    const atWest = await MosquittoSub.start(west.port, 'linked/#', '-q', '1')
    await effective(west, east)
    mosquittoPub(west.port, 'linked/42', '-q', '1', '-m', 'from west')
    assert.equal(await atEast.line(), 'from west')
    assert.equal(await atWest.line(), 'from west')
    mosquittoPub(east.port, 'linked/42', '-q', '1', '-m', 'from east')
    assert.equal(await atEast.line(), 'from east')
    await effective(west, east)
    assert.equal(atWest.lines.length, 0)
    assert.equal(await west.broker.counter('native_link_received'), 0)
    await Promise.all([atEast.stop(), atWest.stop()])
  } finally {
    await pair.remove()
  }
})

function mqttjs({ port }: Cluster): Promise<MqttClient> {
  return mqtt.connectAsync({ host: '127.0.0.1', port, protocolVersion: 5 })
}

function nextMessage(client: MqttClient): Promise<IPublishPacket> {
  return new Promise((resolve) => {
    client.once('message', (_topic, _payload, packet) => resolve(packet))
  })
}
