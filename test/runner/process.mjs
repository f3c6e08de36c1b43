/**
 * Runs one suite's process within a time limit and leaves nothing of it behind.
 *
 * Every process carries a marker in its environment, inherited by whatever it starts. After the run, any
 * process that still carries it is a leftover: it is counted, and ended by its pid.
 */
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

const MARKER = 'CAUSEWAY_TEST_RUN'
/** How long a child of a finished suite may take to be gone before it counts as left over. */
const GRACE_MS = 1_000

/**
 * @typedef {{ status: number | null, output: string, timedOut: boolean, leftovers: number }} Outcome
 * @param {{ command: string, args: string[], env?: Record<string, string>, limitMs: number,
 *           live?: boolean }} options `live` shows the output as it comes
 * @returns {Promise<Outcome>}
 */
export async function runWithin({ command, args, env = {}, limitMs, live = false }) {
  const marker = randomUUID()
  const child = spawn(command, args, {
    env: { ...process.env, ...env, [MARKER]: marker },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const interrupt = () => {
    for (const pid of marked(marker)) end(pid)
    process.exit(130)
  }
  process.on('SIGINT', interrupt)
  process.on('SIGTERM', interrupt)
  const chunks = []
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      chunks.push(chunk)
      if (live) process.stdout.write(chunk)
    })
  }

  let timedOut = false
  const limit = setTimeout(() => {
    timedOut = true
    for (const pid of new Set([child.pid, ...marked(marker)])) end(pid)
  }, limitMs)
  // 'exit', not 'close': a leftover that holds the pipe must not hold us.
  const status = await new Promise((done) => {
    child.on('error', (error) => {
      chunks.push(Buffer.from(`${command}: ${error.message}\n`))
      done(null)
    })
    child.on('exit', done)
  })
  clearTimeout(limit)
  const leftovers = await sweep(marker)
  process.off('SIGINT', interrupt)
  process.off('SIGTERM', interrupt)
  return {
    status,
    output: Buffer.concat(chunks).toString(),
    timedOut,
    leftovers: timedOut ? 0 : leftovers,
  }
}

async function sweep(marker) {
  for (const untilMs = Date.now() + GRACE_MS; Date.now() < untilMs && marked(marker).length > 0; ) {
    await delay(50)
  }
  const left = marked(marker)
  for (const pid of left) end(pid)
  return left.length
}

/** Pids of living processes with our marker; only Linux shows another process's environment. */
function marked(marker) {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`${MARKER}=${marker}`)
      } catch {
        return false // gone, or not ours to look at
      }
    })
    .map(Number)
}

function end(pid) {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (error.code !== 'ESRCH') throw error
  }
}
