import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  authorizeLinkOnly,
  type Session,
  SubscriptionLedger,
  type SubscriptionPolicy,
  subscribe,
  unsubscribe,
} from '../../../src/session/index.js'

const policy: SubscriptionPolicy = {
  qosMax: 2,
  wildcards: true,
  shared: true,
  exclusive: true,
  levelsMax: 4,
  subscriptionsMax: null,
  retained: true,
}
const five = { version: 5, linkAllowed: false, mountpoint: '', peer: '10.0.0.1:9' } as const
const four = { version: 4, linkAllowed: false, mountpoint: '', peer: '10.0.0.1:9' } as const

function session(): Session {
  return {
    clientId: 'c',
    address: { loop: 0, session: 0, generation: 1 },
    subscriptions: null,
  }
}

function request(filter: string, retainHandling: 0 | 1 | 2 = 0, qos: 0 | 1 | 2 = 1) {
  return { filter, qos, noLocal: false, retainAsPublished: false, retainHandling }
}

function packet(...requests: ReturnType<typeof request>[]) {
  return { packetId: 1, subscriptionId: 0, requests }
}

test('each filter is answered in order with the QoS it gets or why it gets none', () => {
  const filters = ['a', '$LINK/x', '$share/g', 'a/b/c/d/e', 'b/#', '$share/g/c']
  const asked = packet(...filters.map((filter) => request(filter)))
  const strict = { ...policy, wildcards: false, shared: false }
  assert.deepEqual(
    subscribe(session(), five, asked, strict, authorizeLinkOnly, new SubscriptionLedger())
      .reasonCodes,
    [1, 0x87, 0x8f, 0x8f, 0xa2, 0x9e],
  )
  assert.deepEqual(
    subscribe(session(), four, asked, strict, authorizeLinkOnly, new SubscriptionLedger())
      .reasonCodes,
    [1, 0x80, 0x80, 0x80, 0x80, 0x80],
  )
})

test('$LINK is open on link listeners, also to shared subscriptions, and closed to both elsewhere', () => {
  const asked = packet(request('$LINK/a'), request('$share/g/$LINK/a'))
  assert.deepEqual(
    subscribe(session(), five, asked, policy, authorizeLinkOnly, new SubscriptionLedger())
      .reasonCodes,
    [0x87, 0x87],
  )
  assert.deepEqual(
    subscribe(
      session(),
      { ...five, linkAllowed: true, mountpoint: '' },
      asked,
      policy,
      authorizeLinkOnly,
      new SubscriptionLedger(),
    ).reasonCodes,
    [1, 1],
  )
})

test('the granted QoS is never above what the server allows', () => {
  const { ops, reasonCodes } = subscribe(
    session(),
    five,
    packet(request('a', 0, 2)),
    { ...policy, qosMax: 1 },
    authorizeLinkOnly,
    new SubscriptionLedger(),
  )
  assert.deepEqual(reasonCodes, [1])
  assert.equal(ops[0]?.op === 'subscribe' && ops[0].qos, 1)
})

test('retained messages are replayed always, when new, or never; and never to shared subscriptions', () => {
  const mine = session()
  const replays = (...of: ReturnType<typeof request>[]) =>
    subscribe(
      mine,
      five,
      packet(...of),
      policy,
      authorizeLinkOnly,
      new SubscriptionLedger(),
    ).ops.map((op) => op.op === 'subscribe' && op.replay)
  assert.deepEqual(
    replays(request('a', 0), request('b', 1), request('c', 2), request('$share/g/a', 0)),
    [true, true, false, false],
  )
  assert.deepEqual(replays(request('a', 0), request('b', 1), request('c', 2)), [true, false, false])
})

test('the same filter twice in one packet is subscribed, then changed [MQTT-3.8.4-3]', () => {
  const mine = session()
  const { ops } = subscribe(
    mine,
    five,
    packet(request('a', 0, 0), request('a', 0, 2)),
    policy,
    authorizeLinkOnly,
    new SubscriptionLedger(),
  )
  assert.deepEqual(
    ops.map((op) => op.op === 'subscribe' && [op.existing, op.qos]),
    [
      [false, 0],
      [true, 2],
    ],
  )
  assert.equal(mine.subscriptions?.size, 1)
})

test('sessions that ask alike have what each asked for, and one ends without the others', () => {
  const ledger = new SubscriptionLedger()
  const ask = (what: ReturnType<typeof request>, mountpoint = '') => {
    const one = session()
    const { ops } = subscribe(
      one,
      { ...five, mountpoint },
      packet(what),
      policy,
      authorizeLinkOnly,
      ledger,
    )
    return { one, op: ops[0], key: `${mountpoint === '' ? '' : `${mountpoint}\0`}a` }
  }
  const asked = [
    ask(request('a')),
    ask(request('a')),
    ask(request('a', 0, 2)),
    ask(request('a', 1)),
    ask(request('a'), 'm/'),
    ask({ ...request('a'), noLocal: true }),
    ask({ ...request('a'), retainAsPublished: true }),
    ask(request('a')),
  ]
  assert.deepEqual(
    asked.map(({ one, op, key }) => {
      const { filter, qos, noLocal, retainAsPublished, retainHandling } =
        one.subscriptions?.get(key) ?? assert.fail()
      assert.deepEqual({ ...op, filter, qos, noLocal, retainAsPublished }, op)
      return [filter, qos, noLocal, retainAsPublished, retainHandling]
    }),
    [
      ['a', 1, false, false, 0],
      ['a', 1, false, false, 0],
      ['a', 2, false, false, 0],
      ['a', 1, false, false, 1],
      ['m/a', 1, false, false, 0],
      ['a', 1, true, false, 0],
      ['a', 1, false, true, 0],
      ['a', 1, false, false, 0],
    ],
  )
  const [first, second] = asked
  assert.ok(first !== undefined && second !== undefined)
  unsubscribe(first.one, '', { packetId: 2, filters: ['a'] }, ledger)
  assert.equal(first.one.subscriptions, null)
  assert.equal(second.one.subscriptions?.size, 1)
  assert.equal(ledger.all, asked.length - 1)
})

test('a full session keeps what it has, may change it, and is refused more', () => {
  const mine = session()
  const one = { ...policy, subscriptionsMax: 1 }
  assert.deepEqual(
    subscribe(
      mine,
      five,
      packet(request('a'), request('b')),
      one,
      authorizeLinkOnly,
      new SubscriptionLedger(),
    ).reasonCodes,
    [1, 0x97],
  )
  assert.deepEqual(
    subscribe(
      mine,
      five,
      packet(request('a', 0, 2)),
      one,
      authorizeLinkOnly,
      new SubscriptionLedger(),
    ).reasonCodes,
    [2],
  )
})

test('a plain and a shared subscription to one filter are two', () => {
  const mine = session()
  const ledger = new SubscriptionLedger()
  subscribe(
    mine,
    five,
    packet(request('a'), request('$share/g/a')),
    policy,
    authorizeLinkOnly,
    ledger,
  )
  assert.deepEqual([ledger.all, ledger.shared], [2, 1])
  const { ops, reasonCodes } = unsubscribe(
    mine,
    '',
    {
      packetId: 2,
      filters: ['$share/g/a', 'x', '$share/g/a'],
    },
    ledger,
  )
  assert.deepEqual(reasonCodes, [0x00, 0x11, 0x11])
  assert.deepEqual(ops, [{ op: 'unsubscribe', filter: 'a', group: 'g' }])
  assert.deepEqual(
    [...(mine.subscriptions?.entries() ?? [])].map(([key]) => key),
    ['a'],
  )
})
