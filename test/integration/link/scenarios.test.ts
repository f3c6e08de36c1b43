/**
 * The scenarios by which EMQX tests its own cluster linking, as far as they concern clusters of one node; numbers as in
 * test/conformance/link/scenarios.json, which says where the others are.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { eventually, freePort, Random, type TestClient } from '../harness/index.js'
import { Cluster, effective, Pair } from './cluster.js'
import { decodeTerm, plain } from './etf.js'
import { type FakeConnection, FakeEmqx } from './fake-emqx.js'

/** The messages a client has got once everything that was on its way is here. */
async function settled(from: Cluster, to: Cluster, client: TestClient): Promise<string[]> {
  await effective(from, to)
  await client.ping()
  return client.messages.takeAll().map(({ topic }) => topic)
}

describe('scenarios of forwarding', { concurrency: 2 }, () => {
  for (const [numbers, strategy, group, how] of [
    ['1 and 2', 'per_clientid', '', 'alone'],
    ['3', 'random', '', 'dispatched at random'],
    ['4', 'per_clientid', '$share/test-group/', 'in groups'],
  ] as const)
    test(`scenario ${numbers}: each subscriber gets one copy, whether it came before the link or after, ${how}`, async () => {
      const more = `pool_size = 2, resource_opts.dispatch_strategy = ${strategy}`
      const [source, target] = await Promise.all([
        Cluster.planned('source', { io: 1 }),
        Cluster.planned('target', { io: 1 }),
      ])
      source.links = [{ name: 'target', port: target.linkPort, topics: [], more }]
      target.links = [{ name: 'source', port: source.linkPort, more }]
      try {
        await target.start()
        const [one, two] = await Promise.all([target.client(), target.client()])
        await Promise.all([one.subscribe(`${group}t1/+`), two.subscribe(`${group}t1/#`)])
        await source.start()
        await Promise.all([target.online('source'), source.online('target')])
        await effective(source, target)
        const publisher = await source.client()
        await publisher.publish({ topic: 't1/42', qos: 1 })
        await Promise.all([one.subscribe(`${group}t2/#`), two.subscribe(`${group}t2/+/+`)])
        await effective(source, target)
        await publisher.publish({ topic: 't2/3/4', qos: 1 })
        for (const client of [one, two]) {
          const got = [(await client.message()).topic, (await client.message()).topic]
          assert.deepEqual(got.sort(), ['t1/42', 't2/3/4'])
          assert.deepEqual(await settled(source, target, client), [])
        }
      } finally {
        await Promise.all([source.remove(), target.remove()])
      }
    })

  test('scenario 5: what ten publishers send at once arrives in the order of each of their topics', async () => {
    const pair = await Pair.linked({ io: 1 })
    try {
      const subscriber = await pair.east.client()
      await subscriber.subscribe('t/#')
      await effective(pair.west, pair.east)
      const publishers = await Promise.all(Array.from({ length: 10 }, () => pair.west.client()))
      await Promise.all(
        publishers.map(async (publisher, at) => {
          for (let number = 0; number < 10; number++)
            await publisher.publish({ topic: `t/${at}`, qos: 1, payload: String(number) })
        }),
      )
      const got = new Map<string, string[]>()
      for (let count = 0; count < 100; count++) {
        const { topic, payload } = await subscriber.message()
        got.set(topic, [...(got.get(topic) ?? []), payload.toString()])
      }
      assert.equal(got.size, 10)
      for (const payloads of got.values())
        assert.deepEqual(
          payloads,
          Array.from({ length: 10 }, (_, number) => String(number)),
        )
    } finally {
      await pair.remove()
    }
  })
})

