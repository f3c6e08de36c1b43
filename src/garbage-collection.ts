/**
 * How V8 collects garbage in a broker. What a control thread makes dies at once or lives as long as its client, so there is
 * nothing to be gained from waiting longer before looking: V8's default, a young generation of up to 32 MiB, is memory that is
 * written anew from one end to the other and never fits a processor's cache. And the processors belong to io loops: V8's default,
 * helpers on up to four threads, makes those wait. docs/decisions/0029-collect-alone.md has the figures.
 */
import { setFlagsFromString } from 'node:v8'

const flags = [
  '--semi-space-growth-factor=1', // it stays as large as it is, 2 MiB in a process that has just begun
  '--no-parallel-scavenge',
  '--no-concurrent-marking',
  '--no-concurrent-sweeping',
]

/**
 * From now on, in threads too: a young generation of 2 MiB, and each thread collects what it made. Called first of all: V8 does
 * not expect these to change while it marks, which it begins with a heap of tens of MiB.
 */
export function collectSparingly(): void {
  for (const flag of flags) setFlagsFromString(flag)
}
