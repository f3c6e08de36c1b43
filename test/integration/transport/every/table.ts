/** The table: every story, by every transport that a program dials, in every version. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Version } from '../../harness/index.js'
import { Doors, type Kind, type Library } from './doors.js'
import type { Program } from './program.js'
import { Scene } from './scene.js'
import { stories } from './stories.js'

/** A transport, and which library serves it where there is a choice. */
export interface Place {
  readonly kind: Kind
  readonly library: Library
}

export const places: readonly Place[] = [
  { kind: 'tcp', library: 'uws' },
  { kind: 'tls', library: 'uws' },
  { kind: 'unix', library: 'uws' },
  { kind: 'ws', library: 'uws' },
  { kind: 'ws', library: 'ws' },
  { kind: 'wss', library: 'uws' },
  { kind: 'wss', library: 'ws' },
]

/** Stories told at once: most of their time is spent waiting for somebody. */
const concurrency = 4
/** A story takes less than one second; a machine may be busy. */
export const storyMs = 60_000

const versionNames = { 3: '3.1', 4: '3.1.1', 5: '5' } as const
const versions: readonly Version[] = [4, 5]
/** 3.1 is 3.1.1 with another name, which a WebSocket says too: it is told once for each. */
export const versionsOf = ({ kind }: Place): readonly Version[] =>
  kind === 'tcp' || kind === 'ws' ? [3, ...versions] : versions

/** Tells every story by these programs, at two brokers that are its own. */
export function tellEverywhere(programs: readonly Program[]): void {
  const brokers = new Map<Library, Doors>()
  const at = (library: Library): Doors => {
    const doors = brokers.get(library)
    assert.ok(doors, 'the broker is there')
    return doors
  }
  before(async () => {
    brokers.set('uws', await Doors.open('uws'))
    brokers.set('ws', await Doors.open('ws'))
  })
  after(() => Promise.all([...brokers.values()].map((doors) => doors.close())))

  for (const library of ['uws', 'ws'] as const) {
    test(`WebSockets of this broker are served by ${library}`, () => {
      assert.deepEqual(at(library).libraries, {
        'listeners.ws.default': library,
        'listeners.wss.secure': library,
      })
    })
  }

  for (const program of programs) {
    for (const place of places.filter(({ kind }) => program.dials.includes(kind))) {
      for (const version of versionsOf(place)) {
        describe(`${program.name}, MQTT ${versionNames[version]}, ${nameOf(place)}`, {
          concurrency,
        }, () => {
          for (const { title, tell, untellable } of stories) {
            if ((untellable?.(program, version) ?? null) !== null) continue
            test(title, { timeout: storyMs }, () =>
              tell(new Scene(program, version, at(place.library), place.kind)),
            )
          }
        })
      }
    }
  }
}

export function nameOf({ kind, library }: Place): string {
  return kind === 'ws' || kind === 'wss' ? `${kind} by ${library}` : kind
}
