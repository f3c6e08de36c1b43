/**
 * The young generation of V8, where every object begins. What a broker's control thread makes dies at once or lives as long as
 * its client, so there is nothing to be gained from waiting longer before looking: V8's default, up to 32 MiB, is memory that is
 * written anew from one end to the other and never fits a processor's cache. Measured in docs/internals/performance.md.
 */
import { setFlagsFromString } from 'node:v8'

/** From now on it stays as large as it is, 2 MiB in a process that has just begun; in threads too. */
export function keepYoungGenerationSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1')
}
