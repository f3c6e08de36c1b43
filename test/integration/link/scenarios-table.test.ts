/**
 * Scenarios 17, 18 and 20 of EMQX's suites: what several actors of one cluster announce, and what is held of it then. The actors are
 * EMQX route clients; the table is read as an operator reads it.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { eventually, Random, seed } from '../harness/index.js'
import { Cluster } from './cluster.js'
import { EmqxRouteClient } from './emqx-client.js'
import { Atom, decodeTerm, plain, Tuple } from './etf.js'
import { key, operation, routeTerm } from './route-terms.js'

const noMatchingSubscribers = 0x10
const implementationError = 0x83
const far = 'far'
let connections = 0

describe('what the actors of a linked cluster announce', { concurrency: 4 }, () => {
  let here: Cluster
  before(async () => {
    here = await Cluster.planned('here')
    // Nobody listens at that port: in this suite only actors dial.
    const names = [far, 'many', 'reborn', 'busy']
    here.links = names.map((name) => ({ name, port: 1, more: 'pool_size = 1' }))
    await here.start()
  })
  after(() => here.remove())

  /** A node of that cluster, introduced. */
  async function node(
    cluster: string,
    name: string,
    incarnation: bigint,
  ): Promise<{ readonly client: EmqxRouteClient; readonly needsBootstrap: unknown }> {
    const suffix = `${++connections}`
    const client = await EmqxRouteClient.connect(here, cluster, { name, incarnation }, suffix)
    // Cannot lie: an answer to actor_init is a map.
    const answer = plain(decodeTerm(await client.init('here'))) as Record<string, unknown>
    return { client, needsBootstrap: answer[16] }
  }

  function holds(cluster: string, routes: readonly string[]): Promise<void> {
    const wanted = [...routes].sort()
    return eventually(
      `${cluster}: ${wanted.join(', ')}`,
      async () => (await here.routes(cluster)).join() === wanted.join(),
      20_000,
    )
  }

  test('scenario 17: three actors, repeated introductions and adds, two ids on one filter, deletes in between', async () => {
    const [one, two, three] = await Promise.all(
      ['n1', 'n2', 'n3'].map((name) => node(far, name, 1n)),
    )
    assert.ok(one !== undefined && two !== undefined && three !== undefined)
    for (const { needsBootstrap } of [one, two, three]) assert.equal(needsBootstrap, "'true'")
    const again = await node(far, 'n1', 1n)
    assert.equal(again.needsBootstrap, "'false'", 'not new')
    await one.client.client.drop()

    for (const { client } of [again, two, three])
      for (let times = 0; times < 2; times++) await client.routes([{ add: 't/#' }])
    await two.client.routes([{ add: 't/#', id: '$s/g/t/#' }])
    await three.client.routes([{ add: 'u/+' }, { add: 'u/+', id: 'u/1/#' }])
    assert.deepEqual(await here.routes(far), [
      't/# $s/g/t/# n2',
      't/# t/# n1',
      't/# t/# n2',
      't/# t/# n3',
      'u/+ u/+ n3',
      'u/+ u/1/# n3',
    ])

    // However many hold a filter, a message crosses once.
    const publisher = await here.client()
    const matched = async () => (await here.report(far)).counters.matched ?? 0
    const before = await matched()
    await publisher.publish({ topic: 't/1', qos: 1 })
    await publisher.publish({ topic: 'u/1', qos: 1 })
    await publisher.publish({ topic: 'v/1', qos: 1 })
    await eventually('both are queued', async () => (await matched()) - before >= 2)
    assert.equal((await matched()) - before, 2)
    await publisher.drop()

    await again.client.routes([{ remove: 't/#' }, { remove: 'u/+' }]) // u/+ was never its own
    await two.client.routes([{ remove: 't/#' }])
    await three.client.routes([{ remove: 'u/+' }, { remove: 't/#' }])
    assert.deepEqual(await here.routes(far), ['t/# $s/g/t/# n2', 'u/+ u/1/# n3'])
    await two.client.routes([{ remove: 't/#', id: '$s/g/t/#' }])
    await three.client.routes([{ remove: 'u/+', id: 'u/1/#' }])
    assert.deepEqual(await here.routes(far), [])
    await Promise.all([again, two, three].map(({ client }) => client.client.drop()))
  })

  test('scenario 18: a reincarnated actor loses what it does not announce again, and its former self is not heard', async () => {
    const [one, two] = [await node('reborn', 'n1', 1n), await node('reborn', 'n2', 1n)]
    await one.client.routes([{ add: 'common/#' }, { add: 'own/1' }])
    await two.client.routes([{ add: 'common/#' }])
    await holds('reborn', ['common/# common/# n1', 'common/# common/# n2', 'own/1 own/1 n1'])

    const reborn = await node('reborn', 'n1', 2n)
    assert.equal(reborn.needsBootstrap, "'true'")
    one.client.send(routeTerm(one.client.actor, [{ add: 'late/1' }]), 1)
    await one.client.client.whenClosed()
    assert.equal(one.client.client.goodbye?.reasonCode, implementationError)
    // Two quiet seconds behind the bootstrap's last batch what is left of before goes.
    await reborn.client.routes([{ add: 'fresh/1' }])
    await holds('reborn', ['common/# common/# n2', 'fresh/1 fresh/1 n1'])

    const other = await node('reborn', 'n2', 2n)
    await other.client.routes([{ remove: 'never/there' }])
    await reborn.client.routes([{ remove: 'fresh/1' }])
    await holds('reborn', [])
    await Promise.all([two, reborn, other].map(({ client }) => client.client.drop()))
  })

  test('scenario 20: whatever three actors do at once, what is left is what they held last', async () => {
    const random = new Random(seed)
    const ids = ['t/client/+/+', '$s/g/t/client/+/+']
    const actors = ids.concat('both').map(async (_, at) => {
      let incarnation = 1n
      let { client } = await node('busy', `n${at}`, incarnation)
      const last = [{ add: 'global/#' }, { add: 't/client/+/+', id: ids[at % 2] ?? '' }]
      for (let step = 0; step < 10; step++) {
        const own = `own/${at}/${random.below(3)}`
        assert.equal(await client.routes([{ add: own }, ...last]), noMatchingSubscribers)
        client.heartbeat()
        assert.equal(
          await client.routes([{ remove: own }, { remove: 'global/#' }]),
          noMatchingSubscribers,
        )
        if (random.below(3) !== 0) continue
        await client.client.drop()
        incarnation += BigInt(random.below(2)) // the same, or a greater one
        client = (await node('busy', `n${at}`, incarnation)).client
      }
      await client.routes(last)
      return client
    })
    const clients = await Promise.all(actors)
    await holds('busy', [
      ...[0, 1, 2].map((at) => `global/# global/# n${at}`),
      ...[0, 1, 2].map((at) => `t/client/+/+ ${ids[at % 2]} n${at}`),
    ])
    await Promise.all(clients.map(({ client }) => client.drop()))
  })

  test('causeway ctl routes lists every route once, however many pages they are, as text and as JSON', async () => {
    const { client } = await node('many', 'n1', 1n)
    const filters = Array.from({ length: 4_500 }, (_, number) => `many/${number}`)
    for (let from = 0; from < filters.length; from += 1_500)
      await client.routes(filters.slice(from, from + 1_500).map((add) => ({ add })))
    const wanted = filters.map((filter) => `${filter} ${filter} n1`).sort()
    assert.deepEqual(await here.routes('many'), wanted)

    const text = await here.ctl('routes', 'many')
    assert.equal(text.exitCode, 0)
    assert.deepEqual(text.stdout.trimEnd().replaceAll('\t', ' ').split('\n').sort(), wanted)
    const json = await here.ctl('routes', 'many', '--json')
    const routes = JSON.parse(json.stdout) as Record<string, unknown>[] // checked by the next lines
    assert.equal(routes.length, filters.length)
    const [first] = routes
    assert.deepEqual(first, {
      filter: first?.filter,
      id: first?.filter,
      termHex: null,
      actor: 'n1',
    })

    await client.routes(filters.map((remove) => ({ remove })))
    assert.equal((await here.ctl('routes', 'many', '--json')).stdout, '[]\n')
    assert.equal((await here.ctl('routes', 'many')).stdout, '')
    // A route id that is no text is shown as it was encoded.
    const ops = [new Tuple('odd', new Atom('ok'))]
    const { name, incarnation } = client.actor
    client.send(
      operation('route', [
        [key.actor, name],
        [key.incarnation, incarnation],
        [key.routes, ops],
      ]),
      1,
    )
    assert.equal((await client.client.packet('puback')).reasonCode, noMatchingSubscribers)
    const odd = JSON.parse((await here.ctl('routes', 'many', '--json')).stdout)
    assert.deepEqual(odd, [{ filter: 'odd', id: null, termHex: '77026f6b', actor: 'n1' }])
    assert.equal((await here.ctl('routes', 'many')).stdout, 'odd\tterm 77026f6b\tn1\n')

    const unknown = await here.ctl('routes', 'nobody')
    assert.deepEqual([unknown.exitCode, unknown.stdout], [1, ''])
    assert.match(unknown.stderr, /^there is no link "nobody"; there are far, many, reborn, busy\n$/)
    await client.client.drop()
  })
})
