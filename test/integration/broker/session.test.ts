/** How long a session lives, who holds it, and who takes it over. MQTT 5.0 §3.1.2.11.2, §3.1.4, §4.1; design.md §2. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  type BrokerProcess,
  clientIdOn,
  connectBytes,
  eventually,
  startBroker,
  TestClient,
  type Version,
} from '../harness/index.js'

const versions: readonly Version[] = [3, 4, 5]
let broker: BrokerProcess

before(async () => {
  broker = await startBroker()
})
after(() => broker.stop())

const home = (loop: number, prefix: string) => clientIdOn(broker, loop, prefix)
const lasting = (version: Version, seconds = 300) =>
  version === 5 ? { properties: { sessionExpiryInterval: seconds } } : {}

async function publishOnce(topic: string, payload: string) {
  const publisher = await TestClient.connect({ port: broker.port, clientId: home(1, 'publisher') })
  await publisher.publish({ topic, payload, qos: 1 })
  await publisher.disconnect()
}

for (const version of versions) {
  test(`a clean session of version ${version} ends with its connection`, async () => {
    const options = { port: broker.port, version, clientId: home(0, `clean-${version}`) }
    const first = await TestClient.connect(options)
    await first.subscribe(`clean/${version}`)
    await first.disconnect()
    await publishOnce(`clean/${version}`, 'missed')
    const second = await TestClient.connect({ ...options, clean: false })
    assert.equal(second.sessionPresent, false)
    await second.ping()
    assert.equal(second.messages.length, 0)
    await second.disconnect()
    const last = await TestClient.connect({ ...options, clean: true })
    await last.disconnect()
  })

  test(`a lasting session of version ${version} keeps subscriptions and messages until a clean start`, async () => {
    const options = { port: broker.port, version, clientId: home(0, `lasting-${version}`) }
    const first = await TestClient.connect({ ...options, ...lasting(version), clean: false })
    assert.equal(first.sessionPresent, false)
    await first.subscribe(`lasting/${version}`)
    await first.drop()
    await publishOnce(`lasting/${version}`, 'kept')

    const second = await TestClient.connect({ ...options, ...lasting(version), clean: false })
    assert.equal(second.sessionPresent, version !== 3) // 3.1 has no such flag
    assert.equal((await second.message()).payload.toString(), 'kept')
    await publishOnce(`lasting/${version}`, 'still subscribed')
    assert.equal((await second.message()).payload.toString(), 'still subscribed')
    await second.disconnect()

    const third = await TestClient.connect({ ...options, clean: true })
    assert.equal(third.sessionPresent, false) // [MQTT-3.2.2-2]
    await publishOnce(`lasting/${version}`, 'forgotten')
    await third.ping()
    assert.equal(third.messages.length, 0)
    await third.disconnect()
  })
}

test('a version 5 session expires after its interval, and not before', async () => {
  const options = { port: broker.port, version: 5 as const, clientId: home(0, 'expiry') }
  const first = await TestClient.connect({ ...options, ...lasting(5, 30), clean: false })
  await first.subscribe('expiry')
  await first.drop()
  const second = await TestClient.connect({ ...options, ...lasting(5, 3), clean: false })
  assert.equal(second.sessionPresent, true)
  const expired = await broker.counter('sessions_expired')
  const leftMs = performance.now()
  await second.disconnect(0, { sessionExpiryInterval: 1 })
  await eventually('expired', async () => (await broker.counter('sessions_expired')) > expired)
  assert.ok(performance.now() - leftMs >= 990, 'not before its time; clocks round')
  const third = await TestClient.connect({ ...options, clean: false })
  assert.equal(third.sessionPresent, false)
  await third.disconnect()
})

test('without an expiry interval a version 5 session ends with its connection, clean start or not', async () => {
  const options = {
    port: broker.port,
    version: 5 as const,
    clientId: home(1, 'none'),
    clean: false,
  }
  await (await TestClient.connect(options)).drop()
  const second = await TestClient.connect(options)
  assert.equal(second.sessionPresent, false)
  await second.disconnect()
})

test('DISCONNECT may shorten or end the session, and may not begin one', async () => {
  const options = { port: broker.port, version: 5 as const, clientId: home(0, 'override') }
  const first = await TestClient.connect({ ...options, ...lasting(5), clean: false })
  await first.disconnect(0, { sessionExpiryInterval: 0 })
  const second = await TestClient.connect({ ...options, clean: false })
  assert.equal(second.sessionPresent, false)
  // Zero in CONNECT cannot become something else: MQTT 5.0 §3.14.2.2.2.
  second.send({ cmd: 'disconnect', reasonCode: 0, properties: { sessionExpiryInterval: 10 } })
  await second.whenClosed()
  assert.equal(second.goodbye?.reasonCode, 0x82)
  const third = await TestClient.connect({ ...options, clean: false })
  assert.equal(third.sessionPresent, false)
  await third.disconnect(0, { sessionExpiryInterval: 0 })
})

for (const [older, newer] of [
  [4, 4],
  [4, 5],
  [5, 3],
  [5, 5],
  [3, 5],
] as const) {
  test(`a connection of version ${newer} takes the session over from one of version ${older}`, async () => {
    for (let loop = 0; loop < broker.io; loop++) {
      const clientId = home(loop, `take-${older}-${newer}`)
      const first = await TestClient.connect({
        port: broker.port,
        version: older,
        clientId,
        clean: false,
        ...lasting(older),
        acknowledge: false,
      })
      await first.subscribe({ topic: `take/${clientId}`, qos: 1 })
      await publishOnce(`take/${clientId}`, 'unacknowledged')
      await first.message()
      const second = await TestClient.connect({
        port: broker.port,
        version: newer,
        clientId,
        clean: false,
        ...lasting(newer),
      })
      await first.whenClosed()
      assert.equal(first.goodbye?.reasonCode, older === 5 ? 0x8e : undefined) // [MQTT-3.1.4-3]
      assert.equal(second.sessionPresent, newer !== 3)
      const again = await second.message()
      assert.deepEqual([again.payload.toString(), again.dup], ['unacknowledged', true])
      await publishOnce(`take/${clientId}`, 'to the new one')
      assert.equal((await second.message()).payload.toString(), 'to the new one')
      const third = await TestClient.connect({ port: broker.port, version: newer, clientId })
      await second.whenClosed()
      assert.equal(third.sessionPresent, false)
      await third.disconnect()
    }
  })
}

/** Opens a socket for the client id, which ends in a CONNACK or in being taken over before it came. */
async function contend(clientId: string, version: Version, clean: boolean) {
  const client = await TestClient.dial({ port: broker.port, clientId, version })
  client.sendBytes(connectBytes({ clientId, version, clean, ...lasting(version) }))
  return client
}

