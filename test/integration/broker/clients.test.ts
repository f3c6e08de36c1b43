/** `causeway ctl clients`: connected clients and sessions that wait, as a person and a program see them. docs/operating/control.md */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { ClientReport, ClientsPage } from '../../../src/management/index.js'
import {
  askControl,
  type BrokerProcess,
  configurationFile,
  ctl,
  eventually,
  startBroker,
  TestClient,
} from '../harness/index.js'

let broker: BrokerProcess
let directory: string
let file: string

before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'causeway-clients-'))
  file = configurationFile(directory)
  broker = await startBroker({ directory, config: 'node.name = "here@test"' })
})
after(async () => {
  await broker.stop()
  rmSync(directory, { recursive: true })
})

const page = async (limit: number, cursor: string | null): Promise<ClientsPage> =>
  // Cannot lie: the broker under test is of this source; what is looked at is asserted.
  (await askControl(join(directory, 'data'), { command: 'clients', limit, cursor })) as ClientsPage

/** Through the control socket, in pages of `limit`. */
async function everybody(limit = 1_000): Promise<ClientReport[]> {
  const all: ClientReport[] = []
  for (let cursor: string | null = null, more = true; more; ) {
    const { clients, next }: ClientsPage = await page(limit, cursor)
    all.push(...clients)
    cursor = next
    more = next !== null
  }
  return all
}

/** Its row, once there is one that is connected, or is not: control hears of both after the client does. */
async function seen(clientId: string, connected: boolean): Promise<ClientReport> {
  let found: ClientReport | undefined
  await eventually(`${clientId} is listed${connected ? '' : ' without a connection'}`, async () => {
    found = (await everybody()).find(({ clientid }) => clientid === clientId)
    return found?.connected === connected
  })
  return found ?? assert.fail('not there')
}

const gone = (clientId: string) =>
  eventually(`${clientId} is listed no more`, async () =>
    (await everybody()).every(({ clientid }) => clientid !== clientId),
  )

