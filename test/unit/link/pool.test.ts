/** Scripts of one message slot. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newSlot, type SlotEvent, slotDeadline, stepSlot } from '../../../src/link/pool.js'
import { assertTranscript, describe } from './golden.js'

const connack = {
  kind: 'packet',
  packet: {
    type: 'connack',
    reasonCode: 0,
    sessionPresent: false,
    receiveMaximum: 32,
    packetBytesMax: 1_048_576,
    maximumQos: 2,
    serverKeepAliveSeconds: 10,
    reasonString: '',
  },
} as const
const prepared = { kind: 'prepared', host: '10.0.0.1', port: 1883 } as const
const closed = { kind: 'closed', cause: 'socket-closed', detail: 'ECONNRESET' } as const
const refused = { kind: 'closed', cause: 'dial-failed', detail: 'ECONNREFUSED' } as const

test('a slot is handed to its loop, pinged, and dialled again at once, then every 2 s', () => {
  const lines: string[] = []
  let state = newSlot(1)
  let now = 0
  const starts: number[] = []
  const play = (...events: SlotEvent[]) => {
    for (const event of events) {
      const step = stepSlot(state, event, now)
      lines.push(
        `${String(now).padStart(6)} > ${describe(event)}`,
        ...step.effects.map((effect) => `       < ${describe(effect)}`),
      )
      if (step.effects.some(({ kind }) => kind === 'prepare')) starts.push(now)
      state = step.state
    }
  }
  const untilDeadline = () => {
    now = Math.max(now, slotDeadline(state))
    play({ kind: 'timer' })
  }
  play({ kind: 'start' }, prepared, { kind: 'dialed' }, connack)
  untilDeadline() // half the server's keep-alive of 10 s [MQTT-3.2.2-21]
  assert.equal(now, 5_000)
  play({ kind: 'packet', packet: { type: 'pingresp' } }, closed) // at once …
  assert.equal(state.phase.kind, 'connecting')
  for (let attempt = 0; attempt < 3; attempt++) {
    play(prepared, refused) // … then 2 s apart
    untilDeadline()
  }
  play(prepared, { kind: 'dialed' }, connack, { kind: 'stop' })
  const gaps = starts.slice(2).map((start, index) => start - (starts[index + 1] ?? 0))
  assert.ok(
    gaps.every((gap) => gap >= 2_000 && gap <= 2_400),
    `gaps: ${gaps}`,
  )
  assertTranscript('slot', lines)
})

test('a slot that accepts only is handed to its loop when its connection is offered, and waits for the next one', () => {
  const offered = {
    kind: 'offered',
    peer: { receiveMaximum: 65_535, packetBytesMax: 1_048_576 },
  } as const
  let state = newSlot(1, true)
  const play = (event: SlotEvent, now: number) => {
    const step = stepSlot(state, event, now)
    state = step.state
    return step.effects.map(({ kind }) => kind)
  }
  assert.deepEqual(play({ kind: 'start' }, 0), ['await'])
  assert.equal(slotDeadline(state), Number.POSITIVE_INFINITY)
  assert.deepEqual(play(prepared, 1), [], 'it dials nobody')
  assert.deepEqual(play({ kind: 'timer' }, 60_000), [])
  assert.deepEqual(play(offered, 60_000), ['hand-over'])
  assert.equal(slotDeadline(state), Number.POSITIVE_INFINITY, 'who dialled it pings')
  assert.deepEqual(play(offered, 60_001), [])
  assert.deepEqual(play(closed, 90_000), ['lost', 'await'])
  assert.deepEqual(play(offered, 90_001), ['hand-over'])
  assert.deepEqual(play(closed, 90_002), ['lost'])
  assert.deepEqual(
    play(offered, 90_003),
    [],
    'a connection that fails at once is not asked for again at once',
  )
  assert.deepEqual(play({ kind: 'timer' }, slotDeadline(state)), ['await'])
  assert.deepEqual(play({ kind: 'stop' }, 100_000), ['hang-up'])
})
