/**
 * Question: what does the router pay for a subscription made and taken back, beside how many others?
 * In the way: filters cross the seam 1,000 at a time and are cut apart. What the control thread decides about a SUBSCRIBE, and what
 * its client is answered, is not in it: `causeway bench churn` has all of it.
 */
import { type FilterKind, filterKinds, filterOf } from '../../src/cli/bench/filters.js'
import { packTexts, type RouterBench } from '../../src/native/index.js'
import { filledRouter } from './match.js'
import type { MicroCase, MicroSuite } from './suite.js'

const filtersPerRun = 1_000

export const subscriptionsSuite: MicroSuite = {
  name: 'subscriptions',
  question: 'what one subscription or its end costs in the router, in batches of 1,000',
  cases: (brief) => {
    const beside = brief ? [0] : [0, 1_000_000]
    return filterKinds.flatMap((kind) => beside.map((others) => changeCase(kind, others)))
  },
}

/** @param others filters that are there all the while */
function changeCase(kind: FilterKind, others: number): MicroCase {
  const filters = packTexts(
    Array.from({ length: filtersPerRun }, (_, at) => filterOf(kind, others + at)),
  )
  let router: RouterBench | null = null
  return {
    name: `${kind}, beside ${others.toLocaleString('en')}`,
    operations: 2 * filtersPerRun,
    prepare: () => {
      router = filledRouter(kind, others)
    },
    run: () => {
      const added = router?.subscribe(filters)
      const removed = router?.unsubscribe(filters)
      if (added !== filtersPerRun || removed !== filtersPerRun)
        throw new Error(`${added} added, ${removed} removed of ${filtersPerRun}`)
      return added
    },
    finish: () => router?.close(),
  }
}