test('a client is listed while it is connected, with what it said of itself', async () => {
  const client = await TestClient.connect({
    ...{ port: broker.port, clientId: 'here', username: 'u\u001b[2J', version: 5 },
    ...{ keepAliveSeconds: 77, properties: { sessionExpiryInterval: 0 } },
  })
  await client.subscribe('clients/a')
  await client.subscribe('clients/b')
  const { connected_at, ip_address, port, ...said } = await seen('here', true)
  assert.deepEqual(said, {
    clientid: 'here',
    username: 'u\u001b[2J',
    connected: true,
    node: 'here@test',
    proto_name: 'MQTT',
    proto_ver: 5,
    clean_start: true,
    is_bridge: false,
    keepalive: 77,
    expiry_interval: 0,
    disconnected_at: null,
    listener: 'tcp:default',
    mountpoint: null,
    subscriptions_cnt: 2,
  })
  assert.equal(ip_address, '127.0.0.1')
  assert.ok(port !== null && port > 0)
  assert.ok(Math.abs(Date.parse(connected_at) - Date.now()) < 600_000)

  const table = await ctl('clients', '-c', file)
  assert.equal(table.exitCode, 0, table.stderr)
  assert.match(table.stdout, /^CLIENTID +USERNAME +STATE +MQTT +ADDRESS +SUBS +SINCE$/m)
  assert.match(table.stdout, /^here +u\\u\{1b\}\[2J +connected +5\.0 +127\.0\.0\.1 +2 +\d\d-\d\d /m)
  const one = await ctl('clients', 'here', '-c', file)
  assert.match(one.stdout, /^keep-alive +77 s$/m)
  assert.match(one.stdout, /^session expiry +0 s$/m)
  const json: unknown = JSON.parse((await ctl('clients', 'here', '--json', '-c', file)).stdout)
  assert.deepEqual(json, { ...said, connected_at, ip_address, port })
  await client.disconnect()
  await gone('here')
})

test('a session that waits is listed without a connection, and keeps what the last one said', async () => {
  const options = { port: broker.port, clientId: 'away', username: 'u', clean: false } as const
  const properties = { sessionExpiryInterval: 3_600 }
  const first = await TestClient.connect({ ...options, version: 5, properties })
  await first.subscribe('clients/away')
  const before = await seen('away', true)
  await first.drop()
  const away = await seen('away', false)
  const { disconnected_at } = away
  assert.ok(disconnected_at !== null && disconnected_at >= before.connected_at)
  assert.deepEqual(away, { ...before, connected: false, disconnected_at })
  assert.equal(away.expiry_interval, 3_600)
  assert.equal(away.subscriptions_cnt, 1)
  assert.match((await ctl('clients', '-c', file)).stdout, /^away +u +waiting +5\.0 .* 1 +\d/m)
  assert.match((await ctl('clients', 'away', '-c', file)).stdout, /^state +its session waits/m)

  const second = await TestClient.connect({ ...options, version: 4 }) // comes back as another one
  const back = await seen('away', true)
  assert.deepEqual([back.connected, back.disconnected_at, back.proto_ver], [true, null, 4])
  assert.equal(back.subscriptions_cnt, 1)
  await second.disconnect()
  const last = await TestClient.connect({ ...options, clean: true })
  await last.disconnect()
  await gone('away')
})

test('many are listed in pages, each of them once, while others come and go', async () => {
  const staying = Array.from({ length: 30 }, (_, at) => `stays-${at}`)
  const stay = await Promise.all(
    staying.map((clientId) => TestClient.connect({ port: broker.port, clientId })),
  )
  for (const clientId of staying) await seen(clientId, true)
  const passing = async () => {
    const client = await TestClient.connect({ port: broker.port, clientId: 'passes' })
    await client.disconnect()
  }
  const names: string[] = []
  for (let cursor: string | null = null, more = true; more; await passing()) {
    const { clients, next }: ClientsPage = await page(4, cursor)
    assert.ok(clients.length <= 4)
    names.push(...clients.map(({ clientid }) => clientid))
    cursor = next
    more = next !== null
  }
  assert.equal(new Set(names).size, names.length)
  const found = names.filter((name) => name.startsWith('stays-'))
  assert.deepEqual(found.sort(), [...staying].sort())

  const all = await ctl('clients', '--json', '-c', file)
  // Cannot lie: parsed to be compared.
  const listed = JSON.parse(all.stdout) as readonly ClientReport[]
  assert.equal(listed.filter(({ clientid }) => clientid.startsWith('stays-')).length, 30)
  const part = await ctl('clients', '--limit', '5', '-c', file)
  assert.equal(part.stdout.trimEnd().split('\n').length, 6)
  const cursor = /^more with --cursor (\S+)\n$/.exec(part.stderr)?.[1] ?? ''
  const rest = await ctl('clients', '--limit', '1000', '--cursor', cursor, '--json', '-c', file)
  // Cannot lie: parsed to be compared.
  const { clients, next } = JSON.parse(rest.stdout) as ClientsPage
  assert.equal(next, null)
  const both = new Set([
    ...part.stdout.split('\n').map((line) => line.split(' ')[0]),
    ...clients.map(({ clientid }) => clientid),
  ])
  for (const name of staying) assert.ok(both.has(name), name)
  await Promise.all(stay.map((client) => client.disconnect()))
  for (const name of staying) await gone(name)
})

test('nobody there; who is not there; what is no cursor and no limit', async () => {
  await eventually('nobody is left', async () => (await everybody()).length === 0)
  const none = await ctl('clients', '-c', file)
  assert.equal(none.stdout, 'no client is connected, and no session waits\n')
  assert.equal((await ctl('clients', '--json', '-c', file)).stdout, '[]\n')
  const refused: readonly (readonly [args: string, sentence: RegExp])[] = [
    ['nobody', /^there is no client "nobody": it is not connected, and no session waits for it\n$/],
    ['--cursor here', /^this cursor is none that the broker has given since its start: begin/],
    ['--limit 0', /A whole number from 1 to 1000 is expected/],
    ['--limit 1001', /A whole number from 1 to 1000 is expected/],
    ['--limit ten', /A whole number from 1 to 1000 is expected/],
    ['nobody --limit 5', /--limit and --cursor belong to a listing/],
  ]
  for (const [args, sentence] of refused) {
    const answer = await ctl('clients', ...args.split(' '), '-c', file)
    assert.equal(answer.exitCode, 1, args)
    assert.equal(answer.stdout, '')
    assert.match(answer.stderr, sentence)
  }
  const nowhere = await ctl('clients', '--data-dir', join(directory, 'nowhere'))
  assert.equal(nowhere.exitCode, 2)
})
