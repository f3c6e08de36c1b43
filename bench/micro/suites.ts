/**
 * The micro suites, in the order they run. Add a suite as a file of its own and list it here.
 */
import { codecSuite } from './codec.js'
import { deltasSuite } from './deltas.js'
import { matchSuite } from './match.js'
import { messagesSuite } from './messages.js'
import { routesSuite } from './routes.js'
import { seamSuite } from './seam.js'
import { subscriptionsSuite } from './subscriptions.js'
import type { MicroSuite } from './suite.js'

export const suites: readonly MicroSuite[] = [
  codecSuite,
  matchSuite,
  subscriptionsSuite,
  deltasSuite,
  messagesSuite,
  seamSuite,
  routesSuite,
]
