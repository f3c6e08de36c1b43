/** The process of bystander.ts: does what it is asked, and leaves with its parent. */
import { setPriority } from 'node:os'
import { askBrokerForText } from '../control-question.js'
import type { Errand, Report, Sent } from './bystander.js'
import { DelayProxy } from './delay-proxy.js'
import { Lister } from './lister.js'

/** As the broker's own threads that let its loops go first. design.md §1. */
const nice = 10

setPriority(nice)
let lister: Lister | null = null

// Cannot lie: bystander.ts alone writes to this channel.
process.on('message', (sent: Sent) => {
  ranErrand(sent).then(report, (error) => {
    // Not reachable: `ranErrand` tells of what went wrong.
    throw error
  })
})
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'))

function report(said: Report): void {
  process.send?.(said)
}

async function ranErrand({ id, errand }: Sent): Promise<Report> {
  try {
    return { id, result: await run(errand) }
  } catch (error) {
    return { id, failure: error instanceof Error ? error.message : String(error) }
  }
}

async function run(errand: Errand): Promise<unknown> {
  switch (errand.kind) {
    case 'open-lines':
      for (const { port, to } of errand.lines) await new DelayProxy(to, errand.delayMs).listen(port)
      return null
    case 'ask':
      return await askBrokerForText(errand.dataDir, errand.request)
    case 'list':
      return await new Lister(errand.dataDir).once()
    case 'list-again':
      lister = new Lister(errand.dataDir)
      return await lister.again()
    case 'stop-listing':
      lister?.stop()
      return null
  }
}
