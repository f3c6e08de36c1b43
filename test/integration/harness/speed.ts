/** Brokers whose time passes faster than the machine's: see fast-time.ts. */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { compiledRoot } from './broker-process.js'

/** How many of the broker's seconds one second is: CAUSEWAY_TEST_SPEED, 6 by default; 1: as it is in operation. */
export const speed = Number(process.env.CAUSEWAY_TEST_SPEED ?? 6)

/** For `BrokerOptions.environment`. */
export function fastTime(): Readonly<Record<string, string>> {
  if (speed === 1) return {}
  const preload = pathToFileURL(join(compiledRoot(), 'test/integration/harness/fast-time.js'))
  return {
    CAUSEWAY_TEST_SPEED: String(speed),
    NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --import=${preload.href}`.trim(),
  }
}
