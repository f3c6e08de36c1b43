/** Free TCP ports for brokers under test. Below 32768: the range from there on belongs to outgoing connections. */
import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

const lowest = 20_000
const highest = 32_767
const attempts = 64
/** By this process: whoever got one may not have bound it yet. */
const given = new Set<number>()

/** A port of 127.0.0.1 that nobody listened on a moment ago, and that no other call of this process gets. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const port = randomInt(lowest, highest + 1)
    if (given.has(port)) continue
    given.add(port)
    if (await isFree(port)) return port
  }
  throw new Error(`no free port in ${attempts} attempts between ${lowest} and ${highest}`)
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
