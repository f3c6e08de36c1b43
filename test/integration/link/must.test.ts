/**
 * What linking has to stand besides EMQX's own scenarios, as far as no other suite tells of it: test/conformance/link/scenarios.json
 * says where the rest is. Source: docs/protocol/cluster-link.md "Sender", "Receiver".
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { freePort } from '../harness/index.js'
import { Cluster } from './cluster.js'
import { EmqxRouteClient } from './emqx-client.js'
import { FakeEmqx } from './fake-emqx.js'

const sessionTakenOver = 0x8e

test('must: the answer to actor_init is taken before its PUBACK as well as behind it', async () => {
  const here = await Cluster.planned('here', { io: 1 })
  const orders = new Map([
    ['before', await FakeEmqx.listen(await freePort())],
    ['behind', await FakeEmqx.listen(await freePort())],
  ])
  for (const [order, emqx] of orders) emqx.answersFirst = order === 'before'
  here.links = [...orders].map(([name, { port }]) => ({ name, port, more: 'pool_size = 1' }))
  try {
    await here.start()
    const client = await here.client()
    await client.subscribe('early')
    for (const [order, emqx] of orders) {
      const route = await emqx.routeClients.take('route client', 10_000)
      await here.online(order)
      await route.publish(({ properties }) => properties === undefined) // what it wants of us
      assert.equal(emqx.routeClients.length, 0, 'on its first connection')
    }
  } finally {
    await here.remove()
    await Promise.all([...orders.values()].map((emqx) => emqx.close()))
  }
})

test('must: in a storm of takeovers one connection is left, and it alone speaks for the actor', async () => {
  const here = await Cluster.planned('here')
  here.links = [{ name: 'peer', port: 1, more: 'pool_size = 1' }] // nobody listens there
  try {
    await here.start()
    const actor = { name: 'node@peer', incarnation: 1n }
    const dialled = await Promise.all(
      Array.from({ length: 40 }, () =>
        EmqxRouteClient.connect(here, 'peer', actor, 'same').catch(() => null),
      ),
    )
    const clients = dialled.filter((client) => client !== null)
    // Whoever is left can be told by a later one only: that is the last word.
    const last = await EmqxRouteClient.connect(here, 'peer', actor, 'same')
    for (const { client } of clients) {
      await client.whenClosed()
      assert.equal(client.goodbye?.reasonCode, sessionTakenOver)
    }
    await last.init('here')
    await last.routes([{ add: 'left/#' }])
    assert.deepEqual(await here.routes('peer'), ['left/# left/# node@peer'])
    last.heartbeat()
    await last.client.ping()
    assert.equal((await here.report('peer')).actors.length, 1)
    await last.client.drop()
  } finally {
    await here.remove()
  }
})
