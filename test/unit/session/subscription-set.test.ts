import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Subscription } from '../../../src/session/index.js'
import { SubscriptionSet } from '../../../src/session/index.js'

function subscription(text: string, qos: 0 | 1 | 2): Subscription {
  return {
    text,
    // Cannot lie: the keys below are filters.
    filter: text as Subscription['filter'],
    group: null,
    exclusive: false,
    qos,
    noLocal: false,
    retainAsPublished: false,
    retainHandling: 0,
    subscriptionId: 0,
  }
}

const keys = ['', 'a', 'b', 'c']

test('a set is a map, whether it holds one subscription or several', () => {
  const change = fc.record({
    key: fc.constantFrom(...keys),
    qos: fc.constantFrom(0 as const, 1 as const, 2 as const),
    remove: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(change, { maxLength: 12 }), (changes) => {
      const set = new SubscriptionSet()
      const map = new Map<string, Subscription>()
      for (const { key, qos, remove } of changes) {
        if (remove) {
          set.delete(key)
          map.delete(key)
        } else {
          const made = subscription(key, qos)
          set.set(key, made)
          map.set(key, made)
        }
        assert.equal(set.size, map.size)
        assert.deepEqual([...set.entries()], [...map])
        for (const each of keys) assert.equal(set.get(each), map.get(each))
      }
    }),
  )
})

test('who walks a set may empty it', () => {
  for (const count of [1, 3]) {
    const set = new SubscriptionSet()
    for (const key of keys.slice(0, count)) set.set(key, subscription(key, 0))
    for (const [key] of set.entries()) set.delete(key)
    assert.equal(set.size, 0)
  }
})
