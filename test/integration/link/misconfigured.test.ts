/** Links that one side has got wrong: what is said about it, and that putting it right is enough. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Cluster, effective, type LinkTo } from './cluster.js'

interface Case {
  readonly name: string
  /** The name that the remote cluster has at first. */
  readonly wrongName?: string
  /** Its link with us at first; null: none. */
  readonly wrongLink: Partial<LinkTo> | null
  readonly reason: string
}

const cases: readonly Case[] = [
  {
    name: 'misnamed',
    wrongName: 'occident',
    wrongLink: {},
    reason: 'bad_remote_cluster_link_name',
  },
  { name: 'unlinked', wrongLink: null, reason: 'unknown_cluster' },
  { name: 'disabled', wrongLink: { enable: false }, reason: 'cluster_link_disabled' },
]

// All at once: each waits for the next attempt, which comes after some seconds.
describe('a link whose far end is wrong', { concurrency: cases.length }, () => {
  let east: Cluster
  const remotes = new Map<string, Cluster>()

  before(async () => {
    east = await Cluster.planned('east', { io: 1 })
    for (const { name } of cases) remotes.set(name, await Cluster.planned(name, { io: 1 }))
    east.links = [...remotes.values()].map(({ name, linkPort }) => ({
      name,
      port: linkPort,
      more: 'pool_size = 2',
    }))
    await east.start()
  })
  after(async () => {
    await Promise.all([east, ...remotes.values()].map((cluster) => cluster.remove()))
  })

  for (const { name, wrongName, wrongLink, reason } of cases) {
    test(`is told ${reason}, says so, and works once the far end was put right and started again`, async () => {
      const remote = remotes.get(name)
      assert.ok(remote !== undefined)
      const right: LinkTo = { name: 'east', port: east.linkPort, more: 'pool_size = 2' }
      await remote.start({
        links: wrongLink === null ? [] : [{ ...right, ...wrongLink }],
        ...(wrongName === undefined ? {} : { name: wrongName }),
      })
      const told = await east.logged('cluster_link_routerepl_handshake_rejected', { link: name })
      assert.match(String(told.msg), new RegExp(`link ${name}: .*${reason}`))
      await remote.logged('cluster_link_actor_init_rejected', { link: 'east' })
      await remote.stop()

      remote.links = [right]
      await remote.start()
      await Promise.all([east.online(name), remote.online('east')])
      await effective(east, remote)
      await effective(remote, east)
    })
  }
})
