/** Links whose server is wrong: ourselves, nobody, or somebody who does not speak MQTT. The broker says why and goes on. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { eventually, freePort, TestClient } from '../harness/index.js'
import { brokerFile, type Command, causeway, events, folder, log } from './command.js'

/** More than a few attempts of a link's connections, at their shortest interval. */
const severalAttemptsMs = 6_000
/** One for routes, eight for messages. */
const connections = 9
/** A CONNACK is waited for this long (limits.ts), and somewhat longer on a busy machine. */
const silenceMs = 20_000

interface Far {
  readonly title: string
  /** What the server does with a connection. */
  readonly serve: (socket: Socket) => void
  readonly says: RegExp
}

const far: readonly Far[] = [
  {
    title: 'random bytes',
    serve: (socket) => socket.write(Buffer.concat([Buffer.from([0xff]), randomBytes(4_096)])),
    says: /the server answered CONNECT with something that is not MQTT 5$/,
  },
  {
    title: 'an HTTP answer',
    serve: (socket) =>
      socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'),
    says: /the server answered CONNECT with something that is not MQTT 5$/,
  },
  {
    title: 'a hang-up at once',
    serve: (socket) => socket.destroy(),
    says: /closed the connection instead of answering CONNECT|reached/,
  },
  {
    title: 'a CONNACK without an end',
    serve: (socket) => socket.write(Buffer.from([0x20, 0xff, 0xff, 0xff, 0xff, 0xff])),
    says: /the server answered CONNECT with something that is not MQTT 5$/,
  },
]

// Together: each waits for seconds, and their brokers have nothing to do.
describe('a link in trouble', { concurrency: 4 }, () => {
  for (const { title, serve, says } of far) {
    test(`a link whose server answers with ${title} retries with back-off and says why once`, async (t) => {
      const { port, attempts } = await server(t, serve)
      const { broker, client } = await brokerLinkedTo(t, port)
      await eventually('a complaint', () => complaints(broker).length > 0)
      await delay(severalAttemptsMs)
      assertSaidOnce(broker, says)
      assertBackedOff(attempts())
      await assertHealthy(broker, client)
    })
  }

  test('a link whose server is not there retries and says why once', async (t) => {
    const { broker, client } = await brokerLinkedTo(t, await freePort())
    await eventually('a complaint', () => complaints(broker).length > 0)
    await delay(severalAttemptsMs)
    assertSaidOnce(broker, /the server cannot be reached \(ECONNREFUSED\)/)
    await assertHealthy(broker, client)
  })

  test('a link whose server accepts and stays silent gives up in time, says why once and retries', async (t) => {
    const { port, attempts } = await server(t, () => {})
    const { broker, client } = await brokerLinkedTo(t, port)
    await eventually('a complaint', () => complaints(broker).length > 0, silenceMs)
    await eventually('another attempt', () => attempts() > connections)
    assertSaidOnce(broker, /CONNACK|answer/)
    await assertHealthy(broker, client)
  })

  test('a link becomes online when the server that was missing comes', async (t) => {
    const farLinkPort = await freePort()
    const { broker, linkPort } = await brokerLinkedTo(t, farLinkPort)
    await eventually('a complaint', () => complaints(broker).length > 0)
    const other = brokerFile(folder(t), {
      port: await freePort(),
      more: `cluster { name = cluster-eu-west, links = [{ name = cluster-us-east, server = "127.0.0.1:${linkPort}", topics = ["#"] }] }
  listeners.tcp.clink.bind = "127.0.0.1:${farLinkPort}"`,
    })
    await causeway(t, ['start', '-c', other]).ready()
    await eventually('online', () => events(broker, 'cluster_link_routerepl_online').length === 1)
  })

  for (const [which, pick] of [
    ['its link listener', (ports: Ports) => ports.link],
    ['its ordinary listener', (ports: Ports) => ports.client],
  ] as const) {
    // The published quick start gives each cluster its own address as the server of its link.
    test(`a broker whose link leads to ${which} notices that it talks to itself`, async (t) => {
      const ports = { link: await freePort(), client: await freePort() }
      const server = `127.0.0.1:${pick(ports)}`
      const { broker, client } = await brokerWith(t, ports, server)
      await eventually('a complaint', () => complaints(broker).length > 0)
      await delay(severalAttemptsMs)
      const said = complaints(broker)
      assert.equal(said.length, 1, broker.stderr)
      assert.equal(said[0]?.event, 'cluster_link_routerepl_self_connected')
      assert.equal(said[0]?.code, 'LINK_SELF_CONNECTED')
      assert.equal(
        said[0]?.msg,
        `link cluster-eu-west: server ${server} is this broker itself; put the address of a listener of cluster-eu-west there`,
      )
      await assertHealthy(broker, client)
    })
  }
})

