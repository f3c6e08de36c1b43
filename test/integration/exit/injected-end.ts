/**
 * Loaded with `node --import` before a broker: ends the main thread's program from within, some time after it is ready.
 * CAUSEWAY_TEST_END: `throw`, `reject` or `exit`; CAUSEWAY_TEST_END_AFTER_MS: from SIGUSR1 on.
 */
import { isMainThread } from 'node:worker_threads'

export const injectedExitCode = 7

const endings: Readonly<Record<string, () => void>> = {
  throw: () => {
    throw new Error('injected: thrown')
  },
  reject: () => {
    void Promise.reject(new Error('injected: rejected'))
  },
  exit: () => process.exit(injectedExitCode),
}

const ending = endings[process.env.CAUSEWAY_TEST_END ?? '']
const afterMs = Number(process.env.CAUSEWAY_TEST_END_AFTER_MS ?? 0)

// Task threads inherit `--import`; the end belongs to the main thread. SIGUSR1 would start the inspector unheard.
if (isMainThread && ending !== undefined) {
  process.once('SIGUSR1', () => setTimeout(ending, afterMs))
}
