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
  levelsMax: 8,
  subscriptionsMax: null,
  retained: true,
}

class World {
  readonly ledger = new SubscriptionLedger()

  session(clientId: string): Session {
    return { clientId, address: { loop: 0, session: 0, generation: 1 }, subscriptions: null }
  }

  /** The reason codes. */
  subscribe(
    session: Session,
    filters: readonly string[],
    changed: Partial<SubscriptionPolicy> = {},
  ) {
    const requests = filters.map((filter) => ({
      filter,
      qos: 1 as const,
      noLocal: false,
      retainAsPublished: false,
      retainHandling: 0 as const,
    }))
    const packet = { packetId: 1, subscriptionId: 0, requests }
    const subscriber = {
      version: 5,
      linkAllowed: false,
      mountpoint: '',
      peer: '10.0.0.1:9',
    } as const
    const terms = { ...policy, ...changed }
    return subscribe(session, subscriber, packet, terms, authorizeLinkOnly, this.ledger).reasonCodes
  }

  unsubscribe(session: Session, ...filters: string[]) {
    return unsubscribe(session, '', { packetId: 2, filters }, this.ledger).reasonCodes
  }
}

test('a filter has one exclusive subscriber; plain ones do not count', () => {
  const world = new World()
  const [first, second] = [world.session('first'), world.session('second')]
  assert.deepEqual(world.subscribe(second, ['t/1']), [1])
  assert.deepEqual(world.subscribe(first, ['$exclusive/t/1', '$exclusive/t/+']), [1, 1])
  assert.deepEqual(world.subscribe(first, ['$exclusive/t/1']), [1], 'its own, once more')
  assert.deepEqual(world.subscribe(second, ['$exclusive/t/1', '$exclusive/t/2']), [0x97, 1])
  assert.equal(world.ledger.exclusive, 3)
})

test('the filter is free after UNSUBSCRIBE of the same text, or when a plain subscription replaced it', () => {
  const world = new World()
  const [first, second] = [world.session('first'), world.session('second')]
  world.subscribe(first, ['$exclusive/t'])
  assert.deepEqual(world.unsubscribe(first, 't'), [0x11])
  assert.deepEqual(world.subscribe(second, ['$exclusive/t']), [0x97])
  assert.deepEqual(world.unsubscribe(first, '$exclusive/t'), [0])
  assert.deepEqual(world.subscribe(second, ['$exclusive/t']), [1])
  assert.deepEqual(world.subscribe(second, ['t']), [1])
  assert.equal(second.subscriptions?.size, 1)
  assert.deepEqual(world.subscribe(first, ['$exclusive/t']), [1])
})

test('an ended session holds nothing, also while its subscriptions wait to be cleared', () => {
  const world = new World()
  const [first, second] = [world.session('first'), world.session('second')]
  world.subscribe(first, ['$exclusive/t', '$exclusive/u'])
  world.ledger.ended(first)
  assert.deepEqual(world.subscribe(second, ['$exclusive/t']), [1])
  world.unsubscribe(first, '$exclusive/t', '$exclusive/u')
  assert.deepEqual(
    world.subscribe(world.session('third'), ['$exclusive/t', '$exclusive/u']),
    [0x97, 1],
  )
})

test('without mqtt.exclusive_subscription the filter is invalid', () => {
  const world = new World()
  assert.deepEqual(
    world.subscribe(world.session('a'), ['$exclusive/t'], { exclusive: false }),
    [0x8f],
  )
})

test('the ledger counts all, shared and $SYS subscriptions, and each once', () => {
  const world = new World()
  const session = world.session('a')
  world.subscribe(session, ['a', '$queue/a', '$share/g/$SYS/#', '$SYS/#', '$SYS/#'])
  const { ledger } = world
  assert.deepEqual([ledger.all, ledger.shared, ledger.sys], [4, 2, 2])
  world.unsubscribe(session, '$SYS/#', '$queue/a')
  assert.deepEqual([ledger.all, ledger.shared, ledger.sys], [2, 1, 1])
})
