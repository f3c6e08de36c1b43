/** What a peer must not say on a link, and what becomes of its connection. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { TestClient } from '../harness/index.js'
import { bytesOf, captured } from './capture.js'
import { Cluster } from './cluster.js'
import { EmqxRouteClient } from './emqx-client.js'
import { decodeTerm, plain } from './etf.js'
import { heartbeatTerm, initTerm, key, operation, routeTerm } from './route-terms.js'

const implementationError = 0x83
let actors = 0

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
]

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
})
