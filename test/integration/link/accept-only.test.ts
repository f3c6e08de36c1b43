/** Links of which one side accepts only: real brokers, both directions over what one of them dials. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { IPublishPacket } from 'mqtt-packet'
import { eventually, freePort, TestClient } from '../harness/index.js'
import { Cluster, effective } from './cluster.js'
import { assertDialsNobody } from './dials-nobody.js'
import { EmqxRouteClient } from './emqx-client.js'
import { decodeTerm, encodeTerm, plain, type Term } from './etf.js'
import { type Actor, ackTerm, initTerm, key } from './route-terms.js'
import { TcpProxy } from './tcp-proxy.js'

const firstOfLink = 32_768
const noMatchingSubscribers = 0x10
const notAuthorized = 0x87

describe('an office that dials, and a plant that accepts only', () => {
  let office: Cluster
  let plant: Cluster
  let proxy: TcpProxy

  before(async () => {
    office = await Cluster.planned('office')
    plant = await Cluster.planned('plant')
    proxy = await TcpProxy.to(plant.linkPort)
    office.links = [{ name: 'plant', port: proxy.port, more: 'pool_size = 2' }]
    plant.links = [{ name: 'office', port: null, more: 'pool_size = 3' }]
    await Promise.all([office.start(), plant.start()])
    await Promise.all([office.online('plant'), plant.online('office')])
  })
  after(async () => {
    await Promise.all([office.remove(), plant.remove()])
    await proxy.close()
  })

  const bothWays = async () => {
    await effective(office, plant)
    await effective(plant, office)
  }

  test('messages of every QoS pass both ways, as they were published, and one side opens no socket', async () => {
    const [atOffice, atPlant] = await Promise.all([office.client(), plant.client()])
    for (const client of [atOffice, atPlant]) await client.subscribe({ topic: 'x/+/#', qos: 2 })
    await bothWays()
    const properties = { userProperties: { k: ['1', '2'] }, contentType: 'text/plain' }
    const ways = [
      ['office', office, atOffice, atPlant],
      ['plant', plant, atPlant, atOffice],
    ] as const
    for (const [from, , publisher, subscriber] of ways) {
      for (const qos of [0, 1, 2] as const) {
        const topic = `x/${from}/${qos}`
        await publisher.publish({ topic, qos, payload: `q${qos}`, properties })
        const local = await publisher.message()
        const message = await subscriber.message()
        for (const one of [local, message])
          assert.deepEqual(
            [one.topic, one.payload.toString(), one.qos, one.properties?.contentType],
            [topic, `q${qos}`, qos, 'text/plain'],
          )
        assert.deepEqual({ ...message.properties?.userProperties }, { k: ['1', '2'] })
      }
    }
    assertDialsNobody(plant)
    await Promise.all([atOffice.drop(), atPlant.drop()])
  })

  test('what each wants is known at the other while it wants it', async () => {
    for (const [from, to] of [
      [office, plant],
      [plant, office],
    ] as const) {
      const [publisher, subscriber] = await Promise.all([from.client(), to.client()])
      const isWanted = async () =>
        (await publisher.publish({ topic: 'want/1', qos: 1 }))?.reasonCode !== noMatchingSubscribers
      assert.equal(await isWanted(), false)
      await subscriber.subscribe({ topic: 'want/#', qos: 1 })
      await eventually('want/# is known', isWanted)
      await subscriber.unsubscribe('want/#')
      await eventually('want/# is forgotten', async () => !(await isWanted()))
      await Promise.all([publisher.drop(), subscriber.drop()])
    }
  })

  test('many messages, large ones among them, pass both ways at once, in order and each once', async () => {
    const count = 1_000
    const large = 'x'.repeat(500_000)
    const ways = [
      [plant, office],
      [office, plant],
    ] as const
    await Promise.all(
      ways.map(async ([from, to]) => {
        const [publisher, subscriber] = await Promise.all([from.client(), to.client()])
        await subscriber.subscribe({ topic: `many/${to.name}/#`, qos: 1 })
        await effective(from, to)
        const sent: Promise<unknown>[] = []
        for (let n = 0; n < count; n++) {
          const payload = n % 20 === 0 ? `${n} ${large}` : `${n} `
          sent.push(publisher.publish({ topic: `many/${to.name}/${n % 4}`, qos: 1, payload }))
        }
        await Promise.all(sent)
        const got = new Map<string, number[]>()
        for (let n = 0; n < count; n++) {
          const { topic, payload } = await subscriber.message(30_000)
          got.set(topic, [...(got.get(topic) ?? []), Number.parseInt(payload.toString(), 10)])
        }
        for (let topic = 0; topic < 4; topic++)
          assert.deepEqual(
            got.get(`many/${to.name}/${topic}`),
            Array.from({ length: count / 4 }, (_, n) => 4 * n + topic),
          )
        await Promise.all([publisher.drop(), subscriber.drop()])
      }),
    )
  })

  test('connections that are reset again and again lose nothing and repeat nothing, either way', async () => {
    const count = 300
    const ways = [
      [plant, office],
      [office, plant],
    ] as const
    const subscribers = await Promise.all(ways.map(([, to]) => to.client()))
    for (const [at, [, to]] of ways.entries())
      await subscribers[at]?.subscribe({ topic: `cut/${to.name}`, qos: 1 })
    await bothWays()
    const payloads = Array.from({ length: count }, (_, n) => String(n))
    await Promise.all(
      ways.map(async ([from, to]) => {
        const publisher = await from.client()
        for (const payload of payloads) {
          await publisher.publish({ topic: `cut/${to.name}`, qos: 1, payload })
          if (payload.endsWith('50')) proxy.reset()
        }
        await publisher.drop()
      }),
    )
    for (const subscriber of subscribers)
      assert.deepEqual(await subscriber.payloads(count, 30_000), payloads)
    await bothWays()
    for (const subscriber of subscribers) {
      assert.equal(subscriber.messages.length, 0)
      await subscriber.drop()
    }
    assertDialsNobody(plant)
  })

  test('ctl says that the link accepts only, is carried, and what became of its messages', async () => {
    await eventually(
      'three connections are back',
      async () => (await plant.report('office')).pool.online === 3,
      30_000,
    )
    const report = await plant.report('office')
    const { acceptOnly, forwards, peerIsCauseway, pool, route, counters } = report
    assert.deepEqual(
      [acceptOnly, forwards, peerIsCauseway, route.state],
      [true, true, true, 'online'],
    )
    assert.equal(pool.size, 3)
    assert.ok((counters.offers_taken ?? 0) >= 4, 'routes, and three message connections')
    const places = ['acked', 'rejected', 'sent_qos0', 'expired', 'overflowed', 'oversize']
    await eventually('every message that matched is in one place', async () => {
      const { counters: now } = await plant.report('office')
      const sum = [...places, 'queued', 'inflight', 'undeliverable', 'dropped'].reduce(
        (all, name) => all + (now[name] ?? 0),
        0,
      )
      return (now.matched ?? 0) > 0 && sum === now.matched
    })
    const { stdout } = await plant.ctl('links', 'office')
    assert.match(stdout, /accepts only +both directions use connections of the far end/)
    assert.deepEqual((await office.report('plant')).acceptOnly, false)
  })

  test('after a kill of either side both directions are back, and nothing acknowledged is lost', async () => {
    for (const victim of ['office', 'plant'] as const) {
      const [killed, other] = victim === 'office' ? [office, plant] : [plant, office]
      const publisher = await other.client()
      const before = await killed.client()
      await before.subscribe({ topic: 'kept/#', qos: 1 })
      await effective(other, killed)
      await killed.kill()
      // The route is still known: what is published now waits for the link.
      const sent = Array.from({ length: 20 }, (_, n) => String(n))
      for (const payload of sent) await publisher.publish({ topic: 'kept/1', qos: 1, payload })
      await killed.start()
      const again = await killed.client()
      await again.subscribe({ topic: 'kept/#', qos: 1 })
      await bothWays()
      await publisher.publish({ topic: 'kept/1', qos: 1, payload: 'last' })
      const got: string[] = []
      while (got.at(-1) !== 'last') got.push((await again.message()).payload.toString())
      // A broker keeps no session over its death: who subscribed again misses what came before it had.
      assert.deepEqual(got, [...sent, 'last'].slice(-got.length))
      assertDialsNobody(plant)
      const { counters } = await other.report(killed.name)
      assert.equal(counters.expired ?? 0, 0)
      assert.equal(counters.overflowed ?? 0, 0)
      await Promise.all([before.drop(), publisher.drop(), again.drop()])
    }
  })

  test('pool_size and topics change while it runs', async () => {
    await plant.reload([
      { name: 'office', port: null, topics: ['only/#', 'probe/#'], more: 'pool_size = 5' },
    ])
    await eventually(
      'five connections',
      async () => (await plant.report('office')).pool.online === 5,
      30_000,
    )
    await bothWays()
    const [publisher, wanted, unwanted] = await Promise.all([
      office.client(),
      plant.client(),
      plant.client(),
    ])
    await wanted.subscribe({ topic: 'only/#', qos: 1 })
    await unwanted.subscribe({ topic: 'other/#', qos: 1 })
    await effective(office, plant)
    assert.equal(
      (await publisher.publish({ topic: 'other/1', qos: 1 }))?.reasonCode,
      noMatchingSubscribers,
    )
    await publisher.publish({ topic: 'only/1', qos: 1, payload: 'x' })
    assert.equal((await wanted.message()).payload.toString(), 'x')
    assertDialsNobody(plant)
    await Promise.all([publisher.drop(), wanted.drop(), unwanted.drop()])
  })
})

/** The next PUBLISH of QoS 1: heartbeats come as time passes. */
async function operation(client: TestClient): Promise<IPublishPacket> {
  for (;;) {
    const packet = await client.message()
    if (packet.qos === 1) return packet
  }
}

