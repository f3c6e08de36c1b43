/** What is particular to MQTT 3.1: bits it does not use, which a client may set, and DUP where later versions have none. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type BrokerProcess, startBroker, TestClient } from '../harness/index.js'

let broker: BrokerProcess

before(async () => {
  broker = await startBroker()
})
after(() => broker.stop())

const send = (client: TestClient, hex: string) =>
  client.sendBytes(Buffer.from(hex.replaceAll(' ', ''), 'hex'))

test('a CONNECT with unused bits set, and with a user name announced and left out, is accepted', async () => {
  for (const flags of ['3b', 'c2']) {
    const client = await TestClient.dial({ port: broker.port, version: 3 })
    send(client, `1f 10 0006 4d5149736470 03 ${flags} 0000 0002 6331`)
    assert.equal((await client.packet('connack')).returnCode, 0)
    await client.disconnect()
  }
})

test('SUBSCRIBE and UNSUBSCRIBE that are sent again with DUP are answered', async () => {
  const client = await TestClient.connect({ port: broker.port, version: 3 })
  send(client, '8a 06 0007 0001 61 fd')
  const suback = await client.packet('suback')
  assert.deepEqual([suback.messageId, suback.granted], [7, [1]])
  send(client, 'aa 05 0008 0001 61')
  assert.equal((await client.packet('unsuback')).messageId, 8)
  await client.disconnect()
  assert.equal(await broker.counter('packets_undecodable'), 0)
})
