/** Listing clients in pages while they come and go, and what is no cursor. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { controlLimits, managementLimits } from '../../../src/limits.js'
import {
  ClientPages,
  type ClientReport,
  type ClientsPage,
  clientReport,
} from '../../../src/management/index.js'
import { type ClientRoll, type ClientView, Roll } from '../../../src/session/index.js'
import { Slicer } from '../../../src/slices.js'

const connection: ClientView['connection'] = {
  username: null,
  version: 5,
  bridge: false,
  cleanStart: true,
  keepAliveSeconds: 60,
  expiryMs: 0,
  peer: '10.0.0.1:50000',
  listener: 'tcp:default',
  mountpoint: '',
  connectedAtMs: 1_700_000_000_000,
  disconnectedAtMs: null,
}

/** Clients by name; those whose name begins with `?` have not been let in yet. */
class Clients implements ClientRoll {
  readonly #roll = new Roll<ClientView>()
  readonly present = new Map<string, ClientView>()
  /** The most that was asked for at once. */
  largestStep = 0

  get newest(): number {
    return this.#roll.newest
  }

  come(clientId: string): void {
    if (this.present.has(clientId)) return
    const serial = this.#roll.next()
    const client = { serial, clientId, connected: true, subscriptions: 0, connection }
    this.#roll.add(client)
    this.present.set(clientId, client)
  }

  go(clientId: string): void {
    const client = this.present.get(clientId)
    if (client === undefined) return
    this.#roll.remove(client)
    this.present.delete(clientId)
  }

  after(serial: number, count: number): ReturnType<ClientRoll['after']> {
    this.largestStep = Math.max(this.largestStep, count)
    const next = this.#roll.after(serial, count)
    const clients = next.filter(({ clientId }) => !clientId.startsWith('?'))
    return { clients, reached: next.length < count ? null : (next.at(-1)?.serial ?? null) }
  }

  view(clientId: string): ClientView | null {
    return this.present.get(clientId) ?? null
  }
}

/** @param between runs between two steps of a page */
function pagesOf(clients: Clients, between: () => void = () => {}): ClientPages {
  const inSlices = async (_: string, job: Iterator<void>) => {
    while (job.next().done !== true) between()
  }
  return new ClientPages({ clients, inSlices, node: 'n@h', start: 'abc123' })
}

async function page(
  pages: ClientPages,
  limit: number,
  cursor: string | null,
): Promise<ClientsPage> {
  return JSON.parse((await pages.page({ limit, cursor })).text)
}

async function listing(pages: ClientPages, limit: number, between: () => void = () => {}) {
  const names: string[] = []
  const sizes: number[] = []
  for (let cursor: string | null = null, more = true; more; between()) {
    const { clients, next }: ClientsPage = await page(pages, limit, cursor)
    names.push(...clients.map(({ clientid }: ClientReport) => clientid))
    sizes.push(clients.length)
    cursor = next
    more = next !== null
  }
  return { names, sizes }
}

describe('a listing', () => {
  test('is all of them, in pages of the limit, in the order in which they came', async () => {
    const clients = new Clients()
    const names = Array.from({ length: 250 }, (_, at) => `c${at}`)
    for (const name of names) clients.come(name)
    assert.deepEqual(await listing(pagesOf(clients), 100), { names, sizes: [100, 100, 50] })
    assert.deepEqual((await listing(pagesOf(clients), 125)).sizes, [125, 125])
    assert.deepEqual((await listing(pagesOf(clients), 1_000)).names, names)
    assert.deepEqual(await listing(pagesOf(new Clients()), 10), { names: [], sizes: [0] })
    assert.ok(clients.largestStep <= managementLimits.clientsPerStep)
  })

  test('has everybody who stays once, nobody twice, and ends, whoever comes and goes', async () => {
    const name = fc.integer({ min: 0, max: 300 }).map((n) => (n % 7 === 0 ? `?${n}` : `c${n}`))
    const change = fc.record({ come: fc.array(name), go: fc.array(name) })
    const changes = fc.array(change, { minLength: 1, maxLength: 20 })
    const limits = fc.integer({ min: 1, max: 120 })
    await fc.assert(
      fc.asyncProperty(changes, limits, fc.uniqueArray(name), async (turns, limit, first) => {
        const clients = new Clients()
        for (const one of first) clients.come(one)
        const before = [...clients.present.keys()]
        const gone = new Set<string>()
        let turn = 0
        const churn = () => {
          const { come, go } = turns[turn++ % turns.length] ?? { come: [], go: [] }
          for (const one of go) {
            clients.go(one)
            gone.add(one)
          }
          for (const one of come) clients.come(one)
        }
        const { names, sizes } = await listing(pagesOf(clients, churn), limit, churn)
        assert.equal(new Set(names).size, names.length, 'listed twice')
        const stayed = before.filter((one) => !gone.has(one) && !one.startsWith('?'))
        assert.deepEqual(
          names.filter((one) => !gone.has(one)),
          stayed,
        )
        assert.ok(sizes.every((size) => size <= limit))
        assert.ok(names.every((one) => before.includes(one)))
      }),
      { numRuns: 100 },
    )
  })

  test('has fewer on a page when their names are long, and still all of them', async () => {
    const clients = new Clients()
    const names = Array.from({ length: 40 }, (_, at) => String(at).padEnd(60_000, 'x'))
    for (const one of names) clients.come(one)
    const found = await listing(pagesOf(clients), 40)
    assert.deepEqual(found.names, names)
    const perPage = Math.ceil(managementLimits.clientsPageChars / 60_000)
    assert.ok(found.sizes.every((size) => size <= perPage))
  })

  test('of 100,000 lets the event loop come by every slice', async () => {
    const clients = new Clients()
    for (let at = 0; at < 100_000; at++) clients.come(`client-${at}`)
    let nowMs = 0 // each look at the clock is a millisecond later than the last
    let slices = 0
    const slicer = new Slicer({
      clock: { monotonicMs: () => nowMs++, wallMs: () => 0 },
      defer: (run) => {
        slices++
        setImmediate(run)
      },
      onFailure: ({ error }) => {
        throw error
      },
    })
    const inSlices = (name: string, job: Iterator<void>) => slicer.run(name, job)
    const pages = new ClientPages({ clients, inSlices, node: 'n@h', start: 'abc123' })
    const { names, sizes } = await listing(pages, managementLimits.clientsPerPage)
    assert.equal(names.length, 100_000)
    assert.equal(sizes.length, 100_000 / managementLimits.clientsPerPage)
    const steps = managementLimits.clientsPerPage / managementLimits.clientsPerStep
    assert.ok(slices >= (sizes.length * steps) / (controlLimits.sliceMs + 1), `${slices}`)
    assert.ok(clients.largestStep <= managementLimits.clientsPerStep)
  })
})

