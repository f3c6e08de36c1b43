/**
 * The whole capture, seen from the side that dials: a broker takes the place of one EMQX, its clients do what clients did there, and
 * what it says must be what EMQX said; the other side answers with the recorded answers.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { LinkTo } from '../cluster.js'
import { knownAtoms } from '../known-atoms.js'
import { Acceptor } from './acceptor.js'
import { type Play, plays } from './recording.js'

/** What the dialler's link was in the scenarios in which it did not want everything. */
function linkOf(scenario: string, { dialler }: Play): Partial<LinkTo> {
  const number = scenario.slice(0, 2)
  if (dialler === 'emqx-b') return {}
  if (number === '40') return { name: 'emqx-x' }
  if (number === '46') return { more: ', username = u1, password = p1' }
  if (/^5[012]$/.test(number)) return { topics: ['fwd/#', 'dev/+/state', 'exact/one', '+/plus'] }
  return number === '70' || number === '79' ? { topics: ['in/#'] } : {}
}

/** Recorded on connections that began before the recording, or about what a single node does not have. */
const apart = /^(?:45|66|90)-/

// Each play has a broker of its own.
describe('the capture, dialled by a broker', { concurrency: 2 }, () => {
  for (const play of plays()) {
    const { recording, dialler, acceptor } = play
    const scenarios = play.scenarios.filter(({ name }) => !apart.test(name))
    if (scenarios.length === 0) continue
    describe(`recording ${recording}: a broker that is ${dialler} dials ${acceptor}`, {
      concurrency: 1,
    }, () => {
      let emqx: Acceptor
      before(async () => {
        emqx = await Acceptor.prepared(play)
      })
      after(() => emqx.end())
      for (const scenario of scenarios)
        test(`scenario ${scenario.name} is said as EMQX said it, by ${dialler}`, async () => {
          await emqx.perform(scenario, linkOf(scenario.name, play))
        })
      test(`no atom outside of the closed list was on the wire of ${dialler} in recording ${recording}`, () => {
        assert.deepEqual(
          [...emqx.atoms].filter((atom) => !knownAtoms.has(atom)),
          [],
        )
      })
    })
  }
})
