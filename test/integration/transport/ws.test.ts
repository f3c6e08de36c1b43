/** MQTT over WebSocket, over both servers: uWebSockets.js and the package ws. Source: MQTT 5.0 §6, RFC 6455. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get } from 'node:http'
import { after, before, describe, test } from 'node:test'
import mqtt from 'mqtt'
import { WebSocket } from 'ws'
import {
  type BrokerProcess,
  type ClientOptions,
  clientIdOn,
  connectBytes,
  eventually,
  freePort,
  publishBytes,
  startBroker,
  TestClient,
} from '../harness/index.js'

const servers = [
  { library: 'uws', forced: 'auto' },
  { library: 'ws', forced: 'ws' },
] as const

for (const { library, forced } of servers) {
  describe(`served by ${library}`, () => {
    let broker: BrokerProcess
    let port: number
    before(async () => {
      port = await freePort()
      broker = await startBroker({
        config: `
workers.websocket = ${forced}
mqtt.max_packet_size = 2MB
listeners.ws.default { enable = true, bind = "127.0.0.1:${port}", websocket.max_frame_size = 3MB }
listeners.ws.free {
  bind = "127.0.0.1:${await freePort()}"
  websocket { fail_if_no_subprotocol = false, mqtt_path = "/elsewhere" }
}`,
      })
    })
    after(() => broker.stop())

    const overWs = (more: Partial<ClientOptions> = {}) =>
      TestClient.connect({ port, via: { kind: 'ws' }, version: 5, ...more })
    const overTcp = (more: Partial<ClientOptions> = {}) =>
      TestClient.connect({ port: broker.port, version: 5, ...more })
    const dial = (path = '/mqtt', protocols: string | string[] = 'mqtt') =>
      new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols, { perMessageDeflate: false })
    const refusal = async (socket: WebSocket): Promise<number | undefined> => {
      socket.on('error', () => {}) // the refusal makes one, too
      const [, response] = await once(socket, 'unexpected-response')
      return response.statusCode
    }

    test('the broker says which library serves', () => {
      const started = broker.log.find(({ event }) => event === 'edge_started')
      assert.deepEqual(started?.libraries, {
        'listeners.ws.default': library,
        'listeners.ws.free': library,
      })
    })

    test('messages of every QoS go both ways between WebSocket and TCP, from every loop to every loop', async () => {
      for (let loop = 0; loop < broker.io; loop++) {
        const [web, wired] = await Promise.all([
          overWs({ clientId: clientIdOn(broker, loop, 'web') }),
          overTcp({ clientId: clientIdOn(broker, 0, 'wired') }),
        ])
        await Promise.all([web.subscribe('to/web/#'), wired.subscribe('to/wired/#')])
        for (const qos of [0, 1, 2] as const) {
          await wired.publish({ topic: `to/web/${qos}`, payload: `${qos}`, qos })
          assert.equal((await web.message()).payload.toString(), `${qos}`)
          await web.publish({ topic: `to/wired/${qos}`, payload: `${qos}`, qos })
          assert.equal((await wired.message()).payload.toString(), `${qos}`)
        }
        await Promise.all([web.disconnect(), wired.disconnect()])
      }
    })

    test('retained messages and wills', async () => {
      const witness = await overTcp()
      await witness.subscribe('will/web')
      const mortal = await overWs({
        will: { topic: 'will/web', payload: Buffer.from('gone'), qos: 1, retain: false },
      })
      await mortal.publish({ topic: 'kept', payload: 'r', qos: 1, retain: true })
      const late = await overWs()
      await late.subscribe('kept')
      assert.equal((await late.message()).payload.toString(), 'r')
      await mortal.drop()
      assert.equal((await witness.message()).payload.toString(), 'gone')
      await late.publish({ topic: 'kept', payload: '', qos: 1, retain: true })
      await Promise.all([late.disconnect(), witness.disconnect()])
    })

    test('a session is taken over from TCP to WebSocket and back, and resumed with what it missed', async () => {
      const lasting = {
        clientId: clientIdOn(broker, 0, 'mover'),
        clean: false,
        properties: { sessionExpiryInterval: 60 },
      }
      const wired = await overTcp(lasting)
      await wired.subscribe('moves')
      const web = await overWs(lasting)
      assert.equal(web.sessionPresent, true)
      await wired.whenClosed()
      assert.equal(wired.goodbye?.reasonCode, 0x8e)
      const back = await overTcp(lasting)
      assert.equal(back.sessionPresent, true)
      await web.whenClosed()
      assert.equal(web.goodbye?.reasonCode, 0x8e)
      await back.disconnect()
      const other = await overTcp()
      await other.publish({ topic: 'moves', payload: 'missed', qos: 1 })
      const resumed = await overWs(lasting)
      assert.equal((await resumed.message()).payload.toString(), 'missed')
      await resumed.disconnect(0, { sessionExpiryInterval: 0 })
      await other.disconnect()
    })

    test('a payload of 1 MiB arrives whole, both ways', async () => {
      const payload = Buffer.alloc(1024 * 1024)
      for (let at = 0; at < payload.length; at++) payload[at] = (at * 31) & 0xff
      const [web, wired] = await Promise.all([overWs(), overTcp()])
      await Promise.all([web.subscribe('large/down'), wired.subscribe('large/up')])
      await web.publish({ topic: 'large/up', payload, qos: 1 })
      assert.ok(payload.equals(Buffer.from((await wired.message()).payload)))
      await wired.publish({ topic: 'large/down', payload, qos: 1 })
      assert.ok(payload.equals(Buffer.from((await web.message()).payload)))
      await Promise.all([web.disconnect(), wired.disconnect()])
    })

    test('packets need not fit the frames: one byte a frame, ten packets in a frame [MQTT-6.0.0-2]', async () => {
      const client = await TestClient.dial({ port, via: { kind: 'ws' }, version: 5 })
      const bytes = connectBytes({ clientId: client.clientId, version: 5 })
      for (const byte of bytes) client.sendBytes(Uint8Array.of(byte))
      await client.packet('connack')
      await client.subscribe('many')
      const ten = Array.from({ length: 10 }, (_, n) =>
        client.bytesOf({
          cmd: 'publish',
          topic: 'many',
          payload: `${n}`,
          qos: 0,
          dup: false,
          retain: false,
        }),
      )
      client.sendBytes(Buffer.concat(ten))
      assert.deepEqual(
        await client.payloads(10),
        ten.map((_, n) => `${n}`),
      )
      await client.disconnect()
    })

    test('what the server sends is binary, and a text frame closes with 1003 and the will [MQTT-6.0.0-1]', async () => {
      const witness = await overTcp()
      await witness.subscribe('will/text')
      const socket = dial()
      await once(socket, 'open')
      const will = {
        topic: 'will/text',
        payload: Buffer.from('gone'),
        qos: 1,
        retain: false,
      } as const
      socket.send(connectBytes({ clientId: 'talker', will }))
      const [, isBinary] = await once(socket, 'message')
      assert.equal(isBinary, true)
      socket.send('a text')
      const [code] = await once(socket, 'close')
      assert.equal(code, 1003)
      assert.equal((await witness.message()).payload.toString(), 'gone')
      await witness.disconnect()
    })

    test('the subprotocol selected is one that the client offered and we speak [MQTT-6.0.0-4]', async () => {
      for (const [offered, selected] of [
        ['mqtt', 'mqtt'],
        ['mqttv3.1', 'mqttv3.1'],
        [['chat', 'mqtt'], 'mqtt'],
      ] as const) {
        const socket = dial('/mqtt', typeof offered === 'string' ? offered : [...offered])
        await once(socket, 'open')
        assert.equal(socket.protocol, selected)
        socket.terminate()
      }
      assert.equal(await refusal(dial('/mqtt', 'chat')), 400)
      assert.equal(await refusal(dial('/mqtt', [])), 400)
    })

    test('another path is not found, and plain HTTP is told to upgrade', async () => {
      assert.equal(await refusal(dial('/other')), 404)
      assert.equal(await plain(port, '/mqtt'), 426)
      assert.equal(await plain(port, '/other'), 404)
    })

    test('a message above max_frame_size is not read', async () => {
      const socket = dial()
      await once(socket, 'open')
      socket.on('error', () => {}) // uWebSockets.js cuts off, ws says 1009
      socket.send(Buffer.alloc(3 * 1024 * 1024 + 1))
      const [code] = await once(socket, 'close')
      assert.ok([1006, 1009].includes(code), `${code}`)
    })

    test('MQTT.js speaks with it', async () => {
      const client = await mqtt.connectAsync(`ws://127.0.0.1:${port}/mqtt`, { protocolVersion: 5 })
      const got = new Promise<[string, Buffer]>((resolve) => {
        client.once('message', (topic, payload) => resolve([topic, payload]))
      })
      await client.subscribeAsync('js/#', { qos: 2 })
      await client.publishAsync('js/x', 'hello', { qos: 2 })
      const [topic, payload] = await got
      assert.deepEqual([topic, String(payload)], ['js/x', 'hello'])
      await client.endAsync()
    })

    test('a slow reader gets everything in the end, in order', async () => {
      const [slow, fast] = await Promise.all([overWs(), overTcp({ version: 4 })])
      await slow.subscribe({ topic: 'slow', qos: 0 })
      slow.stall()
      const count = 40
      const payload = Buffer.alloc(64 * 1024)
      for (let n = 0; n < count; n++) {
        payload.writeUInt32LE(n)
        fast.sendBytes(publishBytes('slow', payload))
      }
      await fast.ping()
      slow.unstall()
      for (let n = 0; n < count; n++) {
        assert.equal(Buffer.from((await slow.message()).payload).readUInt32LE(), n)
      }
      await Promise.all([slow.disconnect(), fast.disconnect()])
    })

    test('connections that ended leave nothing behind', async () => {
      const client = await overWs()
      assert.ok((await broker.counter('native_edge_connections')) > 0)
      await client.drop()
      await eventually(
        'no rings',
        async () => (await broker.counter('native_edge_connections')) === 0,
      )
      assert.equal(await broker.counter('native_edge_ring_bytes'), 0)
    })
  })
}

function plain(port: number, path: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    get({ port, host: '127.0.0.1', path, agent: false }, (response) => {
      response.resume()
      resolve(response.statusCode)
    }).on('error', reject)
  })
}
