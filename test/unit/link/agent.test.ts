/** Scripts of the route agent; what it does to each event is in transcripts/agent-*.txt. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { agentDeadline, stepAgent } from '../../../src/link/agent.js'
import { type AgentEvent, newAgent } from '../../../src/link/agent-state.js'
import type { ServerPacket } from '../../../src/link/wire.js'
import type { RouteMessage } from '../../../src/native/engine.js'
import { assertTranscript, describe } from './golden.js'

/** Plays events against the agent, writing down what it does. Time passes only through `wait` and `untilDeadline`. */
class Script {
  readonly lines: string[] = []
  state = newAgent('$LINK/cluster/route/us', 1)
  now = 0

  play(...events: AgentEvent[]): this {
    for (const event of events) {
      this.lines.push(`${String(this.now).padStart(6)} > ${describe(event)}`)
      const { state, effects } = stepAgent(this.state, event, this.now)
      for (const effect of effects) this.lines.push(`       < ${describe(effect)}`)
      if (state.phase !== this.state.phase) this.lines.push(`       = ${describe(state.phase)}`)
      this.state = state
    }
    return this
  }

  wait(ms: number): this {
    this.now += ms
    return this
  }

  untilDeadline(): this {
    const deadline = agentDeadline(this.state)
    assert.ok(Number.isFinite(deadline), 'the agent waits for no time')
    this.now = Math.max(this.now, deadline)
    return this.play({ kind: 'timer' })
  }

  /** Everybody answers, and nothing happens until everything is announced again. */
  untilRefresh(): void {
    while (this.state.refresh.kind === 'due') this.untilDeadline().play(packet(pingresp))
  }

  connect(): this {
    return this.play(
      { kind: 'prepared', host: '10.0.0.1', port: 1883 },
      { kind: 'dialed' },
      packet(connack),
    )
  }

  handshake(incarnation: bigint, fresh: boolean): this {
    return this.play(
      packet({ type: 'suback', packetId: 1, reasonCodes: [1] }),
      { kind: 'identified', incarnation, correlation: 'c0ffee', fresh },
      packet({ type: 'puback', packetId: 2, reasonCode: 0x10 }),
      { kind: 'answer', correlation: 'c0ffee', message: accepted },
    )
  }

  /** Online after an empty bootstrap. */
  online(incarnation = 100n): this {
    return this.play({ kind: 'start' }).connect().handshake(incarnation, true).play({
      kind: 'batch',
      attempt: this.state.connection.attempt,
      payload: null,
      entries: 0,
      cursor: 0,
      done: true,
    })
  }
}

const connack: ServerPacket & { type: 'connack' } = {
  type: 'connack',
  reasonCode: 0,
  sessionPresent: false,
  receiveMaximum: 2,
  packetBytesMax: 1_048_576,
  maximumQos: 2,
  serverKeepAliveSeconds: null,
  reasonString: '',
}

const accepted: RouteMessage = {
  op: 'actor_init_ack',
  actor: 'n',
  protocolVersion: 1,
  error: null,
  needBootstrap: false,
  capabilities: null,
  trailing: false,
}

function packet(from: ServerPacket): AgentEvent {
  return { kind: 'packet', packet: from }
}

const pingresp: ServerPacket = { type: 'pingresp' }

function rejected(error: string): AgentEvent {
  return {
    kind: 'answer',
    correlation: 'c0ffee',
    message: { ...accepted, error, needBootstrap: null } as RouteMessage,
  }
}

function batch(attempt: number, cursor: number, done: boolean, entries = 2): AgentEvent {
  return { kind: 'batch', attempt, payload: Buffer.alloc(40), entries, cursor, done }
}

function live(token: number): AgentEvent {
  return { kind: 'live', payload: Buffer.alloc(30), token, entries: 1 }
}

