/** The way of a CONNECT through authentication, over a scripted engine and a clock that the test moves. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import mqttPacket from 'mqtt-packet'
import {
  Authentication,
  type AuthenticationMode,
  type Authenticators,
  HashQueue,
} from '../../../src/auth/index.js'
import { keysOf, saltedPasswordHash } from '../../../src/auth/scram/index.js'
import type { Admitted } from '../../../src/connection/index.js'
import { authLimits } from '../../../src/limits.js'
import { controlCounters } from '../../../src/metrics/index.js'
import { type ConnectPacket, decodePacket } from '../../../src/mqtt/index.js'
import { type HashRequest, hashPassword, type PasswordHash } from '../../../src/password-hash.js'
import type { Verdict } from '../../../src/session/index.js'
import { Slicer } from '../../../src/slices.js'
import { ScramClient } from '../../integration/auth/scram-client.js'

const method = 'SCRAM-SHA-256'
const slow: PasswordHash = { name: 'pbkdf2', macFunction: 'sha256', iterations: 1, keyBytes: 32 }
const salt = Buffer.from('salt')

function hashOf(password: string, algorithm: PasswordHash): Buffer {
  return hashPassword({ algorithm, password: Buffer.from(password), salt })
}

const authenticators: Authenticators = {
  password: {
    userIdType: 'username',
    algorithm: slow,
    users: new Map([['alice', { hash: hashOf('wonder', slow), salt, superuser: true }]]),
    decoy: { hash: Buffer.alloc(32), salt, superuser: false },
  },
  scram: {
    method,
    users: 1,
    server: {
      hash: 'sha256',
      iterations: 4096,
      secret: salt,
      find: (name) =>
        name === 'alice'
          ? {
              ...keysOf('sha256', hashOf('wonder', saltedPasswordHash('sha256', 4096))),
              salt,
              iterations: 4096,
              superuser: false,
            }
          : null,
    },
  },
}

function bench(of: Authenticators = authenticators) {
  let nowMs = 0
  const timers: { atMs: number; run: () => void; cancelled: boolean }[] = []
  const clock = { monotonicMs: () => nowMs, wallMs: () => nowMs }
  const silent = () => {}
  const deferred: (() => void)[] = []
  const seen = {
    challenged: [] as Uint8Array[],
    refused: [] as Uint8Array[],
    closed: [] as number[],
    proceeded: [] as Admitted[],
    hashes: [] as { request: HashRequest; done: (hash: Uint8Array) => void }[],
    logged: [] as object[],
  }
  const counters = controlCounters()
  const authentication = new Authentication({
    authenticators: of,
    engine: {
      challenge: (_, auth) => seen.challenged.push(auth),
      refuse: (_, connack) => seen.refused.push(connack),
      close: ({ connection }) => seen.closed.push(connection),
    },
    clock,
    timers: {
      after: (delayMs, run) => {
        const timer = { atMs: nowMs + delayMs, run, cancelled: false }
        timers.push(timer)
        return {
          cancel: () => {
            timer.cancelled = true
          },
        }
      },
    },
    slicer: new Slicer({
      clock,
      defer: (run) => deferred.push(run),
      onFailure: ({ error }) => assert.fail(String(error)),
    }),
    log: {
      debug: silent,
      info: (fields) => seen.logged.push(fields),
      warn: silent,
      error: silent,
      fatal: silent,
    },
    counters,
    hash: (request) =>
      new Promise((done) => {
        seen.hashes.push({ request, done })
      }),
    proceed: (candidate) => seen.proceeded.push(candidate),
  })
  const pass = (ms: number) => {
    nowMs += ms
    for (const timer of timers.splice(0))
      if (timer.atMs > nowMs) timers.push(timer)
      else if (!timer.cancelled) timer.run()
    while (deferred.length > 0) deferred.shift()?.()
  }
  return { authentication, seen, counters, pass }
}

function candidate(connection: number, more: Partial<Admitted> = {}): Admitted {
  return {
    connection,
    acceptLoop: 0,
    clientId: `c${connection}`,
    peer: '127.0.0.1:1',
    listener: 'tcp:default',
    linkAllowed: false,
    mountpoint: '',
    version: 5,
    bridge: false,
    authenticate: false,
    answers: { packetBytesMax: 0, problemInformation: true },
    cleanStart: true,
    expiryMs: 0,
    will: null,
    username: null,
    superuser: false,
    keepAliveMs: 0,
    keepAliveSeconds: 0,
    port: 1883,
    connectedAtMs: 0,
    windowMax: 1,
    receiveMax: 1,
    topicAliasMax: 0,
    announced: {
      assignedClientId: null,
      serverKeepAliveSeconds: null,
      responseInformation: null,
      authentication: null,
    },
    ...more,
  }
}

/** A CONNECT as far as authentication reads it. */
function connectPacket(more: Partial<ConnectPacket>): ConnectPacket {
  return {
    version: 5,
    bridge: false,
    cleanStart: true,
    clientId: 'c',
    keepAliveSeconds: 0,
    username: null,
    password: null,
    will: null,
    sessionExpirySeconds: 0,
    receiveMaximum: 1,
    packetBytesMax: 0,
    topicAliasMaximum: 0,
    requestResponseInformation: false,
    requestProblemInformation: true,
    authentication: null,
    userProperties: null,
    ...more,
  }
}

