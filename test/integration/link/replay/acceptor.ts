/**
 * EMQX as the side that is dialled, for one play: a broker takes the dialling cluster's place. What EMQX's clients did there is
 * done here, and what the broker then says is compared with what EMQX said. Our choices differ in three places (cluster-link.md):
 * Clean Start 1 as EMQX 5.9 and later, a bootstrap on every connection, carriers of at most QoS 1.
 */
import assert from 'node:assert/strict'
import mqttPacket, { type IPublishPacket, type Packet } from 'mqtt-packet'
import { eventually, freePort, type TestClient, type Version } from '../../harness/index.js'
import { bytesOf, type CapturedPacket, payloadOf } from '../capture.js'
import { Cluster, type LinkTo } from '../cluster.js'
import { EmqxRouteClient } from '../emqx-client.js'
import { atomsIn, decodeTerm, plain, type Term } from '../etf.js'
import { type FakeConnection, FakeEmqx } from '../fake-emqx.js'
import { elementsOf, wanted } from '../message-terms.js'
import type { Play, Scenario } from './recording.js'

type Plain = Record<string, unknown>

const settleMs = 15_000

export class Acceptor {
  /** Every atom that the broker wrote. */
  readonly atoms = new Set<string>()
  readonly #play: Play
  readonly #emqx: FakeEmqx
  readonly #broker: Cluster
  #setting = ''
  #subscriber: TestClient | null = null
  #peer: EmqxRouteClient | null = null
  #route: FakeConnection | null = null
  /** `filter id` of what clients here want, by the recorded operations; and what we were told of it. */
  readonly #wanted = new Set<string>()
  #told = new Set<string>()
  #incarnation = 0n

  private constructor(play: Play, emqx: FakeEmqx, broker: Cluster) {
    this.#play = play
    this.#emqx = emqx
    this.#broker = broker
  }

  static async prepared(play: Play): Promise<Acceptor> {
    const node = play.dialler === 'emqx-a' ? 'emqx41@127.0.0.1' : 'emqx42@127.0.0.1'
    const broker = await Cluster.planned(play.dialler, {
      clientId: `link-${play.dialler}`,
      config: `node.name = "${node}"`,
    })
    return new Acceptor(play, await FakeEmqx.listen(await freePort()), broker)
  }

  async end(): Promise<void> {
    await this.#broker.remove()
    await this.#emqx.close()
  }

  /** @param link what differs of the broker's link with the acceptor in this scenario */
  async perform({ name, lines }: Scenario, link: Partial<LinkTo>): Promise<void> {
    const rows = lines.flatMap((line) => (line.kind === 'packet' ? [line.row] : []))
    const own = rows.filter(({ direction }) => direction.startsWith(this.#play.dialler))
    // Durable sessions have no actor of their own here: their routes are the node's.
    const routes = own.filter(
      ({ clientId, packetType }) => /:routesync:/.test(clientId) && packetType === 'PUBLISH',
    )
    await this.#set(link)
    const init = routes.find((row) => 'responseTopic' in row.properties)
    if (init !== undefined) await this.#reconnect(init, own, rows)
    for (const row of routes) await this.#want(opsOf(payloadOf(row)))
    if (this.#route !== null) await this.#settle()
    // One of the two is enough to wait for.
    if (name === '05-heartbeat' && this.#play.dialler === 'emqx-a') await this.#heartbeat()
    for (const row of own) {
      const elements = /:msg:/.test(row.clientId) ? elementsOf(payloadOf(row)) : null
      if (elements !== null) await this.#forward(elements)
    }
  }

  // --------------------------------------------------------------------------------------------- the broker

  async #set(link: Partial<LinkTo>): Promise<void> {
    const setting = JSON.stringify(link)
    if (setting === this.#setting) return
    this.#setting = setting
    await this.#broker.stop()
    const { acceptor } = this.#play
    const more = `pool_size = 2 ${link.more ?? ''}`
    this.#broker.links = [{ name: acceptor, port: this.#emqx.port, ...link, more }]
    this.#wanted.clear()
    await this.#broker.start()
    this.#subscriber = await this.#broker.client({ clientId: 'subscriber' })
    this.#route = await this.#accept()
    const name = link.name ?? acceptor
    this.#peer = await EmqxRouteClient.connect(this.#broker, name, {
      name: 'peer@127.0.0.1',
      incarnation: BigInt(Date.now()),
    })
    await this.#peer.init(this.#play.dialler)
    await this.#peer.routes([{ add: '#' }])
  }

  async #accept(): Promise<FakeConnection> {
    const route = await this.#emqx.routeClients.take('route client', settleMs)
    this.#told = new Set()
    return route
  }

  /** The connection breaks and comes again, introduced as EMQX was; answered with what EMQX was answered. */
  async #reconnect(
    init: CapturedPacket,
    own: readonly CapturedPacket[],
    rows: readonly CapturedPacket[],
  ): Promise<void> {
    const answer = rows.find(
      ({ conn, topic, direction }) =>
        conn === init.conn &&
        topic?.startsWith('$LINK/cluster/resp/') === true &&
        direction.startsWith(this.#play.acceptor),
    )
    const payload = answer === undefined ? null : payloadOf(answer)
    const error = payload === null ? null : errorOf(payload)
    this.#emqx.answer = payload
    this.#route?.drop()
    const route = await this.#accept()
    this.#route = route
    for (const row of own.filter(({ conn }) => conn === init.conn))
      if (row.packetType === 'CONNECT') this.#compareConnect(route, row)
    const subscribe = await route.said.take('SUBSCRIBE', settleMs)
    for (const row of own.filter(({ conn }) => conn === init.conn))
      if (row.packetType === 'SUBSCRIBE') compareSubscribe(subscribe, row)
    this.#compareInit(await route.publish(), init)
    if (error === null) return
    this.#emqx.answer = null
    const { log } = this.#broker.broker
    await eventually(`the log says ${error}`, () =>
      log.some(
        ({ event, msg }) =>
          event === 'cluster_link_routerepl_handshake_rejected' && String(msg).includes(error),
      ),
    )
    await route.closed
    this.#route = await this.#accept()
  }

  #compareConnect({ connect }: FakeConnection, row: CapturedPacket): void {
    const theirs = decode(row)
    assert.ok(theirs.cmd === 'connect')
    assert.deepEqual(
      [connect.clientId, connect.keepalive, connect.username, connect.password?.toString()],
      [theirs.clientId, theirs.keepalive, theirs.username, theirs.password?.toString()],
    )
    assert.deepEqual(
      [connect.clean, connect.properties, connect.will],
      [true, undefined, undefined],
    )
  }

