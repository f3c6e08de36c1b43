/**
 * A peer that goes silent: heartbeats keep its routes, 30 s of silence and the next sweep take them. Its connection stays
 * open all the time, so that nothing but time tells.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '../../test/integration/harness/index.js'
import { Cluster } from '../../test/integration/link/cluster.js'
import { EmqxRouteClient } from '../../test/integration/link/emqx-client.js'
import { FakeEmqx } from '../../test/integration/link/fake-emqx.js'
import { scenario, table } from './report.js'

const beats = 5
const heartbeatMs = 10_000
/** TTL 30 s, sweeps 30 s apart, a second for the machine. */
const expiryMsMax = 61_000

await scenario(async () => {
  const emqx = await FakeEmqx.listen(await freePort())
  const here = await Cluster.planned('here')
  here.links = [{ name: 'peer', port: emqx.port, more: 'pool_size = 1' }]
  await here.start()
  try {
    const actor = { name: 'emqx42@127.0.0.1', incarnation: BigInt(Date.now()) }
    const peer = await EmqxRouteClient.connect(here, 'peer', actor)
    await peer.init('here')
    await peer.routes([{ add: 'silent/#' }])
    const publisher = await here.client()
    const isForwarded = async () => {
      const answer = await publisher.publish({ topic: 'silent/1', qos: 1 })
      return answer?.cmd === 'puback' && answer.reasonCode === 0
    }
    for (let beat = 0; beat < beats; beat++) {
      await delay(heartbeatMs)
      peer.heartbeat()
    }
    const isKept = await isForwarded()
    const silentMs = performance.now()
    while ((await isForwarded()) && performance.now() - silentMs < 2 * expiryMsMax) await delay(250)
    const expiredMs = performance.now() - silentMs
    peer.heartbeat()
    await peer.client.whenClosed()
    table([
      {
        [`routes kept over ${(beats * heartbeatMs) / 1000} s of heartbeats`]: isKept,
        'gone after s of silence': expiredMs / 1000,
        'a late heartbeat is answered': `0x${peer.client.goodbye?.reasonCode?.toString(16)}`,
      },
    ])
    return (
      isKept &&
      expiredMs >= 30_000 - 250 &&
      expiredMs <= expiryMsMax &&
      peer.client.goodbye?.reasonCode === 0x83
    )
  } finally {
    await here.remove()
    await emqx.close()
  }
})