type Bench = ReturnType<typeof bench>

function login(
  { authentication }: Bench,
  connection: number,
  username: string | null,
  password: string | null,
  mode: AuthenticationMode = true,
): void {
  authentication.connect(
    connectPacket({ username, password: password === null ? null : Buffer.from(password) }),
    candidate(connection, { username }),
    mode,
  )
}

function check({ authentication, seen }: Bench, connection: number): Verdict<Admitted>[] {
  const verdicts: Verdict<Admitted>[] = []
  const held = seen.proceeded.find((one) => one.connection === connection)
  assert.ok(held?.authenticate)
  authentication.check(held, (verdict) => verdicts.push(verdict))
  return verdicts
}

function reasonOf(connack: Uint8Array | undefined): number {
  return connack?.[3] ?? -1
}

function dataOf(packet: Uint8Array | undefined): Buffer {
  const decoded = decodePacket(Buffer.from(packet ?? []), 5)
  assert.ok(decoded.cmd === 'auth')
  return decoded.properties?.authenticationData ?? Buffer.alloc(0)
}

function authBytes(data: Buffer, reasonCode = 0x18): Buffer {
  const properties = { authenticationMethod: method, authenticationData: data }
  return mqttPacket.generate({ cmd: 'auth', reasonCode, properties }, { protocolVersion: 5 })
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve))

test('a password waits for the turn of its CONNECT, is hashed elsewhere, and is then forgotten', async () => {
  const all = bench()
  login(all, 1, 'alice', 'wonder')
  assert.equal(all.seen.hashes.length, 0, 'its turn has not come')
  const verdicts = check(all, 1)
  const [job] = all.seen.hashes
  assert.ok(job)
  assert.equal(Buffer.from(job.request.password).toString(), 'wonder')
  assert.equal(verdicts.length, 0)
  job.done(hashPassword(job.request))
  await settled()
  assert.ok(verdicts[0]?.kind === 'admitted')
  assert.equal(verdicts[0].candidate.superuser, true)
  assert.equal(all.counters.authentication_succeeded, 1)
})

test('an unknown user costs as much as a wrong password, and is answered alike', async () => {
  for (const [username, password] of [
    ['alice', 'wrong'],
    ['nobody', 'wonder'],
  ] as const) {
    const all = bench()
    login(all, 1, username, password)
    const verdicts = check(all, 1)
    const [job] = all.seen.hashes
    assert.ok(job, 'hashed in both cases')
    job.done(hashPassword(job.request))
    await settled()
    assert.ok(verdicts[0]?.kind === 'refused')
    assert.equal(verdicts[0].refusal, 'bad-credentials')
    assert.equal(all.counters.authentication_failed_credentials, 1)
  }
})

test('a client that vanishes is not hashed for, and leaves no password behind', async () => {
  const all = bench()
  login(all, 1, 'alice', 'wonder')
  all.authentication.closed(1)
  const verdicts = check(all, 1)
  await settled()
  assert.equal(all.seen.hashes.length, 0)
  assert.equal(verdicts.length, 0)
})

test('when too many passwords wait the next one is refused: server busy, counted', () => {
  const all = bench()
  const most = authLimits.hashesAtOnce + authLimits.hashQueue
  for (let connection = 1; connection <= most; connection++) {
    login(all, connection, 'alice', 'wonder')
    const held = all.seen.proceeded.at(-1)
    assert.ok(held)
    all.authentication.check(held, () => assert.fail('nobody has an answer yet'))
  }
  assert.equal(all.seen.hashes.length, authLimits.hashesAtOnce)
  login(all, most + 1, 'alice', 'wonder')
  const verdicts = check(all, most + 1)
  assert.ok(verdicts[0]?.kind === 'refused')
  assert.equal(verdicts[0].refusal, 'server-busy')
  assert.equal(all.counters.authentication_queue_full, 1)
})

