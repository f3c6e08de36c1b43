/**
 * Question: what does it cost to find the filters of a topic that nobody published to before, among how many, of which kind?
 * In the way: topics cross the seam 1,000 at a time and are cut apart, some 10 ns each. Topics are drawn from all filters, so with
 * a million of them the processor's caches miss, as they would.
 */
import {
  type FilterKind,
  filterKinds,
  filterOf,
  scattered,
  topicOf,
} from '../../src/cli/bench/filters.js'
import { packTexts, type RouterBench, workbench } from '../../src/native/index.js'
import type { MicroCase, MicroSuite } from './suite.js'

const topicsPerRun = 1_000
/** Different topics, in turn: more than caches hold. */
const batches = 100
const filtersPerCall = 10_000

export const matchSuite: MicroSuite = {
  name: 'match',
  question: 'what one topic costs that is in no cache',
  cases: (brief) => {
    const sizes = brief ? [1_000] : [1_000, 100_000, 1_000_000]
    return filterKinds.flatMap((kind) => sizes.map((filters) => matchCase(kind, filters)))
  },
}

function matchCase(kind: FilterKind, filters: number): MicroCase {
  let router: RouterBench | null = null
  let topics: Buffer[] = []
  let turn = 0
  return {
    name: `${kind}, ${filters.toLocaleString('en')} filters`,
    operations: topicsPerRun,
    prepare: () => {
      router = filledRouter(kind, filters)
      const drawn = scattered(batches * topicsPerRun, filters).map((n) => topicOf(kind, n))
      topics = Array.from({ length: batches }, (_, batch) =>
        packTexts(drawn.slice(batch * topicsPerRun, (batch + 1) * topicsPerRun)),
      )
    },
    run: () => {
      const found = router?.match(topics[turn++ % batches] ?? Buffer.alloc(0), 'together')
      if (found !== topicsPerRun) throw new Error(`${found} filters for ${topicsPerRun} topics`)
      return found
    },
    finish: () => router?.close(),
  }
}

/** @returns a router with filters 0 … `filters` - 1 of a kind */
export function filledRouter(kind: FilterKind, filters: number): RouterBench {
  const router = workbench.router()
  for (let from = 0; from < filters; from += filtersPerCall) {
    const count = Math.min(filtersPerCall, filters - from)
    const added = router.subscribe(
      packTexts(Array.from({ length: count }, (_, at) => filterOf(kind, from + at))),
    )
    if (added !== count) throw new Error(`${added} of ${count} filters were new`)
  }
  return router
}
