/** The pump without sockets and without an engine: what it asks of either, and when. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Client, Pump, type Wire } from '../../../src/edge/pump.js'
import { edgeLimits } from '../../../src/limits.js'
import { EdgeExchange } from '../../../src/native/index.js'
import { layout } from '../../../src/native/layout.generated.js'

type EventName = (typeof layout.edgeEvents)[number]

/** An engine that writes down what it is told and says what the test wants said. */
function bench() {
  const said: string[] = []
  let answer = Buffer.alloc(0)
  let nowMs = 0
  const deferred: (() => void)[] = []
  const exchange = new EdgeExchange({
    admitEdge: () => 0,
    exchangeEdge: (batch, out) => {
      const bytes = Buffer.from(batch)
      for (let at = 0; at < bytes.length; at += bytes.readUInt32LE(at))
        said.push(`${layout.edgeCommands[bytes[at + 4] ?? -1]} ${bytes.readUInt32LE(at + 8)}`)
      if (out.length === 0) return 0
      out.set(answer)
      const written = answer.length
      answer = Buffer.alloc(0)
      return written
    },
  })
  const pump = new Pump({
    exchange,
    clock: { monotonicMs: () => nowMs },
    defer: (run) => deferred.push(run),
  })
  const wire = {
    mayPause: true,
    bufferedBytes: 0,
    calls: [] as string[],
    send: (chunk: Uint8Array) => wire.calls.push(`send ${chunk.length}`),
    close: (code: number) => wire.calls.push(`close ${code}`),
    destroy: () => wire.calls.push('destroy'),
    pause: () => wire.calls.push('pause'),
    resume: () => wire.calls.push('resume'),
  }
  const answers = (client: Client, ...names: EventName[]) => {
    answer = Buffer.concat(
      names.map((name) => {
        const bytes = name === 'bytes' ? 8 : 0
        const record = Buffer.alloc(12 + bytes)
        record.writeUInt32LE(record.length)
        record[4] = layout.edgeEvents.indexOf(name)
        record.writeUInt32LE(client.id, 8)
        if (bytes > 0) record.writeUInt32LE(4, 12)
        return record
      }),
    )
  }
  const events = (client: Client, ...names: EventName[]) => {
    answers(client, ...names)
    pump.run()
  }
  const turn = () => {
    for (const run of deferred.splice(0)) run()
    return said.splice(0)
  }
  const visitor = { listener: 0, peer: '1.2.3.4:5', certificate: new Uint8Array() }
  const add = (idleMs = 60_000) => pump.add(visitor, wire satisfies Wire, idleMs)
  return {
    pump,
    wire,
    answers,
    events,
    said,
    turn,
    add,
    deferred,
    later: (ms: number) => (nowMs += ms),
  }
}

test('what comes in one turn goes down in one exchange', () => {
  const { add, deferred, turn } = bench()
  const client = add()
  client.message(Buffer.from('a'), true)
  client.message(Buffer.from('b'), true)
  assert.equal(deferred.length, 1)
  assert.deepEqual(turn(), ['open 1', 'data 1', 'data 1'])
})

test('a full batch goes down at once, and what comes up waits for the end of the turn', () => {
  const { add, answers, said, turn, wire } = bench()
  const client = add()
  answers(client, 'bytes')
  client.message(Buffer.alloc(edgeLimits.batchBytes), true)
  assert.deepEqual(said.splice(0), ['open 1', 'data 1'])
  assert.deepEqual(wire.calls, [], 'nothing is sent while a library hands out a message')
  turn()
  assert.deepEqual(wire.calls, ['send 4'])
})

test('a socket that has enough is held until it has room', () => {
  const { add, events, wire, turn } = bench()
  const client = add()
  turn()
  wire.bufferedBytes = edgeLimits.sendHighBytes + 1
  events(client, 'bytes', 'bytes')
  assert.deepEqual(turn(), ['hold 1'])
  wire.bufferedBytes = edgeLimits.sendLowBytes + 1
  client.drained()
  assert.deepEqual(turn(), [])
  wire.bufferedBytes = edgeLimits.sendLowBytes
  client.drained()
  assert.deepEqual(turn(), ['unhold 1'])
})

test('a text frame ends the connection, and nothing behind it is read', () => {
  const { add, wire, turn } = bench()
  const client = add()
  client.message(Buffer.from('text'), false)
  client.message(Buffer.from('more'), true)
  assert.deepEqual(turn(), ['open 1', 'refused 0', 'gone 1'])
  assert.deepEqual(wire.calls, ['resume', 'close 1003'])
})

test('an end closes behind the last bytes, and who does not answer is cut off', () => {
  const { add, events, wire, pump, turn, later } = bench()
  const client = add()
  events(client, 'bytes', 'end', 'drop')
  assert.deepEqual(wire.calls, ['send 4', 'resume', 'close 1000'])
  later(edgeLimits.closeMs - 1)
  pump.tick()
  assert.equal(wire.calls.includes('destroy'), false)
  later(1)
  pump.tick()
  assert.equal(wire.calls.at(-1), 'destroy')
  client.closed()
  assert.deepEqual(turn().at(-1), 'gone 1')
})

test('a drop without an end cuts off; pause and resume reach the socket', () => {
  const { add, events, wire } = bench()
  events(add(), 'pause', 'resume', 'drop')
  assert.deepEqual(wire.calls, ['pause', 'resume', 'destroy'])
})

test('from whom nothing comes for the idle timeout is closed', () => {
  const { add, wire, pump, later } = bench()
  const client = add(1_000)
  later(999)
  client.message(Buffer.from('x'), true)
  later(999)
  pump.tick()
  assert.deepEqual(wire.calls, [])
  later(1)
  pump.tick()
  assert.deepEqual(wire.calls, ['resume', 'close 1001'])
})
