/** What a peer must not say on a link, and what becomes of its connection. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { deflateSync } from 'node:zlib'
import { TestClient } from '../harness/index.js'
import { bytesOf, captured } from './capture.js'
import { Cluster } from './cluster.js'
import { EmqxRouteClient } from './emqx-client.js'
import { Atom, decodeTerm, encodeTerm, plain, type Term, Tuple } from './etf.js'
import { ackTerm, heartbeatTerm, initTerm, key, operation, routeTerm } from './route-terms.js'

const implementationError = 0x83
let actors = 0
/** Of messages. */
let ids = 0

/** What each does to a link, after a good introduction where `isIntroduced`. */
const violations: readonly {
  readonly name: string
  readonly isIntroduced: boolean
  readonly commit: (peer: EmqxRouteClient) => void
}[] = [
  {
    name: 'bytes that are no term',
    isIntroduced: true,
    commit: (peer) => peer.send(Buffer.from('garbage'), 1),
  },
  {
    name: 'a term cut short',
    isIntroduced: true,
    commit: (peer) => peer.send(routeTerm(peer.actor, [{ add: 'a' }]).subarray(0, 30), 1),
  },
  {
    name: 'an operation that does not exist',
    isIntroduced: true,
    commit: (peer) => peer.send(operation('routes', [[key.actor, peer.actor.name]]), 1),
  },
  {
    name: 'a route message without an actor',
    isIntroduced: true,
    commit: (peer) => peer.send(operation('route', [[key.routes, []]]), 1),
  },
  {
    name: 'routes before actor_init',
    isIntroduced: false,
    commit: (peer) => peer.send(routeTerm(peer.actor, [{ add: 'a' }]), 1),
  },
  {
    name: 'actor_init without a response topic',
    isIntroduced: false,
    commit: (peer) => peer.send(initTerm(peer.actor, 'here'), 1),
  },
  {
    name: 'a response topic outside of the link',
    isIntroduced: false,
    commit: (peer) =>
      peer.send(initTerm(peer.actor, 'here'), 1, {
        responseTopic: 'elsewhere',
        correlationData: Buffer.from('x'),
      }),
  },
  {
    name: 'routes of another actor',
    isIntroduced: true,
    commit: (peer) =>
      peer.send(routeTerm({ ...peer.actor, name: 'other@node' }, [{ add: 'a' }]), 1),
  },
  {
    name: 'routes of another incarnation',
    isIntroduced: true,
    commit: (peer) => peer.send(routeTerm({ ...peer.actor, incarnation: 1n }, [{ add: 'a' }]), 1),
  },
  {
    name: 'a heartbeat of another incarnation',
    isIntroduced: true,
    commit: (peer) => peer.send(heartbeatTerm({ ...peer.actor, incarnation: 7n }), 0),
  },
  {
    name: 'actor_init of a second actor',
    isIntroduced: true,
    commit: (peer) =>
      peer.send(initTerm({ ...peer.actor, name: 'second@node' }, 'here'), 1, {
        responseTopic: peer.responseTopic,
        correlationData: Buffer.from('x'),
      }),
  },
  {
    name: 'actor_init of a smaller incarnation',
    isIntroduced: true,
    commit: (peer) =>
      peer.send(initTerm({ ...peer.actor, incarnation: 1n }, 'here'), 1, {
        responseTopic: peer.responseTopic,
        correlationData: Buffer.from('x'),
      }),
  },
  {
    name: 'a compressed term that unfolds to more than it may',
    isIntroduced: true,
    commit: (peer) => peer.send(bomb(), 1),
  },
  {
    name: 'a compressed term that says another size',
    isIntroduced: true,
    commit: (peer) => peer.send(Buffer.from('8350ffffffff789c030000000001', 'hex'), 1),
  },
  {
    name: 'a term that is too deep',
    isIntroduced: true,
    commit: (peer) =>
      peer.send(
        operation('route', [
          [key.actor, peer.actor.name],
          [key.incarnation, peer.actor.incarnation],
          [key.routes, []],
          [99n, deep(70)],
        ]),
        1,
      ),
  },
  {
    name: 'an arity that is not there',
    isIntroduced: true,
    commit: (peer) => peer.send(Buffer.from('8369ffffffff', 'hex'), 1),
  },
  {
    name: 'an incarnation beyond 64 bits',
    isIntroduced: true,
    commit: (peer) => peer.send(heartbeatTerm({ ...peer.actor, incarnation: 1n << 80n }), 1),
  },
  {
    name: 'an answer to actor_init, which is ours to give',
    isIntroduced: true,
    commit: (peer) => peer.send(ackTerm(peer.actor.name, null), 1),
  },
  {
    name: 'a batch of more routes than anybody sends',
    isIntroduced: true,
    commit: (peer) =>
      peer.send(
        routeTerm(
          peer.actor,
          Array.from({ length: 70_000 }, () => ({ add: 'a' })),
        ),
        1,
      ),
  },
  ...[
    { what: 'no name', name: '' },
    { what: 'a name with NUL', name: 'a\0b' },
    { what: 'a name of 2,000 characters', name: 'n'.repeat(2_000) },
  ].map(({ what, name }) => ({
    name: `actor_init of an actor with ${what}`,
    isIntroduced: false,
    commit: (peer: EmqxRouteClient) =>
      peer.send(initTerm({ ...peer.actor, name }, 'here'), 1, {
        responseTopic: peer.responseTopic,
        correlationData: Buffer.from('x'),
      }),
  })),
]

