/**
 * Question: what does a change of interest cost on its way to a linked cluster: merged while it waits, then taken as one message?
 * In the way: filters cross the seam 1,000 at a time. The message is acknowledged at once, so nothing piles up.
 */
import { type FilterKind, filterKinds, filterOf } from '../../src/cli/bench/filters.js'
import { packTexts, workbench } from '../../src/native/index.js'
import { microEngine } from './engine.js'
import type { MicroCase, MicroSuite } from './suite.js'

const changesPerRun = 1_000

export const deltasSuite: MicroSuite = {
  name: 'deltas',
  question: 'what one change of interest costs on its way out, in batches of 1,000',
  cases: () => [...filterKinds.map(sentCase), mergedCase()],
}

function filtersOf(kind: FilterKind): Buffer {
  return packTexts(Array.from({ length: changesPerRun }, (_, n) => filterOf(kind, n)))
}

/** What comes out is what the far end reads. */
function sentCase(kind: FilterKind): MicroCase {
  const filters = filtersOf(kind)
  const deltas = workbench.deltas()
  return {
    name: `${kind}: merged, taken, encoded`,
    operations: changesPerRun,
    run: () => {
      deltas.merge(filters, 'add')
      const message = deltas.take(changesPerRun)
      const read = microEngine().decodeRoute(message)
      if (read.op !== 'route' || read.count !== changesPerRun)
        throw new Error(`${JSON.stringify(read)} instead of ${changesPerRun} changes`)
      return message
    },
  }
}

/** Made and taken back while the link is busy: the last state alone is left. */
function mergedCase(): MicroCase {
  const filters = filtersOf('mixed')
  const deltas = workbench.deltas()
  deltas.merge(filters, 'delete')
  return {
    name: 'mixed: merged into what waits',
    operations: 2 * changesPerRun,
    run: () => {
      deltas.merge(filters, 'add')
      deltas.merge(filters, 'delete')
      return deltas
    },
    finish: () => {
      const read = microEngine().decodeRoute(deltas.take(2 * changesPerRun))
      if (read.op !== 'route' || read.count !== changesPerRun)
        throw new Error(`${JSON.stringify(read)} instead of ${changesPerRun} changes`)
    },
  }
}
