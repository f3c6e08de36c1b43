/** Bytes as two live EMQX 5.8.9 clusters exchanged them (test/vectors/emqx-capture.json), and ours against them. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import {
  clusterOfRouteTopic,
  isResponseTopicOf,
  messageClientId,
  nodeHash,
  responseTopic,
  routeClientId,
  routeTopic,
} from '../../../src/link/topics.js'
import {
  batchMemory,
  decodeCarrier,
  decodeServerPacket,
  encodeAcknowledgement,
  encodeConnect,
  encodePublish,
  encodeRouteBatch,
  encodeSubscribe,
} from '../../../src/link/wire.js'
import { root } from './golden.js'

interface Row {
  readonly scenario: string
  readonly packetType: string
  readonly topic: string | null
  readonly qos: number | null
  readonly packetId?: number
  readonly reasonCode?: number
  readonly clientId?: string
  readonly payloadHex: string | null
  readonly packetHex?: string
  readonly properties: {
    readonly correlationDataHex?: string
    readonly responseTopic?: string
    readonly receiveMaximum?: number
    readonly maximumPacketSize?: number
  }
}

const rows = (
  JSON.parse(readFileSync(join(root, 'test/vectors/emqx-capture.json'), 'utf8')) as Row[]
).filter((row) => row.packetHex !== undefined)

/** Rows of one kind; a test over none would prove nothing. */
function captured(of: (row: Row) => boolean): Row[] {
  const found = rows.filter(of)
  assert.ok(found.length > 0, 'the capture has such rows')
  return found
}

test('the CONNECT of a message slot is EMQX’s, byte for byte', () => {
  for (const row of captured(
    ({ packetType, clientId, scenario }) =>
      packetType === 'CONNECT' &&
      clientId?.includes(':msg:') === true &&
      scenario !== '46-link-credentials',
  )) {
    assert.equal(encodeConnect(row.clientId ?? '', null, null).toString('hex'), row.packetHex)
  }
})

test('credentials are in the CONNECT as in EMQX’s', () => {
  const withCredentials = captured(
    ({ packetType, scenario, packetHex, clientId }) =>
      scenario === '46-link-credentials' &&
      packetType === 'CONNECT' &&
      clientId?.includes(':msg:') === true &&
      (Number.parseInt(packetHex?.slice(18, 20) ?? '0', 16) & 0xc0) === 0xc0,
  )
  for (const row of withCredentials) {
    const bytes = Buffer.from(row.packetHex ?? '', 'hex')
    let at = bytes.indexOf(row.clientId ?? '') + (row.clientId?.length ?? 0)
    const field = () => {
      const length = bytes.readUInt16BE(at)
      at += 2 + length
      return bytes.toString('utf8', at - length, at)
    }
    assert.equal(encodeConnect(row.clientId ?? '', field(), field()).toString('hex'), row.packetHex)
  }
  assert.equal(
    encodeConnect('c', 'u', 'p').toString('hex'),
    '101400044d51545405c2003c00000163000175000170',
    'version 5, clean start, user name, password, 60 s, no properties',
  )
  assert.equal(
    encodeConnect('c', null, 'p').toString('hex'),
    '101300044d51545405c2003c000001630000000170',
    'a password alone has an empty user name',
  )
})

test('SUBSCRIBE, actor_init, routes and heartbeats are EMQX’s, byte for byte', () => {
  for (const row of captured(({ packetType }) => packetType === 'SUBSCRIBE')) {
    assert.equal(encodeSubscribe(row.packetId ?? 0, row.topic ?? '').toString('hex'), row.packetHex)
  }
  const ours = captured(
    ({ packetType, topic, clientId }) =>
      packetType === 'PUBLISH' &&
      topic?.startsWith('$LINK/cluster/route/') === true &&
      clientId?.includes(':routesync') === true,
  )
  for (const row of ours) {
    const { correlationDataHex, responseTopic: response } = row.properties
    const request =
      correlationDataHex === undefined || response === undefined
        ? null
        : { responseTopic: response, correlationData: Buffer.from(correlationDataHex, 'hex') }
    const bytes = encodePublish(
      row.topic ?? '',
      row.qos === 0 ? 0 : 1,
      row.packetId ?? 0,
      Buffer.from(row.payloadHex ?? '', 'hex'),
      request,
    )
    // Property order is free; EMQX writes Correlation-Data first, so compare what was meant where both are present.
    if (request === null) assert.equal(bytes.toString('hex'), row.packetHex)
    else
      assert.deepEqual(
        decodeCarrier(bytes, 5),
        decodeCarrier(Buffer.from(row.packetHex ?? '', 'hex'), 5),
      )
  }
})

test('the acknowledgement of route operations is EMQX’s, byte for byte', () => {
  for (const row of captured(
    ({ packetType, reasonCode, clientId }) =>
      packetType === 'PUBACK' && reasonCode === 0x10 && clientId?.includes(':routesync') === true,
  )) {
    assert.equal(
      encodeAcknowledgement(1, row.packetId ?? 0, 0x10, 5).toString('hex'),
      row.packetHex,
    )
  }
})