/** 64 MiB of zeros in 64 KiB. */
function bomb(): Buffer {
  const size = Buffer.alloc(4)
  size.writeUInt32BE(64 * 1024 * 1024)
  return Buffer.concat([Buffer.from([131, 80]), size, deflateSync(Buffer.alloc(64 * 1024 * 1024))])
}

function deep(levels: number): Term {
  return levels === 0 ? [] : [deep(levels - 1)]
}

describe('the acceptor of a link', () => {
  let here: Cluster
  before(async () => {
    here = await Cluster.planned('here')
    // Nobody listens at those ports: here only peers dial.
    here.links = [
      { name: 'peer', port: 1, more: 'pool_size = 1' },
      { name: 'off', port: 1, enable: false },
    ]
    await here.start()
  })
  after(() => here.remove())

  function peer(cluster = 'peer'): Promise<EmqxRouteClient> {
    const number = ++actors
    const actor = { name: `node${number}@127.0.0.1`, incarnation: BigInt(Date.now()) }
    return EmqxRouteClient.connect(here, cluster, actor, `${number}`)
  }

  for (const { name, isIntroduced, commit } of violations) {
    test(`answers ${name} with DISCONNECT 0x83, without a PUBACK`, async () => {
      const culprit = await peer()
      if (isIntroduced) await culprit.init('here')
      commit(culprit)
      await culprit.client.whenClosed()
      assert.equal(culprit.client.goodbye?.reasonCode, implementationError)
      const rest = culprit.client.others.takeAll().map(({ cmd }) => cmd)
      assert.deepEqual(rest, ['disconnect'])
    })
  }

  test('answers a smaller incarnation on another connection with DISCONNECT 0x83, and goes on listening to the greater', async () => {
    const first = await peer()
    await first.init('here')
    const { name, incarnation } = first.actor
    const older = { name, incarnation: incarnation - 1n }
    const second = await EmqxRouteClient.connect(here, 'peer', older, 'older')
    second.send(initTerm(older, 'here'), 1, {
      responseTopic: second.responseTopic,
      correlationData: Buffer.from('x'),
    })
    await second.client.whenClosed()
    assert.equal(second.client.goodbye?.reasonCode, implementationError)
    assert.equal(await first.routes([{ add: 'still/heard' }]), 0x10)
    await first.client.drop()
  })

  test('answers the recorded garbage of a foreign client as EMQX did', async () => {
    const [connect, garbage] = captured('36-').filter(
      ({ direction, packetType }) =>
        direction === 'emqx-b->emqx-a' && (packetType === 'CONNECT' || packetType === 'PUBLISH'),
    )
    const goodbye = captured('36-').find(({ packetType }) => packetType === 'DISCONNECT')
    assert.ok(connect !== undefined && garbage !== undefined && goodbye !== undefined)
    const foreign = await TestClient.dial({ port: here.linkPort, version: 5 })
    foreign.sendBytes(bytesOf(connect))
    foreign.sendBytes(bytesOf(garbage))
    await foreign.whenClosed()
    assert.equal(foreign.goodbye?.reasonCode, bytesOf(goodbye)[2])
  })

  test('keeps the routes of a connection that went wrong, for its successor', async () => {
    const first = await peer()
    await first.init('here')
    assert.equal(await first.routes([{ add: 'kept/1' }]), 0x10)
    first.send(Buffer.from('garbage'), 1)
    await first.client.whenClosed()
    const second = await EmqxRouteClient.connect(here, 'peer', first.actor, 'again')
    const answer = plain(decodeTerm(await second.init('here')))
    assert.deepEqual(answer, {
      10: first.actor.name,
      14: 1n,
      15: "'ok'",
      16: "'false'",
      "'$op'": 'actor_init_ack',
    })
    await second.client.drop()
  })

  for (const [cluster, target, reason] of [
    ['stranger', 'here', 'unknown_cluster'],
    ['peer', 'elsewhere', 'bad_remote_cluster_link_name'],
    ['off', 'here', 'cluster_link_disabled'],
  ] as const) {
    test(`answers actor_init with ${reason} and keeps the connection`, async () => {
      const rejected = await peer(cluster)
      assert.deepEqual(plain(decodeTerm(await rejected.init(target))), {
        10: rejected.actor.name,
        14: 1n,
        15: ["'error'", reason],
        16: "'undefined'",
        "'$op'": 'actor_init_ack',
      })
      await rejected.client.ping()
      const said = await here.logged('cluster_link_actor_init_rejected', { link: cluster })
      assert.match(String(said.msg), new RegExp(reason))
      await rejected.client.drop()
    })
  }

  test('takes over a route client that connects again with the same client id', async () => {
    const first = await peer()
    await first.init('here')
    const second = await EmqxRouteClient.connect(here, 'peer', first.actor, `${actors}`)
    await first.client.whenClosed()
    assert.equal(first.client.goodbye?.reasonCode, 0x8e)
    await second.init('here')
    assert.equal(await second.routes([{ add: 'taken/over' }]), 0x10)
    second.heartbeat()
    await second.client.ping()
    assert.equal(second.client.isClosed, false)
    await second.client.drop()
  })

  test('lets ordinary listeners neither publish to nor subscribe under $LINK/', async () => {
    const ordinary = await here.client()
    const { granted } = await ordinary.subscribe('$LINK/#')
    assert.ok(Number(granted[0]) >= 0x80)
    const answer = await ordinary.publish({
      topic: '$LINK/cluster/msg/peer',
      qos: 1,
      payload: 'x',
    })
    assert.equal(answer?.cmd === 'puback' ? answer.reasonCode : null, 0x87)
    await ordinary.drop()
  })

  test('drops, counts and acknowledges with 0x10 a message of a cluster that it has no link with', async () => {
    const subscriber = await here.client()
    await subscriber.subscribe('#')
    const stranger = await TestClient.connect({ port: here.linkPort, version: 5 })
    const before = await here.broker.counter('native_link_filtered')
    const topic = '$LINK/cluster/msg/nobody'
    const answer = await stranger.publish({ topic, qos: 1, payload: 'x' })
    assert.equal(answer?.cmd === 'puback' ? answer.reasonCode : null, 0x10)
    assert.equal((await here.broker.counter('native_link_filtered')) - before, 1)
    await subscriber.ping()
    assert.equal(subscriber.messages.length, 0)
    await Promise.all([stranger.drop(), subscriber.drop()])
  })

  test('takes a batch of 4,000 long filters, as EMQX may send it, in one packet of many MiB', async () => {
    const big = await peer()
    await big.init('here')
    const ops = Array.from({ length: 4_000 }, (_, number) => ({
      add: `${'long/'.repeat(400)}${number}`,
    }))
    assert.equal(await big.routes(ops), 0x10)
    await big.client.drop()
  })

  for (const [what, payload] of [
    ['a compressed term that unfolds to more than it may', bomb()],
    ['a term that is too deep', encodeTerm(deep(70))],
    ['a tuple of nine', encodeTerm(new Tuple(...Array<Term>(9).fill(1n)))],
    ['a topic with a wildcard', message('a/+')],
    ['a topic with NUL', message('a\0')],
    ['no topic', message('')],
    ['an integer for a topic', message(7n)],
    ['QoS 3', message('a', 3n)],
  ] as const)
    test(`answers a message that is ${what} with 0x99, counts it, and the connection stays`, async () => {
      const sender = await TestClient.connect({ port: here.linkPort, version: 5 })
      const before = await here.broker.counter('native_link_undecodable')
      const answer = await sender.publish({ topic: '$LINK/cluster/msg/peer', qos: 1, payload })
      assert.equal(answer?.cmd === 'puback' ? answer.reasonCode : null, 0x99)
      assert.equal((await here.broker.counter('native_link_undecodable')) - before, 1)
      await sender.ping()
      await sender.drop()
    })

  test('takes terms with bytes behind them as Erlang does, compressed ones too, and counts them', async () => {
    const [local, sender] = await Promise.all([
      here.client(),
      TestClient.connect({ port: here.linkPort, version: 5 }),
    ])
    await local.subscribe('trailing')
    const wordy = await peer()
    await wordy.init('here')
    const before = (await here.report('peer')).counters
    const more = Buffer.from('more')
    const topic = '$LINK/cluster/msg/peer'
    for (const term of [message('trailing'), compressed(message('trailing'))]) {
      const payload = Buffer.concat([term, more])
      const answer = await sender.publish({ topic, qos: 1, payload })
      assert.equal(answer?.cmd === 'puback' ? answer.reasonCode : null, 0)
      assert.deepEqual(await local.payloads(1), ['x'])
    }
    wordy.send(Buffer.concat([routeTerm(wordy.actor, [{ add: 'trailing/route' }]), more]), 1)
    assert.equal((await wordy.client.packet('puback')).reasonCode, 0x10)
    // Without anything behind them they are not counted.
    await sender.publish({ topic, qos: 1, payload: message('trailing') })
    assert.equal(await wordy.routes([{ remove: 'trailing/route' }]), 0x10)
    const { counters } = await here.report('peer')
    const counted = (name: string) => (counters[name] ?? 0) - (before[name] ?? 0)
    assert.deepEqual([counted('trailing'), counted('routes_trailing')], [2, 1])
    assert.deepEqual([counted('received'), counted('undecodable')], [3, 0])
    await Promise.all([local, sender, wordy.client].map((client) => client.drop()))
  })

  test('serves its own clients while peers do all this at once', async () => {
    const local = await here.client()
    await local.subscribe('local')
    const culprits = await Promise.all(violations.map(() => peer()))
    const ends = violations.map(async ({ isIntroduced, commit }, at) => {
      const culprit = culprits[at]
      if (culprit === undefined) return
      if (isIntroduced) await culprit.init('here')
      commit(culprit)
      await culprit.client.whenClosed()
    })
    for (let count = 0; count < 50; count++) {
      await local.publish({ topic: 'local', qos: 1, payload: String(count) })
      assert.equal((await local.message()).payload.toString(), String(count))
    }
    await Promise.all(ends)
    const late = await here.client()
    await Promise.all([late.drop(), local.drop()])
  })

  test('forgets the names that strangers make up: counters and log stay as small as they were', async () => {
    const forger = await TestClient.connect({ port: here.linkPort, version: 5 })
    for (let number = 0; number < 300; number++) {
      const cluster = `forged-${number}-${'x'.repeat(1_000)}`
      await forger.publish({ topic: `$LINK/cluster/msg/${cluster}`, qos: 1, payload: 'x' })
    }
    await here.broker.counters() // the log is read up to here
    const told = here.broker.log.filter((line) => JSON.stringify(line).includes('forged-'))
    assert.deepEqual(told, [])
    await forger.drop()
  })
})

/** The same term in the envelope of tag 80. */
function compressed(term: Buffer): Buffer {
  const size = Buffer.alloc(4)
  size.writeUInt32BE(term.length - 1)
  return Buffer.concat([Buffer.from([131, 80]), size, deflateSync(term.subarray(1))])
}

function message(topic: Term, qos: Term = 1n): Buffer {
  const empty = new Map()
  const id = Buffer.alloc(16)
  id.writeUInt32BE(++ids) // one that was seen is a repetition
  return encodeTerm(
    new Tuple(new Atom('message'), id, qos, 'from', empty, empty, topic, 'x', 1n, empty),
  )
}
