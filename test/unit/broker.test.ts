/** The broker over a scripted engine: real packets in, commands out. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import mqttPacket, { type IConnectPacket, type Packet } from 'mqtt-packet'
import { noAuthenticators } from '../../src/auth/index.js'
import { Broker, type LinkDoor } from '../../src/broker.js'
import { type Config, loadConfig } from '../../src/config/index.js'
import { decodePacket } from '../../src/mqtt/index.js'
import type {
  AnswerCommand,
  AttachCommand,
  Engine,
  EngineEvent,
  PublishCommand,
} from '../../src/native/index.js'

interface Commands {
  readonly attached: AttachCommand[]
  readonly answered: AnswerCommand[]
  readonly refused: { connection: number; connack: Uint8Array }[]
  readonly published: PublishCommand[]
  readonly ended: number[]
  readonly calls: string[]
}

function bench(change: (config: Config) => Config = (config) => config) {
  const config = change(loadConfig({ file: null, env: {} }).config)
  const commands: Commands = {
    attached: [],
    answered: [],
    refused: [],
    published: [],
    ended: [],
    calls: [],
  }
  const link: string[] = []
  const warnings: string[] = []
  const deferred: (() => void)[] = []
  const silent = () => {}
  const unused = (name: string) => () => assert.fail(`${name} is not of the broker`)
  const engine: Engine = {
    loops: 2,
    setTls: () => null,
    listen: () => commands.calls.push('listen'),
    listenerState: () => null,
    unlisten: () => commands.calls.push('unlisten'),
    attach: (command) => {
      commands.attached.push(command)
      commands.calls.push('attach')
    },
    refuse: ({ connection }, connack) => commands.refused.push({ connection, connack }),
    challenge: unused('challenge'),
    answer: (command) => commands.answered.push(command),
    close: unused('close'),
    endSession: ({ session }) => commands.ended.push(session),
    publish: (command) => commands.published.push(command),
    flush: () => commands.calls.push('flush'),
    counters: () => ({ packets: 7 }),
    drain: async () => {
      commands.calls.push('drain')
    },
    halt: () => commands.calls.push('halt'),
    exitProcess: unused('exitProcess'),
    configureLinks: unused('configureLinks'),
    openInterest: unused('openInterest'),
    closeInterest: unused('closeInterest'),
    takeInterest: unused('takeInterest'),
    settleInterest: unused('settleInterest'),
    interestWaiting: unused('interestWaiting'),
    interestOverflowed: unused('interestOverflowed'),
    decodeRoute: unused('decodeRoute'),
    encodeActorInit: unused('encodeActorInit'),
    encodeActorInitAck: unused('encodeActorInitAck'),
    encodeHeartbeat: unused('encodeHeartbeat'),
    setTransit: unused('setTransit'),
    setRetainedSync: unused('setRetainedSync'),
    startTransitWalk: unused('startTransitWalk'),
    stepTransitWalk: unused('stepTransitWalk'),
    transitRefused: unused('transitRefused'),
    digestKey: unused('digestKey'),
    laneDigest: unused('laneDigest'),
    startInterestDigest: unused('startInterestDigest'),
    stepInterestDigest: unused('stepInterestDigest'),
    interestDigest: unused('interestDigest'),
    applyRoutes: unused('applyRoutes'),
    markRoutes: unused('markRoutes'),
    sweepRoutes: unused('sweepRoutes'),
    clearRoutes: unused('clearRoutes'),
    routeCount: unused('routeCount'),
    readRoutes: unused('readRoutes'),
    linkCounters: unused('linkCounters'),
    linkTimes: unused('linkTimes'),
    linksConfigured: unused('linksConfigured'),
    dial: unused('dial'),
    send: unused('send'),
    slotOnline: unused('slotOnline'),
    carry: unused('slotOnline'),
  }
  const door: LinkDoor = {
    start: () => link.push('start'),
    stop: () => link.push('stop'),
    onLinkPublish: () => link.push('publish'),
    onDialed: () => link.push('dialed'),
    onClientPacket: () => link.push('packet'),
    onDialClosed: () => link.push('dial-closed'),
    onConnectionClosed: (connection) => link.push(`closed ${connection}`),
    onInterestChanged: silent,
  }
  const broker = new Broker({
    config,
    engine,
    clock: { monotonicMs: () => 0, wallMs: () => 0 },
    timers: { after: () => ({ cancel: silent }) },
    log: {
      debug: silent,
      info: silent,
      warn: (_, message) => warnings.push(message),
      error: silent,
      fatal: silent,
    },
    authenticators: noAuthenticators,
    hash: async () => assert.fail('nobody has a password'),
    edge: { open: silent, renew: silent, stopListening: silent },
    link: () => door,
    where: () => null,
    defer: (run) => deferred.push(run),
    onFatal: (error) => assert.fail(String(error)),
  })
  return { broker, commands, link, warnings, deferred }
}

function connectEvent(connection: number, more: Partial<IConnectPacket> = {}): EngineEvent {
  const packet = mqttPacket.generate({
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: 5,
    clientId: 'c',
    clean: true,
    keepalive: 0,
    ...more,
  })
  const origin = { loop: 0, connection, listener: 0, peer: '127.0.0.1:5', certificate: null }
  return { kind: 'connect', ...origin, packet }
}

function at<T>(list: readonly T[], index: number): T {
  const found = list.at(index)
  assert.ok(found !== undefined)
  return found
}

function attachedEvent({ loop, session, generation, connection }: AttachCommand): EngineEvent {
  return { kind: 'attached', loop, session, generation, connection }
}

function packetEvent(
  attach: AttachCommand,
  type: 'subscribe' | 'unsubscribe' | 'disconnect' | 'auth',
  packet: Packet,
): EngineEvent {
  const { loop, session, generation, connection } = attach
  const bytes = mqttPacket.generate(packet, { protocolVersion: attach.version })
  return { kind: 'packet', loop, session, generation, connection, type, packet: bytes }
}

function online(
  broker: Broker,
  commands: Commands,
  connection = 1,
  more: Partial<IConnectPacket> = {},
): AttachCommand {
  broker.onEvents([connectEvent(connection, more)])
  const attach = at(commands.attached, -1)
  broker.onEvents([attachedEvent(attach)])
  return attach
}

const subscribeA: Packet = {
  cmd: 'subscribe',
  messageId: 3,
  subscriptions: [{ topic: 'a', qos: 1, nl: false, rap: false, rh: 0 }],
}

test('a CONNECT becomes one attach with its CONNACK, and commands leave with the batch', () => {
  const { broker, commands } = bench()
  const attach = online(broker, commands)
  assert.equal(attach.clientId, 'c')
  assert.equal(attach.takeOver, null)
  assert.equal(attach.persistent, false)
  assert.equal(attach.connack[0], 0x20)
  assert.deepEqual(commands.calls.slice(commands.calls.indexOf('attach')).slice(0, 2), [
    'attach',
    'flush',
  ])
})

test('a SUBSCRIBE is answered by one command with state, SUBACK and what is next', () => {
  const { broker, commands } = bench()
  const attach = online(broker, commands)
  broker.onEvents([packetEvent(attach, 'subscribe', subscribeA)])
  const { ops, reply, next, connection } = at(commands.answered, 0)
  assert.equal(connection, 1)
  assert.equal(next, 'resume')
  assert.equal(ops.length, 1)
  assert.equal(Buffer.from(reply).toString('hex'), '900400030001')
})

test('a session that ends gives its subscriptions back in slices and is ended once', () => {
  const { broker, commands, deferred } = bench()
  const attach = online(broker, commands)
  broker.onEvents([packetEvent(attach, 'subscribe', subscribeA)])
  const { loop, session, generation } = attach
  broker.onEvents([
    {
      kind: 'closed',
      loop,
      session,
      generation,
      connection: 1,
      cause: 'socket-closed',
      reasonCode: 0,
      detail: '',
    },
  ])
  assert.deepEqual(commands.ended, [attach.session])
  assert.equal(commands.answered.length, 1)
  while (deferred.length > 0) deferred.shift()?.()
  assert.deepEqual(at(commands.answered, 1).ops, [{ op: 'unsubscribe', filter: 'a', group: null }])
  assert.equal(at(commands.answered, 1).connection, 0)
  assert.equal(broker.metrics.read().sessions, 0)
})

test('DISCONNECT may not give a session life that CONNECT did not ask for [MQTT-3.14.2-2]', () => {
  const { broker, commands } = bench()
  const attach = online(broker, commands)
  const packet: Packet = {
    cmd: 'disconnect',
    reasonCode: 0,
    properties: { sessionExpiryInterval: 5 },
  }
  broker.onEvents([packetEvent(attach, 'disconnect', packet)])
  assert.equal(Buffer.from(at(commands.answered, 0).reply).toString('hex'), 'e00182')
  assert.equal(at(commands.answered, 0).next, 'close')
})

test('AUTH and a shared No Local subscription are protocol errors [MQTT-3.8.3-4]', () => {
  const { broker, commands } = bench()
  const attach = online(broker, commands)
  broker.onEvents([packetEvent(attach, 'auth', { cmd: 'auth', reasonCode: 0x18 })])
  const shared = { topic: '$share/g/a', qos: 1, nl: true, rap: false, rh: 0 } as const
  broker.onEvents([
    packetEvent(attach, 'subscribe', { cmd: 'subscribe', messageId: 1, subscriptions: [shared] }),
  ])
  for (const { reply, next } of commands.answered) {
    assert.equal(Buffer.from(reply).toString('hex'), 'e00182')
    assert.equal(next, 'close')
  }
  assert.equal(commands.answered.length, 2)
})

test('an authentication method is refused with 0x8C and the reason, unless the client wants none', () => {
  const { broker, commands } = bench()
  const properties = { authenticationMethod: 'X' }
  broker.onEvents([connectEvent(1, { properties })])
  broker.onEvents([
    connectEvent(2, { properties: { ...properties, requestProblemInformation: false } }),
  ])
  const [told, silent] = commands.refused.map(({ connack }) =>
    decodePacket(Buffer.from(connack), 5),
  )
  assert.ok(told?.cmd === 'connack' && silent?.cmd === 'connack')
  assert.equal(told.reasonCode, 0x8c)
  assert.match(told.properties?.reasonString ?? '', /authentication method/)
  assert.equal(silent.properties, undefined)
})

test('a broker that is full refuses CONNECTs with 0x97', () => {
  const { broker, commands } = bench((config) => ({
    ...config,
    limits: { ...config.limits, connections: 1 },
  }))
  online(broker, commands)
  broker.onEvents([connectEvent(2, { clientId: 'd' })])
  assert.equal(at(commands.refused, 0).connack[3], 0x97)
})

test('CONNECTs of one client id beyond the bound are refused, the others wait their turn', () => {
  const { broker, commands } = bench((config) => ({
    ...config,
    limits: { ...config.limits, connectsPerClientId: 2 },
  }))
  broker.onEvents([connectEvent(1), connectEvent(2), connectEvent(3)])
  assert.deepEqual(
    commands.attached.map(({ connection }) => connection),
    [1],
  )
  assert.deepEqual(
    commands.refused.map(({ connection }) => connection),
    [3],
  )
  broker.onEvents([attachedEvent(at(commands.attached, 0))])
  assert.deepEqual(
    commands.attached.map(({ connection }) => connection),
    [1, 2],
  )
})

test('events of dialled connections and link messages go to the link room, closed clients are told to both', () => {
  const { broker, link, commands } = bench()
  const attach = online(broker, commands)
  const { loop, session, generation } = attach
  const gone = {
    kind: 'closed',
    loop,
    session: -1,
    generation: 0,
    cause: 'dial-failed',
    reasonCode: 0,
    detail: '',
  } as const
  broker.onEvents([
    { kind: 'dialed', loop: 0, connection: 2 ** 31 },
    { kind: 'client-packet', loop: 0, connection: 2 ** 31, packet: Buffer.alloc(2) },
    {
      kind: 'link-publish',
      loop,
      session,
      generation,
      connection: 1,
      version: 5,
      packet: Buffer.alloc(2),
    },
    { ...gone, connection: 2 ** 31 },
    { ...gone, session, generation, connection: 1, cause: 'socket-closed' },
  ])
  assert.deepEqual(link, ['dialed', 'packet', 'publish', 'dial-closed', 'closed 1'])
})

test('an event with an old number changes nothing and is counted', () => {
  const { broker, commands } = bench()
  const attach = online(broker, commands)
  broker.onEvents([
    { ...packetEvent(attach, 'subscribe', subscribeA), generation: 99 } as EngineEvent,
  ])
  broker.onEvents([attachedEvent(attach)])
  assert.equal(commands.answered.length, 0)
  assert.equal(broker.metrics.read().events_stale, 2)
})

test('a stopping broker closes doors in order, publishes no wills and stops once', async () => {
  const { broker, commands, link } = bench()
  broker.start()
  const attach = online(broker, commands, 1, {
    will: { topic: 'w', payload: 'x', qos: 0, retain: false },
  })
  const first = broker.stop()
  const { loop, session, generation } = attach
  broker.onEvents([
    {
      kind: 'closed',
      loop,
      session,
      generation,
      connection: 1,
      cause: 'socket-closed',
      reasonCode: 0,
      detail: '',
    },
  ])
  await first
  await broker.stop()
  assert.deepEqual(commands.published, [])
  assert.deepEqual(
    commands.calls.filter((call) => call !== 'flush' && call !== 'attach'),
    ['listen', 'listen', 'unlisten', 'unlisten', 'drain', 'halt'],
  )
  assert.deepEqual(
    link.filter((call) => !call.startsWith('closed')),
    ['start', 'stop'],
  )
  assert.equal(broker.metrics.read().wills_suppressed, 1)
  broker.onEvents([connectEvent(2)])
  assert.equal(at(commands.refused, 0).connack[3], 0x8b)
})