test('a link comes up: one request, a bootstrap within the window, then live changes', () => {
  const script = new Script()
  script.play({ kind: 'start' }).connect().handshake(100n, true)
  script.play(batch(1, 7, false), batch(1, 9, false)) // two in flight: the peer's Receive Maximum
  script.play(packet({ type: 'puback', packetId: 3, reasonCode: 0x10 }))
  script.play({ kind: 'interest-waits' }) // not before the bootstrap is acknowledged
  script.play(batch(1, 9, true), packet({ type: 'puback', packetId: 4, reasonCode: 0x10 }))
  script.play(packet({ type: 'puback', packetId: 5, reasonCode: 0x10 }))
  script.play(
    live(71),
    live(72),
    { kind: 'interest-waits' },
    packet({ type: 'puback', packetId: 6, reasonCode: 0x00 }),
  )
  script.untilDeadline()
  assert.equal(script.state.phase.kind, 'online')
  assert.equal(script.state.routesOut, 7)
  assertTranscript('agent-comes-up', script.lines)
})

test('need_bootstrap false changes nothing: every connection bootstraps', () => {
  const script = new Script().play({ kind: 'start' }).connect().handshake(100n, true)
  assert.equal(script.state.phase.kind, 'bootstrapping')
  assert.match(script.lines.join('\n'), /make-batch/)
})

test('an unacknowledged actor_init counts against the peer’s Receive Maximum', () => {
  const script = new Script().play({ kind: 'start' }).connect()
  script.play(
    packet({ type: 'suback', packetId: 1, reasonCodes: [1] }),
    { kind: 'identified', incarnation: 1n, correlation: 'c0ffee', fresh: true },
    { kind: 'answer', correlation: 'c0ffee', message: accepted },
    batch(1, 5, false),
  )
  assert.equal(script.state.unacked.length, 2)
  assert.doesNotMatch(script.lines.at(-1) ?? '', /make-batch/)
  assertTranscript('agent-answer-before-puback', script.lines)
})

test('a lost connection is dialled again at once, with the same incarnation and what was not acknowledged', () => {
  const script = new Script().online()
  script.wait(20_000).play(live(71), { kind: 'closed', cause: 'socket-closed', detail: '' })
  script
    .connect()
    .handshake(100n, false)
    .play(batch(2, 0, true))
  assert.equal(script.state.fresh, false)
  assertTranscript('agent-reconnects', script.lines)
})

test('a connection that is lost again and again is not dialled in a tight loop', () => {
  const script = new Script().online()
  const starts: number[] = []
  for (let round = 0; round < 12; round++) {
    script.play({ kind: 'closed', cause: 'socket-closed', detail: '' })
    if (script.state.phase.kind === 'disconnected') script.untilDeadline()
    starts.push(script.now)
    script.connect().handshake(100n, false).play({
      kind: 'batch',
      attempt: script.state.connection.attempt,
      payload: null,
      entries: 0,
      cursor: 0,
      done: true,
    })
  }
  const gaps = starts.slice(1).map((start, index) => start - (starts[index] ?? 0))
  assert.ok(
    gaps.slice(0, 4).every((gap) => gap >= 1_000 && gap <= 1_200),
    `the first gaps: ${gaps}`,
  )
  assert.ok(
    gaps.slice(5).every((gap) => gap >= 5_000 && gap <= 6_000),
    `later gaps: ${gaps}`,
  )
})

for (const reason of ['unknown_cluster', 'bad_remote_cluster_link_name', 'cluster_link_disabled']) {
  test(`${reason} ends the connection; the next attempt comes after 5 s and the reason is logged once`, () => {
    const script = new Script()
    script.play({ kind: 'start' })
    for (let round = 0; round < 2; round++) {
      script.connect()
      script.play(
        packet({ type: 'suback', packetId: 1, reasonCodes: [1] }),
        { kind: 'identified', incarnation: 1n, correlation: 'c0ffee', fresh: round === 0 },
        rejected(reason),
      )
      script.untilDeadline()
    }
    assert.ok(script.now >= 10_000 && script.now <= 12_000, `two attempts took ${script.now} ms`)
    assert.equal(script.lines.filter((line) => line.includes('handshake_rejected')).length, 1)
    assertTranscript(`agent-${reason.replaceAll('_', '-')}`, script.lines)
  })
}

