/** Retained messages below `state/` at linked clusters: written by a client, read as a new subscriber reads them. */
import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import { eventually } from '../harness/index.js'
import type { Cluster } from './cluster.js'

/** Payloads by topic. */
export type State = Readonly<Record<string, string>>

/** Retained in every cluster and synchronised by none: a replay that has come to it is over. */
const last = 'last'
const agreedMs = 30_000

/** Starts it, with what `stateOf` needs. */
export async function started(cluster: Cluster): Promise<void> {
  await cluster.start()
  await write(cluster, { [last]: 'here' })
}

/** Retains each; '' deletes. */
export async function write(cluster: Cluster, state: State): Promise<void> {
  const client = await cluster.client()
  for (const [topic, payload] of Object.entries(state))
    await client.publish({ topic, payload, qos: 1, retain: true })
  await client.drop()
}

/** What a new subscriber to `state/#` gets. */
export async function stateOf(cluster: Cluster): Promise<State> {
  const client = await cluster.client()
  await client.subscribe({ topic: 'state/#', qos: 1 })
  await client.subscribe({ topic: last, qos: 1 })
  const state: Record<string, string> = {}
  for (;;) {
    const { topic, payload, retain } = await client.message()
    if (topic === last) break
    if (retain) state[topic] = payload.toString()
  }
  await client.drop()
  return state
}

/** Waits until each of them holds exactly this. */
export async function agree(clusters: readonly Cluster[], state: State): Promise<void> {
  const seen: State[] = []
  await eventually(
    `all hold ${JSON.stringify(state)}`,
    async () => {
      seen.length = 0
      for (const cluster of clusters) seen.push(await stateOf(cluster))
      return seen.every((one) => isDeepStrictEqual(one, state))
    },
    agreedMs,
  ).catch((error: unknown) => {
    assert.deepEqual(
      seen,
      clusters.map(() => state),
      String(error),
    )
  })
}
