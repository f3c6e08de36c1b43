/** A mountpoint on the link listener is for ordinary topics: the link's own stay where both sides know them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Cluster, effective } from './cluster.js'

test('a link listener with a mountpoint links, and takes and gives messages under their own topics', async () => {
  const [mounted, plain] = await Promise.all([
    Cluster.planned('mounted', {
      io: 1,
      config: 'listeners.tcp.clink.mountpoint = "tenant/"',
    }),
    Cluster.planned('plain', { io: 1 }),
  ])
  const more = 'pool_size = 1'
  mounted.links = [{ name: 'plain', port: plain.linkPort, more }]
  plain.links = [{ name: 'mounted', port: mounted.linkPort, more }]
  try {
    await Promise.all([mounted.start(), plain.start()])
    await Promise.all([mounted.online('plain'), plain.online('mounted')])
    await effective(plain, mounted)
    await effective(mounted, plain)
    const subscriber = await mounted.client()
    await subscriber.subscribe('a/#')
    await effective(plain, mounted)
    const publisher = await plain.client()
    await publisher.publish({ topic: 'a/1', qos: 1, payload: 'x' })
    assert.equal((await subscriber.message()).topic, 'a/1')
  } finally {
    await Promise.all([mounted.remove(), plain.remove()])
  }
})