test('an answer without our correlation data is somebody else’s; without any the attempt ends after 7 s', () => {
  const script = new Script().play({ kind: 'start' }).connect()
  script.play(
    packet({ type: 'suback', packetId: 1, reasonCodes: [1] }),
    { kind: 'identified', incarnation: 1n, correlation: 'c0ffee', fresh: true },
    { kind: 'answer', correlation: 'other', message: accepted },
    { kind: 'answer', correlation: null, message: accepted },
  )
  script.untilDeadline()
  assert.equal(script.now, 7_000)
  assertTranscript('agent-answer-lost', script.lines)
})

test('a far end that ends the connection instead of answering actor_init gets a new incarnation', () => {
  const script = new Script().play({ kind: 'start' }).connect()
  script.play(
    packet({ type: 'suback', packetId: 1, reasonCodes: [1] }),
    { kind: 'identified', incarnation: 1n, correlation: 'c0ffee', fresh: true },
    packet({ type: 'disconnect', reasonCode: 0x83, reasonString: '' }),
  )
  assert.equal(script.state.fresh, true)
  script
    .untilDeadline()
    .connect()
    .play(packet({ type: 'suback', packetId: 1, reasonCodes: [1] }))
  assertTranscript('agent-stale-incarnation', script.lines)
})

test('capture that overflowed starts the link over under a new incarnation', () => {
  const script = new Script().online().wait(30_000).play({ kind: 'interest-lost' })
  script.connect().play(packet({ type: 'suback', packetId: 1, reasonCodes: [1] }))
  assertTranscript('agent-overflow', script.lines)
})

test('a batch made for an earlier connection does not end the walk of this one', () => {
  const script = new Script().play({ kind: 'start' }).connect().handshake(100n, true)
  script.play({ kind: 'closed', cause: 'socket-closed', detail: '' }).untilDeadline()
  script
    .connect()
    .handshake(100n, false)
    .play(batch(1, 0, true))
  assert.deepEqual(script.state.phase, { kind: 'bootstrapping', cursor: 0, making: true })
})

test('a refused route batch ends the connection; the batch is kept', () => {
  const script = new Script()
    .online()
    .play(live(71), live(72), packet({ type: 'puback', packetId: 4, reasonCode: 0x97 }))
  assertTranscript('agent-batch-refused', script.lines)
})

test('a route batch without PUBACK for 30 s means a half-open connection', () => {
  const script = new Script().online().play(live(71))
  while (script.state.phase.kind === 'online') script.untilDeadline()
  assert.equal(script.now, 30_000)
  assert.equal(script.state.lastFailure?.code, 'ack_timeout')
  assertTranscript('agent-half-open', script.lines)
})

test('a PINGREQ without an answer for 30 s means a half-open connection', () => {
  const script = new Script().online()
  while (script.state.phase.kind === 'online') script.untilDeadline()
  assert.equal(script.now, 60_000)
  assert.equal(script.state.lastFailure?.code, 'ping_timeout')
})

test('a link to ourselves is an error, and tried again once a minute', () => {
  const script = new Script().play({ kind: 'start' }).connect()
  script.play(
    packet({ type: 'suback', packetId: 1, reasonCodes: [1] }),
    { kind: 'identified', incarnation: 1n, correlation: 'c0ffee', fresh: true },
    { kind: 'self-connected', text: 'server 127.0.0.1:1883 is this broker itself' },
  )
  script.untilDeadline()
  assert.ok(script.now >= 60_000, `${script.now} ms`)
  assertTranscript('agent-self-connected', script.lines)
})

test('stopping says goodbye, keeps nothing and hears nothing', () => {
  const script = new Script().online().play(live(71), { kind: 'stop' })
  script.play({ kind: 'closed', cause: 'closed-by-control', detail: '' }, batch(1, 0, true), {
    kind: 'timer',
  })
  assert.equal(agentDeadline(script.state), Number.POSITIVE_INFINITY)
  assertTranscript('agent-stops', script.lines)
})

