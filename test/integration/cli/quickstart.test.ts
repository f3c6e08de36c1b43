/** `causeway quickstart`: the proof, its failures, and that no broker outlives it. Its ports are fixed, so one at a time. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { eventually, TestClient } from '../harness/index.js'
import { type Command, causeway, folder } from './command.js'

const ports = [11_883, 11_884, 21_883, 21_884]
const clusters = ['cluster-us-east', 'cluster-eu-west']
const proofMs = 45_000

/** A test of the quick start, whose ports are the published ones: who has one of them is asked to let go. */
function quickTest(title: string, run: (t: TestContext) => Promise<void>): void {
  test(title, async (t) => {
    for (const port of ports) {
      assert.equal(
        await isTaken(port),
        false,
        `port ${port}, which the quick start needs, is in use`,
      )
    }
    await run(t)
  })
}

quickTest('--once proves a message each way, removes its folder and exits with 0', async (t) => {
  const quick = causeway(t, ['quickstart', '--once'])
  assert.deepEqual(await quick.ended(proofMs), { code: 0, signal: null }, quick.stderr)
  assert.equal(quick.stderr, '')
  for (const [from, to] of [clusters, clusters.toReversed()]) {
    assert.match(quick.stdout, new RegExp(`^${from} is linked to ${to}$`, 'm'))
    assert.match(
      quick.stdout,
      new RegExp(`^subscription in ${to} effective in ${from} after [\\d.]+ ms$`, 'm'),
    )
    assert.match(quick.stdout, new RegExp(`^${from} -> ${to}: .* in [\\d.]+ ms$`, 'm'))
  }
  assert.match(quick.stdout, /both brokers have stopped\n$/)
})

quickTest(
  'it stays up until Ctrl-C, with commands to try that work, and exits with 0',
  async (t) => {
    const directory = folder(t)
    const quick = causeway(t, ['quickstart', '--dir', directory])
    await quick.said(/Ctrl-C stops both brokers/, 'stdout', proofMs)
    for (const tool of ['mosquitto_sub', 'mosquitto_pub', 'mqttx sub', 'mqttx pub']) {
      for (const port of [11_884, 21_884]) {
        assert.match(
          quick.stdout,
          new RegExp(`^ +${tool} -h 127\\.0\\.0\\.1 -p ${port} -t '?linked/`, 'm'),
        )
      }
    }
    const subscriber = await TestClient.connect({ port: 21_884 })
    await subscriber.subscribe('linked/#')
    const publisher = await TestClient.connect({ port: 11_884 })
    await eventually('the route', async () => {
      await publisher.publish({ topic: 'linked/42', payload: 'hello', qos: 1 })
      return subscriber.messages.length > 0
    })
    await Promise.all([subscriber.disconnect(), publisher.disconnect()])
    quick.signal('SIGINT')
    quick.signal('SIGINT')
    assert.deepEqual(await quick.ended(10_000), { code: 0, signal: null }, quick.stderr)
    assert.match(
      readFileSync(join(directory, 'cluster-us-east.conf'), 'utf8'),
      /name = "cluster-us-east"/,
    )
    await assertNoneLeft()
  },
)

quickTest(
  'a port in use ends it with the key of the listener, and nothing is left running',
  async (t) => {
    const server = createServer()
    server.listen(11_883, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => server.close())
    const quick = causeway(t, ['quickstart', '--once', '--dir', folder(t)])
    assert.deepEqual(await quick.ended(proofMs), { code: 1, signal: null })
    assert.match(
      quick.stderr,
      /^cluster-us-east ended with exit code 1: listeners\.tcp\.clink\.bind \(.*cluster-us-east\.conf:\d+:\d+\): port 11883 is in use/,
    )
    assert.doesNotMatch(quick.stderr, /^\s+at /m)
    server.close()
    await assertNoneLeft()
  },
)

quickTest(
  'a broker that is killed ends it with the name of the broker, and the other is stopped',
  async (t) => {
    const directory = folder(t)
    const quick = causeway(t, ['quickstart', '--dir', directory])
    await quick.said(/Ctrl-C stops both brokers/, 'stdout', proofMs)
    process.kill(brokerOf(directory, 'cluster-eu-west'), 'SIGKILL')
    assert.deepEqual(await quick.ended(10_000), { code: 1, signal: null })
    assert.match(quick.stderr, /^cluster-eu-west died of SIGKILL/)
    await assertNoneLeft()
  },
)

quickTest('no broker outlives a quick start that is killed', async (t) => {
  const quick: Command = causeway(t, ['quickstart', '--dir', folder(t)])
  await quick.said(/Ctrl-C stops both brokers/, 'stdout', proofMs)
  quick.signal('SIGKILL')
  await assertNoneLeft()
})

/** Nobody listens on the ports of the quick start any more, soon. */
async function assertNoneLeft(): Promise<void> {
  await eventually('both brokers are gone', async () => {
    const taken = await Promise.all(ports.map(isTaken))
    return !taken.includes(true)
  })
}

/** From the lock that a broker keeps in its data directory. */
function brokerOf(directory: string, cluster: string): number {
  const lock = readFileSync(join(directory, cluster, 'data', 'causeway.lock'), 'utf8')
  return Number(lock.split(' ')[0])
}

function isTaken(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(true))
    server.listen(port, '0.0.0.0', () => server.close(() => resolve(false)))
  })
}
