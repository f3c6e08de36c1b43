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
