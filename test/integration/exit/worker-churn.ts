/**
 * Loaded with `node --import` before a broker. On SIGUSR1: worker threads attach to the engine and are terminated in the
 * middle of a call, one after another; the last one is left running. Says `churned` on standard output then.
 */
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { isMainThread, Worker } from 'node:worker_threads'

const workers = 20

async function churn(): Promise<void> {
  for (let n = 1; n <= workers; n++) {
    const worker = new Worker(new URL('./attached-worker.js', import.meta.url))
    await once(worker, 'message')
    await delay(n % 5)
    if (n < workers) await worker.terminate()
    else worker.unref()
  }
  process.stdout.write('churned\n')
}

if (isMainThread) process.once('SIGUSR1', () => void churn())