  #compareInit(ours: IPublishPacket, row: CapturedPacket): void {
    const theirs = decode(row)
    assert.ok(theirs.cmd === 'publish')
    assert.deepEqual([ours.topic, ours.qos, ours.retain], [theirs.topic, theirs.qos, theirs.retain])
    assert.deepEqual(
      Object.keys(ours.properties ?? {}).sort(),
      Object.keys(theirs.properties ?? {}).sort(),
    )
    assert.equal(ours.properties?.responseTopic, theirs.properties?.responseTopic)
    assert.match(String(ours.properties?.correlationData), /^[0-9a-f]{16}$/)
    // 1000 is how Causeways know each other; EMQX ignores it.
    const { 11: incarnation, 1000: _, ...rest } = this.#read(Buffer.from(ours.payload))
    const { 11: recorded, ...expected } = plain(decodeTerm(payloadOf(row))) as Plain // a map
    assert.deepEqual(rest, { ...expected, 13: this.#broker.links[0]?.name })
    assert.equal(typeof incarnation, typeof recorded)
    this.#incarnation = BigInt(String(incarnation))
  }

  // --------------------------------------------------------------------------------------------- the routes

  /** What clients must do for the broker to say that. */
  async #want(ops: readonly Op[]): Promise<void> {
    const subscriber = this.#subscriber
    if (subscriber === null) throw new Error('nothing was started')
    for (const { adds, filter, id } of ops) {
      const text = `${filter} ${id}`
      if (adds === this.#wanted.has(text)) continue
      if (adds) {
        this.#wanted.add(text)
        await subscriber.subscribe({ topic: subscriptionOf(id), qos: 0 })
      } else {
        this.#wanted.delete(text)
        await subscriber.unsubscribe(subscriptionOf(id))
      }
    }
  }

  async #settle(): Promise<void> {
    const route = this.#route
    if (route === null) return
    const isEqual = () =>
      this.#told.size === this.#wanted.size && [...this.#told].every((op) => this.#wanted.has(op))
    while (!isEqual()) {
      const packet: IPublishPacket = await route.publish().catch((error: unknown) => {
        assert.deepEqual([...this.#told].sort(), [...this.#wanted].sort(), String(error))
        throw error
      })
      assert.deepEqual(
        [packet.topic, packet.retain],
        [`$LINK/cluster/route/${this.#play.dialler}`, false],
      )
      if (packet.properties !== undefined) continue // an introduction
      const payload = Buffer.from(packet.payload)
      const { 10: actor, 11: incarnation, "'$op'": op } = this.#read(payload)
      const node = this.#play.dialler === 'emqx-a' ? 'emqx41@127.0.0.1' : 'emqx42@127.0.0.1'
      assert.deepEqual([actor, op], [node, 'route'])
      assert.ok(BigInt(String(incarnation)) >= this.#incarnation)
      for (const { adds, filter, id } of opsOf(payload)) {
        if (adds) this.#told.add(`${filter} ${id}`)
        else this.#told.delete(`${filter} ${id}`)
      }
    }
  }

  async #heartbeat(): Promise<void> {
    const heartbeat = await this.#route?.publish(({ qos }) => qos === 0)
    const { "'$op'": op } = this.#read(Buffer.from(heartbeat?.payload ?? ''))
    assert.equal(op, 'heartbeat')
  }

  // ------------------------------------------------------------------------------------------- the messages

  /** Published here as its term says it was published there, it must leave as that term. */
  async #forward(elements: readonly Term[]): Promise<void> {
    const [, , , from, flags, headers, , payload] = elements
    if (!Buffer.isBuffer(from) || !Buffer.isBuffer(payload)) return // by EMQX's REST interface
    const theirs = plain(headers ?? new Map()) as Plain // field 6 is a map
    const { topic, qos, retain, properties } = wanted(elements)
    const { "'username'": username } = theirs
    const client = await this.#broker.client({
      clientId: from.toString(),
      version: Number(theirs["'proto_ver'"] ?? 5) as Version, // 3, 4 or 5
      ...(typeof username === 'string' && !username.startsWith("'") ? { username } : {}),
    })
    await client.publish({
      topic: String(topic),
      payload,
      qos: qos as 0 | 1 | 2, // field 3
      retain,
      ...(client.version === 5 ? { properties: mqttProperties(properties) } : {}),
    })
    const carrier = await this.#emqx.forwarded.take(`the carrier of ${topic}`, settleMs)
    assert.deepEqual(
      [carrier.topic, carrier.qos, carrier.retain, carrier.properties],
      [`$LINK/cluster/msg/${this.#play.dialler}`, Math.min(qos, 1), false, undefined],
    )
    const term = decodeTerm(Buffer.from(carrier.payload))
    for (const atom of atomsIn(term)) this.atoms.add(atom)
    const ours = elementsOf(Buffer.from(carrier.payload))
    assert.ok(ours !== null && Buffer.isBuffer(ours[1]) && ours[1].length === 16)
    assert.deepEqual(wanted(ours), wanted(elements))
    assert.deepEqual(plain(ours[3] ?? ''), from.toString())
    const unset = { "'dup'": "'false'", "'retain'": "'false'" }
    assert.deepEqual(plain(ours[4] ?? ''), { ...unset, ...(plain(flags ?? new Map()) as Plain) })
    const known = plain(ours[5] ?? new Map()) as Plain // field 6 is a map
    for (const name of ["'username'", "'proto_ver'", "'protocol'", "'peerhost'"])
      if (name in theirs && name in known) assert.deepEqual(known[name], theirs[name], name)
    assert.ok(Math.abs(Number(ours[8]) - Date.now()) < 60_000)
    assert.deepEqual(plain(ours[9] ?? ''), {})
    await client.drop()
  }

  /** A map that the broker wrote. */
  #read(payload: Buffer): Plain {
    const term = decodeTerm(payload)
    for (const atom of atomsIn(term)) this.atoms.add(atom)
    return plain(term) as Plain // everything on the route channel is a map
  }
}

