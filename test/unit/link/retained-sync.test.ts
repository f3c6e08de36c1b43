import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { askedOf, type Capabilities, type CapabilityName } from '../../../src/link/capabilities.js'
import type { LinkEnvironment } from '../../../src/link/environment.js'
import { RetainedSync } from '../../../src/link/retained-sync.js'

function peer(instance: string, ...names: readonly CapabilityName[]): Capabilities {
  return { software: 'causeway', instance, names, driftKey: null, acceptSlots: 0 }
}

function syncing(filters: readonly string[]): {
  readonly sync: RetainedSync
  /** What the data plane has been told since the last call. */
  told(): string[]
} {
  const calls: string[] = []
  const engine = {
    setRetainedSync: (link: number, state: string) => calls.push(`${link} ${state}`),
  }
  // Cannot lie: nothing else of it is used.
  const environment = { engine } as unknown as LinkEnvironment
  return { sync: new RetainedSync(environment, 7, filters), told: () => calls.splice(0) }
}

describe('retained synchronisation of a link', () => {
  test('is announced when a filter is configured', () => {
    const none = { driftCheck: false, transit: false, retainedSync: [] }
    assert.deepEqual(askedOf(none), [])
    assert.deepEqual(askedOf({ ...none, retainedSync: ['a'] }), ['retained/1'])
  })

  test('begins with everything for a process that is new, and with our own for one that is known', () => {
    const { sync, told } = syncing(['state/#'])
    sync.onAccepted(peer('one', 'retained/1'))
    assert.deepEqual(told(), ['7 begins-all'])
    sync.hold()
    sync.hold()
    assert.deepEqual(told(), ['7 held'])
    sync.onAccepted(peer('one', 'retained/1'))
    sync.onAccepted(peer('two', 'retained/1'))
    assert.deepEqual(told(), ['7 begins', '7 begins-all'])
    sync.stop()
    assert.deepEqual(told(), ['7 off'])
  })

  test('does not begin when only one side asks for it', () => {
    const ours = syncing(['state/#'])
    for (const other of [null, peer('one'), peer('one', 'transit/1')]) ours.sync.onAccepted(other)
    const theirs = syncing([])
    theirs.sync.onAccepted(peer('one', 'retained/1'))
    theirs.sync.onIntroduced(peer('one', 'retained/1'))
    assert.deepEqual([...ours.told(), ...theirs.told()], [])
  })

  test('ends when the far end comes back without it', () => {
    const { sync, told } = syncing(['state/#'])
    sync.onAccepted(peer('one', 'retained/1'))
    sync.hold()
    told()
    sync.onAccepted(null)
    assert.deepEqual(told(), ['7 off'])
  })

  test('follows what the far end says of itself after a reload there', () => {
    const { sync, told } = syncing(['state/#'])
    sync.onIntroduced(peer('one', 'retained/1'))
    assert.deepEqual(told(), [], 'not before it has answered us')
    sync.onAccepted(peer('one', 'retained/1'))
    assert.deepEqual(told(), ['7 begins-all'])
    sync.onIntroduced(peer('one'))
    sync.onIntroduced(peer('one', 'retained/1'))
    sync.onIntroduced(peer('one', 'retained/1'))
    assert.deepEqual(told(), ['7 off', '7 begins', '7 begins'])
    sync.hold()
    sync.onIntroduced(peer('one', 'retained/1'))
    assert.deepEqual(told(), ['7 held'], 'not while our own channel is down')
  })
})
