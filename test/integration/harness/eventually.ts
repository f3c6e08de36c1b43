/** Waiting for what has no event of its own. */
import { setTimeout as delay } from 'node:timers/promises'

const everyMs = 20

/** Asks until the answer is true. @throws Error after `timeoutMs`, with `what` was awaited */
export async function eventually(
  what: string,
  ask: () => boolean | Promise<boolean>,
  timeoutMs = 10_000,
): Promise<void> {
  const until = performance.now() + timeoutMs
  while (!(await ask())) {
    if (performance.now() > until) throw new Error(`not within ${timeoutMs} ms: ${what}`)
    await delay(everyMs)
  }
}
