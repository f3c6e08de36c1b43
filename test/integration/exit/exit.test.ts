/**
 * Leaving under traffic, again and again: by signal, by an error that nothing handled, by process.exit behind the broker's
 * back. The process must end by itself, with the right code and never by a signal (design.md §12).
 * CAUSEWAY_EXIT_ROUNDS: starts and exits of the three main kinds; 10 by default, 100 in CI. The others have a quarter.
 */
import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { brokerFile, Command, events, folder, packageRoot } from '../cli/command.js'
import { eventually, freePort } from '../harness/index.js'
import { injectedExitCode } from './injected-end.js'
import { Traffic } from './traffic.js'

const mainRounds = Number(process.env.CAUSEWAY_EXIT_ROUNDS ?? 10)
const sideRounds = Math.ceil(mainRounds / 4)
/** Brokers at a time: a round is a start, then mostly waiting for clients that linger. */
const together = Math.min(8, 2 * availableParallelism())
const endMs = 8_000
/** Exits are spread over this long, so that they fall into every phase of a poll round. */
const spreadMs = 40
const preload = pathToFileURL(
  join(packageRoot, 'dist-test/test/integration/exit/injected-end.js'),
).href

interface Kind {
  readonly title: string
  readonly rounds: number
  readonly code: number
  /** What the preloaded module does when SIGUSR1 comes; null: it is not loaded. */
  readonly injected: 'throw' | 'reject' | 'exit' | 'edge' | null
  readonly signals: readonly NodeJS.Signals[]
  /** The log event that tells how it left; null: it had no chance to say. */
  readonly event: string | null
}

const kinds: readonly Kind[] = [
  {
    title: 'SIGTERM',
    rounds: mainRounds,
    code: 0,
    injected: null,
    signals: ['SIGTERM'],
    event: 'stopped',
  },
  {
    title: 'SIGTERM twice',
    rounds: sideRounds,
    code: 1,
    injected: null,
    signals: ['SIGTERM', 'SIGINT'],
    event: null,
  },
  {
    title: 'an uncaught throw',
    rounds: mainRounds,
    code: 1,
    injected: 'throw',
    signals: ['SIGUSR1'],
    event: 'fatal',
  },
  {
    title: 'an unhandled rejection',
    rounds: sideRounds,
    code: 1,
    injected: 'reject',
    signals: ['SIGUSR1'],
    event: 'fatal',
  },
  {
    title: 'an uncaught throw on the edge thread',
    rounds: sideRounds,
    code: 1,
    injected: 'edge',
    signals: ['SIGUSR1'],
    event: 'fatal',
  },
  {
    title: 'process.exit',
    rounds: mainRounds,
    code: injectedExitCode,
    injected: 'exit',
    signals: ['SIGUSR1'],
    event: null,
  },
]

for (const kind of kinds) {
  test(`${kind.rounds} starts and exits under traffic by ${kind.title}: never a signal death`, async (t) => {
    let next = 0
    const worker = async () => {
      while (next < kind.rounds) await round(t, kind, next++)
    }
    await Promise.all(Array.from({ length: Math.min(together, kind.rounds) }, worker))
  })
}

async function round(t: TestContext, kind: Kind, number: number): Promise<void> {
  const port = await freePort()
  const webPort = await freePort()
  const more = `listeners.ws.default.bind = "127.0.0.1:${webPort}"`
  const file = brokerFile(folder(t), { port, io: 1 + (number % 2), ws: true, more })
  const broker = new Command(['start', '-c', file], {
    node: kind.injected === null ? [] : ['--import', preload],
    environment: {
      CAUSEWAY_TEST_END: kind.injected ?? '',
      CAUSEWAY_TEST_END_AFTER_MS: String(number % 3),
    },
  })
  let traffic: Traffic | null = null
  try {
    await broker.ready()
    traffic = await Traffic.start(port, webPort)
    await traffic.delivered(100)
    await delay((number * 7) % spreadMs)
    for (const signal of kind.signals) broker.signal(signal)
    const exit = await broker.ended(endMs)
    assertLeft(kind, exit, broker, `round ${number}`)
  } finally {
    await broker.killed()
    await traffic?.stop()
  }
}

/** A second signal may come after the end of the first one's work: then that ended well. */
function assertLeft(kind: Kind, exit: Awaited<Command['exited']>, broker: Command, where: string) {
  assert.equal(exit.signal, null, `${where}: died of ${exit.signal}\n${broker.stderr}`)
  const codes = kind.signals.length > 1 ? [0, kind.code] : [kind.code]
  assert.ok(codes.includes(exit.code ?? -1), `${where}: exit code ${exit.code}\n${broker.stderr}`)
  if (kind.event !== null) assert.equal(events(broker, kind.event).length, 1, broker.stderr)
}

test('an error that nothing handled is told with its stack, once', async (t) => {
  const file = brokerFile(folder(t), { port: await freePort() })
  const broker = new Command(['start', '-c', file], {
    node: ['--import', preload],
    environment: { CAUSEWAY_TEST_END: 'throw' },
  })
  try {
    await broker.ready()
    broker.signal('SIGUSR1')
    await eventually('a fatal event', () => events(broker, 'fatal').length > 0)
    assert.deepEqual(await broker.ended(endMs), { code: 1, signal: null })
    const [fatal] = events(broker, 'fatal')
    assert.match(JSON.stringify(fatal?.err), /injected: thrown.*injected-end/)
  } finally {
    await broker.killed()
  }
})
