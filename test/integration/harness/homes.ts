/** Client identifiers with a chosen home: tests that mean "on another loop" must be able to say so. */
import { homeLoop } from '../../../src/session/home.js'
import type { BrokerProcess } from './broker-process.js'

/** An identifier beginning with `prefix` whose session lives on `loop` (modulo the loops there are). */
export function clientIdOn(broker: BrokerProcess, loop: number, prefix: string): string {
  for (let n = 0; ; n++) {
    const clientId = `${prefix}-${n}`
    if (homeLoop(clientId, broker.io) === loop % broker.io) return clientId
  }
}
