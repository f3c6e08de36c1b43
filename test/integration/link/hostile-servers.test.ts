/** Servers that a link should never have dialled: each is left with a reason, tried again, and disturbs nobody else. */
import assert from 'node:assert/strict'
import { createServer, type Server, type Socket } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { eventually, freePort, type TestClient } from '../harness/index.js'
import { captured, payloadOf } from './capture.js'
import { Cluster } from './cluster.js'

const connack = hex('2016000013270010000021002025012a01290122ffff2801')

interface Villain {
  readonly name: string
  /** Answers the packets of a connection by their first byte, which is what tells CONNECT, SUBSCRIBE and PUBLISH apart. */
  readonly answers: Readonly<Record<number, readonly Buffer[]>>
  /** What the log says of it. */
  readonly said: RegExp
}

const connect = 0x10
const subscribe = 0x82
const publish = 0x32
const suback = hex('900400010001')

/** A PUBLISH with these properties on the topic of the answer to actor_init. */
function answer(
  properties: string,
  qos: 1 | 2 = 1,
  topic = '$LINK/cluster/resp/here/here@127.0.0.1',
) {
  const [recorded] = captured('02-').filter(
    ({ topic: on, packetType }) => packetType === 'PUBLISH' && on?.includes('/resp/') === true,
  )
  assert.ok(recorded !== undefined)
  const inner = Buffer.concat([
    length16(Buffer.byteLength(topic)),
    Buffer.from(topic),
    hex('0001'),
    Buffer.from([properties.length / 2]),
    hex(properties),
    payloadOf(recorded),
  ])
  return Buffer.concat([Buffer.from([0x30 | (qos << 1)]), varint(inner.length), inner])
}

const villains: readonly Villain[] = [
  { name: 'silent', answers: {}, said: /did not answer CONNECT/ },
  {
    name: 'babbling',
    answers: { [connect]: [Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')] },
    said: /not MQTT 5|malformed/,
  },
  {
    name: 'endless',
    answers: { [connect]: [hex('20ffffff7f'), Buffer.alloc(65_536)] },
    said: /not MQTT 5|malformed|too large/,
  },
  { name: 'twice', answers: { [connect]: [connack, connack] }, said: /second CONNACK|malformed/ },
  { name: 'oldfashioned', answers: { [connect]: [hex('20020000')] }, said: /not MQTT 5|malformed/ },
  { name: 'resuming', answers: { [connect]: [hex('2003010000')] }, said: /resumed a session/ },
  { name: 'timid', answers: { [connect]: [hex('20050000022400')] }, said: /QoS 0 only/ },
  {
    name: 'narrow',
    answers: { [connect]: [hex('20080000052700000100')] },
    said: /packets of 256 bytes/,
  },
  { name: 'refusing', answers: { [connect]: [hex('2003008700')] }, said: /refused CONNECT: 0x87/ },
  {
    name: 'wordless',
    answers: { [connect]: [connack], [subscribe]: [hex('9003000100')] },
    said: /reason codes|malformed/,
  },
  {
    name: 'talkative',
    answers: { [connect]: [connack], [subscribe]: [hex('90050001000101')] },
    said: /2 reason codes/,
  },
  {
    name: 'denying',
    answers: { [connect]: [connack], [subscribe]: [hex('900400010087')] },
    said: /refused the subscription.*0x87/,
  },
  {
    name: 'twofold',
    answers: { [connect]: [connack], [subscribe]: [suback], [publish]: [answer('', 2)] },
    said: /QoS 2/,
  },
  {
    name: 'aliased',
    answers: { [connect]: [connack], [subscribe]: [suback], [publish]: [answer('230001', 1, '')] },
    said: /Topic Alias/,
  },
  {
    name: 'numbered',
    answers: { [connect]: [connack], [subscribe]: [suback], [publish]: [answer('0b00')] },
    said: /malformed/,
  },
  {
    name: 'numbering',
    answers: { [connect]: [connack], [subscribe]: [suback], [publish]: [answer('0b01')] },
    said: /numbered subscription/,
  },
  {
    name: 'unasked',
    answers: { [connect]: [connack], [subscribe]: [suback], [publish]: [answer('090004deadbeef')] },
    said: /did not answer actor_init/,
  },
  {
    name: 'asking',
    answers: { [connect]: [connack], [subscribe]: [suback, hex('8208000100000361626301')] },
    said: /unexpected SUBSCRIBE|malformed/,
  },
  {
    name: 'refusingly',
    answers: { [connect]: [connack], [subscribe]: [suback], [publish]: [hex('400400028700')] },
    said: /refused actor_init: 0x87/,
  },
]

describe('a broker whose links dial servers that misbehave', () => {
  const servers: Server[] = []
  const sockets = new Set<Socket>()
  const dialled = new Map<string, number>()
  let here: Cluster
  let local: TestClient

  before(async () => {
    here = await Cluster.planned('here')
    const links = []
    for (const villain of villains) {
      const port = await freePort()
      await listen(villain, port)
      links.push({ name: villain.name, port, more: 'pool_size = 1' })
    }
    here.links = links
    await here.start()
    local = await here.client({ clientId: 'local' })
    await local.subscribe('local/#')
  })
  after(async () => {
    await here.remove()
    for (const socket of sockets) socket.destroy()
    await Promise.all(servers.map((server) => new Promise((done) => server.close(done))))
  })

  async function listen({ name, answers }: Villain, port: number): Promise<void> {
    const server = createServer((socket) => {
      dialled.set(name, (dialled.get(name) ?? 0) + 1)
      sockets.add(socket)
      socket.on('error', () => {}) // left in anger
      socket.once('close', () => sockets.delete(socket))
      socket.on('data', (bytes) => {
        for (const one of answers[bytes[0] ?? 0] ?? []) socket.write(one)
      })
    })
    servers.push(server)
    await new Promise<void>((done) => server.listen(port, '127.0.0.1', done))
  }

  for (const { name, said } of villains)
    test(`leaves the ${name} one with a reason, tries it again and goes on serving its clients`, async () => {
      await eventually(
        `${said} about ${name}`,
        () =>
          here.broker.log.some(
            ({ link, event, msg }) =>
              link === name &&
              String(event).startsWith('cluster_link_routerepl_') &&
              said.test(String(msg)),
          ),
        25_000,
      )
      // A route client and a message client each time.
      await eventually(`${name} is dialled again`, () => (dialled.get(name) ?? 0) >= 3, 25_000)
      await local.publish({ topic: `local/${name}`, qos: 1, payload: name })
      assert.equal((await local.message()).payload.toString(), name)
    })

  test('none of them is told or sent anything but its own bootstrap, and none is online', () => {
    const online = here.broker.log.filter(({ event }) => event === 'cluster_link_routerepl_online')
    assert.deepEqual(online, [])
  })
})

function hex(text: string): Buffer {
  return Buffer.from(text, 'hex')
}

function length16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    bytes.push(rest >= 128 ? (rest % 128) | 128 : rest)
    if (rest < 128) return Buffer.from(bytes)
  }
}