test('what is no cursor of this start is refused', async () => {
  const clients = new Clients()
  for (const one of ['a', 'b', 'c']) clients.come(one)
  const pages = pagesOf(clients)
  const { next } = await page(pages, 1, null)
  assert.equal((await page(pages, 1, next)).clients[0]?.clientid, 'b')
  const bad = [
    '',
    'x',
    'abc123',
    'abc123-1',
    'abc123-0-3',
    'abc123-3-3',
    'abc123-2-1',
    'abc123-1-4',
    'abc123-1-zzzzzzzzzzzz',
    'abc123--1-3',
    'abc123-1.5-3',
    'another-1-3',
    `${next} `,
    `${next}\n`,
  ]
  for (const cursor of bad)
    await assert.rejects(page(pages, 1, cursor), { code: 'CTL_CURSOR_INVALID' }, cursor)
})

test('one client, and one that is not there', () => {
  const clients = new Clients()
  clients.come('a"b')
  assert.equal(pagesOf(clients).one('a"b').clientid, 'a"b')
  assert.throws(() => pagesOf(clients).one('c"d'), {
    code: 'CLIENT_UNKNOWN',
    message: 'there is no client "c\\"d": it is not connected, and no session waits for it',
  })
})

describe('what is said of a client', () => {
  const view = (more: Partial<ClientView['connection']>): ClientView => ({
    ...{ serial: 1, clientId: 'c', connected: true, subscriptions: 2 },
    connection: { ...connection, ...more },
  })
  test('has the names that EMQX gives it', () => {
    assert.deepEqual(clientReport(view({ username: 'u', mountpoint: 'm/' }), 'n@h'), {
      clientid: 'c',
      username: 'u',
      connected: true,
      node: 'n@h',
      proto_name: 'MQTT',
      proto_ver: 5,
      clean_start: true,
      is_bridge: false,
      keepalive: 60,
      expiry_interval: 0,
      connected_at: '2023-11-14T22:13:20.000Z',
      disconnected_at: null,
      ip_address: '10.0.0.1',
      port: 50_000,
      listener: 'tcp:default',
      mountpoint: 'm/',
      subscriptions_cnt: 2,
    })
  })
  test('addresses of both families and of Unix sockets; 3.1; for ever', () => {
    const rows: readonly (readonly [peer: string, address: string, port: number | null])[] = [
      ['[2001:db8::1]:1883', '2001:db8::1', 1883],
      ['unix:4711/1000', 'unix:4711/1000', null],
      ['unix:', 'unix:', null],
      ['unix:/a:7', 'unix:/a:7', null],
    ]
    for (const [peer, address, port] of rows) {
      const report = clientReport(view({ peer }), 'n@h')
      assert.deepEqual([report.ip_address, report.port], [address, port])
    }
    const old = clientReport(view({ version: 3, expiryMs: Number.POSITIVE_INFINITY }), 'n@h')
    assert.deepEqual([old.proto_name, old.proto_ver], ['MQIsdp', 3])
    assert.equal(old.expiry_interval, 4_294_967_295)
  })
})