/** What a Causeway says of itself in actor_init. */
const causeway: Term = new Map<Term, Term>([
  ['caps', []],
  ['id', 'f0f1f2f3f4f5f6f7'],
  ['sw', 'causeway'],
])

describe('a plant, and far ends that speak by hand', () => {
  let plant: Cluster

  before(async () => {
    plant = await Cluster.planned('plant')
    const nobody = await freePort()
    plant.links = [
      { name: 'emqx-0', port: nobody, more: 'pool_size = 1' },
      { name: 'emqx-1', port: null, more: 'pool_size = 1' },
      { name: 'office', port: null, more: 'pool_size = 1' },
      { name: 'dialled', port: nobody, more: 'pool_size = 1' },
    ]
    await plant.start()
  })
  after(() => plant.remove())

  function under(payload: string | Buffer, wanted: bigint): Term | undefined {
    const term = decodeTerm(Buffer.from(payload))
    assert.ok(term instanceof Map)
    return [...term].find(([name]) => name === wanted)?.[1]
  }

  async function introduced(cluster: string, actor: string): Promise<EmqxRouteClient> {
    const by: Actor = { name: actor, incarnation: BigInt(Date.now()) }
    const sender = await EmqxRouteClient.connect(plant, cluster, by, actor)
    const init = decodeTerm(initTerm(by, 'plant'))
    assert.ok(init instanceof Map)
    sender.send(encodeTerm(new Map([...init, [key.capabilities, causeway]])), 1, {
      responseTopic: sender.responseTopic,
      correlationData: Buffer.from('0011223344556677'),
    })
    await sender.client.packet('puback')
    return sender
  }

  const offer = (client: TestClient, cluster: string, payload: string, qos: 0 | 1 = 1) =>
    client.publish({ topic: `$LINK/x/offer/${cluster}`, qos, payload })

  test('an EMQX is answered byte for byte as ever, and told in the log that it gets nothing', async () => {
    const seen: string[][] = []
    for (const cluster of ['emqx-0', 'emqx-1']) {
      const actor = { name: 'emqx@127.0.0.1', incarnation: 1_800_000_000_000n }
      const route = await EmqxRouteClient.connect(plant, cluster, actor)
      const answer = await route.init('plant')
      const added = await route.routes([{ add: 'e/+' }])
      route.heartbeat()
      await route.client.ping()
      seen.push([answer.toString('hex'), String(added), JSON.stringify(route.client.connack)])
      assert.equal(route.client.messages.length, 0)
      await route.client.disconnect()
    }
    assert.deepEqual(seen[1], seen[0])
    const line = await plant.logged('cluster_link_receive_only', { link: 'emqx-1' })
    assert.equal(line.level, 'warn')
    assert.ok(
      !plant.broker.log.some(({ event, link }) => event === line.event && link === 'emqx-0'),
    )
    const publisher = await plant.client()
    await publisher.publish({ topic: 'e/1', qos: 1 })
    const { forwards, counters } = await plant.report('emqx-1')
    assert.deepEqual([forwards, counters.matched, counters.queued], [false, 0, 0])
    await eventually('the other one waits for its link', async () => {
      const { counters: of } = await plant.report('emqx-0')
      return of.matched === 1 && of.queued === 1
    })
    await publisher.drop()
  })

  test('a route connection that is offered carries the far side: init, answer, routes, PUBACKs', async () => {
    const office = await introduced('office', 'office@1')
    const answer = await office.client.message()
    const said = plain(under(answer.payload as Buffer, key.capabilities) as Term) as {
      caps: unknown
      accept_slots: unknown
    }
    assert.deepEqual([said.caps, said.accept_slots], [['accept/1'], '1'])
    await offer(office.client, 'office', 'routes 1048576')
    const init = await operation(office.client)
    assert.equal(init.topic, '$LINK/cluster/route/plant')
    assert.ok((init.messageId ?? 0) >= firstOfLink)
    const { correlationData, responseTopic } = init.properties ?? {}
    assert.ok(correlationData !== undefined && responseTopic !== undefined)
    office.client.send({
      cmd: 'publish',
      topic: responseTopic,
      qos: 0,
      dup: false,
      retain: false,
      payload: ackTerm('plant@127.0.0.1', null, true, causeway),
      properties: { correlationData },
    })
    await plant.logged('cluster_link_routerepl_online', { link: 'office' })
    const subscriber = await plant.client()
    await subscriber.subscribe({ topic: 'live/1', qos: 1 })
    const live = await operation(office.client)
    assert.ok((live.messageId ?? 0) > (init.messageId ?? 0))
    assert.match(Buffer.from(live.payload).toString('latin1'), /live\/1/)
    await eventually(
      'its acknowledgement has come',
      async () => (await plant.report('office')).route.routesOut === 1,
    )

    // Another broker of that name is not used, and learns nothing.
    const other = await introduced('office', 'office@2')
    await other.client.message()
    assert.equal((await offer(other.client, 'office', 'routes 1048576'))?.reasonCode, notAuthorized)
    await plant.logged('cluster_link_offer_refused', { link: 'office' })
    await subscriber.subscribe({ topic: 'live/2', qos: 1 })
    assert.match(
      Buffer.from((await operation(office.client)).payload).toString('latin1'),
      /live\/2/,
    )
    await other.client.ping()
    assert.equal(other.client.messages.length, 0)
    // The first one goes, the second one offers again.
    await office.client.drop()
    await eventually(
      'the second one is used',
      async () => (await offer(other.client, 'office', 'routes 1048576'))?.reasonCode === 0,
    )
    assert.equal((await operation(other.client)).topic, '$LINK/cluster/route/plant')
    assert.ok(((await plant.report('office')).counters.offers_refused ?? 0) >= 1)
    await Promise.all([other.client.drop(), subscriber.drop()])
  })

  test('offers that mean nothing, or come from where $LINK is not allowed, change nothing', async () => {
    const client = await TestClient.connect({ port: plant.linkPort, version: 5 })
    for (const [cluster, payload] of [
      ['office', ''],
      ['office', 'routes'],
      ['office', 'routes 100'],
      ['office', 'routes 99999999999'],
      ['office', '0 1048576'],
      ['office', '2 1048576'],
      ['office', '1 1048576 1'],
      ['dialled', 'routes 1048576'],
      ['dialled', '1 1048576'],
      ['stranger', 'routes 1048576'],
    ] as const)
      assert.equal((await offer(client, cluster, payload))?.reasonCode, notAuthorized, payload)
    const outside = await plant.client()
    assert.equal((await offer(outside, 'office', '1 1048576'))?.reasonCode, notAuthorized)
    // Before MQTT 5 a refusal cannot be told, and answers have no correlation data.
    const refused = async () => (await plant.report('office')).counters.offers_refused ?? 0
    const before = await refused()
    const old = await TestClient.connect({
      port: plant.linkPort,
      version: 4,
      clientId: 'office:both:plant:1',
    })
    await offer(old, 'office', '1 1048576')
    assert.equal(await refused(), before + 1)
    const named = await TestClient.connect({
      port: plant.linkPort,
      version: 5,
      clientId: 'office:both:plant:1',
    })
    assert.equal((await offer(named, 'office', '1 1048576'))?.reasonCode, 0)
    await eventually('it is used', async () => (await plant.report('office')).pool.online === 1)
    await Promise.all([client, outside, old, named].map((one) => one.drop()))
    await eventually(
      'its end is noticed',
      async () => (await plant.report('office')).pool.online === 0,
    )
  })
})
