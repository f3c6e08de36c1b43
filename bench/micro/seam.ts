/**
 * Question: what does a call into the addon cost, alone, and with a term decoded or encoded behind it?
 * In the way: nothing; a hundred calls a run.
 */
import { heartbeatTerm, routeTerm } from '../../test/integration/link/route-terms.js'
import { microEngine } from './engine.js'
import type { MicroCase, MicroSuite } from './suite.js'

const calls = 100
const actor = { name: 'bench@there', incarnation: 7n }

export const seamSuite: MicroSuite = {
  name: 'seam',
  question: 'what a crossing costs, and terms of the route channel',
  cases: () => {
    const engine = microEngine()
    const heartbeat = heartbeatTerm(actor)
    const routes = routeTerm(
      actor,
      Array.from({ length: 1_000 }, (_, n) => ({ add: `site/${n}/+/temperature` })),
    )
    return [
      repeated('a call that reads a number', () => engine.routeCount(0) >= 0),
      repeated('encode a heartbeat', () => engine.encodeHeartbeat('a', 7n, null).length > 0),
      repeated('decode a heartbeat', () => engine.decodeRoute(heartbeat).op === 'heartbeat'),
      repeated('decode the head of 1,000 routes', () => {
        const decoded = engine.decodeRoute(routes)
        return decoded.op === 'route' && decoded.count === 1_000
      }),
    ]
  },
}

function repeated(name: string, call: () => boolean): MicroCase {
  return {
    name,
    operations: calls,
    run: () => {
      for (let at = 0; at < calls; at++) if (!call()) throw new Error(`${name}: a wrong answer`)
      return calls
    },
  }
}
