/** Links come, change and go while the broker runs; what waits for them stays, and the others do not notice. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { eventually } from '../harness/index.js'
import { Cluster, effective, type LinkTo } from './cluster.js'
import { TcpProxy } from './tcp-proxy.js'

const small = 'pool_size = 2, resource_opts.request_ttl = 10m'

describe('a configuration that changes while the broker runs', () => {
  let east: Cluster
  let west: Cluster
  let south: Cluster
  let line: TcpProxy
  const to = (cluster: Cluster, more = small): LinkTo => ({
    name: cluster.name,
    port: cluster.linkPort,
    more,
  })
  /** From the east to the west through the proxy. */
  const toWest = (more = small): LinkTo => ({ ...to(west, more), port: line.port })

  before(async () => {
    east = await Cluster.planned('east')
    west = await Cluster.planned('west')
    south = await Cluster.planned('south')
    line = await TcpProxy.to(west.linkPort)
    east.links = [toWest()]
    west.links = [to(east)]
    south.links = [to(east)]
    await Promise.all([east.start(), west.start(), south.start()])
    await Promise.all([east.online('west'), west.online('east')])
    await effective(east, west)
    await allOnline()
  })
  after(async () => {
    await Promise.all([east, west, south].map((cluster) => cluster.remove()))
    await line.close()
  })

  /** Every connection of the link from the east to the west is there. */
  function allOnline(): Promise<void> {
    return eventually('all connections are online', async () => {
      const { pool } = await east.report('west')
      return pool.online === pool.size
    })
  }

  /** As many messages wait for the west, or for its PUBACK. */
  function waiting(count: number): Promise<void> {
    return eventually(`${count} messages wait`, async () => {
      const { counters } = await east.report('west')
      return (counters.queued ?? 0) + (counters.inflight ?? 0) === count
    })
  }

  test('a link is added, works both ways, and is removed; the other one keeps its connections', async () => {
    const before = line.accepted
    assert.equal(await east.reload([to(south), toWest()]), 'link south: added\n')
    await Promise.all([east.online('south'), south.online('east')])
    await effective(east, south)
    await effective(south, east)
    assert.equal(await east.reload([toWest()]), 'link south: removed\n')
    await effective(east, west)
    assert.equal(line.accepted, before)
    const { exitCode, stderr } = await east.ctl('links', 'south')
    assert.equal(exitCode, 1)
    assert.equal(stderr, 'there is no link "south"; there are west\n')
    await south.logged('cluster_link_routerepl_handshake_rejected', { link: 'east' })
  })

  test('what waits survives every change of the link, and leaves in order once each', async () => {
    const subscriber = await west.client()
    await subscriber.subscribe({ topic: 'kept/#', qos: 1 })
    await effective(east, west)
    const publisher = await east.client()
    let sent = 0
    const publish = async () => {
      for (let n = 0; n < 20; n++)
        await publisher.publish({ topic: `kept/${n % 4}`, qos: 1, payload: `${sent++}` })
    }
    await waiting(0) // no PUBACK is on its way back
    line.silence()
    await publish()
    line.reset()
    await waiting(20)
    const changed = 'pool_size = 3, max_inflight = 5, resource_opts.request_ttl = 20m'
    assert.equal(
      await east.reload([toWest(changed)]),
      'link west: changed pool_size, max_inflight, resource_opts\n',
    )
    await publish()
    assert.equal(
      await east.reload([{ ...toWest(changed), topics: ['kept/#', 'probe/#'] }]),
      'link west: changed topics\n',
    )
    await east.reload([{ ...toWest(changed), enable: false }])
    await waiting(40)
    await east.reload([toWest(changed)])
    await publish()
    await waiting(60)
    line.heal()
    const got = await subscriber.payloads(60)
    for (let topic = 0; topic < 4; topic++) {
      const ofTopic = got.map(Number).filter((number) => number % 4 === topic)
      assert.deepEqual(
        ofTopic,
        [...ofTopic].sort((a, b) => a - b),
      )
      assert.equal(new Set(ofTopic).size, 15)
    }
    const { counters, pool } = await east.report('west')
    assert.equal(pool.size, 3)
    assert.deepEqual(
      [counters.expired, counters.overflowed, counters.dropped, counters.rejected],
      [0, 0, 0, 0],
    )
    await Promise.all([publisher.drop(), subscriber.drop()])
  })

  test('what waits for a link that is removed is counted, and the link can come back', async () => {
    const subscriber = await west.client()
    await subscriber.subscribe({ topic: 'lost/1', qos: 1 })
    await effective(east, west)
    await waiting(0)
    line.silence()
    const publisher = await east.client()
    for (let n = 0; n < 7; n++) await publisher.publish({ topic: 'lost/1', qos: 1, payload: 'x' })
    const before = await east.broker.counter('native_link_dropped_removed')
    await east.reload([])
    await eventually(
      'the loss is counted',
      async () => (await east.broker.counter('native_link_dropped_removed')) === before + 7,
    )
    line.heal()
    line.reset()
    await east.reload([toWest()])
    await effective(east, west)
    await publisher.publish({ topic: 'lost/1', qos: 1, payload: 'back' })
    assert.equal((await subscriber.message()).payload.toString(), 'back')
    await Promise.all([publisher.drop(), subscriber.drop()])
  })

  test('what cannot change without a restart is named; what cannot be used changes nothing', async () => {
    const config = (extra: string) => `
      cluster { name = east, links = [{ name = west, server = "127.0.0.1:${line.port}", topics = ["#"], clientid = clink-east, ${small} }] }
      node.name = "east@127.0.0.1"
      listeners.tcp.clink.bind = "127.0.0.1:${east.linkPort}"
      ${extra}`
    const told = await east.reloaded(config('mqtt.max_inflight = 9'))
    assert.equal(told.exitCode, 0, told.stderr)
    assert.equal(
      told.stdout,
      'no link has changed\nnot in force before a restart: mqtt.max_inflight\n',
    )
    await east.logged('config_needs_restart')

    const refused = await east.reloaded(config('mqtt.max_inflght = 9'))
    assert.equal(refused.exitCode, 1)
    assert.match(
      refused.stderr,
      /causeway\.conf:\d+:\d+: mqtt\.max_inflght: unknown_fields: .*did you mean "max_inflight"/,
    )
    const gone = await east.reloaded(
      config('cluster.links.1 { ssl { enable = true, cacertfile = "/gone.pem" } }'),
    )
    assert.equal(gone.exitCode, 1)
    await east.logged('config_reload_refused')

    await east.reloaded(config(''))
    const asked = east.broker.log.filter(({ event }) => event === 'config_reloaded').length
    east.broker.signal('SIGHUP')
    await eventually(
      'the signal was heard',
      () => east.broker.log.filter(({ event }) => event === 'config_reloaded').length > asked,
    )
    await effective(east, west)
  })

  test('causeway ctl tells who runs, and what is not there', async () => {
    await allOnline()
    const status = JSON.parse((await east.ctl('status', '--json')).stdout)
    assert.equal(status.cluster, 'east')
    assert.equal(status.pid, east.broker.pid)
    assert.deepEqual(status.links, { all: 1, enabled: 1, online: 1 })
    const table = (await east.ctl('links')).stdout
    assert.match(table, /^LINK +STATE +CONNS/)
    assert.match(table, /west +online +2\/2/)
    await south.stop()
    const { exitCode, stderr } = await south.ctl('status')
    assert.equal(exitCode, 2)
    assert.match(stderr, /^no broker answers in /)
    await south.start()
    assert.equal(
      (await south.ctl('status')).exitCode,
      0,
      'also after a start over the same directory',
    )
  })
})
