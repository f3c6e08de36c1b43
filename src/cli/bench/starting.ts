/** What starting a process of ours takes: a free port, its processors, and patience that ends. */
import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { loadRoom } from '../../native/index.js'
import { benchFailed } from './failure.js'

/** Above what the kernel gives to outgoing connections unless told otherwise: another one cannot take a port before our process listens on it. */
const ports = { lowest: 61_000, highest: 65_535, attempts: 64 }
const readyTimeoutMs = 20_000

/** Rejects when a process of ours has had its time. @param what has not happened */
export async function late(what: string): Promise<never> {
  await delay(readyTimeoutMs, undefined, { ref: false })
  throw benchFailed(`${what} within ${readyTimeoutMs / 1_000} s`)
}

/** A child runs where the thread that starts it does. */
export function onProcessors<T>(processors: readonly number[] | null, start: () => T): T {
  if (processors === null) return start()
  const own = loadRoom.processors()
  if (!loadRoom.useProcessors(processors))
    throw benchFailed(`this process may not run on processor ${processors.join(',')}`)
  try {
    return start()
  } finally {
    loadRoom.useProcessors(own)
  }
}

export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ports.attempts; attempt++) {
    const port = randomInt(ports.lowest, ports.highest + 1)
    const free = await new Promise<boolean>((resolve) => {
      const server = createServer()
      server.once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
    })
    if (free) return port
  }
  throw benchFailed(`no free port between ${ports.lowest} and ${ports.highest}`)
}
