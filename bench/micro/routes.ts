/**
 * Question: what does a route batch cost the control thread, from the bytes of a peer to filters in the index and out again?
 * In the way: ETF is decoded and one crossing is made a batch of 1,000. The door is the one that clients' subscriptions use.
 */
import { routeTerm } from '../../test/integration/link/route-terms.js'
import { microEngine } from './engine.js'
import type { MicroCase, MicroSuite } from './suite.js'

const perBatch = 1_000
const actor = { name: 'bench@there', incarnation: 1n }
const link = 0
const lane = 0

const kinds: Readonly<Record<string, (n: number) => string>> = {
  exact: (n) => `site/${n % 97}/device/${n}/temperature`,
  plus: (n) => `site/+/device/${n}/temperature`,
  hash: (n) => `site/${n % 97}/device/${n}/#`,
}
const mixed = (n: number): string => {
  const kind = [kinds.exact, kinds.plus, kinds.hash][n % 3]
  return kind?.(n) ?? ''
}

export const routesSuite: MicroSuite = {
  name: 'routes',
  question: 'what one filter added and taken away costs, in batches of 1,000',
  cases: () => [
    ...Object.entries(kinds).map(([name, filter]) => changeCase(name, filter, 0)),
    changeCase('mixed', mixed, 0),
    changeCase('mixed', mixed, 100_000),
  ],
}

/** @param others filters that are there all the while */
function changeCase(name: string, filter: (n: number) => string, others: number): MicroCase {
  const batch = (from: number) =>
    Array.from({ length: perBatch }, (_, at) => filter(1_000_000 + from + at))
  const filters = batch(0)
  const adds = routeTerm(
    actor,
    filters.map((add) => ({ add })),
  )
  const removes = routeTerm(
    actor,
    filters.map((remove) => ({ remove })),
  )
  const fill = () => {
    for (let from = perBatch; from <= others; from += perBatch)
      microEngine().applyRoutes(
        link,
        lane,
        routeTerm(
          actor,
          batch(from).map((add) => ({ add })),
        ),
      )
  }
  let filled = false
  return {
    name: `${name}, beside ${others.toLocaleString('en')}`,
    operations: 2 * perBatch,
    run: () => {
      if (!filled) fill()
      filled = true
      const added = microEngine().applyRoutes(link, lane, adds)
      const removed = microEngine().applyRoutes(link, lane, removes)
      if (added.adds !== perBatch || removed.deletes !== perBatch || added.invalid > 0)
        throw new Error(`${added.adds} added, ${removed.deletes} removed of ${perBatch}`)
      return added.adds
    },
  }
}
