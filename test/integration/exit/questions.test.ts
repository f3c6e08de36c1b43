/**
 * Leaving while everybody asks: by signal, over the control socket, over the HTTP API. Who comes too late gets no answer or 503;
 * the process stops as it should and nothing fatal is said (exit-door.ts). CAUSEWAY_EXIT_ROUNDS: four times the rounds; 10 by default.
 */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { brokerFile, type Command, causeway, events, folder } from '../cli/command.js'
import { askControl, freePort } from '../harness/index.js'

const rounds = Math.ceil(Number(process.env.CAUSEWAY_EXIT_ROUNDS ?? 10) / 4)
const endMs = 20_000
/** Everybody has asked by then, and on a slow machine some still wait for their first answer. */
const warmUpMs = 200
/** SIGTERM comes at another point of a poll round each time. */
const spreadMs = 40

for (let round = 0; round < rounds; ++round) {
  test(`questions until the end and behind it, round ${round}`, (t) => askUntilTheEnd(t, round))
}

async function askUntilTheEnd(t: TestContext, round: number): Promise<void> {
  const directory = folder(t)
  const [port, apiPort] = [await freePort(), await freePort()]
  const keys = join(directory, 'keys')
  writeFileSync(keys, 'reader:secret:viewer\n', { mode: 0o600 })
  const more = `cluster.links = [{ name = far, server = "127.0.0.1:1", topics = ["#"], pool_size = 1 }]
dashboard.listeners.http.bind = "127.0.0.1:${apiPort}"
api_key.bootstrap_file = ${JSON.stringify(keys)}`
  const file = brokerFile(directory, { port, io: 1 + (round % 2), more })
  const broker = causeway(t, ['start', '-c', file])
  await broker.ready()

  const asking = new AbortController()
  const agent = new Agent({ keepAlive: true })
  const statuses = [await links(agent, apiPort)]
  const asked = Promise.all([
    repeat(asking.signal, async () => void statuses.push(await links(agent, apiPort))),
    repeat(asking.signal, () => askControl(join(directory, 'data'), { command: 'links' })),
    repeat(asking.signal, async () => signalBoth(broker)),
  ])
  await delay(warmUpMs + ((round * 7) % spreadMs))
  const exit = await broker.stopped(endMs)
  asking.abort()
  await asked
  agent.destroy()

  // Node itself gives these signals their default back, at the very end.
  const died = exit.signal === 'SIGUSR2' || exit.signal === 'SIGHUP'
  assert.equal(events(broker, 'stopped').length, 1, broker.stderr)
  assert.ok(died || exit.code === 0, `${exit.code} ${exit.signal}\n${broker.stderr}`)
  assert.deepEqual([...events(broker, 'fatal'), ...events(broker, 'api_failed')], [])
  assert.equal(statuses[0], 200)
  assert.deepEqual(
    statuses.filter((status) => status !== 200 && status !== 503),
    [],
  )
}

/** Again and again, whether it succeeds or not. */
async function repeat(signal: AbortSignal, ask: () => Promise<unknown>): Promise<void> {
  while (!signal.aborted) {
    await ask().catch(() => {})
    await delay(1)
  }
}

async function signalBoth(broker: Command): Promise<void> {
  broker.signal('SIGUSR2')
  broker.signal('SIGHUP')
}

/** The status of one answer. */
function links(agent: Agent, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = { agent, port, host: '127.0.0.1', path: '/api/v5/cluster/links' }
    const asked = request({ ...options, auth: 'reader:secret' }, (reply) => {
      reply.resume().once('end', () => resolve(reply.statusCode ?? 0))
    })
    asked.once('error', reject)
    asked.end()
  })
}
