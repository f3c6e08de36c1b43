/** Drift checksums on the wire: both halves of a broker against a far end that computes them in its own way. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { eventually, freePort } from '../harness/index.js'
import { Cluster } from './cluster.js'
import { EmqxRouteClient } from './emqx-client.js'
import { Atom, decodeTerm, encodeTerm, plain, type Term } from './etf.js'
import { type FakeConnection, FakeEmqx } from './fake-emqx.js'
import { routeDigest } from './route-digest.js'
import { type Actor, ackTerm, initTerm, key, operation } from './route-terms.js'

const noMatchingSubscribers = 0x10

/** What a Causeway with `drift_check` says of itself. */
function capabilities(driftKey: Uint8Array | null): Term {
  return new Map<Term, Term>([
    ['caps', ['drift/1']],
    ...(driftKey === null
      ? []
      : [['drift_key', Buffer.from(driftKey).toString('hex')] as [Term, Term]]),
    ['id', 'f0f1f2f3f4f5f6f7'],
    ['sw', 'causeway'],
  ])
}

/** The term with one more key. */
function withKey(payload: Buffer, added: bigint, value: Term): Buffer {
  const term = decodeTerm(payload)
  assert.ok(term instanceof Map)
  return encodeTerm(new Map([...term, [added, value]]))
}

function under(payload: string | Buffer, wanted: bigint | Atom): unknown {
  const term = decodeTerm(Buffer.from(payload))
  assert.ok(term instanceof Map)
  for (const [name, value] of term)
    if (name === wanted || (name instanceof Atom && plain(name) === plain(wanted))) return value
  return undefined
}

describe('a link with drift_check', () => {
  let far: FakeEmqx
  let east: Cluster
  const farKey = randomBytes(16)

  before(async () => {
    far = await FakeEmqx.listen(await freePort())
    far.capabilities = capabilities(farKey)
    east = await Cluster.planned('east')
    const more = 'pool_size = 1, drift_check = true'
    east.links = [{ name: 'far', port: far.port, topics: ['wanted/#'], more }]
    await east.start()
  })
  after(async () => {
    await east.remove()
    await far.close()
  })

  test('says so, and asks an actor whose heartbeats tell of other routes for all of them, twice told', async () => {
    const actor: Actor = { name: 'far@127.0.0.1', incarnation: BigInt(Date.now()) }
    const sender = await EmqxRouteClient.connect(east, 'far', actor)
    sender.send(withKey(initTerm(actor, 'east'), key.capabilities, capabilities(null)), 1, {
      responseTopic: sender.responseTopic,
      correlationData: Buffer.from('0011223344556677'),
    })
    await sender.client.packet('puback')
    const answer = await sender.client.message()
    // Cannot lie: the value under the key is a map of binaries.
    const announced = plain(under(answer.payload, key.capabilities) as Term) as {
      readonly caps: readonly string[]
      readonly drift_key: string
    }
    assert.deepEqual(announced.caps, ['drift/1'])
    assert.match(announced.drift_key, /^[0-9a-f]{32}$/)
    const eastKey = Buffer.from(announced.drift_key, 'hex')
    const heartbeat = (filters: readonly string[]) => {
      const digest = routeDigest(
        eastKey,
        filters.map((filter) => [filter, filter] as const),
      )
      sender.send(
        operation('heartbeat', [
          [key.actor, actor.name],
          [key.incarnation, actor.incarnation],
          [key.digest, digest],
        ]),
        0,
      )
    }

    assert.equal(await sender.routes([{ add: 'f/1' }, { add: 'f/+' }]), noMatchingSubscribers)
    // The table holds what it should not, and lacks what it should hold.
    heartbeat(['f/+', 'f/1'])
    heartbeat(['f/2', 'f/1'])
    heartbeat(['f/+', 'f/1'])
    heartbeat(['f/2', 'f/1'])
    heartbeat(['f/2', 'f/1'])
    const asked = await sender.client.message()
    assert.equal(asked.topic, sender.responseTopic)
    assert.deepEqual(plain(under(asked.payload, new Atom('$op')) as Term), 'actor_init_ack')
    assert.deepEqual(plain(under(asked.payload, key.needBootstrap) as Term), "'true'")
    const said = await east.logged('cluster_link_drift_repair', { link: 'far' })
    assert.equal(said.actor, actor.name)
    assert.equal(sender.client.messages.length, 0, 'asked once')

    // The bootstrap does not repeat f/+: it goes when it has been quiet, and then both agree.
    assert.equal(await sender.routes([{ add: 'f/1' }, { add: 'f/2' }]), noMatchingSubscribers)
    const publisher = await east.client()
    const wanted = async (topic: string) =>
      (await publisher.publish({ topic, qos: 1 }))?.reasonCode !== noMatchingSubscribers
    await eventually('f/+ is gone', async () => !(await wanted('f/3')))
    assert.deepEqual([await wanted('f/1'), await wanted('f/2')], [true, true])
    await Promise.all([publisher.drop(), sender.client.drop()])
  })

  test('tells the sum of its own routes under the key of the answer, and announces all again when asked', async () => {
    const client = await east.client()
    await client.subscribe(['wanted/1', '#', 'unwanted', '$share/g/wanted/2'])
    const route = await far.routeClients.take('route client', 10_000)
    const init = await route.publish()
    // Cannot lie: as above.
    const announced = plain(under(init.payload, key.capabilities) as Term) as {
      readonly caps: readonly string[]
    }
    assert.deepEqual(announced.caps, ['drift/1'])
    const routes = [
      ['wanted/1', 'wanted/1'],
      ['wanted/#', '#'],
      ['wanted/2', '$s/g/wanted/2'],
    ] as const
    assert.deepEqual(
      await nextDigest(route),
      routeDigest(farKey, routes),
      'counted as the far end counts',
    )

    assert.equal(init.properties?.responseTopic, '$LINK/cluster/resp/east/east@127.0.0.1')
    route.send({
      cmd: 'publish',
      topic: '$LINK/cluster/resp/east/east@127.0.0.1',
      payload: ackTerm('east@127.0.0.1', null, true),
      qos: 1,
      messageId: 2,
      retain: false,
      dup: false,
    })
    await east.logged('cluster_link_routerepl_bootstrap_asked', { link: 'far' })
    const again = new Set<string>()
    while (again.size < routes.length) {
      const batch = under((await route.publish()).payload, key.routes)
      // Cannot lie: a route batch's operations, all additions.
      for (const [filter, id] of plain(batch as Term) as [string, string][])
        again.add(`${filter} ${id}`)
    }
    assert.deepEqual([...again].sort(), routes.map((pair) => pair.join(' ')).sort())
    await client.drop()
  })

  /** Of the next heartbeat that has one. */
  async function nextDigest(route: FakeConnection): Promise<unknown> {
    for (;;) {
      const heartbeat = await route.publish(({ qos }) => qos === 0)
      const digest = under(heartbeat.payload, key.digest)
      if (digest !== undefined) return digest
    }
  }
})
