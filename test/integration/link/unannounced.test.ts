/**
 * Toward a peer that did not announce itself as a Causeway, what only two Causeways know of changes no byte: two links of
 * one broker to two EMQXs, of which one asks for everything and the other for nothing.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { IPublishPacket } from 'mqtt-packet'
import { freePort } from '../harness/index.js'
import { Cluster } from './cluster.js'
import { EmqxRouteClient } from './emqx-client.js'
import { decodeTerm, plain, type Term } from './etf.js'
import { type FakeConnection, FakeEmqx } from './fake-emqx.js'
import { key } from './route-terms.js'

/** Names of one length, so that what differs between the links does not move anything. */
const names = { without: 'emqx-0', with: 'emqx-1' }
const everything = 'drift_check = true, transit = true, retained_sync = ["#"]'

describe('two links to EMQX, one of which asks for what only a Causeway can give', () => {
  let peers: { readonly without: FakeEmqx; readonly with: FakeEmqx }
  let routes: { readonly without: FakeConnection; readonly with: FakeConnection }
  let inits: { readonly without: IPublishPacket; readonly with: IPublishPacket }
  let east: Cluster

  before(async () => {
    peers = {
      without: await FakeEmqx.listen(await freePort()),
      with: await FakeEmqx.listen(await freePort()),
    }
    east = await Cluster.planned('east')
    const link = (which: 'without' | 'with', more: string) => ({
      name: names[which],
      port: peers[which].port,
      more: `pool_size = 1, ${more}`,
    })
    east.links = [link('without', ''), link('with', everything)]
    await east.start()
    routes = {
      without: await peers.without.routeClients.take('route client', 10_000),
      with: await peers.with.routeClients.take('route client', 10_000),
    }
    inits = { without: await routes.without.publish(), with: await routes.with.publish() }
    // A filter that is subscribed to while a link bootstraps may be told twice: with all others, and as a change.
    await Promise.all([east.online(names.without), east.online(names.with)])
  })
  after(async () => {
    await east.remove()
    await Promise.all([peers.without.close(), peers.with.close()])
  })

  /** Payload in hex, with the incarnation left out: every link has its own. */
  function masked({ payload }: IPublishPacket, init: IPublishPacket): string {
    const incarnation = mapOf(init).get(key.incarnation)
    assert.ok(typeof incarnation === 'bigint')
    const bytes = Buffer.alloc(8)
    bytes.writeBigUInt64LE(incarnation)
    return Buffer.from(payload)
      .toString('hex')
      .replaceAll(bytes.subarray(0, 6).toString('hex'), '<incarnation>')
  }

  function mapOf({ payload }: IPublishPacket): ReadonlyMap<unknown, Term> {
    const term = decodeTerm(Buffer.from(payload))
    assert.ok(term instanceof Map)
    return new Map(
      [...term].map(([name, value]) => [typeof name === 'bigint' ? name : plain(name), value]),
    )
  }

  function withoutPayload({ payload: _, messageId: __, length: ___, ...rest }: IPublishPacket) {
    return rest
  }

  test('connect with the same CONNECT', () => {
    assert.deepEqual(routes.with.connect, routes.without.connect)
  })

  test('introduce themselves alike but for the list under the key that EMQX ignores', () => {
    const rest = (packet: IPublishPacket) => {
      const map = new Map(mapOf(packet))
      for (const own of [key.capabilities, key.incarnation, key.target]) map.delete(own)
      return [...map].map(([name, value]) => [name, plain(value)])
    }
    assert.deepEqual(rest(inits.with), rest(inits.without))
    assert.deepEqual(
      [inits.with.topic, inits.with.qos, inits.with.properties?.responseTopic],
      [inits.without.topic, inits.without.qos, inits.without.properties?.responseTopic],
    )
    const { caps: asked, ...announced } = plain(
      mapOf(inits.with).get(key.capabilities) as Term, // cannot lie: it is always there
    ) as Record<string, unknown>
    const { caps: none, ...plainly } = plain(
      mapOf(inits.without).get(key.capabilities) as Term, // as above
    ) as Record<string, unknown>
    assert.deepEqual(announced, plainly)
    assert.ok(Array.isArray(asked) && asked.length > 0)
    assert.deepEqual(none, [])
  })

  test('announce routes and live on byte for byte alike', async () => {
    const client = await east.client()
    for (const topic of ['a/1', 'a/+', '$share/g/a/2']) {
      await client.subscribe(topic)
      const [one, other] = [await routes.with.publish(), await routes.without.publish()]
      assert.deepEqual(withoutPayload(one), withoutPayload(other))
      assert.equal(masked(one, inits.with), masked(other, inits.without))
    }
    const heartbeat = ({ qos }: IPublishPacket) => qos === 0
    const [one, other] = [
      await routes.with.publish(heartbeat),
      await routes.without.publish(heartbeat),
    ]
    assert.deepEqual(withoutPayload(one), withoutPayload(other))
    assert.equal(masked(one, inits.with), masked(other, inits.without))
    assert.equal(mapOf(one).size, 3)
    await client.drop()
  })

  test('answer an EMQX byte for byte alike, and forward to it one term', async () => {
    const answers: string[] = []
    const senders: EmqxRouteClient[] = []
    for (const name of [names.with, names.without]) {
      const actor = { name: 'far@127.0.0.1', incarnation: BigInt(Date.now()) }
      const sender = await EmqxRouteClient.connect(east, name, actor, name)
      answers.push((await sender.init('east')).toString('hex'))
      await sender.routes([{ add: 'b/+' }])
      senders.push(sender)
    }
    assert.equal(answers[0], answers[1])
    const publisher = await east.client()
    await publisher.publish({ topic: 'b/1', qos: 1, payload: 'x' })
    const [one, other] = [
      await peers.with.forwarded.take('message', 5_000),
      await peers.without.forwarded.take('message', 5_000),
    ]
    assert.deepEqual(withoutPayload(one), withoutPayload(other))
    assert.deepEqual(one.payload, other.payload)
    assert.match(Buffer.from(one.payload).toString('hex'), /7400000000$/, 'extra is an empty map')
    await Promise.all([publisher.drop(), ...senders.map(({ client }) => client.drop())])
  })
})
