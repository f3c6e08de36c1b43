/**
 * Clients that come, go, take each other over, subscribe and publish at random, on four loops with the shortest lanes;
 * and clients that send damaged packets. Afterwards nothing may be left of them, and the broker still serves.
 * CAUSEWAY_TEST_SEED repeats a run.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import mqttPacket, { type Packet } from 'mqtt-packet'
import {
  type BrokerProcess,
  connectBytes,
  eventually,
  publishPacket,
  type Qos,
  Random,
  seed,
  startBroker,
  TestClient,
  type Version,
} from '../harness/index.js'

const churnMs = 6_000
const versions: readonly Version[] = [3, 4, 5]
const qualities: readonly Qos[] = [0, 1, 2]
const filters = ['c/#', 'c/+', 'c/1', 'c/2', '$share/g/c/#', '$share/g/c/1', '$share/h/c/+', '#']
const topics = ['c/1', 'c/2', 'c/3']

/** One actor's life: whatever it does, its socket may vanish at any moment. */
async function live(
  broker: BrokerProcess,
  random: Random,
  clientIds: readonly string[],
  untilMs: number,
) {
  while (performance.now() < untilMs) {
    const version = random.pick(versions)
    const clientId = random.pick(clientIds)
    const client = await TestClient.dial({ port: broker.port, version, clientId })
    client.sendBytes(
      connectBytes({
        clientId,
        version,
        clean: random.below(2) === 0,
        ...(version === 5 ? { properties: { sessionExpiryInterval: random.below(3) } } : {}),
        will: { topic: 'c/3', payload: Buffer.from('w'), qos: 1, retain: random.below(4) === 0 },
      }),
    )
    for (let step = random.below(12); step > 0 && !client.isClosed; step--) act(client, random)
    if (random.below(3) > 0 && !client.isClosed) await client.ping().catch(() => {})
    const ending = random.below(3)
    if (ending === 0) await client.drop()
    else if (ending === 1 && !client.isClosed) await client.disconnect().catch(() => client.drop())
    else client.stall() // left behind for a takeover
  }
}

function act(client: TestClient, random: Random): void {
  const messageId = 1 + random.below(60_000)
  switch (random.below(5)) {
    case 0:
      client.send({
        cmd: 'subscribe',
        messageId,
        subscriptions: [{ topic: random.pick(filters), qos: random.pick(qualities) }],
      })
      return
    case 1:
      client.send({ cmd: 'unsubscribe', messageId, unsubscriptions: [random.pick(filters)] })
      return
    default: {
      const qos = random.pick(qualities)
      const payload = Buffer.alloc(random.below(3_000))
      const message = { topic: random.pick(topics), payload, qos, retain: random.below(8) === 0 }
      client.send(publishPacket(message, qos === 0 ? undefined : messageId))
    }
  }
}

async function nothingIsLeft(broker: BrokerProcess, clientIds: readonly string[]): Promise<void> {
  for (const clientId of clientIds) {
    const last = await TestClient.connect({ port: broker.port, clientId, version: 4, clean: true })
    await last.disconnect()
  }
  await eventually('no connection, no session, no filter is left', async () => {
    const counters = await broker.counters()
    return (
      counters.connections === 0 && counters.sessions === 0 && counters.native_router_filters === 0
    )
  })
}

test(`random lives on four loops leave nothing behind (seed ${seed})`, async () => {
  const broker = await startBroker({ io: 4, environment: { CAUSEWAY_LANE_SLOTS: '2' } })
  try {
    const clientIds = Array.from({ length: 10 }, (_, n) => `actor-${n}`)
    const untilMs = performance.now() + churnMs
    await Promise.all(
      Array.from({ length: 16 }, (_, n) => live(broker, new Random(seed + n), clientIds, untilMs)),
    )
    await nothingIsLeft(broker, clientIds)
    assert.ok((await broker.counter('native_takeovers')) > 10)
  } finally {
    await broker.stop()
  }
})

/** A valid conversation, to be damaged. */
function conversation(version: Version, random: Random): Buffer {
  const packets: Packet[] = [
    { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'c/+', qos: 2 }] },
    publishPacket({ topic: 'c/1', payload: 'x', qos: 1 }, 2),
    publishPacket({ topic: 'c/2', payload: 'y', qos: 2, retain: true }, 3),
    { cmd: 'pubrel', messageId: 3 },
    { cmd: 'pingreq' },
    { cmd: 'unsubscribe', messageId: 4, unsubscriptions: ['c/+'] },
    { cmd: 'disconnect' },
  ]
  const will = { topic: 'w', payload: Buffer.from('x'), qos: 1 as const, retain: false }
  return Buffer.concat([
    connectBytes({ version, clientId: `hostile-${random.below(20)}`, will }),
    ...packets.map((packet) => mqttPacket.generate(packet, { protocolVersion: version })),
  ])
}

test(`3,000 damaged conversations end in an answer or a close, never in the broker's end (seed ${seed})`, async () => {
  const broker = await startBroker()
  try {
    const random = new Random(seed)
    for (let round = 0; round < 60; round++) {
      const clients = await Promise.all(
        Array.from({ length: 50 }, async () => {
          const version = random.pick(versions)
          const bytes = conversation(version, random)
          for (let damage = random.below(4); damage > 0; damage--)
            bytes[random.below(bytes.length)] = random.below(256)
          const cut = random.below(bytes.length)
          const client = await TestClient.dial({ port: broker.port, version })
          client.sendBytes(bytes.subarray(0, cut))
          client.sendBytes(random.below(5) === 0 ? new Uint8Array(0) : bytes.subarray(cut))
          return client
        }),
      )
      await broker.counters() // a breath for the broker between the waves
      await Promise.all(clients.map((client) => client.drop()))
    }
    const client = await TestClient.connect({ port: broker.port, version: 5 })
    await client.subscribe('alive')
    await client.publish({ topic: 'alive', payload: 'yes', qos: 2 })
    assert.equal((await client.message()).payload.toString(), 'yes')
    await client.disconnect()
    assert.equal(
      await broker.counter('packets_undecodable'),
      0,
      'what the loops let through, decodes',
    )
    // Damage may have asked for a lasting session, so sessions may be left; connections may not.
    await eventually(
      'no connection is left',
      async () => (await broker.counter('connections')) === 0,
    )
  } finally {
    await broker.stop()
  }
})
