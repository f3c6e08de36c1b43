/** Remote interest coming in: exact answers to actor_init, routes, heartbeats, and to everything a sender must not do. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LinkConfig } from '../../../src/config/index.js'
import { encodeCapabilities } from '../../../src/link/capabilities.js'
import { LinkDirectory } from '../../../src/link/directory.js'
import { Inbound } from '../../../src/link/inbound.js'
import type { LinkEnvironment, LinkPorts } from '../../../src/link/index.js'
import { decodeServerPacket, encodePublish } from '../../../src/link/wire.js'
import type { ProtocolVersion } from '../../../src/native/engine.js'
import { ModelLinkEngine } from '../../sim/link-engine.js'

const instance = 'a1b2c3d4e5f60718'

/** An inbound side of cluster `us` with links to `eu` and, disabled, `asia`; says what it did, in order. */
class Bench {
  readonly engine = new ModelLinkEngine()
  readonly did: string[] = []
  readonly logged: string[] = []
  readonly selfConnected: string[] = []
  readonly inbound: Inbound
  now = 0
  readonly #timers: { at: number; run: () => void }[] = []
  readonly #jobs: Iterator<void>[] = []

  constructor() {
    const log = (_fields: object, message: string) => {
      this.logged.push(message)
    }
    const environment = {
      engine: this.#ports(),
      slices: {
        run: (_name: string, job: Iterator<void>) => {
          this.#jobs.push(job)
          return new Promise<void>(() => {})
        },
      },
      clock: { monotonicMs: () => this.now, wallMs: () => this.now },
      timers: {
        after: (delayMs: number, run: () => void) => {
          const timer = { at: this.now + delayMs, run }
          this.#timers.push(timer)
          return { cancel: () => this.#timers.splice(this.#timers.indexOf(timer), 1) }
        },
      },
      log: { debug: log, info: log, warn: log, error: log },
    }
    // What inbound uses of them.
    const links = [
      { name: 'eu', enable: true },
      { name: 'asia', enable: false },
    ] as LinkConfig[]
    this.inbound = new Inbound(
      environment as unknown as LinkEnvironment, // what inbound uses of it
      {
        clusterName: 'us',
        nodeName: 'us@1',
        dataDir: '',
        packetBytesMax: 0,
        links,
        isOwnAddress: () => false,
        homeOf: () => 0,
      },
      new LinkDirectory(links),
      instance,
      {
        selfConnected: (link) => this.selfConnected.push(link),
        offered: () => 'nothing is offered here',
        answered: () => false,
        alive: () => ({ kind: 'fine' }),
        introduced: () => {},
      },
    )
    this.inbound.start()
  }

  /** Time passes, timers fire, jobs run to their end. */
  pass(ms: number): void {
    const until = this.now + ms
    for (;;) {
      const due = this.#timers.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0]
      if (due === undefined) break
      this.#timers.splice(this.#timers.indexOf(due), 1)
      this.now = Math.max(this.now, due.at)
      due.run()
      for (const job of this.#jobs.splice(0)) while (job.next().done !== true);
    }
    this.now = until
  }

  receive(
    connection: number,
    topic: string,
    payload: Uint8Array,
    options: { qos?: 0 | 1; response?: string | null; version?: ProtocolVersion } = {},
  ): string[] {
    const { qos = 1, response = null, version = 5 } = options
    const request =
      response === null
        ? null
        : { responseTopic: response, correlationData: Buffer.from('0123456789abcdef') }
    const packet = encodePublish(topic, qos, 7, payload, request)
    this.did.length = 0
    this.inbound.onLinkPublish({
      kind: 'link-publish',
      loop: 1,
      session: 4,
      generation: 2,
      connection,
      version,
      packet,
    })
    return [...this.did]
  }

  init(
    connection: number,
    options: {
      cluster?: string
      actor?: string
      incarnation?: bigint
      target?: string
      capabilities?: Buffer
    } = {},
  ): string[] {
    const {
      cluster = 'eu',
      actor = 'eu@1',
      incarnation = 5n,
      target = 'us',
      capabilities = null,
    } = options
    const payload = this.engine.encodeActorInit(actor, incarnation, target, capabilities)
    return this.receive(connection, `$LINK/cluster/route/${cluster}`, payload, {
      response: `$LINK/cluster/resp/${cluster}/${actor}`,
    })
  }

  routes(connection: number, add: readonly string[], actor = 'eu@1', incarnation = 5n): string[] {
    const changes = add.map((filter) => ({ filter, add: true }))
    return this.receive(
      connection,
      '$LINK/cluster/route/eu',
      json({ op: 'route', actor, incarnation: String(incarnation), changes }),
    )
  }

  heartbeat(connection: number, incarnation = 5n): string[] {
    return this.receive(
      connection,
      '$LINK/cluster/route/eu',
      this.engine.encodeHeartbeat('eu@1', incarnation, null),
      { qos: 0 },
    )
  }

  #ports(): LinkPorts {
    const { engine, did } = this
    const own = {
      publish: ({ packet }: { packet: Uint8Array }) => {
        const decoded = decodeServerPacket(Buffer.from(packet))
        assert.ok(decoded.type === 'publish')
        const { error, needBootstrap } = JSON.parse(decoded.payload.toString()) as {
          error: unknown
          needBootstrap: unknown
        }
        did.push(
          `ack ${decoded.topic} qos ${decoded.qos} correlation ${decoded.correlation}: ${error ?? 'ok'}, need_bootstrap ${needBootstrap}`,
        )
      },
      answer: ({ reply, next }: { reply: Uint8Array; next: string }) =>
        did.push(`answer ${Buffer.from(reply).toString('hex')} ${next}`),
      close: (_address: object, bytes: Uint8Array, code: number) =>
        did.push(`close ${Buffer.from(bytes).toString('hex')} ${code}`),
      markRoutes: (link: number, lane: number) => {
        did.push(`mark ${link}/${lane}`)
        engine.markRoutes(link, lane)
      },
    }
    return Object.assign(
      Object.create(engine) as ModelLinkEngine,
      bound(engine),
      own,
    ) as unknown as LinkPorts // all members inbound uses
  }
}

/** The model's methods bound to it: private fields do not pass through a prototype. */
function bound(engine: ModelLinkEngine): object {
  const names = [
    'decodeRoute',
    'encodeActorInitAck',
    'applyRoutes',
    'sweepRoutes',
    'clearRoutes',
  ] as const
  return Object.fromEntries(
    names.map((name) => [name, (engine[name] as () => unknown).bind(engine)]),
  )
}

function json(term: object): Buffer {
  return Buffer.from(JSON.stringify(term))
}

const puback = 'answer 40040007' // packet id 7, then reason code and no properties
const ack = 'ack $LINK/cluster/resp/eu/eu@1 qos 1 correlation 0123456789abcdef'
const protocolError = ['close e00183 131']

test('actor_init is answered on its response topic, then acknowledged with 0x10', () => {
  const bench = new Bench()
  assert.deepEqual(bench.init(1), [`${ack}: ok, need_bootstrap true`, `${puback}1000 resume`])
})

test('a repeated actor_init of the same incarnation is accepted and needs no bootstrap', () => {
  const bench = new Bench()
  bench.init(1)
  assert.deepEqual(bench.init(1), [`${ack}: ok, need_bootstrap false`, `${puback}1000 resume`])
  assert.deepEqual(bench.init(2), [`${ack}: ok, need_bootstrap false`, `${puback}1000 resume`])
})

test('the three refusals name their reason and leave the connection open', () => {
  const bench = new Bench()
  const asia = '$LINK/cluster/resp/asia/eu@1 qos 1 correlation 0123456789abcdef'
  const mars = '$LINK/cluster/resp/mars/eu@1 qos 1 correlation 0123456789abcdef'
  assert.deepEqual(bench.init(1, { cluster: 'mars' }), [
    `ack ${mars}: unknown_cluster, need_bootstrap null`,
    `${puback}1000 resume`,
  ])
  assert.deepEqual(bench.init(1, { target: 'them' }), [
    `${ack}: bad_remote_cluster_link_name, need_bootstrap null`,
    `${puback}1000 resume`,
  ])
  assert.deepEqual(bench.init(1, { cluster: 'asia' }), [
    `ack ${asia}: cluster_link_disabled, need_bootstrap null`,
    `${puback}1000 resume`,
  ])
  // A disabled link is reported as such whatever name the far end has for us.
  assert.match(bench.init(1, { cluster: 'asia', target: 'them' })[0] ?? '', /cluster_link_disabled/)
  assert.match(bench.init(1)[0] ?? '', /: ok/, 'after a refusal the same connection may try again')
})

test('a smaller incarnation, and a second actor on one connection, are protocol errors', () => {
  const bench = new Bench()
  bench.init(1)
  assert.deepEqual(bench.init(2, { incarnation: 4n }), protocolError)
  assert.deepEqual(bench.init(1, { actor: 'eu@2' }), protocolError)
})

test('actor_init without a request, or with a response topic elsewhere, is a protocol error', () => {
  const bench = new Bench()
  const payload = bench.engine.encodeActorInit('eu@1', 5n, 'us', null)
  const topic = '$LINK/cluster/route/eu'
  assert.deepEqual(bench.receive(1, topic, payload), protocolError)
  for (const response of [
    'alarm/fire',
    '$LINK/cluster/resp/mars/x',
    '$LINK/cluster/resp/eu/',
    '$LINK/cluster/msg/eu',
  ]) {
    assert.deepEqual(bench.receive(1, topic, payload, { response }), protocolError, response)
  }
})

test('routes enter the lane of their actor and are acknowledged with 0x10', () => {
  const bench = new Bench()
  bench.init(1)
  assert.deepEqual(bench.routes(1, ['a', 'b']), [`${puback}1000 resume`])
  assert.deepEqual(bench.engine.routesOf(0), ['a', 'b'])
})

test('routes before actor_init, of another actor or incarnation, are a protocol error and change nothing', () => {
  const bench = new Bench()
  assert.deepEqual(bench.routes(1, ['a']), protocolError)
  bench.init(1)
  assert.deepEqual(bench.routes(1, ['a'], 'eu@2'), protocolError)
  bench.init(2)
  assert.deepEqual(bench.routes(2, ['a'], 'eu@1', 6n), protocolError)
  assert.deepEqual(bench.engine.routesOf(0), [])
  assert.equal(bench.inbound.counters(0).protocol_errors, 3)
})

test('a heartbeat before actor_init is ignored; of a forgotten actor it is a protocol error', () => {
  const bench = new Bench()
  assert.deepEqual(bench.heartbeat(1), ['answer  resume'])
  bench.init(1)
  assert.deepEqual(bench.heartbeat(1), ['answer  resume'])
  bench.pass(61_000)
  assert.deepEqual(bench.heartbeat(1), protocolError)
})

test('an unknown operation and a payload that is no term are protocol errors', () => {
  const bench = new Bench()
  const topic = '$LINK/cluster/route/eu'
  assert.deepEqual(bench.receive(1, topic, json({ op: 'dance' })), protocolError)
  assert.deepEqual(bench.receive(1, topic, Buffer.from('garbage')), protocolError)
  // Below version 5 a server has no DISCONNECT to say.
  assert.deepEqual(
    bench.receive(1, topic, Buffer.from('garbage'), { version: 4 }).map((did) => did.slice(0, 6)),
    ['close '],
  )
})

test('other reserved topics are refused, not consumed', () => {
  const bench = new Bench()
  assert.deepEqual(bench.receive(1, '$LINK/cluster/resp/us/us@1', Buffer.alloc(1)), [
    `${puback}8700 resume`,
  ])
  assert.deepEqual(bench.receive(1, '$LINK/cluster/route/', Buffer.alloc(1)), [
    `${puback}8700 resume`,
  ])
})

test('a silent actor loses its routes within a minute, one that sends anything keeps them', () => {
  const bench = new Bench()
  bench.init(1)
  bench.routes(1, ['a', 'b', 'c', 'd', 'e'])
  for (let at = 0; at < 6; at++) {
    bench.pass(20_000)
    bench.heartbeat(1)
  }
  assert.equal(bench.engine.routeCount(0), 5)
  bench.pass(61_000)
  assert.equal(bench.engine.routeCount(0), 0)
  assert.deepEqual(bench.inbound.actors(0), [])
})

test('a reincarnated actor keeps its routes until its bootstrap is over, then loses what it did not repeat', () => {
  const bench = new Bench()
  bench.init(1)
  bench.routes(1, ['kept', 'gone 1', 'gone 2', 'gone 3'])
  assert.deepEqual(bench.init(2, { incarnation: 6n }), [
    'mark 0/0',
    `${ack}: ok, need_bootstrap true`,
    `${puback}1000 resume`,
  ])
  bench.routes(2, ['kept', 'new'], 'eu@1', 6n)
  bench.pass(1_900)
  assert.equal(bench.engine.routeCount(0), 5)
  bench.pass(200)
  assert.deepEqual(bench.engine.routesOf(0), ['kept', 'new'])
})

test('an empty bootstrap is swept too', () => {
  const bench = new Bench()
  bench.init(1)
  bench.routes(1, ['a', 'b', 'c'])
  bench.init(2, { incarnation: 6n })
  for (let at = 0; at < 3; at++) {
    bench.pass(9_900)
    bench.heartbeat(2, 6n)
  }
  assert.equal(bench.engine.routeCount(0), 3)
  bench.pass(400)
  assert.equal(bench.engine.routeCount(0), 0)
})

test('our own actor_init is recognised by the instance in it, and its connection ended', () => {
  const bench = new Bench()
  assert.deepEqual(
    bench.init(1, { cluster: 'us', target: 'eu', capabilities: encodeCapabilities(instance) }),
    protocolError,
  )
  assert.deepEqual(bench.selfConnected, ['eu'])
})

test('another broker with our own name is no link to ourselves, but somebody should know', () => {
  const bench = new Bench()
  const [answer] = bench.init(1, {
    cluster: 'us',
    target: 'eu',
    capabilities: encodeCapabilities('ffffffffffffffff'),
  })
  assert.match(answer ?? '', /unknown_cluster/)
  assert.deepEqual(bench.selfConnected, [])
  assert.match(bench.logged.join('\n'), /calls itself us, which is our own name/)
})

test('the same complaint is logged once a minute, and counted every time', () => {
  const bench = new Bench()
  for (let at = 0; at < 100; at++) bench.routes(at, ['a'])
  assert.equal(bench.logged.length, 1)
  assert.equal(bench.inbound.counters(0).protocol_error_not_initialised, 100)
})

test('names from the wire cannot grow the counters', () => {
  const bench = new Bench()
  for (let at = 0; at < 50; at++) bench.init(at, { cluster: `stranger ${at}` })
  assert.deepEqual(bench.inbound.strangers(), { init_rejected_unknown_cluster: 50 })
})
