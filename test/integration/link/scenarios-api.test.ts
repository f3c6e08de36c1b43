/** Scenarios 34 to 43 of EMQX's suites: links over its REST interface, between two brokers that run. */
import assert from 'node:assert/strict'
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { eventually } from '../harness/index.js'
import { ApiCluster, field } from './api-cluster.js'
import { effective } from './cluster.js'

const pem = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n'
/** Nobody listens there. */
const nowhere = (name: string, more: object = {}) => ({
  name,
  server: '127.0.0.1:1',
  topics: ['t/1', 't/2'],
  pool_size: 1,
  ...more,
})

describe('links over the API', () => {
  let s: ApiCluster
  let t: ApiCluster
  before(async () => {
    ;[s, t] = await Promise.all([ApiCluster.started('s'), ApiCluster.started('t')])
  })
  after(() => Promise.all([s.remove(), t.remove()]))

  test('scenario 34: two links are created, listed, one of them disabled, and certificates become files', async () => {
    assert.deepEqual(await s.list(), { status: 200, body: [] })
    for (const name of ['x', 'y']) assert.equal((await s.post(nowhere(name))).status, 201)
    const all = await s.list()
    assert.deepEqual([field(all, 0, 'name'), field(all, 1, 'name')], ['x', 'y'])
    const { name: _, ...link } = nowhere('x', { enable: false, ssl: { cacertfile: pem } })
    assert.equal((await s.put('x', link)).status, 200)
    const x = await s.get('x')
    assert.deepEqual([field(x, 'enable'), field(await s.get('y'), 'enable')], [false, true])
    const path = String(field(x, 'ssl', 'cacertfile'))
    assert.equal(readFileSync(path, 'utf8'), pem)
    assert.equal(statSync(path).mode & 0o777, 0o600)
  })

  test('scenario 35: without server a link is refused, and stays as it was', async () => {
    const before = await s.get('x')
    const { status, body } = await s.put('x', { topics: [] })
    assert.equal(status, 400)
    assert.deepEqual(
      [field({ status, body }, 'code'), field({ status, body }, 'message', 'reason')],
      ['BAD_REQUEST', 'required_field'],
    )
    assert.deepEqual(await s.get('x'), before)
  })

  test('scenario 37: of eight that delete a link one finds it', async () => {
    const replies = await Promise.all(Array.from({ length: 8 }, () => s.delete('x')))
    assert.deepEqual(replies.map(({ status }) => status).sort(), [204, ...Array(7).fill(404)])
    assert.equal((await s.delete('y')).status, 204)
  })

  test('scenario 38: names that a new link may not have', async () => {
    const reason = async (name: string) => {
      const reply = await s.post(nowhere(name))
      assert.deepEqual(
        [reply.status, field(reply, 'code'), field(reply, 'message', 'kind')],
        [400, 'BAD_REQUEST', 'validation_error'],
      )
      return String(field(reply, 'message', 'reason'))
    }
    assert.equal(await reason(''), 'Name cannot be empty string')
    assert.equal(await reason('a'.repeat(256)), 'Name length must be less than 255')
    assert.match(await reason('a:b'), /^Invalid name format/)
  })

  test('scenario 42: a topic given twice is redundant', async () => {
    const reply = await s.post(nowhere('x', { topics: ['t', 't'] }))
    assert.equal(reply.status, 400)
    assert.deepEqual(field(reply, 'message', 'reason'), {
      reason: 'redundant_topics',
      topics: ['t'],
    })
  })

  test('scenario 36 and 39: a link from its creation to its end, with the status of its only node', async () => {
    const missing = ['get', 'delete', 'metrics', 'reset'] as const
    const gone = async () => {
      for (const what of missing) {
        const reply = await s[what]('t')
        assert.deepEqual([what, reply.status, field(reply, 'code')], [what, 404, 'NOT_FOUND'])
      }
      assert.equal((await s.put('t', s.to(t))).status, 404)
    }
    await gone()
    assert.equal((await t.post(t.to(s, { topics: ['#'] }))).status, 201)
    const made = await s.post(s.to(t, { password: 'secret' }))
    assert.deepEqual([made.status, field(made, 'password')], [201, '******'])
    assert.ok(['connecting', 'connected'].includes(String(field(made, 'status'))))
    const again = await s.post(s.to(t))
    assert.deepEqual([again.status, field(again, 'code')], [400, 'ALREADY_EXISTS'])
    await s.connected('t')
    const shown = await s.get('t')
    const node = { node: 's@127.0.0.1', status: 'connected' }
    assert.deepEqual(field(shown, 'node_status'), [node])
    assert.deepEqual(field(await s.list(), 0, 'node_status'), [node])
    assert.equal((await s.metrics('t')).status, 200)
    const off = await s.put('t', s.to(t, { enable: false }))
    assert.equal(off.status, 200)
    for (const reply of [field(off), field(await s.get('t')), field(await s.list(), 0)]) {
      const link = { status: 200, body: reply }
      assert.deepEqual(
        [field(link, 'status'), field(link, 'node_status', 0, 'status')],
        ['disconnected', 'disconnected'],
      )
    }
    assert.deepEqual(await s.delete('t'), { status: 204, body: null })
    await gone()
    assert.deepEqual(await s.list(), { status: 200, body: [] })
  })

  test('scenario 41: ****** keeps the password', async () => {
    await s.post(nowhere('x', { password: 'secret' }))
    assert.equal((await s.put('x', nowhere('x', { password: '******', pool_size: 2 }))).status, 200)
    assert.match(readFileSync(s.linksFile, 'utf8'), /"password": "secret"/)
    await s.delete('x')
  })

  test('scenario 40: routes are counted where they are held, messages where they leave, and a reset is a reset', async () => {
    assert.equal((await s.post(s.to(t))).status, 201)
    await Promise.all([s.connected('t'), t.connected('s')])
    const zeros = await s.metrics('t')
    const forwarding = field(zeros, 'metrics', 'forwarding')
    assert.ok(typeof forwarding === 'object' && forwarding !== null)
    assert.deepEqual([...new Set(Object.values(forwarding))], [0])
    const routes = async (at: ApiCluster, of: ApiCluster) => {
      const reply = await at.metrics(of.name)
      const summary = field(reply, 'metrics', 'router', 'routes')
      assert.equal(field(reply, 'node_metrics', 0, 'metrics', 'router', 'routes'), summary)
      return summary
    }
    const hold = (count: number) =>
      eventually(`s holds ${count} routes`, async () => (await routes(s, t)) === count, 20_000)
    const [atS, atT] = await Promise.all([s.cluster.client(), t.cluster.client()])
    await atS.subscribe({ topic: 's/1', qos: 1 })
    await atT.subscribe({ topic: 't/1', qos: 1 })
    await atT.subscribe({ topic: 't/2', qos: 1 })
    await hold(2)
    assert.equal(await routes(t, s), 0)
    await atS.publish({ topic: 't/1', qos: 1 })
    await atT.message()
    await eventually('the message is acknowledged', async () => {
      const reply = await s.metrics('t')
      const at = (name: string) => field(reply, 'metrics', 'forwarding', name)
      return at('matched') === 1 && at('success') === 1 && at('inflight') === 0
    })
    await atT.unsubscribe('t/2')
    await hold(1)
    assert.equal((await s.reset('t')).status, 204)
    assert.deepEqual(field(await s.metrics('t'), 'metrics', 'forwarding'), forwarding)
    assert.equal(await routes(s, t), 0)
    await hold(1) // with the next tally
    await Promise.all([atS.drop(), atT.drop()])
  })

  test('scenario 43: a link need not have a clientid', async () => {
    const { clientid: _, ...link } = s.to(t, { pool_size: 2 })
    assert.equal((await s.put('t', link)).status, 200)
    await s.connected('t')
    assert.equal(field(await s.get('t'), 'clientid'), undefined)
  })

  test('other links come and go beside one that waits, and nothing that waits is lost', async () => {
    const subscriber = await t.cluster.client()
    await subscriber.subscribe({ topic: 'kept/#', qos: 1 })
    await effective(s.cluster, t.cluster, 'kept')
    subscriber.messages.takeAll()
    await s.put('t', s.to(t, { enable: false, pool_size: 2 }))
    await s.put('t', s.to(t, { pool_size: 2 }))
    await s.connected('t')
    const publisher = await s.cluster.client()
    for (let n = 0; n < 50; n++) {
      await publisher.publish({ topic: `kept/${n}`, qos: 1 })
      if (n === 10) await s.post(nowhere('x'))
      if (n === 20) await s.put('t', s.to(t, { pool_size: 1 }))
      if (n === 30) await s.delete('x')
    }
    const topics = new Set<string>()
    while (topics.size < 50) topics.add((await subscriber.message()).topic)
    await Promise.all([publisher.drop(), subscriber.drop()])
  })

  test('links survive a restart; editing the main file changes nothing, and is warned of', async () => {
    const before = field(await s.get('t'), 'pool_size')
    await s.cluster.stop()
    await s.cluster.start()
    assert.equal(field(await s.get('t'), 'pool_size'), before)
    await s.connected('t')
    await s.cluster.reload([{ name: 'other', port: 1 }])
    assert.deepEqual([field(await s.list(), 0, 'name'), field(await s.list(), 1)], ['t', undefined])
    await s.cluster.stop()
    await s.cluster.start()
    const { at } = await s.cluster.logged('config_warning', { kind: 'links-passed-over' })
    assert.match(String(at), /:\d+:\d+$/)
  })

  test('a broken file of links stops a start with its place; without it the main file counts again', async () => {
    await s.cluster.stop()
    writeFileSync(s.linksFile, 'cluster {\n  links = [{ name = t }]\n}\n')
    await assert.rejects(s.cluster.start(), (error: Error) => {
      assert.match(error.message, /cluster\.hocon:2:12: cluster\.links\.1/)
      return true
    })
    rmSync(s.linksFile)
    await s.cluster.start()
    assert.equal(field(await s.list(), 0, 'name'), 'other')
  })
})
