/**
 * Every row of test/vectors/malformed.json on a socket of its own: the server does exactly what the row says, goes on
 * serving, and its control thread never sees the packet.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type BrokerProcess, startBroker, TestClient, type Version } from '../harness/index.js'

interface Row {
  readonly name: string
  readonly version: Version
  readonly type: string
  readonly phase: 'first' | 'connected'
  readonly hex: string
  readonly reaction:
    | { readonly kind: 'close' }
    | { readonly kind: 'connack'; readonly code: number }
    | { readonly kind: 'disconnect'; readonly reason: number }
  readonly spec: string
}

// Cannot lie: the native suite reads the same rows and checks their shape.
const rows = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../../test/vectors/malformed.json'), 'utf8'),
) as Row[]

let broker: BrokerProcess

before(async () => {
  broker = await startBroker()
})
after(() => broker.stop())

/** What the server did: the row's words for it. */
async function reactionTo({ version, phase, hex }: Row): Promise<Row['reaction']> {
  const options = { port: broker.port, version }
  const client = await (phase === 'connected'
    ? TestClient.connect(options)
    : TestClient.dial(options))
  client.sendBytes(Buffer.from(hex, 'hex'))
  await client.whenClosed()
  const [last, ...more] = client.others.takeAll()
  assert.deepEqual(more, [], 'one packet at most')
  assert.equal(client.messages.length, 0)
  if (last === undefined) return { kind: 'close' }
  if (last.cmd === 'connack')
    return { kind: 'connack', code: last.reasonCode ?? last.returnCode ?? 0 }
  assert.equal(last.cmd, 'disconnect')
  return { kind: 'disconnect', reason: last.reasonCode ?? 0 }
}

test('every malformed packet gets the reaction its row names, and none reaches the control thread', async () => {
  const connected = rows.filter(({ phase }) => phase === 'connected')
  assert.ok(rows.length >= 190 && connected.length > 0)
  const before = await broker.counters()
  const differing: string[] = []
  for (const row of rows) {
    const reaction = await reactionTo(row)
    if (JSON.stringify(reaction) !== JSON.stringify(row.reaction)) {
      differing.push(
        `${row.name} (v${row.version}, ${row.spec}): ${JSON.stringify(reaction)} instead of ${JSON.stringify(row.reaction)}`,
      )
    }
  }
  assert.deepEqual(differing, [])

  const after = await broker.counters()
  const grown = (name: string) => (after[name] ?? Number.NaN) - (before[name] ?? Number.NaN)
  assert.equal(grown('native_cold_lane_entries'), connected.length, "the harness's own CONNECTs")
  assert.equal(grown('packets_undecodable'), 0)
})

test('a malformed packet behind a whole one leaves the whole one answered', async () => {
  const client = await TestClient.connect({ port: broker.port, version: 5 })
  client.sendBytes(Buffer.from('c000' + 'c00100', 'hex')) // PINGREQ, PINGREQ with a body
  await client.whenClosed()
  assert.deepEqual(
    client.others.takeAll().map(({ cmd }) => cmd),
    ['pingresp', 'disconnect'],
  )
})

test('the broker serves after all of them', async () => {
  const client = await TestClient.connect({ port: broker.port, version: 5 })
  await client.subscribe('still/here')
  await client.publish({ topic: 'still/here', payload: 'yes', qos: 2 })
  assert.equal((await client.message()).payload.toString(), 'yes')
  await client.disconnect()
})