test('the queue goes on in order, passes over what nobody wants any more, and survives a failure', async () => {
  const started: { password: string; done: (hash: Uint8Array) => void; fail: () => void }[] = []
  const queue = new HashQueue(
    ({ password }) =>
      new Promise((done, reject) => {
        const fail = () => reject(new Error('no thread'))
        started.push({ password: Buffer.from(password).toString(), done, fail })
      }),
    { atOnce: 1, most: 3 },
  )
  const told: string[] = []
  const push = (password: string, wanted = true) =>
    queue.push({
      request: { algorithm: slow, password: Buffer.from(password), salt },
      wanted: () => wanted,
      done: () => told.push(`${password} done`),
      failed: () => told.push(`${password} failed`),
    })
  assert.ok(push('a') && push('b', false) && push('c') && push('d'))
  assert.ok(!push('e'), 'full')
  assert.equal(queue.length, 3)
  started[0]?.fail()
  await settled()
  started[1]?.done(new Uint8Array(1))
  await settled()
  started[2]?.done(new Uint8Array(1))
  await settled()
  assert.deepEqual(
    started.map(({ password }) => password),
    ['a', 'c', 'd'],
  )
  assert.deepEqual(told, ['a failed', 'c done', 'd done'])
  assert.equal(queue.length, 0)
})

test('who has nothing to prove with is refused at once, by what the listener says', () => {
  const rows: readonly [AuthenticationMode, string | null, string | null, number | null][] = [
    [true, null, null, 0x86],
    [true, 'alice', null, 0x86],
    ['quick_deny_anonymous', null, 'x', 0x87],
    ['quick_deny_anonymous', '', 'x', 0x87],
    [false, null, null, null],
    [false, 'nobody', 'x', null],
  ]
  for (const [mode, username, password, expected] of rows) {
    const all = bench()
    login(all, 1, username, password, mode)
    if (expected === null) assert.equal(all.seen.proceeded[0]?.authenticate, false)
    else assert.equal(reasonOf(all.seen.refused[0]), expected)
    assert.equal(all.seen.proceeded.length, expected === null ? 1 : 0)
  }
  const open = bench({ password: null, scram: null })
  login(open, 1, null, null)
  assert.equal(open.seen.proceeded.length, 1)
  const denied = bench({ password: null, scram: null })
  login(denied, 1, null, null, 'quick_deny_anonymous')
  assert.equal(reasonOf(denied.seen.refused[0]), 0x87)
})

test('an exchange has a deadline: CONNACK 0x87, counted, nothing left [MQTT-4.12.0-4]', () => {
  const { authentication, seen, counters, pass } = bench()
  const client = new ScramClient({ username: 'alice', password: 'wonder' })
  const packet = connectPacket({ authentication: { method, data: client.first() } })
  authentication.connect(packet, candidate(1), true)
  assert.equal(seen.challenged.length, 1)
  pass(authLimits.exchangeMs - 1)
  assert.equal(seen.refused.length, 0)
  assert.equal(authentication.exchanges, 1)
  pass(100)
  assert.equal(reasonOf(seen.refused[0]), 0x87)
  assert.equal(authentication.exchanges, 0)
  assert.equal(counters.authentication_timeouts, 1)
  const late = authBytes(client.final(dataOf(seen.challenged[0])))
  authentication.exchange({ kind: 'exchange', loop: 0, connection: 1, packet: late })
  assert.equal(counters.events_stale, 1)
  assert.equal(seen.proceeded.length, 0)
})

test('an exchange has a number of messages', () => {
  const { authentication, seen } = bench()
  authentication.connect(
    connectPacket({ authentication: { method, data: null } }),
    candidate(1),
    true,
  )
  const empty = authBytes(Buffer.alloc(0))
  for (let round = 1; round < authLimits.exchangeRounds; round++) {
    assert.equal(seen.challenged.length, round)
    authentication.exchange({ kind: 'exchange', loop: 0, connection: 1, packet: empty })
  }
  assert.equal(seen.refused.length, 0)
  authentication.exchange({ kind: 'exchange', loop: 0, connection: 1, packet: empty })
  assert.equal(reasonOf(seen.refused[0]), 0x87)
})

test('a re-authentication has a deadline: the connection is closed, counted [MQTT-4.12.1-2]', () => {
  const { authentication, seen, counters, pass } = bench()
  const client = new ScramClient({ username: 'alice', password: 'wonder' })
  const announced = { ...candidate(7).announced, authentication: { method, data: null } }
  const served = candidate(7, { username: 'alice', announced })
  const address = { loop: 1, session: 2, generation: 3 }
  const session = { clientId: 'c7', address, subscriptions: null }
  const packet = authBytes(client.first(), 0x19)
  const event = { kind: 'packet', ...address, connection: 7, type: 'auth', packet } as const
  const { reply, next } = authentication.reauthenticate(event, session, served)
  assert.equal(next, 'resume')
  assert.ok(dataOf(reply).length > 0)
  pass(authLimits.exchangeMs + 100)
  assert.deepEqual(seen.closed, [7])
  assert.equal(counters.authentication_timeouts, 1)
  assert.equal(counters.reauthentications_failed, 1)
})

test('of what is logged nothing is a secret', () => {
  const all = bench()
  login(all, 1, null, 'hunter2', 'quick_deny_anonymous')
  assert.equal(all.seen.logged.length, 1)
  assert.doesNotMatch(JSON.stringify(all.seen.logged), /hunter2/)
})