// Each waits for attempts that come after some seconds: all at once, each with a link of its own.
describe('scenarios of a far end that fails', { concurrency: 5 }, () => {
  let here: Cluster
  const fakes = new Map<string, FakeEmqx>()

  before(async () => {
    here = await Cluster.planned('here', { io: 1 })
    const links = []
    for (const name of ['10', '8', '9', '6', '12'].map((number) => `scenario-${number}`)) {
      const port = await freePort()
      if (name !== 'scenario-10') fakes.set(name, await FakeEmqx.listen(port))
      links.push({ name, port, topics: [`${name}/#`], more: 'pool_size = 1' })
    }
    fake('scenario-8').mood = 'refusing'
    fake('scenario-9').mood = 'silent'
    here.links = links
    await here.start()
    const client = await here.client({ clientId: 'early' })
    for (const { name } of links) await client.subscribe(`${name}/early`)
  })
  after(async () => {
    await here.remove()
    await Promise.all([...fakes.values()].map((emqx) => emqx.close()))
  })

  function fake(name: string): FakeEmqx {
    const found = fakes.get(name)
    if (found === undefined) throw new Error(`${name} does not listen`)
    return found
  }

  /** The log of that link has such an event. */
  function told(link: string, event: string, like: RegExp): Promise<void> {
    return eventually(
      `${event} ${like} of ${link}`,
      () =>
        here.broker.log.some(
          (line) => line.link === link && line.event === event && like.test(String(line.msg)),
        ),
      20_000,
    )
  }

  /** Until the early subscription has been announced on some connection. */
  async function bootstrapped(name: string): Promise<void> {
    const wanted = `${name}/early ${name}/early`
    for (;;) {
      const route = await fake(name).routeClients.take('route client', 20_000)
      const ops = await opsOf(route).catch((): string[] => [])
      if (ops.includes(wanted)) return
    }
  }

  test('scenario 10: a listener that is not there, then one that forbids SUBSCRIBE, are tolerated until it serves', async () => {
    const name = 'scenario-10'
    await told(name, 'cluster_link_routerepl_connection_failed', /cannot be reached/)
    const port = here.links.find((link) => link.name === name)?.port ?? 0
    const emqx = await FakeEmqx.listen(port)
    fakes.set(name, emqx)
    emqx.mood = 'forbidding'
    await told(name, 'cluster_link_routerepl_disconnected', /0x87/)
    emqx.mood = 'serving'
    await bootstrapped(name)
    await here.online(name)
  })

  test('scenario 8: a far end that fails at actor_init is left with its reason, and dialled again', async () => {
    const name = 'scenario-8'
    await told(name, 'cluster_link_routerepl_disconnected', /0x83/)
    fake(name).mood = 'serving'
    await bootstrapped(name)
  })

  test('scenario 9: a far end that swallows actor_init is given up after 7 s: two connections, then the bootstrap', async () => {
    const name = 'scenario-9'
    const first = await fake(name).routeClients.take('route client', 20_000)
    await told(name, 'cluster_link_routerepl_handshake_timeout', /did not answer actor_init/)
    fake(name).mood = 'serving'
    await first.closed
    await bootstrapped(name)
    assert.equal(fake(name).routeClients.length, 0)
  })

  test('scenario 6: the reason for which message connections are ended is told', async () => {
    const name = 'scenario-6'
    const client = await fake(name).messageClients.take('message client', 20_000)
    client.end(0x98)
    const event = 'cluster_link_forwarding_client_disconnected'
    await told(name, event, /0x98 administrative action/)
  })

  test('scenario 12: through an unstable connection what was told ends equal to what is wanted', async () => {
    const name = 'scenario-12'
    const random = new Random(12)
    const held = new Set([`${name}/early`])
    const workers = await Promise.all([1, 2, 3].map(() => here.client()))
    const told = new Set<string>()
    let isOver = false
    const listening = (async () => {
      while (!isOver) {
        const route = await fake(name).routeClients.take('route client', 20_000)
        // As EMQX keeps them: for as long as the incarnation is the same.
        for (;;) {
          const ops = await opsOf(route, 60_000).catch(() => null)
          if (ops === null) break
          for (const op of ops) {
            if (op.startsWith('-')) told.delete(op.slice(1))
            else told.add(op)
          }
        }
      }
    })()
    for (let step = 0; step < 120; step++) {
      const at = random.below(3)
      const filter = `${name}/${at}/${random.below(5)}`
      if (held.delete(filter)) await workers[at]?.unsubscribe(filter)
      else {
        held.add(filter)
        await workers[at]?.subscribe(filter)
      }
      if (step % 40 === 39) fake(name).dropAll()
    }
    const wanted = [...held].map((filter) => `${filter} ${filter}`).sort()
    await eventually('equal', () => [...told].sort().join() === wanted.join(), 20_000)
    isOver = true
    fake(name).dropAll()
    await listening
    await Promise.all(workers.map((worker) => worker.drop()))
  })
})