test('a route larger than the peer’s Maximum Packet Size is given up and counted, not sent in a loop', () => {
  const script = new Script()
  script.play(
    { kind: 'start' },
    { kind: 'prepared', host: '10.0.0.1', port: 1883 },
    { kind: 'dialed' },
  )
  script.play(packet({ ...connack, packetBytesMax: 8_192 })).handshake(1n, true)
  script.play({
    kind: 'batch',
    attempt: 1,
    payload: Buffer.alloc(9_000),
    entries: 1,
    cursor: 3,
    done: true,
  })
  script.play({ kind: 'live', payload: Buffer.alloc(9_000), token: 5, entries: 1 })
  assert.equal(script.state.phase.kind, 'online')
  assertTranscript('agent-oversize', script.lines)
})

const hostile: readonly { readonly title: string; readonly packets: readonly ServerPacket[] }[] = [
  {
    title: 'a refused CONNECT',
    packets: [{ ...connack, reasonCode: 0x87, reasonString: 'who are you' }],
  },
  { title: 'a session that we did not ask for', packets: [{ ...connack, sessionPresent: true }] },
  { title: 'QoS 0 only', packets: [{ ...connack, maximumQos: 0 }] },
  { title: 'tiny packets only', packets: [{ ...connack, packetBytesMax: 100 }] },
  {
    title: 'a SUBACK before CONNACK',
    packets: [{ type: 'suback', packetId: 1, reasonCodes: [1] }],
  },
  { title: 'two CONNACKs', packets: [connack, connack] },
  {
    title: 'a SUBACK without codes',
    packets: [connack, { type: 'suback', packetId: 1, reasonCodes: [] }],
  },
  {
    title: 'a refused SUBSCRIBE',
    packets: [connack, { type: 'suback', packetId: 1, reasonCodes: [0x87] }],
  },
  {
    title: 'a PUBLISH of QoS 2',
    packets: [
      connack,
      {
        type: 'publish',
        topic: 'x',
        qos: 2,
        packetId: 9,
        correlation: null,
        payload: Buffer.alloc(0),
      },
    ],
  },
  {
    title: 'bytes that do not decode',
    packets: [{ type: 'malformed', what: 'a malformed packet' }],
  },
]

test('a far end that misbehaves is left with a reason', () => {
  const lines: string[] = []
  for (const { title, packets } of hostile) {
    const script = new Script()
    script.play(
      { kind: 'start' },
      { kind: 'prepared', host: '10.0.0.1', port: 1883 },
      { kind: 'dialed' },
    )
    const before = script.lines.length
    script.play(...packets.map(packet))
    assert.equal(script.state.phase.kind, 'disconnected', title)
    lines.push(`# ${title}`, ...script.lines.slice(before), '')
  }
  assertTranscript('agent-hostile', lines)
})

test('a far end that may forget is told everything again while online, one batch at a time, live changes in between', () => {
  const script = new Script().online()
  script.untilRefresh()
  const due = script.now
  assert.ok(due >= 600_000 && due <= 720_000 && script.state.phase.kind === 'online')
  script.lines.length = 0
  const { attempt } = script.state.connection
  script
    .play({ kind: 'interest-waits' }) // waits for the batch that is being made
    .play(batch(attempt, 17, false))
    .play(live(71)) // there is room behind it
    .play(packet({ type: 'puback', packetId: 3, reasonCode: 0x10 }))
    .play(packet({ type: 'puback', packetId: 4, reasonCode: 0x10 }))
    .play(batch(attempt, 30, true))
    .play(packet({ type: 'puback', packetId: 5, reasonCode: 0x10 }))
  assertTranscript('agent-refresh', script.lines)
  const { refresh } = script.state
  assert.ok(refresh.kind === 'due' && refresh.atMs >= due + 600_000)
})

