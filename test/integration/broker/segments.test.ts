/** TCP has no packets: what arrives in one segment, or in two cut anywhere, means the same. design.md §3, the barrier. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import mqttPacket, { type Packet } from 'mqtt-packet'
import {
  type BrokerProcess,
  clientIdOn,
  connectBytes,
  publishPacket,
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

function bytes(version: Version, ...packets: Packet[]): Buffer {
  return Buffer.concat(
    packets.map((packet) => mqttPacket.generate(packet, { protocolVersion: version })),
  )
}

function story(version: Version, clientId: string): Buffer {
  return Buffer.concat([
    connectBytes({ clientId, version }),
    bytes(
      version,
      { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: `self/${clientId}`, qos: 1 }] },
      publishPacket({ topic: `self/${clientId}`, payload: 'to myself', qos: 1 }, 2),
      { cmd: 'pingreq' },
    ),
  ])
}

/** What a client must hear when it has sent `story`. */
async function expectStory(client: TestClient): Promise<void> {
  assert.equal((await client.packet('connack')).cmd, 'connack')
  assert.equal((await client.packet('suback')).messageId, 1)
  const message = await client.message()
  assert.equal(message.payload.toString(), 'to myself')
  assert.equal((await client.packet('puback')).messageId, 2)
  await client.packet('pingresp')
}

for (const version of versions) {
  test(`SUBSCRIBE and PUBLISH in one segment reach oneself (version ${version})`, async () => {
    for (let loop = 0; loop < broker.io; loop++) {
      const clientId = clientIdOn(broker, loop, `one-segment-${version}`)
      const client = await TestClient.connect({ port: broker.port, version, clientId })
      client.sendBytes(
        bytes(
          version,
          { cmd: 'subscribe', messageId: 7, subscriptions: [{ topic: 'seg/+', qos: 0 }] },
          publishPacket({ topic: 'seg/1', payload: 'first' }),
          { cmd: 'unsubscribe', messageId: 8, unsubscriptions: ['seg/+'] },
          publishPacket({ topic: 'seg/1', payload: 'unheard' }),
        ),
      )
      assert.equal((await client.packet('suback')).messageId, 7)
      assert.equal((await client.message()).payload.toString(), 'first')
      assert.equal((await client.packet('unsuback')).messageId, 8)
      await client.ping()
      assert.equal(client.messages.length, 0)
      await client.disconnect()
    }
  })

  test(`CONNECT, SUBSCRIBE, PUBLISH and DISCONNECT in one segment all happen (version ${version})`, async () => {
    const observer = await TestClient.connect({ port: broker.port, version: 5 })
    await observer.subscribe('pipelined/#')
    const client = await TestClient.dial({
      port: broker.port,
      version,
      clientId: `pipe-${version}`,
    })
    client.sendBytes(
      Buffer.concat([
        connectBytes({ clientId: client.clientId, version }),
        bytes(
          version,
          { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'pipelined/1', qos: 1 }] },
          publishPacket({ topic: 'pipelined/1', payload: 'passed by', qos: 1 }, 2),
          { cmd: 'disconnect' },
        ),
      ]),
    )
    assert.equal((await observer.message()).payload.toString(), 'passed by')
    await client.whenClosed()
    assert.deepEqual(
      client.others.takeAll().map(({ cmd }) => cmd),
      ['connack', 'suback', 'puback'],
    )
    assert.equal(client.messages.length, 1)
    await observer.disconnect()
  })

  test(`a byte stream cut in two at any byte means the same (version ${version})`, async () => {
    const length = story(version, clientIdOn(broker, 0, 'cut-000')).length
    for (let cut = 1; cut < length; cut++) {
      const clientId = clientIdOn(broker, cut, `cut-${String(cut).padStart(3, '0')}`)
      const stream = story(version, clientId)
      // Its own PUBACK would fall between the two segments.
      const client = await TestClient.dial({
        port: broker.port,
        version,
        clientId,
        acknowledge: false,
      })
      client.sendBytes(stream.subarray(0, cut))
      await new Promise((resolve) => setImmediate(resolve)) // a segment of its own
      client.sendBytes(stream.subarray(cut))
      await expectStory(client)
      await client.drop()
    }
  })
}

test('a byte stream that arrives byte by byte means the same', async () => {
  const client = await TestClient.dial({
    port: broker.port,
    version: 5,
    clientId: 'byte-by-byte',
    acknowledge: false,
  })
  for (const byte of story(5, client.clientId)) {
    client.sendBytes(Uint8Array.of(byte))
    await new Promise((resolve) => setImmediate(resolve))
  }
  await expectStory(client)
  await client.disconnect()
})

test('nothing after a refused CONNECT in the same segment is published', async () => {
  const observer = await TestClient.connect({ port: broker.port })
  await observer.subscribe('refused/#')
  const refusedConnects: [Version, Buffer][] = [
    // No client id, yet the session shall last: mqtt-packet does not write that [MQTT-3.1.3-8].
    [4, Buffer.from('100c00044d5154540400003c0000', 'hex')],
    [
      5,
      connectBytes({
        clientId: 'enhanced',
        version: 5,
        properties: { authenticationMethod: 'SCRAM-SHA-1' },
      }),
    ],
  ]
  for (const [version, connect] of refusedConnects) {
    const client = await TestClient.dial({ port: broker.port, version })
    client.sendBytes(
      Buffer.concat([
        connect,
        bytes(version, publishPacket({ topic: 'refused/1', payload: 'never', qos: 1 }, 1)),
      ]),
    )
    const connack = await client.packet('connack')
    assert.notEqual(connack.reasonCode ?? connack.returnCode, 0)
    await client.whenClosed()
    assert.equal(client.others.length, 0)
  }
  await observer.publish({ topic: 'refused/end', payload: 'sentinel' })
  assert.equal((await observer.message()).payload.toString(), 'sentinel')
  await observer.disconnect()
})

test('a message of a megabyte arrives whole whatever the sizes of its segments', async () => {
  const big = await startBroker({ config: 'mqtt.max_packet_size = 4MB' })
  try {
    const receiver = await TestClient.connect({
      port: big.port,
      clientId: clientIdOn(big, 0, 'receiver'),
    })
    await receiver.subscribe('big')
    const payload = Buffer.alloc(1_100_000, 'causeway ')
    for (const pieces of [1, 3, 50]) {
      const sender = await TestClient.connect({
        port: big.port,
        clientId: clientIdOn(big, 1, 'sender'),
      })
      const packet = sender.bytesOf(publishPacket({ topic: 'big', payload, qos: 1 }, 9))
      const size = Math.ceil(packet.length / pieces)
      for (let at = 0; at < packet.length; at += size) {
        sender.sendBytes(packet.subarray(at, at + size))
        await new Promise((resolve) => setImmediate(resolve))
      }
      assert.ok(Buffer.from((await receiver.message()).payload).equals(payload))
      assert.equal((await sender.packet('puback')).messageId, 9)
      await sender.disconnect()
    }
    await receiver.disconnect()
  } finally {
    await big.stop()
  }
})
