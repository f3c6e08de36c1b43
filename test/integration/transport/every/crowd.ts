/** One client of every program, version and transport, all at one broker. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { arrive } from './arrival.js'
import { Doors, type Library } from './doors.js'
import type { Message, Program } from './program.js'
import { Scene } from './scene.js'
import type { Subscription } from './subscription.js'
import { storyMs, versionsOf } from './table.js'

const shuttingDown = 0x8b

/** Tells how all of them hear each other, and how they learn that the broker stops. */
export function tellOfCrowds(programs: readonly Program[]): void {
  for (const library of ['uws', 'ws'] as const) {
    const title = `everybody hears everybody at a broker with ${library}, and is told when it stops`
    test(title, { timeout: storyMs }, async () => {
      const doors = await Doors.open(library)
      try {
        await together(programs, doors, library)
      } finally {
        await doors.close()
      }
    })
  }
}

async function together(
  programs: readonly Program[],
  doors: Doors,
  library: Library,
): Promise<void> {
  const scenes = programs.flatMap((program) =>
    program.dials.flatMap((kind) =>
      versionsOf({ kind, library }).map((version) => new Scene(program, version, doors, kind)),
    ),
  )
  const filters = [{ filter: 'crowd/#', qos: 2 }] as const
  const members = await Promise.all(
    scenes.map(async (scene): Promise<readonly [Scene, Subscription]> => {
      return [scene, await scene.program.subscribe(scene.caller(scene.here), filters)]
    }),
  )
  const said = scenes.map((scene, n) =>
    ([0, 1, 2] as const).map((qos): Message => {
      return {
        topic: `crowd/${n}/${qos}`,
        payload: `${scene.program.name} by ${scene.here.kind}`,
        qos,
      }
    }),
  )
  await Promise.all(
    scenes.map((scene, n) => scene.program.publish(scene.caller(scene.here), said[n] ?? [])),
  )
  await Promise.all(members.map(([, subscription]) => arrive(subscription, said.flat())))

  await doors.close()
  for (const [{ program, version }, subscription] of members) {
    if (program.redials(version)) await subscription.drop()
    const goodbye = await subscription.ended
    assert.equal(goodbye, program.tellsGoodbye && version === 5 ? shuttingDown : null)
  }
}
