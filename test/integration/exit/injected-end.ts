/**
 * Loaded with `node --import` before a broker: ends the main thread's program from within, some time after it is ready.
 * CAUSEWAY_TEST_END: `throw`, `reject` or `exit`, and `edge`: a throw on the edge thread; CAUSEWAY_TEST_END_AFTER_MS: from SIGUSR1 on.
 */
import { BroadcastChannel, isMainThread, workerData } from 'node:worker_threads'

export const injectedExitCode = 7

const channelName = 'causeway.injected-end'

const endings: Readonly<Record<string, () => void>> = {
  throw: () => {
    throw new Error('injected: thrown')
  },
  reject: () => {
    void Promise.reject(new Error('injected: rejected'))
  },
  exit: () => process.exit(injectedExitCode),
  edge: () => new BroadcastChannel(channelName).postMessage('throw'),
}

const ending = endings[process.env.CAUSEWAY_TEST_END ?? '']
const afterMs = Number(process.env.CAUSEWAY_TEST_END_AFTER_MS ?? 0)

// Task threads and the edge thread inherit `--import`; the end belongs to the main thread. SIGUSR1 would start the inspector unheard.
if (isMainThread && ending !== undefined) {
  process.once('SIGUSR1', () => setTimeout(ending, afterMs))
}

// Only the edge thread is given listeners.
if (!isMainThread && ending !== undefined && Array.isArray(workerData?.listeners)) {
  const channel = new BroadcastChannel(channelName)
  channel.onmessage = () => {
    throw new Error('injected: thrown on the edge thread')
  }
  channel.unref()
}
