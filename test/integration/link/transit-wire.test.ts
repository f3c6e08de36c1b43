/** Transit on the wire: a broker between two far ends that say they are Causeways. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import type { IPublishPacket } from 'mqtt-packet'
import { freePort, TestClient } from '../harness/index.js'
import { Cluster } from './cluster.js'
import { EmqxRouteClient } from './emqx-client.js'
import { Atom, decodeTerm, encodeTerm, plain, type Term, Tuple } from './etf.js'
import { type FakeConnection, FakeEmqx } from './fake-emqx.js'
import { elementsOf } from './message-terms.js'
import { type Actor, initTerm, key, operation } from './route-terms.js'

const carrying: Term = new Map<Term, Term>([
  ['caps', ['transit/1']],
  ['id', 'f0f1f2f3f4f5f6f7'],
  ['sw', 'causeway'],
])

/** A route as a Causeway announces it for another: NUL, the clusters it came through, the filter. */
function transitId(path: readonly string[], filter: string): string {
  return `\0${path.join('+')}/${filter}`
}

describe('a broker between two clusters', () => {
  let peers: { readonly one: FakeEmqx; readonly other: FakeEmqx }
  let east: Cluster
  /** The broker's route channel to `other`. */
  let toOther: FakeConnection
  let sender: EmqxRouteClient
  /** Incarnation of the broker toward `other`. */
  let first: bigint

  before(async () => {
    peers = {
      one: await FakeEmqx.listen(await freePort()),
      other: await FakeEmqx.listen(await freePort()),
    }
    east = await Cluster.planned('east')
    const more = 'pool_size = 1, transit = true'
    east.links = (['one', 'other'] as const).map((name) => {
      peers[name].capabilities = carrying
      return { name, port: peers[name].port, more, topics: ['t/#'] }
    })
    await east.start()
    toOther = await peers.other.routeClients.take('route client', 10_000)
    first = incarnationOf(await toOther.publish())
    await Promise.all([east.online('one'), east.online('other')])
    const actor: Actor = { name: 'one@127.0.0.1', incarnation: BigInt(Date.now()) }
    sender = await EmqxRouteClient.connect(east, 'one', actor)
    const init = decodeTerm(initTerm(actor, 'east'))
    assert.ok(init instanceof Map)
    sender.send(encodeTerm(new Map([...init, [key.capabilities, carrying]])), 1, {
      responseTopic: sender.responseTopic,
      correlationData: Buffer.from('0011223344556677'),
    })
    await sender.client.packet('puback')
    const answer = decodeTerm(Buffer.from((await sender.client.message()).payload))
    assert.ok(answer instanceof Map)
    const announced = [...answer].find(([name]) => name === key.capabilities)?.[1]
    // Cannot lie: what a Causeway has under the key.
    assert.deepEqual((plain(announced as Term) as { caps: unknown }).caps, ['transit/1'])
  })
  after(async () => {
    await sender.client.drop()
    await east.remove()
    await Promise.all([peers.one.close(), peers.other.close()])
  })

  /** Filters with their ids, `-` in front of what is withdrawn. */
  async function told(): Promise<string[]> {
    const term = decodeTerm(Buffer.from((await toOther.publish()).payload))
    assert.ok(term instanceof Map)
    // Cannot lie: plain() makes a list of lists of key 12.
    const ops = (plain(term) as { readonly 12: readonly (readonly unknown[])[] })[12]
    return ops.map((op) => (op.length === 2 ? `${op[0]} ${op[1]}` : `-${op[1]} ${op[2]}`)).sort()
  }

  async function announce(ops: readonly Term[]): Promise<void> {
    const { name, incarnation } = sender.actor
    const pairs = [
      [key.actor, name],
      [key.incarnation, incarnation],
      [key.routes, ops],
    ] as const
    sender.send(operation('route', pairs), 1)
    assert.equal((await sender.client.packet('puback')).reasonCode, 0x10)
  }

  test('announces what one wants to the other, cut by its own topics, with the way it came', async () => {
    await announce([new Tuple('t/1', 't/1')])
    assert.deepEqual(await told(), [`t/1 ${transitId(['one'], 't/1')}`])
    await announce([new Tuple('#', transitId(['far'], '#'))])
    assert.deepEqual(await told(), [`t/# ${transitId(['far', 'one'], '#')}`])
    // Through it, through us: neither is news to the other. The last one is, and comes alone.
    await announce([
      new Tuple('t/2', transitId(['other'], 't/2')),
      new Tuple('t/3', transitId(['east'], 't/3')),
      new Tuple('u', 'u'),
      new Tuple(100n, 't/1', 't/1'),
    ])
    assert.deepEqual(await told(), [`-t/1 ${transitId(['one'], 't/1')}`])
  })

  test('sends a message on once, with its id and the way it came, and never back', async () => {
    const other = await EmqxRouteClient.connect(east, 'other', {
      name: 'other@127.0.0.1',
      incarnation: BigInt(Date.now()),
    })
    await other.init('east')
    assert.equal(await other.routes([{ add: 'm/#' }, { add: 't/#' }]), 0x10)
    // Two connections: what one connection repeats is another story.
    const [messages, others] = await Promise.all(
      ['one:msg:1', 'one:msg:2'].map((clientId) =>
        TestClient.connect({ port: east.linkPort, version: 5, clientId }),
      ),
    )
    assert.ok(messages && others)
    const send = async (
      id: Buffer,
      path: readonly string[] | null,
      payload: string,
      via = messages,
    ) => {
      const extra = path === null ? new Map() : new Map<Term, Term>([['path', [...path]]])
      const elements: Term[] = [
        ...[new Atom('message'), id, 1n, 'thermometer'],
        ...[new Map(), new Map([[new Atom('properties'), new Map()]])],
        ...['t/x', payload, BigInt(Date.now()), extra],
      ]
      const reply = await via.publish({
        topic: '$LINK/cluster/msg/one',
        qos: 1,
        payload: encodeTerm(new Tuple(...elements)),
      })
      return reply?.reasonCode
    }
    const [first, second, third] = [randomBytes(16), randomBytes(16), randomBytes(16)]
    await send(first, null, 'from one')
    await send(first, ['far'], 'by a longer way', others)
    await send(second, ['far', 'east'], 'in a circle')
    await send(second, ['other', 'far'], 'has been there')
    await send(third, ['far'], 'from far')
    const arrived: unknown[] = []
    for (let n = 0; n < 2; n++) {
      const carrier = await peers.other.forwarded.take('message', 5_000)
      arrived.push(summary(carrier))
    }
    assert.deepEqual(arrived, [
      [first.toString('hex'), 'from one', ['one']],
      [third.toString('hex'), 'from far', ['far', 'one']],
    ])
    const counters = await east.broker.counters()
    assert.deepEqual([counters.native_link_duplicated, counters.native_link_looped], [1, 1])
    assert.equal(peers.one.forwarded.length, 0, 'nothing goes back')

    // Its own messages have EMQX's bytes, also toward a Causeway.
    const client = await east.client()
    await client.publish({ topic: 'm/1', qos: 1, payload: 'own' })
    const own = summary(await peers.other.forwarded.take('message', 5_000))
    assert.deepEqual([own[1], own[2]], ['own', null])
    await Promise.all([client.drop(), messages.drop(), others.drop(), other.client.drop()])
  })

  /** Id, payload and path. */
  function summary({ payload }: IPublishPacket): unknown[] {
    const elements = elementsOf(Buffer.from(payload))
    assert.ok(elements !== null)
    const [, id, , , , , , text, , extra] = elements
    assert.ok(Buffer.isBuffer(id) && text !== undefined && extra instanceof Map)
    const { path = null } = plain(extra) as { path?: unknown }
    return [id.toString('hex'), plain(text), path]
  }

  test('a far end that carries no more is told everything under a new incarnation', async () => {
    peers.other.capabilities = null
    toOther.drop()
    const found = await peers.other.routeClients.take('route client', 10_000)
    assert.equal(incarnationOf(await found.publish()), first)
    // That handshake has found it out, the next one mends it.
    const mended = await peers.other.routeClients.take('route client', 10_000)
    assert.ok(incarnationOf(await mended.publish()) > first)
  })

  function incarnationOf(packet: IPublishPacket): bigint {
    const term = decodeTerm(Buffer.from(packet.payload))
    assert.ok(term instanceof Map)
    const incarnation = [...term].find(([name]) => name === key.incarnation)?.[1]
    assert.ok(typeof incarnation === 'bigint')
    return incarnation
  }
})