test('a Causeway is not told everything again, and a refresh that cannot be made is put off', () => {
  const known = { ...accepted, capabilities: Buffer.from('x') }
  const script = new Script().play({ kind: 'start' }).connect()
  script.play(
    packet({ type: 'suback', packetId: 1, reasonCodes: [1] }),
    { kind: 'identified', incarnation: 1n, correlation: 'c0ffee', fresh: true },
    packet({ type: 'puback', packetId: 2, reasonCode: 0x10 }),
    { kind: 'answer', correlation: 'c0ffee', message: known },
    batch(1, 0, true),
    packet({ type: 'puback', packetId: 3, reasonCode: 0x10 }),
  )
  assert.deepEqual([script.state.phase.kind, script.state.refresh.kind], ['online', 'none'])

  const other = new Script().online()
  other.untilRefresh()
  other.play({ kind: 'batch-failed', attempt: other.state.connection.attempt, reason: 'full' })
  assert.deepEqual([other.state.phase.kind, other.state.refresh.kind], ['online', 'due'])
})

test('asked for all routes again, it announces them on the same connection, and is not asked again at once', () => {
  const script = new Script().online()
  script.play({ kind: 'bootstrap-asked' }, { kind: 'bootstrap-asked' }, { kind: 'interest-waits' })
  script.play(batch(1, 0, true), packet({ type: 'puback', packetId: 3, reasonCode: 0x10 }))
  script.wait(4_999).play({ kind: 'bootstrap-asked' }) // sooner than a reconnect would bring one
  script.wait(1).play({ kind: 'bootstrap-asked' })
  assert.equal(script.state.phase.kind, 'online')
  assertTranscript('agent-bootstrap-asked', script.lines)
})

test('who accepts only waits without a deadline, subscribes to nothing, and waits again after a loss', () => {
  const offered = {
    kind: 'offered',
    peer: { receiveMaximum: 65_535, packetBytesMax: 1_048_576 },
  } as const
  const closed = { kind: 'closed', cause: 'closed by the far end', detail: '' } as const
  const script = new Script()
  script.state = newAgent('$LINK/cluster/route/us', 1, true)
  script.play({ kind: 'start' })
  assert.equal(agentDeadline(script.state), Number.POSITIVE_INFINITY)
  script
    .wait(100_000)
    .play(offered, { kind: 'identified', incarnation: 100n, correlation: 'c0ffee', fresh: true })
    .play(packet({ type: 'puback', packetId: 32_769, reasonCode: 0x10 }))
    .play({ kind: 'answer', correlation: 'c0ffee', message: accepted })
    .play(batch(1, 0, true), packet({ type: 'puback', packetId: 32_770, reasonCode: 0x10 }))
    .play({ kind: 'interest-waits' }, live(1))
    .wait(9_000)
    .play(closed) // the change goes back, capture stays open
  assert.equal(script.state.connection.kind, 'awaiting')
  assert.equal(script.state.incarnation, 100n)
  script
    .play(offered, { kind: 'identified', incarnation: 100n, correlation: 'c0ffee', fresh: false })
    .wait(1_000)
    .play(closed) // before the answer: our incarnation may be too small
  assert.equal(script.state.fresh, true)
  script.play({ kind: 'stop' })
  assertTranscript('agent-accepts', script.lines)
})

test('identifiers of who accepts only come again from where they began', () => {
  const script = new Script()
  script.state = { ...newAgent('$LINK/cluster/route/us', 1, true) }
  script
    .play({ kind: 'start' })
    .play({ kind: 'offered', peer: { receiveMaximum: 65_535, packetBytesMax: 1_048_576 } })
    .play({ kind: 'identified', incarnation: 100n, correlation: 'c0ffee', fresh: true })
    .play(packet({ type: 'puback', packetId: 32_769, reasonCode: 0x10 }))
    .play({ kind: 'answer', correlation: 'c0ffee', message: accepted })
    .play(batch(1, 0, true), packet({ type: 'puback', packetId: 32_770, reasonCode: 0x10 }))
  script.state = { ...script.state, nextPacketId: 65_535 }
  script.play(live(1), live(2))
  assert.deepEqual(
    script.state.unacked.map(({ packetId }) => packetId),
    [65_535, 32_768],
  )
})
