/**
 * The whole capture, seen from the side that is dialled: a broker takes the place of one EMQX, the recorded packets of the other
 * come in byte for byte, and every answer and every message published locally must be what EMQX's was.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type CapturedPacket, captured } from '../capture.js'
import { Cluster, type LinkTo } from '../cluster.js'
import { Dialler, isInit, type Setting } from './dialler.js'
import { type Play, plays } from './recording.js'

const all = plays()

/** What the acceptor's configuration was in the scenarios in which it was not simply a link with the dialler. */
function settingOf(scenario: string, { dialler, acceptor }: Play): Setting {
  // Nobody listens at that port: in this suite only the recording dials.
  const link: LinkTo = { name: dialler, port: 1, more: 'pool_size = 1' }
  const number = scenario.slice(0, 2)
  if (number === '40' && acceptor === 'emqx-a') return { link: { ...link, name: 'emqx-x' } }
  if (number === '41' && acceptor === 'emqx-b') return { link: null }
  if (number === '42' && acceptor === 'emqx-b') return { link: { ...link, enable: false } }
  if (acceptor === 'emqx-a' && (number === '50' || number === '51' || number === '52'))
    return { link: { ...link, topics: ['fwd/#', 'dev/+/state', 'exact/one', '+/plus'] } }
  if (number === '70' && acceptor === 'emqx-a')
    return { link: { ...link, topics: ['in/#'] }, isWanted: true }
  return { link }
}

/** How each client came up, for recordings that begin later. */
const openings = new Map<string, readonly CapturedPacket[]>()
for (const { scenarios } of all) {
  for (const { row } of scenarios.flatMap(({ lines }) =>
    lines.filter((line) => line.kind === 'packet'),
  )) {
    if (openings.has(row.clientId) || (row.packetType !== 'CONNECT' && !isInit(row))) continue
    const own = scenarios
      .flatMap(({ lines }) => lines)
      .flatMap((line) => (line.kind === 'packet' && line.fromDialler ? [line.row] : []))
      .filter(({ conn, packetType }) => conn === row.conn && packetType !== 'PUBLISH')
    openings.set(
      row.clientId,
      own.filter(({ packetType }) => /^(CONNECT|SUBSCRIBE)$/.test(packetType)),
    )
  }
}

// Each play has a broker of its own.
describe('the capture, dialling a broker', { concurrency: 2 }, () => {
  for (const play of all) {
    const { recording, dialler, acceptor, scenarios } = play
    describe(`recording ${recording}: ${dialler} dials a broker that is ${acceptor}`, {
      concurrency: 1,
    }, () => {
      let broker: Cluster
      let emqx: Dialler
      before(async () => {
        broker = await Cluster.planned(acceptor)
        emqx = new Dialler(play, broker, openings)
      })
      after(async () => {
        await emqx.end()
        await broker.remove()
      })
      for (const scenario of scenarios)
        test(`scenario ${scenario.name} is answered as EMQX answered it, dialled by ${dialler}`, async () => {
          await emqx.perform(scenario, settingOf(scenario.name, play))
        })
    })
  }
})

test('every packet of the capture is in a play', () => {
  const lines = all.flatMap(({ scenarios }) => scenarios.flatMap(({ lines }) => lines))
  assert.equal(lines.filter(({ kind }) => kind === 'packet').length, captured('').length)
})