test('three sockets of one client id at once, 200 rounds: one stays, no session is lost or doubled', async () => {
  const clientIds = Array.from({ length: broker.io }, (_, loop) => home(loop, 'storm'))
  const sessionsBefore = await broker.counter('sessions')
  for (let round = 0; round < 200; round++) {
    const clientId = clientIds[round % clientIds.length] ?? ''
    const clean = round % 5 === 4
    const version = versions[round % 3] ?? 4
    const clients = await Promise.all([0, 1, 2].map(() => contend(clientId, version, clean)))
    // Who is taken over closes; exactly one remains, and it works.
    await eventually(
      'one connection left',
      () => clients.filter((one) => !one.isClosed).length === 1,
    )
    const [winner] = clients.filter((one) => !one.isClosed)
    assert.ok(winner)
    assert.equal((await winner.packet('connack')).returnCode ?? 0, 0)
    await winner.subscribe({ topic: `storm/${clientId}`, qos: 1 })
    await winner.publish({ topic: `storm/${clientId}`, payload: `${round}`, qos: 1 })
    assert.equal((await winner.message()).payload.toString(), `${round}`)
    await winner.ping()
    assert.equal(winner.messages.length, 0, 'once')
    if (round % 2 === 0) await winner.drop()
  }
  for (const clientId of clientIds) {
    const last = await TestClient.connect({ port: broker.port, clientId, clean: true })
    await last.disconnect()
  }
  await eventually(
    'every session is gone',
    async () => (await broker.counter('sessions')) <= sessionsBefore,
  )
})

test('sockets of one client id, cut at every step of their story, leave exactly one session', async () => {
  const clientId = home(0, 'cut')
  const options = { port: broker.port, clientId, version: 5 as const, clean: false, ...lasting(5) }
  const seed = await TestClient.connect(options)
  await seed.subscribe({ topic: 'cut/story', qos: 1 })
  await seed.disconnect()
  const connect = connectBytes(options)
  // A whole CONNECT would contend for the session with the other socket's.
  for (let cut = 0; cut < connect.length; cut += 3) {
    const [torn, whole] = await Promise.all([TestClient.dial(options), TestClient.dial(options)])
    torn.sendBytes(connect.subarray(0, cut))
    whole.sendBytes(connect)
    await torn.drop()
    const connack = await whole.packet('connack')
    assert.equal(connack.sessionPresent, true, `cut after ${cut} bytes`)
    await whole.publish({ topic: 'cut/story', payload: `${cut}`, qos: 1 })
    assert.equal((await whole.message()).payload.toString(), `${cut}`)
    await whole.drop()
  }
  const last = await TestClient.connect({ port: broker.port, clientId, version: 5, clean: true })
  await last.disconnect()
})
