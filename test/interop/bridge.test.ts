/** mosquitto as a bridge: it dials us as a client, and carries topics in both directions. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import {
  type BrokerProcess,
  eventually,
  startBroker,
  TestClient,
} from '../integration/harness/index.js'
import { MosquittoBroker, Tap } from './mosquitto-broker.js'
import { missing } from './tools.js'

const skip = missing('mosquitto')
const probeEveryMs = 50
const bridgedMs = 20_000

const bridges = [
  // try_private, which is its default, sets bit 7 of the level; version 5 has subscription options instead.
  { name: 'mqttv311', level: 0x84 },
  { name: 'mqttv50', level: 5 },
] as const

for (const { name, level } of bridges) {
  describe(`a bridge of mosquitto with bridge_protocol_version ${name}`, { skip }, () => {
    let ours: BrokerProcess
    let theirs: MosquittoBroker
    let tap: Tap
    /** At our broker, and at mosquitto. */
    let here: TestClient
    let there: TestClient
    let probes = 0

    before(async () => {
      ours = await startBroker()
      here = await TestClient.connect({ port: ours.port, version: 5 })
      await here.publish({ topic: 'both/before', qos: 1, retain: true, payload: 'kept before' })
      tap = await Tap.on(ours.port)
      theirs = await MosquittoBroker.start(`
connection causeway
address 127.0.0.1:${tap.port}
bridge_protocol_version ${name}
remote_clientid bridge
restart_timeout 1
topic out/# out 1
topic in/# in 1
topic both/# both 1
topic # both 1 nearby/ faraway/
`)
      there = await TestClient.connect({ port: theirs.port, version: 5 })
      await bridged()
    })
    after(async () => {
      await here?.drop()
      await there?.drop()
      await theirs?.stop()
      await tap?.close()
      await ours?.stop()
    })

    /** Until a message of each direction has come through: subscriptions are made one after the other. */
    async function bridged(): Promise<void> {
      for (const [from, to, topic] of [
        [here, there, 'in/probe'],
        [there, here, 'out/probe'],
        [here, there, 'both/probe'],
      ] as const) {
        const payload = `probe ${++probes}`
        await to.subscribe({ topic, qos: 1 })
        const until = performance.now() + bridgedMs
        for (let isHere = false; !isHere; ) {
          if (performance.now() > until) throw new Error(`not bridged: ${theirs.said}`)
          await from.publish({ topic, qos: 1, payload })
          await delay(probeEveryMs)
          isHere = to.messages.takeAll().some((message) => message.payload.toString() === payload)
        }
        await to.unsubscribe(topic)
      }
    }

    /** The payloads of the next `count` messages; a probe may still have been on its way. */
    async function payloads(client: TestClient, count: number): Promise<string[]> {
      const got: string[] = []
      while (got.length < count) {
        const { payload } = await client.message()
        if (!payload.toString().startsWith('probe ')) got.push(payload.toString())
      }
      return got
    }

    /** What a new subscription there gets at once, as `topic payload retain`. */
    async function retainedAt(port: number, topic: string): Promise<string> {
      const late = await TestClient.connect({ port, version: 5 })
      await late.subscribe({ topic, qos: 1 })
      const message = await late.message()
      await late.disconnect()
      return `${message.topic} ${message.payload} ${message.retain}`
    }

    test(`says level 0x${level.toString(16)}, and its will for $SYS/ does not keep it out`, async () => {
      const connect = tap.beginnings[0]
      assert.ok(connect !== undefined)
      assert.equal(connect[connect.indexOf('MQTT') + 'MQTT'.length], level)
      assert.ok((await ours.counter('wills_denied')) >= 1)
    })

    test('carries each direction its topics, once, and renames them', async () => {
      await here.subscribe(['out/#', 'in/#', 'faraway/#'])
      await there.subscribe(['out/#', 'in/#', 'nearby/#'])
      for (const client of [here, there]) {
        const side = client === here ? 'here' : 'there'
        for (const topic of ['out/1', 'in/1'])
          await client.publish({ topic, qos: 1, payload: `${topic} from ${side}` })
      }
      await here.publish({ topic: 'faraway/x', qos: 1, payload: 'renamed' })
      await there.publish({ topic: 'nearby/y', qos: 1, payload: 'renamed too' })
      const [hereGot, thereGot] = await Promise.all([payloads(here, 5), payloads(there, 5)])
      assert.deepEqual(hereGot.sort(), [
        'in/1 from here',
        'out/1 from here',
        'out/1 from there',
        'renamed',
        'renamed too',
      ])
      assert.deepEqual(thereGot.sort(), [
        'in/1 from here',
        'in/1 from there',
        'out/1 from there',
        'renamed',
        'renamed too',
      ])
      for (const topic of ['out/#', 'in/#']) {
        await here.unsubscribe(topic)
        await there.unsubscribe(topic)
      }
      await here.unsubscribe('faraway/#')
      await there.unsubscribe('nearby/#')
    })

    test('is not sent its own messages back, so a topic of both directions does not go in circles', async () => {
      const own = await ours.counter('native_dropped_no_local')
      for (const client of [here, there]) await client.subscribe({ topic: 'both/ball', qos: 1 })
      const throws = [there, here, there, here]
      for (const [at, client] of throws.entries()) {
        await client.publish({ topic: 'both/ball', qos: 1, payload: `throw ${at}` })
        // Should one come back, it comes before the next one.
        for (const other of [here, there])
          assert.deepEqual(await payloads(other, 1), [`throw ${at}`])
      }
      await eventually(
        'what it brought was not sent back',
        async () => (await ours.counter('native_dropped_no_local')) === own + 2,
      )
      for (const client of [here, there]) await client.unsubscribe('both/ball')
    })

    test('gets retained messages as such: those that were there, and those that come', async () => {
      assert.equal(await retainedAt(theirs.port, 'both/before'), 'both/before kept before true')
      await there.subscribe({ topic: 'both/later', qos: 1 })
      await here.publish({ topic: 'both/later', qos: 1, retain: true, payload: 'kept later' })
      await there.message()
      assert.equal(await retainedAt(theirs.port, 'both/later'), 'both/later kept later true')
      // What is not retained stays what it is.
      await here.publish({ topic: 'both/later', qos: 1, payload: 'passing' })
      await there.message()
      assert.equal(await retainedAt(theirs.port, 'both/later'), 'both/later kept later true')
      // Clearing it is a retained message, too.
      await here.publish({ topic: 'both/later', qos: 1, retain: true, payload: '' })
      await there.message()
      await here.publish({ topic: 'both/later', qos: 1, retain: true, payload: 'kept again' })
      await there.message()
      assert.equal(await retainedAt(theirs.port, 'both/later'), 'both/later kept again true')
    })

    test('brings retained messages as such', async () => {
      await here.subscribe({ topic: 'both/theirs', qos: 1 })
      await there.publish({ topic: 'both/theirs', qos: 1, retain: true, payload: 'kept there' })
      assert.equal((await here.message()).retain, false) // nobody asked for it as published
      assert.equal(await retainedAt(ours.port, 'both/theirs'), 'both/theirs kept there true')
    })
  })
}
