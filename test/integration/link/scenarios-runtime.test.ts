/**
 * Scenarios 23 to 26 and 28 of EMQX's suites: links that come, change and go while both brokers run. EMQX changes them by its
 * REST interface (23 to 25) and by `emqx ctl conf load` (26); here `causeway ctl reload` is the one way, so 26 is all of them.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { eventually, fastTime, type TestClient } from '../harness/index.js'
import { Cluster, effective, type LinkTo } from './cluster.js'
import { TcpProxy } from './tcp-proxy.js'

const rejected = 'cluster_link_routerepl_handshake_rejected'
const environment = fastTime() // a refused introduction is tried again after 5 s

/** The topics of what a client gets, sorted: as many as these, then nothing. */
async function gets(client: TestClient, topics: readonly string[]): Promise<void> {
  const got: string[] = []
  while (got.length < topics.length) got.push((await client.message()).topic)
  await client.ping()
  got.push(...client.messages.takeAll().map(({ topic }) => topic))
  assert.deepEqual(got.sort(), [...topics].sort())
}

describe('links that are configured while both brokers run', () => {
  let a: Cluster
  let b: Cluster
  let atA: TestClient
  let atB: TestClient
  let linkOfA: LinkTo
  let linkOfB: LinkTo

  before(async () => {
    a = await Cluster.planned('a', { environment })
    b = await Cluster.planned('b', { environment })
    const more = 'pool_size = 1'
    linkOfA = { name: 'b', port: b.linkPort, topics: ['t/test/+/+', 'probe/#'], more }
    linkOfB = { name: 'a', port: a.linkPort, topics: ['t/test-topic', 'probe/#'], more }
    await Promise.all([a.start(), b.start()])
    ;[atA, atB] = await Promise.all([a.client(), b.client()])
    for (const client of [atA, atB]) await client.subscribe({ topic: 't/#', qos: 1 })
  })
  after(() => Promise.all([a.remove(), b.remove()]))

  /** This route alone, once the last probe is forgotten. */
  const holds = (cluster: Cluster, link: string, route: string) =>
    eventually(
      `${cluster.name} holds ${route} alone`,
      async () => (await cluster.routes(link)).join() === route,
      20_000,
    )

  /** Publishes there; the message has gone wherever it goes once `effective` has. */
  async function publish(cluster: Cluster, topic: string): Promise<void> {
    const publisher = await cluster.client()
    await publisher.publish({ topic, qos: 1 })
    await publisher.drop()
  }

  test('scenario 23 and 26: links created on both sides bootstrap, also after a first refusal, and carry both ways', async () => {
    assert.equal(await a.reload([linkOfA]), 'link b: added\n')
    await a.logged(rejected, { link: 'b' }) // unknown_cluster: b has no link yet
    assert.equal(await b.reload([linkOfB]), 'link a: added\n')
    await Promise.all([a.online('b'), b.online('a')])
    await effective(a, b)
    await effective(b, a)
    await publish(a, 't/test-topic')
    await publish(b, 't/test/1/1')
    for (const client of [atA, atB]) await gets(client, ['t/test-topic', 't/test/1/1'])
    await publish(b, 't/test-topic') // a did not ask for it
    await publish(a, 't/test/1/1')
    await effective(a, b)
    await effective(b, a)
    await gets(atA, ['t/test/1/1']) // its own alone
    await gets(atB, ['t/test-topic'])
    await holds(b, 'a', 't/test/+/+ t/# a@127.0.0.1')
    await holds(a, 'b', 't/test-topic t/# b@127.0.0.1')
  })

  test('scenario 24 and 26: other topics and another pool are in force at once, for what is held and for what comes', async () => {
    linkOfA = { ...linkOfA, topics: ['t/new/+', 'probe/#'], more: 'pool_size = 3' }
    assert.equal(await a.reload([linkOfA]), 'link b: changed topics, pool_size\n')
    await holds(b, 'a', 't/new/+ t/# a@127.0.0.1')
    await effective(b, a)
    await publish(b, 't/test/1/1')
    await publish(b, 't/new/1')
    await effective(b, a)
    await gets(atA, ['t/new/1'])
    await gets(atB, ['t/test/1/1', 't/new/1'])
    const { pool } = await a.report('b')
    assert.equal(pool.size, 3)
    await holds(b, 'a', 't/new/+ t/# a@127.0.0.1') // the probes are forgotten
  })

  test('scenario 25 and 26: a disabled link takes nothing although the far end still sends, and both can be deleted', async () => {
    const filtered = await a.broker.counter('native_link_filtered')
    linkOfA = { ...linkOfA, enable: false }
    assert.equal(await a.reload([linkOfA]), 'link b: changed enable\n')
    assert.deepEqual(await b.routes('a'), ['t/new/+ t/# a@127.0.0.1'], 'stale, and used')
    await publish(b, 't/new/2')
    await eventually(
      'it came and was refused',
      async () => (await a.broker.counter('native_link_filtered')) > filtered,
    )
    linkOfB = { ...linkOfB, enable: false }
    assert.equal(await b.reload([linkOfB]), 'link a: changed enable\n')
    await publish(a, 't/test-topic')
    await publish(b, 't/new/3')
    const received = async () => {
      const both = [a, b].map(({ broker }) => broker.counter('native_link_received'))
      return Promise.all(both)
    }
    const before = await received()
    assert.equal(await a.reload([]), 'link b: removed\n')
    assert.equal(await b.reload([]), 'link a: removed\n')
    assert.deepEqual(await received(), before)
    await gets(atA, ['t/test-topic'])
    await gets(atB, ['t/new/2', 't/new/3'])
    for (const [cluster, link] of [
      [a, 'b'],
      [b, 'a'],
    ] as const)
      assert.equal((await cluster.ctl('links', link)).exitCode, 1)
  })
})

describe('a link that is configured wrongly', () => {
  test('scenario 28: each mistake is told by its reason, and put right it bootstraps', async () => {
    const a = await Cluster.planned('a', { environment })
    const b = await Cluster.planned('b', { environment })
    const line = await TcpProxy.to(b.linkPort)
    const more = 'pool_size = 1'
    const right: LinkTo = { name: 'b', port: line.port, more }
    const back: LinkTo = { name: 'a', port: a.linkPort, more }
    const told = (link: string, reason: string) =>
      eventually(
        `a is told ${reason}`,
        () =>
          a.broker.log.some(
            (line) =>
              line.event === rejected && line.link === link && String(line.msg).includes(reason),
          ),
        20_000,
      )
    const bootstrapped = async (topic: string) => {
      const subscriber = await a.client()
      await subscriber.subscribe(topic)
      await eventually(
        `b holds ${topic}`,
        async () => (await b.routes('a')).includes(`${topic} ${topic} a@127.0.0.1`),
        20_000,
      )
      return subscriber
    }
    try {
      a.links = [{ ...right, name: 'wrong' }]
      b.links = [back]
      await Promise.all([a.start(), b.start()])
      await told('wrong', 'bad_remote_cluster_link_name')
      await a.reload([right])
      await bootstrapped('right/1')

      await b.reload([{ ...back, enable: false }])
      line.reset()
      await told('b', 'cluster_link_disabled')
      await b.reload([back])
      await bootstrapped('right/2')

      await b.reload([{ ...back, name: 'wrong' }])
      line.reset()
      await told('b', 'unknown_cluster')
      await b.reload([back])
      await bootstrapped('right/3')
      await effective(b, a)
    } finally {
      await Promise.all([a.remove(), b.remove()])
      await line.close()
    }
  })
})
