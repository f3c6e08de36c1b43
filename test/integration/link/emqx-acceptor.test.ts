/** What a broker says to an EMQX that it links with: every parameter, every term, and no atom outside of the closed list. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import type { IPublishPacket } from 'mqtt-packet'
import { freePort } from '../harness/index.js'
import { Cluster } from './cluster.js'
import { EmqxRouteClient } from './emqx-client.js'
import { atomsIn, decodeTerm, plain, type Term, Tuple } from './etf.js'
import { type FakeConnection, FakeEmqx } from './fake-emqx.js'
import { knownAtoms } from './known-atoms.js'
import { ackTerm } from './route-terms.js'

const node = 'east@127.0.0.1'
const nodeHash = createHash('sha1').update(node).digest('hex').slice(0, 8)
const poolSize = 3

describe('a broker whose link server is EMQX 5.8', () => {
  let emqx: FakeEmqx
  let east: Cluster
  let route: FakeConnection
  let bootstrap: IPublishPacket
  let init: IPublishPacket
  const atoms = new Set<string>()

  function termOf(packet: IPublishPacket): Term {
    const term = decodeTerm(Buffer.from(packet.payload))
    for (const atom of atomsIn(term)) atoms.add(atom)
    return term
  }

  /** The operations of the next route message: `filter id` added, `-filter id` removed. */
  async function nextOps(connection = route): Promise<string[]> {
    return opsOf(await connection.publish())
  }

  /** Those on a topic that contains `word`; what was not acknowledged before a connection broke may be repeated first. */
  async function nextOpsOn(word: string): Promise<string[]> {
    for (;;) {
      const ops = (await nextOps()).filter((op) => op.includes(word))
      if (ops.length > 0) return ops
    }
  }

  function opsOf(packet: IPublishPacket): string[] {
    const term = termOf(packet)
    assert.ok(term instanceof Map)
    // Cannot lie: plain() makes a list of lists of key 12.
    const ops = (plain(term) as { readonly 12: readonly (readonly unknown[])[] })[12]
    return ops.map((op) => (op.length === 2 ? `${op[0]} ${op[1]}` : `-${op[1]} ${op[2]}`)).sort()
  }

  before(async () => {
    emqx = await FakeEmqx.listen(await freePort())
    east = await Cluster.planned('east')
    const more = `pool_size = ${poolSize}, username = linker, password = secret`
    const topics = ['wanted/#', 'probe/#', 'some/+/temp']
    // The link is told of later, so that subscriptions exist before the bootstrap.
    east.links = [{ name: 'emqx-b', port: emqx.port, topics, more }]
    await east.start()
    route = await emqx.routeClients.take('route client', 10_000)
    await route.said.take('SUBSCRIBE', 5_000)
    init = await route.publish()
    const client = await east.client({ clientId: 'early' })
    await client.subscribe(['wanted/1', 'wanted/1/+', 'unwanted/1', '#'])
    await client.subscribe(['$share/g/wanted/1', 'some/7/#'])
    const seen: string[] = []
    while (seen.length < 7) seen.push(...(await nextOps()))
    // Everything again, as a bootstrap, on a new connection.
    route.drop()
    route = await emqx.routeClients.take('route client', 10_000)
    await route.said.take('SUBSCRIBE', 5_000)
    init = await route.publish()
    bootstrap = await route.publish()
  })
  after(async () => {
    await east.remove()
    await emqx.close()
  })

  test('dials a route client as EMQX 5.9 does: clean start, no properties, keep alive 60, no will', async () => {
    const { connect } = route
    assert.deepEqual(
      [connect.clientId, connect.protocolVersion, connect.clean, connect.keepalive],
      [`clink-east:routesync:${nodeHash}`, 5, true, 60],
    )
    assert.deepEqual([connect.properties, connect.will], [undefined, undefined])
    assert.deepEqual([connect.username, connect.password?.toString()], ['linker', 'secret'])
  })

  test(`dials ${poolSize} message clients with the ids that EMQX would give them`, async () => {
    const clients: FakeConnection[] = []
    while (clients.length < poolSize)
      clients.push(await emqx.messageClients.take('message client', 5_000))
    assert.deepEqual(
      clients.map(({ connect }) => connect.clientId).sort(),
      [1, 2, 3].map((n) => `clink-east:msg:${nodeHash}:${n}`),
    )
    for (const { connect } of clients)
      assert.deepEqual(
        [connect.clean, connect.keepalive, connect.properties],
        [true, 60, undefined],
      )
  })

  test('introduces itself with QoS 1, a response topic and 16 hex digits', () => {
    assert.deepEqual(
      [init.topic, init.qos, init.retain, init.dup],
      ['$LINK/cluster/route/east', 1, false, false],
    )
    const { responseTopic, correlationData, ...others } = init.properties ?? {}
    assert.deepEqual(others, {})
    assert.equal(responseTopic, `$LINK/cluster/resp/east/${node}`)
    assert.match(String(correlationData), /^[0-9a-f]{16}$/)
    const term = termOf(init)
    assert.ok(term instanceof Map)
    // Cannot lie: the keys of the map are integers and one atom.
    const { 1000: announcement, 11: incarnation, ...rest } = plain(term) as Record<string, unknown>
    assert.deepEqual(rest, { 10: node, 13: 'emqx-b', 14: 1n, "'$op'": 'actor_init' })
    assert.ok(typeof incarnation === 'bigint' && incarnation > 1_700_000_000_000n)
    assert.ok(announcement !== undefined, 'a Causeway at the other end would want to know')
  })

  test('bootstraps on every connection, though the far end says it need not, cut by topics', () => {
    assert.deepEqual([bootstrap.qos, bootstrap.retain, bootstrap.properties], [1, false, undefined])
    assert.deepEqual(opsOf(bootstrap), [
      'probe/# #',
      'some/+/temp #',
      'some/7/temp some/7/#',
      'wanted/# #',
      'wanted/1 $s/g/wanted/1',
      'wanted/1 wanted/1',
      'wanted/1/+ wanted/1/+',
    ])
  })

  test('announces what comes and goes with the original filter as the route id', async () => {
    const client = await east.client({ clientId: 'late' })
    await client.subscribe('wanted/late')
    assert.deepEqual(await nextOpsOn('late'), ['wanted/late wanted/late'])
    await client.unsubscribe('wanted/late')
    assert.deepEqual(await nextOpsOn('late'), ['-wanted/late wanted/late'])
    await client.subscribe('$share/g/wanted/late')
    assert.deepEqual(await nextOpsOn('late'), ['wanted/late $s/g/wanted/late'])
    await client.disconnect()
    assert.deepEqual(await nextOpsOn('late'), ['-wanted/late $s/g/wanted/late'])
  })

  test('forwards what the peer asks for as 10-tuples, with at most QoS 1 and no properties on the carrier', async () => {
    const peer = await EmqxRouteClient.connect(east, 'emqx-b', {
      name: 'emqx42@127.0.0.1',
      incarnation: BigInt(Date.now()),
    })
    await peer.init('east')
    assert.equal(await peer.routes([{ add: 'b/+' }]), 0x10)
    const publisher = await east.client({ clientId: 'thermometer' })
    for (const qos of [0, 1, 2] as const) {
      const properties = { userProperties: { k: ['1', '2'] }, contentType: 'text/plain' }
      await publisher.publish({ topic: 'b/1', qos, retain: true, payload: `q${qos}`, properties })
      const carrier = await emqx.forwarded.take('message', 5_000)
      assert.deepEqual(
        [carrier.topic, carrier.qos, carrier.retain, carrier.properties],
        ['$LINK/cluster/msg/east', Math.min(qos, 1), false, undefined],
      )
      const term = termOf(carrier)
      assert.ok(term instanceof Tuple)
      const [tag, id, innerQos, from, flags, headers, topic, payload, timestamp, extra, ...more] =
        term.elements.map(plain)
      assert.deepEqual(
        [tag, innerQos, from, topic, payload, extra, more],
        ["'message'", BigInt(qos), 'thermometer', 'b/1', `q${qos}`, {}, []],
      )
      assert.ok(Buffer.isBuffer(term.elements[1]) && term.elements[1].length === 16 && id !== null)
      assert.deepEqual(flags, { "'dup'": "'false'", "'retain'": "'true'" })
      // Cannot lie: field 6 of a message is a map.
      assert.deepEqual((headers as Record<string, unknown>)["'properties'"], {
        "'Content-Type'": 'text/plain',
        "'User-Property'": [
          ['k', '1'],
          ['k', '2'],
        ],
      })
      assert.ok(Math.abs(Number(timestamp) - Date.now()) < 60_000)
    }
    await Promise.all([publisher.drop(), peer.client.drop()])
  })

  test('sends heartbeats with QoS 0 of the same actor and incarnation', async () => {
    const heartbeat = await route.publish(({ qos }) => qos === 0)
    assert.equal(heartbeat.topic, '$LINK/cluster/route/east')
    const introduced = plain(termOf(init)) as Record<string, unknown> // a map, see above
    assert.deepEqual(plain(termOf(heartbeat)), {
      10: node,
      11: introduced[11],
      "'$op'": 'heartbeat',
    })
  })

  test('says what an answer with an error means, and goes on trying', async () => {
    emqx.error = 'unknown_cluster'
    route.drop()
    const rejected = await emqx.routeClients.take('route client', 10_000)
    const said = await east.logged('cluster_link_routerepl_handshake_rejected', { link: 'emqx-b' })
    assert.match(String(said.msg), /unknown_cluster.*topics = \[\]/)
    await rejected.closed
    emqx.error = null
    const accepted = await emqx.routeClients.take('route client', 10_000)
    await accepted.said.take('SUBSCRIBE', 5_000)
    await accepted.publish()
    assert.equal((await nextOps(accepted)).length, 7, 'a bootstrap again')
  })

  test('takes an answer with bytes behind its term, and counts it', async () => {
    emqx.answer = Buffer.concat([ackTerm(node, null), Buffer.from('more')])
    emqx.dropAll()
    const accepted = await emqx.routeClients.take('route client', 10_000)
    await accepted.said.take('SUBSCRIBE', 5_000)
    await accepted.publish()
    assert.equal((await nextOps(accepted)).length, 7, 'a bootstrap again')
    emqx.answer = null
    assert.equal((await east.report('emqx-b')).counters.answers_trailing, 1)
  })

  test('uses no atom that a peer might not know', () => {
    assert.deepEqual(
      [...atoms].filter((atom) => !knownAtoms.has(atom)),
      [],
    )
    assert.ok(atoms.size >= 10)
  })
})