test('everything that EMQX’s servers sent to link clients decodes', () => {
  for (const row of captured(({ packetType }) => packetType === 'CONNACK')) {
    const packet = decodeServerPacket(Buffer.from(row.packetHex ?? '', 'hex'))
    assert.ok(packet.type === 'connack', row.packetHex)
    if (packet.reasonCode !== 0) continue
    assert.equal(packet.receiveMaximum, row.properties.receiveMaximum)
    assert.equal(packet.packetBytesMax, row.properties.maximumPacketSize)
  }
  for (const row of captured(
    ({ packetType, topic }) =>
      packetType === 'PUBLISH' && topic?.startsWith('$LINK/cluster/resp/') === true,
  )) {
    const packet = decodeServerPacket(Buffer.from(row.packetHex ?? '', 'hex'))
    assert.ok(packet.type === 'publish')
    assert.equal(
      Buffer.from(packet.correlation ?? '', 'latin1').toString('hex'),
      row.properties.correlationDataHex,
    )
    assert.equal(packet.payload.toString('hex'), row.payloadHex)
  }
  for (const row of captured(
    ({ packetType }) =>
      packetType === 'SUBACK' || packetType === 'PUBACK' || packetType === 'DISCONNECT',
  )) {
    assert.equal(
      decodeServerPacket(Buffer.from(row.packetHex ?? '', 'hex')).type,
      row.packetType.toLowerCase(),
    )
  }
})

test('bytes that are no packet, or one that a server does not send, are malformed and no exception', () => {
  for (const hex of ['f000', '2003000000', '3003000161', '820000', '10', '', 'd001ff']) {
    const packet = decodeServerPacket(Buffer.from(hex, 'hex'))
    assert.ok(
      packet.type === 'malformed' ||
        packet.type === 'connack' ||
        packet.type === 'publish' ||
        packet.type === 'pingresp',
      hex,
    )
  }
  assert.equal(decodeServerPacket(Buffer.from('c000', 'hex')).type, 'malformed') // PINGREQ
})

test('topics and client ids are EMQX’s', () => {
  assert.equal(nodeHash('emqx@127.0.0.1'), '2bd61c44')
  assert.equal(nodeHash('node1@10.0.0.1'), '5958d7aa')
  assert.equal(routeClientId('link-emqx-b', 'emqx42@127.0.0.1'), 'link-emqx-b:routesync:f6fea826')
  assert.equal(messageClientId('link-emqx-a', 'emqx41@127.0.0.1', 0), 'link-emqx-a:msg:0d672ed9:1')
  const ids = new Set(rows.map(({ clientId }) => clientId))
  assert.ok(ids.has('link-emqx-b:routesync:f6fea826') && ids.has('link-emqx-a:msg:0d672ed9:1'))
  const topics = new Set(rows.map(({ topic }) => topic))
  assert.ok(
    topics.has(routeTopic('emqx-b')) && topics.has(responseTopic('emqx-b', 'emqx42@127.0.0.1')),
  )
})

test('a route topic names its cluster, raw', () => {
  assert.equal(clusterOfRouteTopic('$LINK/cluster/route/a/b c'), 'a/b c')
  assert.equal(clusterOfRouteTopic('$LINK/cluster/route/'), null)
  assert.equal(clusterOfRouteTopic('$LINK/cluster/routes/a'), null)
  assert.equal(isResponseTopicOf('$LINK/cluster/resp/a/node', 'a'), true)
  assert.equal(isResponseTopicOf('$LINK/cluster/resp/a/+', 'a'), false)
})

test('packets of many lengths leave nothing behind', () => {
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  const kept = () => {
    for (let times = 0; times < 3; times++) collect() // what one finds, the next one has swept
    return process.memoryUsage().arrayBuffers
  }
  const payload = Buffer.alloc(4_000)
  const before = kept()
  for (let length = 0; length < payload.length; length++)
    encodePublish('a', 1, 1 + length, payload.subarray(0, length), null)
  assert.ok(kept() - before < 1024 * 1024)
})

test('a batch in a task thread’s memory becomes the same PUBLISH as a copy of it, in place', () => {
  // Around the sizes where the Remaining Length takes one byte more, and the largest.
  for (const size of [1, 90, 110, 127, 128, 16_340, 16_383, 16_384, 512 * 1024]) {
    for (const topic of [routeTopic('eu'), `$LINK/cluster/route/${'é'.repeat(100)}`]) {
      const memory = batchMemory(topic)
      const payload = memory.subarray(0, size).fill(0xa5)
      const copied = encodePublish(topic, 1, 65_535, Buffer.from(payload), null)
      const inPlace = encodeRouteBatch(topic, 65_535, payload)
      assert.equal(inPlace.buffer, memory.buffer)
      assert.deepEqual(inPlace, copied)
      assert.deepEqual(encodeRouteBatch(topic, 65_535, Buffer.from(payload)), copied)
    }
  }
})
