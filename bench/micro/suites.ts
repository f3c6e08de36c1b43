/**
 * The micro suites, in the order they run. Add a suite as a file of its own and list it here.
 */
import { mqttPacketSuite } from './mqtt-packet.js'
import { routesSuite } from './routes.js'
import { seamSuite } from './seam.js'
import type { MicroSuite } from './suite.js'

export const suites: readonly MicroSuite[] = [mqttPacketSuite, seamSuite, routesSuite]
