import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadConfig } from '../../../src/config/index.js'
import { decodePacket } from '../../../src/mqtt/index.js'
import type { Candidate } from '../../../src/session/index.js'
import { type SysClient, SysTopics } from '../../../src/sys/index.js'

class World {
  heard = true
  nowMs = 1_000
  connections = 3
  readonly published: { topic: string; payload: string; retain: boolean }[] = []
  readonly sys: SysTopics
  #timers: { atMs: number; run: () => void }[] = []

  constructor(nodeName = 'n@h') {
    const { config } = loadConfig({ file: null, env: {} })
    this.sys = new SysTopics({
      config: config.sysTopics,
      nodeName,
      version: '1.2.3',
      engine: {
        publish: ({ packet }) => {
          const decoded = decodePacket(Buffer.from(packet), 5)
          assert.ok(decoded.cmd === 'publish' && decoded.qos === 0)
          const { topic, payload, retain } = decoded
          this.published.push({ topic, payload: payload.toString(), retain })
        },
      },
      clock: { monotonicMs: () => this.nowMs, wallMs: () => 1_700_000_000_000 + this.nowMs },
      timers: {
        after: (delayMs, run) => {
          const timer = { atMs: this.nowMs + delayMs, run }
          this.#timers.push(timer)
          return { cancel: () => this.#timers.splice(this.#timers.indexOf(timer), 1) }
        },
      },
      heard: () => this.heard,
      metrics: () => ({ connections: this.connections, native_messages_received: 7 }),
    })
  }

  pass(ms: number): void {
    const until = this.nowMs + ms
    for (;;) {
      const due = this.#timers.filter(({ atMs }) => atMs <= until)
      const first = due.sort((a, b) => a.atMs - b.atMs)[0]
      if (first === undefined) break
      this.#timers.splice(this.#timers.indexOf(first), 1)
      this.nowMs = first.atMs
      first.run()
    }
    this.nowMs = until
  }

  of(topic: string) {
    return this.published.filter((one) => one.topic === topic)
  }
}

const client: SysClient & Candidate = {
  connection: 1,
  acceptLoop: 0,
  clientId: 'c/1',
  username: null,
  peer: '[::1]:5000',
  listener: 'tcp:default',
  port: 1883,
  linkAllowed: false,
  mountpoint: '',
  answers: { packetBytesMax: 0, problemInformation: true },
  version: 5,
  bridge: false,
  cleanStart: true,
  keepAliveSeconds: 60,
  expiryMs: 30_000,
  connectedAtMs: 1_700_000_000_500,
  will: null,
  authenticate: false,
}

test('heartbeats every 30 s, the rest every minute; version, sysdescr and brokers are retained', () => {
  const world = new World()
  world.sys.start()
  world.pass(59_999)
  assert.deepEqual(
    world.published.map(({ topic }) => topic),
    ['$SYS/brokers/n@h/uptime', '$SYS/brokers/n@h/datetime'],
  )
  assert.equal(world.published[0]?.payload, '30000')
  world.pass(1)
  assert.deepEqual(world.of('$SYS/brokers'), [
    { topic: '$SYS/brokers', payload: 'n@h', retain: true },
  ])
  assert.deepEqual(
    world.published.filter(({ retain }) => retain).map(({ topic, payload }) => [topic, payload]),
    [
      ['$SYS/brokers/n@h/version', '1.2.3'],
      ['$SYS/brokers/n@h/sysdescr', 'Causeway'],
      ['$SYS/brokers', 'n@h'],
    ],
  )
  assert.equal(world.of('$SYS/brokers/n@h/metrics/messages/received')[0]?.payload, '7')
  world.sys.stop()
  const before = world.published.length
  world.pass(600_000)
  assert.equal(world.published.length, before)
})

test('the highest value stays when the count falls, also while nobody listens', () => {
  const world = new World()
  world.heard = false
  world.sys.start()
  world.pass(60_000)
  assert.deepEqual(
    world.published.map(({ retain }) => retain),
    [true, true, true],
    'what is retained waits for whoever comes',
  )
  world.heard = true
  world.connections = 2
  world.pass(60_000)
  const topic = '$SYS/brokers/n@h/stats/connections'
  assert.equal(world.of(`${topic}/count`)[0]?.payload, '2')
  assert.equal(world.of(`${topic}/max`)[0]?.payload, '3')
})

test('who comes and goes is told with EMQX’s fields, while somebody listens', () => {
  const world = new World()
  world.sys.start()
  const observer = world.sys.observer()
  assert.equal(observer.subscribed, null, 'off by default')
  observer.connected?.(client)
  observer.disconnected?.(client, 'keep-alive', 0x8d)
  world.heard = false
  observer.connected?.(client)
  const [connected, disconnected, ...more] = world.published
  assert.deepEqual(more, [])
  assert.equal(connected?.topic, '$SYS/brokers/n@h/clients/c/1/connected')
  const common = {
    clientid: 'c/1',
    username: 'undefined',
    protocol: 'mqtt',
    ipaddress: '::1',
    sockport: 1883,
    proto_name: 'MQTT',
    proto_ver: 5,
    connected_at: 1_700_000_000_500,
    ts: 1_700_000_001_000,
  }
  assert.deepEqual(JSON.parse(connected?.payload ?? ''), {
    ...common,
    keepalive: 60,
    clean_start: true,
    expiry_interval: 30,
  })
  assert.equal(disconnected?.topic, '$SYS/brokers/n@h/clients/c/1/disconnected')
  assert.deepEqual(JSON.parse(disconnected?.payload ?? ''), {
    ...common,
    reason: 'keepalive_timeout',
    disconnected_at: common.ts,
  })
})

test('what no topic may hold is told to nobody: wildcards in a client id or a node name', () => {
  const world = new World()
  world.sys.start()
  const observer = world.sys.observer()
  for (const clientId of ['a+b', '#', 'nul\0', 'x'.repeat(65_535)])
    observer.connected?.({ ...client, clientId })
  assert.deepEqual(world.published, [])
  const odd = new World('n+1')
  odd.sys.start()
  odd.pass(60_000)
  assert.deepEqual(
    odd.published.map(({ topic }) => topic),
    ['$SYS/brokers'],
  )
})
