/**
 * EMQX 5.8 as the dialling side: recorded packets of emqx-a are sent byte for byte to a broker that is emqx-b, and its
 * answers are compared with those of the real one.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { eventually, TestClient } from '../harness/index.js'
import { bytesOf, captured, payloadOf } from './capture.js'
import { Cluster } from './cluster.js'
import { Atom, decodeTerm, encodeTerm, plain, Tuple } from './etf.js'
import { elementsOf, seen, wanted } from './message-terms.js'

const toUs = 'emqx-a->emqx-b'
const routeClient = 'link-emqx-a:routesync:0d672ed9'
const messageTopic = '$LINK/cluster/msg/emqx-a'

describe('a broker whose link peer is EMQX 5.8', () => {
  let broker: Cluster
  before(async () => {
    broker = await Cluster.planned('emqx-b')
    // Nobody listens there: in this suite only the peer dials.
    broker.links = [
      { name: 'emqx-a', port: 1, more: 'pool_size = 1' },
      { name: 'emqx-c', port: 1, more: 'pool_size = 1', topics: ['elsewhere/#'] },
    ]
    await broker.start()
  })
  after(() => broker.remove())

  test('its route client is served as EMQX serves it: SUBACK, the answer to actor_init, PUBACK 0x10', async () => {
    const rows = captured('02-').filter(({ clientId }) => clientId === routeClient)
    const said = rows.filter(({ direction }) => direction === toUs)
    const live = captured('03-').filter(
      ({ clientId, direction }) => clientId === routeClient && direction === toUs,
    )
    assert.deepEqual(said.map(({ packetType }) => packetType).slice(0, 3), [
      'CONNECT',
      'SUBSCRIBE',
      'PUBLISH',
    ])
    const client = await TestClient.dial({ port: broker.linkPort, version: 5, acknowledge: false })
    const before = await broker.broker.counters()
    for (const row of [...said, ...live]) client.sendBytes(bytesOf(row))
    const connack = await client.packet('connack')
    assert.equal(connack.reasonCode, 0)
    assert.ok((connack.properties?.maximumPacketSize ?? Number.POSITIVE_INFINITY) >= 1_048_576)

    const expected = captured(/^0[23]-/)
      .filter(({ clientId, direction }) => clientId === routeClient && direction !== toUs)
      .filter(({ packetType }) => packetType === 'SUBACK' || packetType === 'PUBACK')
      .map(({ packetHex }) => packetHex)
    const got: string[] = []
    while (got.length < expected.length) {
      const packet = await client.others.take('acknowledgement', 5_000)
      got.push(client.bytesOf(packet).toString('hex'))
    }
    assert.deepEqual(got, expected)

    const answer = await client.message()
    const theirs = captured('02-').find(
      ({ clientId, direction, packetType }) =>
        clientId === routeClient && direction !== toUs && packetType === 'PUBLISH',
    )
    assert.ok(theirs !== undefined)
    assert.equal(answer.topic, theirs.topic)
    assert.equal(answer.qos, 1)
    assert.deepEqual(
      plain(decodeTerm(Buffer.from(answer.payload))),
      plain(decodeTerm(payloadOf(theirs))),
    )
    assert.equal(
      answer.properties?.correlationData?.toString('hex'),
      theirs.properties.correlationDataHex,
    )
    assert.equal(
      (await broker.broker.counters()).native_protocol_errors,
      before.native_protocol_errors,
    )
    await client.drop()
  })

  // Recorded hours or years ago: what may expire has, so each term gets the time of now.
  const forwarded = captured(/^1[0-9]-forward|^90-/).filter(
    ({ direction, packetType, topic }) =>
      direction === toUs && packetType === 'PUBLISH' && topic === messageTopic,
  )

  test(`each of its ${forwarded.length} recorded messages is published here as EMQX publishes it`, async () => {
    assert.ok(forwarded.length >= 20)
    const subscriber = await broker.client()
    await subscriber.subscribe({ topic: '#', qos: 2, rap: true })
    const peer = await messageClient(broker)
    for (const row of forwarded) {
      const elements = [...(elementsOf(payloadOf(row)) ?? [])]
      elements[8] = BigInt(Date.now())
      const answer = await peer.publish({
        topic: messageTopic,
        qos: 1,
        payload: encodeTerm(new Tuple(...elements)),
      })
      assert.equal(answer?.cmd === 'puback' ? answer.reasonCode : null, 0, row.scenario)
      assert.deepEqual(seen(await subscriber.message()), wanted(elements), row.scenario)
    }
    await Promise.all([subscriber.drop(), peer.drop()])
  })

  test('a message that nobody wants here is acknowledged with 0x10, one that is none with 0x99', async () => {
    const peer = await messageClient(broker)
    const send = async (payload: Buffer, topic = messageTopic) => {
      const answer = await peer.publish({ topic, qos: 1, payload })
      return answer?.cmd === 'puback' ? answer.reasonCode : null
    }
    // Who dropped its connection at the end of the test before may still be subscribed to everything.
    await eventually(
      'nobody wants it',
      async () => (await send(encodeTerm(message('nobody/1', 'x')))) === 0x10,
    )
    assert.equal(await send(Buffer.from('garbage')), 0x99)
    assert.equal(await send(encodeTerm(['no', 'message'])), 0x99)
    assert.equal(await send(Buffer.alloc(0)), 0x99)
    assert.equal(await send(encodeTerm(message('nobody/2', 'x'))), 0x10, 'the connection stays')
    await peer.drop()
  })

  test('a message outside of our own topics is dropped, counted and acknowledged with 0x10', async () => {
    const subscriber = await broker.client()
    await subscriber.subscribe('#')
    const peer = await messageClient(broker)
    const [row] = captured('10-forward-v5-qos1').filter(({ direction }) => direction === toUs)
    assert.ok(row !== undefined)
    const before = await broker.broker.counter('native_link_filtered')
    const topic = '$LINK/cluster/msg/emqx-c'
    const answer = await peer.publish({ topic, qos: 1, payload: payloadOf(row) })
    assert.equal(answer?.cmd === 'puback' ? answer.reasonCode : null, 0x10)
    assert.equal((await broker.broker.counter('native_link_filtered')) - before, 1)
    await subscriber.ping()
    assert.equal(subscriber.messages.length, 0)
    await Promise.all([subscriber.drop(), peer.drop()])
  })

  for (const qos of [1, 2] as const) {
    test(`a message of QoS ${qos} that comes again after a reconnect is acknowledged, counted and not published twice`, async () => {
      const subscriber = await broker.client()
      await subscriber.subscribe({ topic: '#', qos: 2 })
      const payload = encodeTerm(message(`again/${qos}`, 'once'))
      const before = await broker.broker.counter('native_link_repeated')
      for (const attempt of [1, 2, 3]) {
        const peer = await messageClient(broker)
        const answer = await peer.publish({ topic: messageTopic, qos, payload, packetId: attempt })
        assert.equal(answer !== null && 'reasonCode' in answer ? (answer.reasonCode ?? 0) : 0, 0)
        await peer.drop()
      }
      assert.equal((await broker.broker.counter('native_link_repeated')) - before, 2)
      const peer = await messageClient(broker)
      await peer.publish({ topic: messageTopic, qos, payload: encodeTerm(message('next', '')) })
      assert.deepEqual(
        [(await subscriber.message()).topic, (await subscriber.message()).topic],
        [`again/${qos}`, 'next'],
      )
      await Promise.all([subscriber.drop(), peer.drop()])
    })
  }

  test('only the sender’s own window tells a repetition: QoS 0 and other clients pass', async () => {
    const subscriber = await broker.client()
    await subscriber.subscribe('#')
    const payload = encodeTerm(message('mine', 'x'))
    const [first, second] = await Promise.all([messageClient(broker, 1), messageClient(broker, 2)])
    await first.publish({ topic: messageTopic, qos: 1, payload })
    await second.publish({ topic: messageTopic, qos: 1, payload })
    await first.publish({ topic: messageTopic, qos: 0, payload })
    for (let copy = 0; copy < 3; copy++) assert.equal((await subscriber.message()).topic, 'mine')
    await Promise.all([subscriber.drop(), first.drop(), second.drop()])
  })

  test('a subscriber with No Local and the publisher’s client id does not get it', async () => {
    const [same, other] = await Promise.all([
      broker.client({ clientId: 'from' }),
      broker.client({ clientId: 'other' }),
    ])
    await same.subscribe([{ topic: 'local/1', nl: true }, { topic: 'local/2' }])
    await other.subscribe({ topic: 'local/1', nl: true })
    const peer = await messageClient(broker)
    for (const topic of ['local/1', 'local/2'])
      await peer.publish({ topic: messageTopic, qos: 1, payload: encodeTerm(message(topic, 'x')) })
    assert.equal((await same.message()).topic, 'local/2')
    assert.equal((await other.message()).topic, 'local/1')
    await Promise.all([same.drop(), other.drop(), peer.drop()])
  })

  test('a clock that is ahead prolongs no message, one that is behind shortens it', async () => {
    const subscriber = await broker.client()
    await subscriber.subscribe('timed/#')
    const peer = await messageClient(broker)
    for (const [topic, aheadSeconds] of [
      ['timed/ahead', 3_600],
      ['timed/behind', -40],
      ['timed/over', -101],
    ] as const) {
      const expiry = new Map([[new Atom('Message-Expiry-Interval'), 100n]])
      const headers = new Map([[new Atom('properties'), expiry]])
      const { elements } = message(topic, 'x')
      const term = [...elements]
      term[5] = headers
      term[8] = BigInt(Date.now() + aheadSeconds * 1_000)
      await peer.publish({
        topic: messageTopic,
        qos: 1,
        payload: encodeTerm(new Tuple(...term)),
      })
    }
    await peer.publish({ topic: messageTopic, qos: 1, payload: encodeTerm(message('timed/z', '')) })
    const left = async () => {
      const { topic, properties } = await subscriber.message()
      return [topic, properties?.messageExpiryInterval ?? null] as const
    }
    const [[ahead, whole], [behind, part], [last]] = [await left(), await left(), await left()]
    assert.deepEqual([ahead, behind, last], ['timed/ahead', 'timed/behind', 'timed/z'])
    assert.ok(whole !== null && whole <= 100 && whole > 60, `${whole}`)
    assert.ok(part !== null && part <= 60 && part > 20, `${part}`)
    await Promise.all([subscriber.drop(), peer.drop()])
  })

  test('carriers of QoS 0 and 2 are taken like those of QoS 1', async () => {
    const subscriber = await broker.client()
    await subscriber.subscribe({ topic: '#', qos: 0 })
    const peer = await messageClient(broker, 3)
    const rows = captured(/^10-forward-v5-qos/).filter(
      ({ direction, packetType }) => direction === toUs && packetType === 'PUBLISH',
    )
    const [row] = rows
    assert.ok(row !== undefined)
    for (const qos of [0, 2] as const) {
      await peer.publish({ topic: messageTopic, qos, payload: payloadOf(row) })
      const { topic } = await subscriber.message()
      assert.equal(topic, wanted(elementsOf(payloadOf(row)) ?? []).topic)
    }
    await Promise.all([subscriber.drop(), peer.drop()])
  })
})

function messageClient(broker: Cluster, worker = 1): Promise<TestClient> {
  return TestClient.connect({
    port: broker.linkPort,
    version: 5,
    keepAliveSeconds: 60,
    clientId: `link-emqx-a:msg:0d672ed9:${worker}`,
  })
}

let messages = 0

/** A message as EMQX sends it at least, with an id of its own. */
function message(topic: string, payload: string): Tuple {
  const id = Buffer.alloc(16)
  id.writeUInt32BE(++messages, 12)
  const empty = new Map()
  const now = BigInt(Date.now())
  return new Tuple(new Atom('message'), id, 1n, 'from', empty, empty, topic, payload, now, empty)
}
