/** MQTT over WebSocket, over both servers: uWebSockets.js and the package ws. Source: MQTT 5.0 §6, RFC 6455. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { get, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { after, before, describe, test } from 'node:test'
import mqtt from 'mqtt'
import { WebSocket } from 'ws'
import { edgeLimits } from '../../../src/limits.js'
import {
  type BrokerProcess,
  type ClientOptions,
  clientIdOn,
  closed,
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
    const ports = { guarded: 0, denied: 0, full: 0, slow: 0, proxied: 0, rated: 0 }
    before(async () => {
      port = await freePort()
      for (const name of Object.keys(ports) as (keyof typeof ports)[])
        ports[name] = await freePort()
      broker = await startBroker({
        config: `
workers.websocket = ${forced}
mqtt.max_packet_size = 2MB
listeners.ws.default { enable = true, bind = "127.0.0.1:${port}", websocket.max_frame_size = 3MB }
listeners.ws.free {
  bind = "127.0.0.1:${await freePort()}"
  websocket { fail_if_no_subprotocol = false, mqtt_path = "/elsewhere" }
}
listeners.ws.guarded { bind = "127.0.0.1:${ports.guarded}"
  websocket { check_origin_enable = true, check_origins = "http://good.test, http://better.test"
    allow_origin_absence = false } }
listeners.ws.denied { bind = "127.0.0.1:${ports.denied}", access_rules = ["deny 127.0.0.0/8"] }
listeners.ws.full { bind = "127.0.0.1:${ports.full}", max_connections = 1 }
listeners.ws.slow { bind = "127.0.0.1:${ports.slow}", max_conn_rate = "1/1h" }
listeners.ws.proxied { bind = "127.0.0.1:${ports.proxied}"
  websocket { proxy_address_header = "X-Forwarded-For", proxy_port_header = "X-Forwarded-Port" } }
listeners.ws.rated { bind = "127.0.0.1:${ports.rated}", messages_rate = "50/s" }`,
      })
    })
    after(() => broker.stop())

    const overWs = (more: Partial<ClientOptions> = {}) =>
      TestClient.connect({ port, via: { kind: 'ws' }, version: 5, ...more })
    const overTcp = (more: Partial<ClientOptions> = {}) =>
      TestClient.connect({ port: broker.port, version: 5, ...more })
    const dial = (path = '/mqtt', protocols: string | string[] = 'mqtt') =>
      new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols, { perMessageDeflate: false })
    const knock = (at: number, headers: Record<string, string> = {}, path = '/mqtt') =>
      new WebSocket(`ws://127.0.0.1:${at}${path}`, 'mqtt', { headers, perMessageDeflate: false })
    /** Counts up by `by` while `work` is done, and a line of the log says where and why. */
    const counted = async (
      name: string,
      by: number,
      listener: string,
      work: () => Promise<unknown>,
    ) => {
      const before = await broker.counter(`native_${name}`)
      const lines = broker.log.length
      await work()
      await eventually(
        `${name} is counted`,
        async () => (await broker.counter(`native_${name}`)) === before + by,
      )
      await eventually('it is logged', () =>
        broker.log
          .slice(lines)
          .some((one) => one.event === 'listener_refused' && one.listener === listener),
      )
    }
    const refusal = async (socket: WebSocket): Promise<number | undefined> => {
      socket.on('error', () => {}) // the refusal makes one, too
      const [, response] = await once(socket, 'unexpected-response')
      return response.statusCode
    }

    test('the broker says which library serves', () => {
      const started = broker.log.find(({ event }) => event === 'edge_started')
      const { 'listeners.ws.rated': rated, ...others } = Object(started?.libraries)
      assert.deepEqual(
        others,
        Object.fromEntries(
          ['default', 'free', ...Object.keys(ports).filter((name) => name !== 'rated')].map(
            (name) => [`listeners.ws.${name}`, library],
          ),
        ),
      )
      assert.equal(rated, 'ws', 'who is above a rate is not read for a while')
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
      await counted('ws_text_frames', 1, 'ws:default', async () => {
        socket.send('a text')
        const code = await closed(socket)
        assert.equal(code, 1003)
      })
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
      await counted('ws_refused_subprotocol', 2, 'ws:default', async () => {
        assert.equal(await refusal(dial('/mqtt', 'chat')), 400)
        assert.equal(await refusal(dial('/mqtt', [])), 400)
      })
    })

    test('another path is not found, and plain HTTP is told to upgrade', async () => {
      await counted('ws_refused_path', 2, 'ws:default', async () => {
        assert.equal(await refusal(dial('/other')), 404)
        assert.equal(await plain(port, '/other'), 404)
      })
      await counted('ws_refused_http', 1, 'ws:default', async () => {
        assert.equal(await plain(port, '/mqtt'), 426)
      })
    })

    test('web pages of other origins, and clients without one, are refused where origins are checked', async () => {
      await counted('ws_refused_origin', 2, 'ws:guarded', async () => {
        assert.equal(await refusal(knock(ports.guarded, { origin: 'http://evil.test' })), 403)
        assert.equal(await refusal(knock(ports.guarded)), 403)
      })
      for (const origin of ['http://good.test', 'http://better.test']) {
        const socket = knock(ports.guarded, { origin })
        await once(socket, 'open')
        socket.terminate()
      }
    })

    test('addresses that access_rules deny are refused', () =>
      counted('connects_refused_access', 1, 'ws:denied', async () => {
        assert.equal(await refusal(knock(ports.denied)), 403)
      }))

    test('who is above max_connections is refused, until somebody has gone', async () => {
      const first = await overWs({ port: ports.full })
      await counted('connects_refused_quota', 1, 'ws:full', async () => {
        assert.equal(await refusal(knock(ports.full)), 503)
      })
      await first.disconnect()
      await eventually('there is room again', async () => {
        const next = await overWs({ port: ports.full }).catch(() => null)
        await next?.disconnect()
        return next !== null
      })
    })

    test('who is above max_conn_rate is refused', async () => {
      const first = await overWs({ port: ports.slow })
      await counted('ws_refused_rate', 1, 'ws:slow', async () => {
        assert.equal(await refusal(knock(ports.slow)), 503)
      })
      await first.disconnect()
    })

    test('who is behind a proxy is known by its header, where that is to be read', async () => {
      const peerAfter = async (forwarded: Record<string, string>) => {
        const lines = broker.log.length
        await refusal(knock(ports.proxied, forwarded, '/other'))
        let peer: unknown
        await eventually('it is logged', () => {
          const said = broker.log
            .slice(lines)
            .find((one) => one.event === 'listener_refused' && one.listener === 'ws:proxied')
          peer = said?.peer
          return said !== undefined
        })
        return peer
      }
      const from = { 'x-forwarded-for': '203.0.113.7, 10.0.0.1', 'x-forwarded-port': '4711' }
      assert.equal(await peerAfter(from), '203.0.113.7:4711')
      assert.equal(await peerAfter({ 'x-forwarded-for': '2001:db8::7' }), '[2001:db8::7]:0')
      assert.match(String(await peerAfter({ 'x-forwarded-for': 'nobody' })), /^127\.0\.0\.1:/)
    })

    test('a client above messages_rate is read later, and loses nothing', async () => {
      const pauses = await broker.counter('native_rate_limited_pauses')
      const [fast, witness] = await Promise.all([overWs({ port: ports.rated }), overTcp()])
      await witness.subscribe('rated')
      const count = 80 // above the second that may come at once
      const sent = Array.from({ length: count }, (_, n) =>
        fast.bytesOf({
          cmd: 'publish',
          topic: 'rated',
          payload: `${n}`,
          qos: 0,
          dup: false,
          retain: false,
        }),
      )
      fast.sendBytes(Buffer.concat(sent))
      assert.deepEqual(
        await witness.payloads(count),
        sent.map((_, n) => `${n}`),
      )
      assert.ok((await broker.counter('native_rate_limited_pauses')) > pauses)
      await Promise.all([fast.disconnect(), witness.disconnect()])
    })

    test('frames that are none close the connection', async () => {
      const broken = async () => {
        const socket = await upgraded(port)
        socket.write(Buffer.from([0x8f, 0x80, 0, 0, 0, 0])) // an opcode that nobody has defined
        socket.resume()
        await closed(socket)
      }
      // uWebSockets.js does not tell why it closed.
      if (library === 'uws') await broken()
      else await counted('ws_malformed_frames', 1, 'ws:default', broken)
    })

    test('what is no HTTP, or has a header without end, is closed', async () => {
      const refused = async () => {
        for (const noise of [
          Buffer.from('MQTT\r\n\r\n'),
          Buffer.from(`GET /mqtt HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(64 * 1024)}`),
        ]) {
          const socket = connect({ port, host: '127.0.0.1' })
          socket.write(noise)
          socket.resume()
          await closed(socket)
        }
      }
      if (library === 'uws') await refused()
      else await counted('ws_refused_request', 2, 'ws:default', refused)
      await (await overWs()).disconnect()
    })

    test('the edge thread runs behind the io loops', { skip: process.platform !== 'linux' }, () => {
      const threads = readdirSync(`/proc/${broker.pid}/task`).map((id) => {
        const stat = readFileSync(`/proc/${broker.pid}/task/${id}/stat`, 'utf8')
        const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'))
        return { name, nice: Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]) }
      })
      const niceOf = (name: RegExp) =>
        threads.filter((thread) => name.test(thread.name)).map(({ nice }) => nice)
      const loops = niceOf(/^io-\d+$/)
      const [own = Number.NaN] = loops
      assert.deepEqual(new Set(loops), new Set([own]))
      assert.deepEqual(niceOf(/^edge$/), [Math.min(own + edgeLimits.nice, 19)])
    })

    test('a message above max_frame_size is not read', async () => {
      const socket = dial()
      await once(socket, 'open')
      socket.on('error', () => {}) // uWebSockets.js cuts off, ws says 1009
      await counted('ws_large_messages', 1, 'ws:default', async () => {
        socket.send(Buffer.alloc(3 * 1024 * 1024 + 1))
        const code = await closed(socket)
        assert.ok(code === 1006 || code === 1009, `${code}`)
      })
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
      await eventually('no rings', async () => {
        const { native_edge_connections, native_edge_ring_bytes } = await broker.counters()
        return native_edge_connections === 0 && native_edge_ring_bytes === 0
      })
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

/** A WebSocket's socket, for bytes that no library would send. */
function upgraded(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const asking = request({
      port,
      host: '127.0.0.1',
      path: '/mqtt',
      agent: false,
      headers: {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
        'sec-websocket-protocol': 'mqtt',
      },
    })
    // Cannot lie: HTTP over TCP has a socket.
    asking.on('upgrade', (_, socket) => resolve(socket as Socket))
    asking.on('error', reject)
    asking.end()
  })
}
