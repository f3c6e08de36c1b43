/** A broker that dials, and a far end that accepts only and speaks by hand: what it offers, takes, and refuses. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { IPublishPacket } from 'mqtt-packet'
import { eventually, freePort } from '../harness/index.js'
import { Cluster } from './cluster.js'
import { Atom, decodeTerm, encodeTerm, plain, type Term, Tuple } from './etf.js'
import { type FakeConnection, FakeEmqx } from './fake-emqx.js'
import { type Actor, initTerm, key, operation, routeTerm } from './route-terms.js'

const accepting: Term = new Map<Term, Term>([
  ['accept_slots', '2'],
  ['caps', ['accept/1']],
  ['id', 'f0f1f2f3f4f5f6f7'],
  ['sw', 'causeway'],
])
const noMatchingSubscribers = 0x10
const firstOfLink = 32_768

/** A forwarded message. */
function message(topic: string, payload: string, id: number): Buffer {
  const empty: Term = new Map<Term, Term>()
  const bytes = Buffer.alloc(16, id).toString('latin1')
  const at = BigInt(Date.now())
  return encodeTerm(
    new Tuple(new Atom('message'), bytes, 1n, 'from', empty, empty, topic, payload, at, empty),
  )
}

describe('an office that dials, and a plant that accepts only', () => {
  let plant: FakeEmqx
  let office: Cluster
  let routes: FakeConnection
  /** By client id. */
  const carrying = new Map<string, FakeConnection>()
  const actor: Actor = { name: 'plant@hand', incarnation: BigInt(Date.now()) }
  let packetId = firstOfLink

  before(async () => {
    plant = await FakeEmqx.listen(await freePort())
    plant.capabilities = accepting
    office = await Cluster.planned('office')
    office.links = [{ name: 'plant', port: plant.port, topics: ['down/#'], more: 'pool_size = 1' }]
    await office.start()
    routes = await plant.routeClients.take('route client', 20_000)
    for (let n = 0; n < 2; n++) {
      const one = await plant.routeClients.take('a connection for both directions', 20_000)
      carrying.set(one.connect.clientId, one)
    }
  })
  after(async () => {
    await office.remove()
    await plant.close()
  })

  function send(on: FakeConnection, topic: string, payload: Buffer, question = false): number {
    on.send({
      cmd: 'publish',
      topic,
      payload,
      qos: 1,
      dup: false,
      retain: false,
      messageId: ++packetId,
      ...(question
        ? {
            properties: {
              responseTopic: `$LINK/cluster/resp/plant/${actor.name}`,
              correlationData: Buffer.from('0011223344556677'),
            },
          }
        : {}),
    })
    return packetId
  }

  /** What the broker says to a PUBLISH: the reason code of its PUBACK, passing over what else it says. */
  async function acknowledged(on: FakeConnection, id: number): Promise<number> {
    for (;;) {
      const packet = await on.said.take('PUBACK', 15_000)
      if (packet.cmd === 'puback' && packet.messageId === id) return packet.reasonCode ?? 0
    }
  }

  /** The reason code of its DISCONNECT. */
  async function goodbye(on: FakeConnection): Promise<number> {
    for (;;) {
      const packet = await on.said.take('DISCONNECT', 15_000)
      if (packet.cmd === 'disconnect') return packet.reasonCode ?? 0
    }
  }

  const offerOn = (on: FakeConnection): Promise<IPublishPacket> =>
    on.publish(({ topic }) => topic.startsWith('$LINK/x/'))

  test('as many connections as the plant has slots are named after both, and each is offered', async () => {
    assert.deepEqual([...carrying.keys()].sort(), ['office:both:plant:1', 'office:both:plant:2'])
    for (const [name, on] of [['routes', routes], ...carrying] as const) {
      const { topic, qos, payload } = await offerOn(on)
      assert.deepEqual([topic, qos], ['$LINK/x/offer/office', 0])
      const channel = name === 'routes' ? 'routes' : name.at(-1)
      assert.match(payload.toString(), new RegExp(`^${channel} \\d+$`))
    }
  })

  test('routes that come down the route connection are taken and acknowledged like any others', async () => {
    const id = send(routes, '$LINK/cluster/route/plant', initTerm(actor, 'office'), true)
    const answer = await routes.publish(({ topic }) => topic.startsWith('$LINK/cluster/resp/'))
    assert.deepEqual(
      [answer.topic, answer.qos, answer.properties?.correlationData?.toString()],
      [`$LINK/cluster/resp/plant/${actor.name}`, 0, '0011223344556677'],
    )
    const term = decodeTerm(Buffer.from(answer.payload))
    assert.ok(term instanceof Map)
    assert.equal(plain([...term].find(([name]) => name === key.result)?.[1] as Term), "'ok'")
    assert.equal(await acknowledged(routes, id), noMatchingSubscribers)
    const added = send(routes, '$LINK/cluster/route/plant', routeTerm(actor, [{ add: 'up/+' }]))
    assert.equal(await acknowledged(routes, added), noMatchingSubscribers)
    const publisher = await office.client()
    await publisher.publish({ topic: 'up/1', qos: 1, payload: 'x' })
    const [first] = [...carrying.values()].filter(
      ({ connect }) => connect.clientId === 'office:both:plant:1',
    )
    assert.ok(first)
    assert.equal((await first.publish()).topic, '$LINK/cluster/msg/office')
    await publisher.drop()
  })

  test('messages come down both, are filtered, recognised when they come again, and answered', async () => {
    const subscriber = await office.client()
    await subscriber.subscribe({ topic: '#', qos: 1 })
    let id = 0
    for (const on of carrying.values()) {
      const first = message('down/1', `${++id}`, id)
      const codes: number[] = []
      for (const payload of [first, first, message('other/1', 'x', 100 + id), Buffer.from('junk')])
        codes.push(await acknowledged(on, send(on, '$LINK/cluster/msg/plant', payload)))
      assert.deepEqual(codes, [0x00, 0x00, noMatchingSubscribers, 0x99])
      assert.equal((await subscriber.message()).payload.toString(), `${id}`)
    }
    assert.equal(subscriber.messages.length, 0)
    await subscriber.drop()
  })

  test('a message in the name of another cluster ends its connection, which is dialled again', async () => {
    const on = carrying.get('office:both:plant:2')
    assert.ok(on)
    send(on, '$LINK/cluster/msg/elsewhere', message('down/1', 'forged', 50))
    assert.equal(await goodbye(on), 0x82)
    const again = await plant.routeClients.take('the connection again', 15_000)
    assert.equal(again.connect.clientId, 'office:both:plant:2')
    await offerOn(again)
  })

  test('a route operation that is none ends the route connection, which is dialled and offered again', async () => {
    send(routes, '$LINK/cluster/route/plant', operation('nonsense', []))
    assert.equal(await goodbye(routes), 0x83)
    const again = await plant.routeClients.take('the route connection again', 15_000)
    assert.match(again.connect.clientId, /:routesync:/)
    await offerOn(again)
    await eventually('both are counted', async () => {
      const { counters } = await office.report('plant')
      return (counters.protocol_errors ?? 0) === 1 && (counters.duplicate ?? 0) >= 2
    })
  })
})