interface Ports {
  readonly link: number
  readonly client: number
}

async function brokerLinkedTo(t: TestContext, farPort: number) {
  const ports = { link: await freePort(), client: await freePort() }
  return { ...(await brokerWith(t, ports, `127.0.0.1:${farPort}`)), linkPort: ports.link }
}

/** The quick start's configuration of the east, with these addresses. */
async function brokerWith(
  t: TestContext,
  ports: Ports,
  server: string,
): Promise<{ broker: Command; client: number }> {
  const file = brokerFile(folder(t), {
    port: ports.client,
    more: `
cluster {
  name = "cluster-us-east"
  links = [
    {
      name = "cluster-eu-west"
      server = "${server}"
      clientid = "clink-us-east"
      topics = ["#"]
    }
  ]
}
listeners {
  tcp.clink {
    bind = "127.0.0.1:${ports.link}"
  }
}
`,
  })
  const broker = causeway(t, ['start', '-c', file])
  await broker.ready()
  return { broker, client: ports.client }
}

async function server(t: TestContext, serve: (socket: Socket) => void) {
  let attempts = 0
  const sockets = new Set<Socket>()
  const listening = createServer((socket) => {
    attempts++
    sockets.add(socket)
    socket.on('error', () => {}) // what the broker does with the connection is its business
    socket.resume()
    serve(socket)
  })
  listening.listen(await freePort(), '127.0.0.1')
  await once(listening, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    listening.close()
  })
  const address = listening.address()
  assert.ok(address !== null && typeof address === 'object')
  return { port: address.port, attempts: () => attempts }
}

/** What the broker has been unhappy about, whatever it is called. */
function complaints(broker: Command) {
  return log(broker).filter(
    ({ level }) => level === 'warn' || level === 'error' || level === 'fatal',
  )
}

/** The route agent and the message pool each say the reason, once; both name the link. */
function assertSaidOnce(broker: Command, says: RegExp): void {
  const texts = complaints(broker).map(({ msg }) => String(msg))
  assert.ok(texts.length <= 2, texts.join('\n'))
  for (const text of texts) {
    assert.match(text, /^link cluster-eu-west: /)
    assert.match(text, says)
  }
}

/** An attempt a second of each connection would be impatient enough. */
function assertBackedOff(attempts: number): void {
  assert.ok(attempts > connections, `${attempts} attempts: it did not try again`)
  assert.ok(attempts <= connections * (severalAttemptsMs / 1_000 + 2), `${attempts} attempts`)
}

async function assertHealthy(broker: Command, port: number): Promise<void> {
  const subscriber = await TestClient.connect({ port })
  await subscriber.subscribe('healthy')
  const publisher = await TestClient.connect({ port })
  await publisher.publish({ topic: 'healthy', payload: 'yes', qos: 1 })
  assert.deepEqual(await subscriber.payloads(1), ['yes'])
  assert.deepEqual(await broker.stopped(), { code: 0, signal: null }, broker.stderr)
}
