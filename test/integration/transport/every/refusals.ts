/**
 * What is refused by every transport, and how its client learns it: said byte by byte, for programs keep such mistakes to
 * themselves. A wrong password is among the stories.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { TestClient, type Version, type Via } from '../../harness/index.js'
import { type Door, Doors, type Library, user } from './doors.js'
import { nameOf, places, storyMs } from './table.js'

/** Above it a client identifier is refused. */
const clientIdBytesMax = 40
const config = `
  mqtt.max_clientid_len = ${clientIdBytesMax}
  sys_topics.subscribers = none
`
/** Of the doors' max_packet_size, 2 MB. */
const tooManyBytes = 3 * 1024 * 1024

interface Refusal {
  readonly title: string
  readonly tell: (door: Door, version: 4 | 5) => Promise<void>
}

const refusals: readonly Refusal[] = [
  { title: 'a level that does not exist is answered with its code, then closed', tell: level },
  { title: 'a client identifier that is too long is refused', tell: clientId },
  { title: 'a subscription that is not permitted is refused by itself', tell: subscription },
  { title: 'a message that is not permitted is dropped, and version 5 told', tell: message },
  { title: 'a packet that is too large closes as soon as it is announced', tell: packetSize },
  { title: 'silence beyond the keep alive closes', tell: keepAlive },
]

/** Tells them by every transport at two brokers of their own, all at once: one of them waits. */
export function tellRefusals(): void {
  describe('refusals', { concurrency: true }, () => {
    const brokers = new Map<Library, Doors>()
    before(async () => {
      for (const library of ['uws', 'ws'] as const)
        brokers.set(library, await Doors.open(library, config))
    })
    after(() => Promise.all([...brokers.values()].map((doors) => doors.close())))

    for (const place of places) {
      for (const version of [4, 5] as const) {
        for (const { title, tell } of refusals) {
          const where = `${nameOf(place)}, MQTT ${version === 4 ? '3.1.1' : '5'}`
          test(`${where}: ${title}`, { timeout: storyMs }, async () => {
            const doors = brokers.get(place.library)
            assert.ok(doors, 'the broker is there')
            await tell(doors.door(place.kind), version)
          })
        }
      }
    }
  })
}

async function level(door: Door, version: 4 | 5): Promise<void> {
  const client = await dial(door, version)
  // CONNECT "MQTT", level 2 or 6, clean session, keep alive 0, client identifier "x".
  const bytes =
    version === 4 ? '100d00044d51545402020000000178' : '100e00044d5154540602000000000178'
  client.sendBytes(Buffer.from(bytes, 'hex'))
  const { returnCode, reasonCode } = await client.packet('connack')
  assert.equal(version === 4 ? returnCode : reasonCode, version === 4 ? 1 : 0x84) // [MQTT-3.1.2-2]
  await client.whenClosed()
}

async function clientId(door: Door, version: 4 | 5): Promise<void> {
  const tooLong = 'x'.repeat(clientIdBytesMax + 1)
  const code = version === 4 ? 2 : 0x85
  await assert.rejects(connect(door, version, { clientId: tooLong }), new RegExp(`with ${code}$`))
  const client = await connect(door, version, {
    clientId: `${version}${door.kind}`.padEnd(40, 'x'),
  })
  await client.disconnect()
}

async function subscription(door: Door, version: 4 | 5): Promise<void> {
  const client = await connect(door, version)
  const { granted } = await client.subscribe(['$SYS/#', 'allowed'])
  assert.deepEqual(granted, [version === 4 ? 0x80 : 0x87, 2])
  await client.disconnect()
}

async function message(door: Door, version: 4 | 5): Promise<void> {
  const client = await connect(door, version)
  const [denied, allowed] = [
    await client.publish({ topic: '$SYS/x', qos: 1 }),
    await client.publish({ topic: 'nobody/listens', qos: 1 }),
  ]
  const codes = [denied, allowed].map((answer) => answer?.reasonCode)
  assert.deepEqual(codes, version === 4 ? [undefined, undefined] : [0x87, 0x10])
  await client.disconnect()
}

async function packetSize(door: Door, version: 4 | 5): Promise<void> {
  const client = await connect(door, version)
  const remaining = [0x80 | (tooManyBytes & 0x7f), 0x80 | ((tooManyBytes >> 7) & 0x7f)]
  remaining.push(0x80 | ((tooManyBytes >> 14) & 0x7f), tooManyBytes >> 21)
  client.sendBytes(Buffer.from([0x30, ...remaining]))
  await client.whenClosed()
  assert.equal(client.goodbye?.reasonCode, version === 4 ? undefined : 0x95)
}

async function keepAlive(door: Door, version: 4 | 5): Promise<void> {
  const client = await connect(door, version, { keepAliveSeconds: 1 })
  await client.whenClosed()
  assert.equal(client.goodbye?.reasonCode, version === 4 ? undefined : 0x8d) // [MQTT-3.1.2-22]
}

function connect(
  door: Door,
  version: Version,
  more: { readonly clientId?: string; readonly keepAliveSeconds?: number } = {},
): Promise<TestClient> {
  const { name: username, password } = user
  return TestClient.connect({
    port: door.port,
    via: viaOf(door),
    version,
    username,
    password,
    ...more,
  })
}

function dial(door: Door, version: Version): Promise<TestClient> {
  return TestClient.dial({ port: door.port, via: viaOf(door), version })
}

function viaOf({ kind, path, ca }: Door): Via {
  switch (kind) {
    case 'tcp':
    case 'ws':
      return { kind }
    case 'unix':
      return { kind, path }
    case 'tls':
    case 'wss':
      return { kind, options: { ca } }
  }
}
