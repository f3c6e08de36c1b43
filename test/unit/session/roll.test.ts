/** The roll against an array that is searched from the beginning. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { controlLimits } from '../../../src/limits.js'
import { Roll } from '../../../src/session/index.js'

type Entry = { readonly serial: number }

function filled(count: number): { roll: Roll<Entry>; all: Entry[] } {
  const roll = new Roll<Entry>()
  const all = Array.from({ length: count }, () => {
    const entry = { serial: roll.next() }
    roll.add(entry)
    return entry
  })
  return { roll, all }
}

const naive = (all: readonly Entry[], serial: number, count: number) =>
  all.filter((entry) => entry.serial > serial).slice(0, count)

test('whoever is there comes in order, from any number on, whoever came and went', () => {
  const action = fc.oneof(
    fc.record({ kind: fc.constant('add' as const), count: fc.nat(controlLimits.rollLeaf) }),
    // A share of those that are there, from a place on: whole leaves go, and leaves become thin.
    fc.record({
      kind: fc.constant('remove' as const),
      from: fc.double({ min: 0, max: 1, noNaN: true }),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
      every: fc.integer({ min: 1, max: 9 }),
    }),
  )
  fc.assert(
    fc.property(fc.array(action, { maxLength: 12 }), (actions) => {
      const { roll, all } = filled(0)
      for (const one of actions) {
        if (one.kind === 'add') {
          for (let i = 0; i < one.count; i++) {
            const entry = { serial: roll.next() }
            roll.add(entry)
            all.push(entry)
          }
        } else {
          const from = Math.floor(one.from * all.length)
          const until = from + Math.floor(one.share * all.length)
          for (let at = Math.min(until, all.length) - 1; at >= from; at -= one.every) {
            const [gone] = all.splice(at, 1)
            if (gone === undefined) continue
            roll.remove(gone)
            roll.remove(gone) // nothing happens
          }
        }
      }
      assert.deepEqual(roll.after(0, Number.MAX_SAFE_INTEGER), all)
      for (let serial = 0; serial <= roll.newest; serial += 1 + (roll.newest >> 4))
        assert.deepEqual(roll.after(serial, 40), naive(all, serial, 40))
    }),
    { numRuns: 60 },
  )
})

test('nobody: nothing comes, nothing is removed', () => {
  const roll = new Roll<Entry>()
  assert.equal(roll.newest, 0)
  assert.deepEqual(roll.after(0, 10), [])
  roll.remove({ serial: 3 })
  const { roll: one, all } = filled(1)
  assert.deepEqual(one.after(0, 0), [])
  assert.deepEqual(one.after(1, 5), [])
  assert.deepEqual(one.after(0, 5), all)
})
