/**
 * Free TCP ports for brokers under test. Below 32768: the range from there on belongs to outgoing connections. Test files run in
 * processes side by side; each takes a block of ports for as long as it lives, by listening on the first one of it.
 */
import { randomInt } from 'node:crypto'
import { createServer, type Server } from 'node:net'

/** Above the ports of the quick start, which are fixed and have a test of their own beside the others. */
const lowest = 22_000
const blocks = 107
/** The first one is the mark that the block is taken. */
const portsOfBlock = 100
/** Of the blocks taken: whoever got a port may not have bound it yet, so none is given twice. */
const left: number[] = []
/** They take turns: two calls at once would take a block each. */
let turn: Promise<unknown> = Promise.resolve()

/** A port of 127.0.0.1 that nobody listened on a moment ago, and that no other call gets, of this process or of another one. */
export function freePort(): Promise<number> {
  const mine = turn.then(nextPort, nextPort)
  turn = mine
  return mine
}

async function nextPort(): Promise<number> {
  for (;;) {
    if (left.length === 0) await takeBlock()
    const port = left.pop()
    if (port === undefined) throw new Error('a block has ports')
    if (await isFree(port)) return port
  }
}

/** Begins anywhere: those who start at once do not all try the same ones. */
async function takeBlock(): Promise<void> {
  const from = randomInt(blocks)
  for (let at = 0; at < blocks; at++) {
    const first = lowest + ((from + at) % blocks) * portsOfBlock
    const mark = await listening(first)
    if (mark === null) continue
    mark.unref()
    for (let port = first + 1; port < first + portsOfBlock; port++) left.push(port)
    return
  }
  throw new Error(
    `no free block of ports between ${lowest} and ${lowest + blocks * portsOfBlock - 1}`,
  )
}

async function isFree(port: number): Promise<boolean> {
  const server = await listening(port)
  if (server === null) return false
  await new Promise<void>((resolve) => server.close(() => resolve()))
  return true
}

/** Null: somebody else does. */
function listening(port: number): Promise<Server | null> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(null))
    server.listen(port, '127.0.0.1', () => resolve(server))
  })
}