test('scenario 11: a peer that accepts and stalls does not hold up the end', async () => {
  const port = await freePort()
  const emqx = await FakeEmqx.listen(port)
  emqx.isStalled = true
  const here = await Cluster.planned('here', { io: 1 })
  here.links = [{ name: 'there', port, more: 'pool_size = 1' }]
  try {
    await here.start()
    await eventually('both clients have dialled', () => emqx.connections >= 2)
    const since = performance.now()
    await here.stop()
    // CONNACK would have 10 s.
    assert.ok(performance.now() - since < 5_000)
  } finally {
    await here.remove()
    await emqx.close()
  }
})

describe('scenarios of cutting', () => {
  const cuts: readonly {
    readonly number: number
    readonly topics: readonly string[]
    readonly routes: Readonly<Record<string, readonly string[]>>
  }[] = [
    { number: 13, topics: ['t/#'], routes: { 't/6': ['t/6'], 't/1': ['t/1'] } },
    {
      number: 14,
      topics: ['t/+/1/#', 't/z', 't/1/+'],
      routes: { 't/+': ['t/z'], 't/+/+': ['t/1/+', 't/+/1'] },
    },
    { number: 15, topics: ['t/1', 't/2', 't/3'], routes: { 't/+/#': ['t/1', 't/2', 't/3'] } },
    { number: 15, topics: ['t/+'], routes: { 't/+/#': ['t/+'] } },
    {
      number: 16,
      topics: ['t/1/+/3/#', 't/z', 't/1/2/+'],
      routes: { 't/+': ['t/z'], 't/+/2/3/#': ['t/1/2/3/#'] },
    },
  ]
  const peers: { emqx: FakeEmqx; route: FakeConnection }[] = []
  let here: Cluster
  before(async () => {
    here = await Cluster.planned('here', { io: 1 })
    const emqxes = await Promise.all(cuts.map(async () => FakeEmqx.listen(await freePort())))
    here.links = emqxes.map(({ port }, at) => ({
      name: `there-${at}`,
      port,
      topics: (cuts[at]?.topics ?? []).map((topic) => own(topic, at)),
      more: 'pool_size = 1',
    }))
    await here.start()
    for (const emqx of emqxes)
      peers.push({ emqx, route: await emqx.routeClients.take('route client', 10_000) })
    for (const at of cuts.keys()) await here.online(`there-${at}`)
  })
  after(async () => {
    await here.remove()
    await Promise.all(peers.map(({ emqx }) => emqx.close()))
  })

  for (const [at, { number, topics, routes }] of cuts.entries())
    test(`scenario ${number}: with topics ${topics.join(' ')} each filter is announced as its cuts, and withdrawn as such`, async () => {
      const route = peers[at]?.route
      assert.ok(route !== undefined)
      const client = await here.client()
      for (const [written, expected] of Object.entries(routes)) {
        const filter = own(written, at)
        const wanted = expected.map((cut) => `${own(cut, at)} ${filter}`).sort()
        await client.subscribe(filter)
        assert.deepEqual(await take(route, wanted.length), wanted)
        await client.unsubscribe(filter)
        assert.deepEqual(await take(route, wanted.length), wanted.map((op) => `-${op}`).sort())
      }
      await client.drop()
    })

  /** Each case has topics of its own, so that none hears of the others' filters. */
  function own(topic: string, at: number): string {
    return topic.replace(/^t\//, `t${at}/`)
  }

  async function take(route: FakeConnection, count: number): Promise<string[]> {
    const ops: string[] = []
    while (ops.length < count) ops.push(...(await opsOf(route)))
    return ops.sort()
  }
})

/** `filter id` for each route announced in the next batch, `-filter id` for each withdrawn. */
async function opsOf(route: FakeConnection, patienceMs = 10_000): Promise<string[]> {
  const packet = await route.publish(
    ({ qos, properties }) => qos > 0 && properties === undefined,
    patienceMs,
  )
  const term = plain(decodeTerm(Buffer.from(packet.payload)))
  // Cannot lie: a route message is a map with a list of tuples under 12.
  const ops = (term as { readonly 12: readonly (readonly string[])[] })[12]
  return ops.map((op) => (op.length === 2 ? `${op[0]} ${op[1]}` : `-${op[1]} ${op[2]}`))
}
