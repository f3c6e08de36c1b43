/**
 * The hostile battery: every case of this folder on a raw socket of its own, whole and byte by byte, against one broker.
 * The reaction is exactly the case's; nothing behind a refused packet is processed; whoever behaves is served meanwhile
 * and afterwards; what is malformed never reaches the control thread; nothing stays behind.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import {
  type BrokerProcess,
  eventually,
  startBroker,
  TestClient,
} from '../../integration/harness/index.js'
import type { HostileCase, Reaction } from './case.js'
import { codeCases } from './codes.js'
import { connectCases } from './connect.js'
import { exchangeCases } from './exchange.js'
import { headerCases } from './headers.js'
import { behindTopic, play } from './player.js'
import { propertyCases } from './properties.js'
import { strangerCases } from './strangers.js'
import { textCases } from './texts.js'

/** Sockets at once; the healthy client is asked for after each batch. */
const batchSize = 32
/** What the broker may hold more at the end than at the beginning: allocators keep, caches fill. */
const growthBytesMax = 48 * 1024 * 1024

const families: Readonly<Record<string, readonly HostileCase[]>> = {
  'fixed headers, lengths, ends': headerCases,
  CONNECT: connectCases,
  properties: propertyCases,
  'strings, topics and filters': textCases,
  'reason codes and options': codeCases,
  'exchanges and order': exchangeCases,
  'other protocols': strangerCases,
}
const cases = Object.values(families).flat()

let broker: BrokerProcess
let healthy: TestClient
let residentBefore = 0

before(async () => {
  broker = await startBroker({
    config: `
mqtt { max_awaiting_rel = 3, max_topic_alias = 4, max_packet_size = 64KB, max_clientid_len = 250 }
mqtt.session_expiry_interval = 1s # of the sessions that versions 3 and 4 ask to keep
`,
  })
  healthy = await TestClient.connect({ port: broker.port, version: 5 })
  await healthy.subscribe(['healthy', behindTopic].map((topic) => ({ topic, qos: 2 as const })))
  residentBefore = residentBytes()
})
after(() => broker.stop())

function residentBytes(): number {
  const status = readFileSync(`/proc/${broker.pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? Number.NaN) * 1024
}

/** A message to itself, there and back: the broker serves. Anything else that came is a packet it should not have processed. */
async function servesTheHealthy(): Promise<void> {
  const token = `${Math.random()}`
  await healthy.publish({ topic: 'healthy', payload: token, qos: 2 })
  const { topic, payload } = await healthy.message()
  assert.deepEqual([topic, payload.toString()], ['healthy', token])
}

function words({ answers, after }: Reaction): string {
  return [...answers, after].join(', ')
}

/** What went otherwise than the cases say, one line each. */
async function differences(batch: readonly HostileCase[], chopped: boolean): Promise<string[]> {
  const reactions = await Promise.all(batch.map((hostile) => play(broker.port, hostile, chopped)))
  await servesTheHealthy()
  return batch.flatMap((hostile, at) => {
    const reaction = reactions[at]
    const came = reaction === undefined ? 'nothing' : words(reaction)
    return came === words(hostile.reaction)
      ? []
      : [`${hostile.name} [${hostile.spec}]: ${came} instead of ${words(hostile.reaction)}`]
  })
}

async function playAll(all: readonly HostileCase[], chopped: boolean): Promise<void> {
  const differing: string[] = []
  for (let at = 0; at < all.length; at += batchSize) {
    differing.push(...(await differences(all.slice(at, at + batchSize), chopped)))
  }
  assert.deepEqual(differing, [])
}

test('the battery has every packet type in every version, and no case twice', () => {
  assert.equal(new Set(cases.map(({ name }) => name)).size, cases.length)
  assert.ok(cases.length >= 2_000, `${cases.length} cases`)
  const types =
    'CONNECT CONNACK PUBLISH PUBACK PUBREC PUBREL PUBCOMP SUBSCRIBE SUBACK UNSUBSCRIBE UNSUBACK PINGREQ PINGRESP DISCONNECT AUTH'
  for (const type of types.split(' ')) {
    for (const version of [3, 4, 5]) {
      const own = cases.filter((one) => one.version === version && one.name.includes(type))
      assert.ok(own.length >= 3, `${type} of version ${version}: ${own.length} cases`)
    }
  }
})

for (const [family, all] of Object.entries(families)) {
  test(`${family}: ${all.length} cases get the reaction they name`, () => playAll(all, false))
}

test('what the loops refuse is counted, and never reaches the control thread', async () => {
  const refused = cases.filter(
    ({ reaction, decidedBy }) => reaction.after === 'closed' && decidedBy === undefined,
  )
  const connects = refused.filter(({ phase }) => phase === 'connected').length
  const start = await broker.counters()
  await playAll(refused, true)
  const end = await broker.counters()
  const grown = (name: string) => (end[name] ?? Number.NaN) - (start[name] ?? Number.NaN)
  assert.equal(grown('native_cold_lane_entries'), connects, "the player's own CONNECTs")
  assert.equal(grown('packets_undecodable'), 0)
  const counted =
    grown('native_malformed_packets') +
    grown('native_protocol_errors') +
    grown('native_connects_refused_version') +
    grown('native_connects_refused_malformed')
  assert.ok(counted >= refused.length, `${counted} of ${refused.length} counted`)
})

test('what the loops take in pieces is what they take whole', () =>
  playAll(
    cases.filter(({ reaction, decidedBy }) => reaction.after === 'open' || decidedBy !== undefined),
    true,
  ))

test('nothing stays behind: no connection, no session, no memory', async () => {
  await eventually('only the healthy client is left', async () => {
    const counters = await broker.counters()
    return counters.sessions === 1 && counters.connections === 1
  })
  const grown = residentBytes() - residentBefore
  assert.ok(grown < growthBytesMax, `${(grown / 1024 / 1024).toFixed(0)} MiB more than before`)
  assert.deepEqual(
    broker.log.filter(({ level }) => level === 'error' || level === 'fatal' || level === 50),
    [],
  )
  assert.equal(healthy.others.length, 0)
  await healthy.disconnect()
})
