/**
 * kill -9 of either broker of a link at a random moment under 1,000 msg/s QoS 1 each way, ten times, restarted each time:
 * traffic is back within 10 s of the kill, nothing overtakes anything on its topic, the survivor's memory stays.
 */
import { killRounds } from '../../test/integration/link/kill-rounds.js'
import { scenario, table } from './report.js'

const rounds = 10
const resumedMsMax = 10_000
/** V8's heap breathes; a leak of what an outage buffers (2,000 messages) would show after five of them. */
const growthMiBMax = 12

await scenario(async () => {
  const results = await killRounds({ rounds, messagesPerSecond: 1_000 })
  table(
    results.map(({ round, victim, ...figures }) => ({
      round,
      victim,
      'traffic back, ms after the kill': Math.round(figures.resumedMs),
      'ms after ready': Math.round(figures.resumedAfterReadyMs),
      'survivor MiB': figures.survivorMiB,
      overtaken: figures.late,
      repeated: figures.repeated,
      'lost so far': figures.missing,
    })),
  )
  const growths = ['west', 'east'].map((victim) => {
    const memory = results.filter((one) => one.victim === victim).map((one) => one.survivorMiB)
    return (memory.at(-1) ?? 0) - (memory[0] ?? 0)
  })
  return (
    results.every(({ resumedMs, late }) => resumedMs <= resumedMsMax && late === 0) &&
    growths.every((growth) => growth <= growthMiBMax)
  )
})