interface Op {
  readonly adds: boolean
  readonly filter: string
  readonly id: string
}

function opsOf(payload: Buffer): Op[] {
  const { 12: ops } = plain(decodeTerm(payload)) as { readonly 12?: readonly unknown[][] } // a map
  return (ops ?? []).map((op) => ({
    adds: op.length === 2,
    filter: String(op.at(-2)),
    id: String(op.at(-1)),
  }))
}

/** The SUBSCRIBE behind a route id. */
function subscriptionOf(id: string): string {
  if (id.startsWith('$s/$queue/')) return id.slice('$s/'.length)
  return id.startsWith('$s/') ? `$share/${id.slice('$s/'.length)}` : id
}

function errorOf(payload: Buffer): string | null {
  const { 15: result } = plain(decodeTerm(payload)) as Plain // a map
  return Array.isArray(result) ? String(result[1]) : null
}

function compareSubscribe(ours: Packet, row: CapturedPacket): void {
  const theirs = decode(row)
  assert.ok(ours.cmd === 'subscribe' && theirs.cmd === 'subscribe')
  assert.deepEqual([ours.subscriptions, ours.properties], [theirs.subscriptions, theirs.properties])
}

function decode(row: CapturedPacket): Packet {
  let found: Packet | null = null
  const parser = mqttPacket.parser({ protocolVersion: 5 })
  parser.on('packet', (packet) => {
    found = packet
  })
  parser.parse(bytesOf(row))
  if (found === null) throw new Error(`${row.packetHex} is no packet`)
  return found
}

function mqttProperties(properties: Plain): NonNullable<IPublishPacket['properties']> {
  const userProperties: Record<string, string[]> = {}
  for (const [name, value] of (properties['User-Property'] ?? []) as [string, string][])
    userProperties[name] = [...(userProperties[name] ?? []), value]
  const text = (name: string) => properties[name] as string | undefined // binaries, by EMQX's types
  const number = (name: string) => properties[name] as bigint | undefined // integers
  const [indicator, expiry] = [
    number('Payload-Format-Indicator'),
    number('Message-Expiry-Interval'),
  ]
  const [contentType, responseTopic] = [text('Content-Type'), text('Response-Topic')]
  const correlation = text('Correlation-Data')
  return {
    ...(indicator === undefined ? {} : { payloadFormatIndicator: indicator === 1n }),
    ...(expiry === undefined ? {} : { messageExpiryInterval: Number(expiry) }),
    ...(contentType === undefined ? {} : { contentType }),
    ...(responseTopic === undefined ? {} : { responseTopic }),
    ...(correlation === undefined ? {} : { correlationData: Buffer.from(correlation) }),
    ...(Object.keys(userProperties).length === 0 ? {} : { userProperties }),
  }
}
