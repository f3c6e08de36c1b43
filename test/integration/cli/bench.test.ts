/**
 * `causeway bench` as a person runs it: every workload against a real broker, and what it says of brokers that refuse, lose,
 * repeat and leave. Counts are asserted, never speeds.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, type TestContext, test } from 'node:test'
import { freePort } from '../harness/index.js'
import { brokerFile, Command, type CommandOptions, causeway, folder } from './command.js'
import { fakeBroker } from './fake-broker.js'

interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

interface Report {
  readonly machine: { readonly node: string }
  readonly rounds: readonly {
    readonly side: string
    readonly figures: Readonly<Record<string, number>>
    readonly problems: readonly string[]
    readonly partial: boolean
    readonly latency: { readonly count: number; readonly buckets: readonly number[] } | null
  }[]
}

const short = ['--duration', '0.3', '--warmup', '0.1', '--pin', 'none']

async function bench(
  t: TestContext,
  args: readonly string[],
  options?: CommandOptions,
): Promise<Outcome> {
  const command: Command = causeway(t, ['bench', ...args], options)
  const { code } = await command.ended(180_000)
  return { code, stdout: command.stdout, stderr: command.stderr }
}

/** What a machine with other work may make of a third of a second, whatever the bench and the broker do. */
const tooSlow = /^the rate of \d+ a second was not reached|^not one listing was complete/

/** A run that must be clean, but for rates: how fast this machine is now is not what is tested. */
async function clean(
  t: TestContext,
  args: readonly string[],
  options?: CommandOptions,
): Promise<Report> {
  const { code, stdout, stderr } = await bench(t, [...args, ...short, '--json'], options)
  assert.ok((code === 0 || code === 3) && stdout !== '', `${code}: ${stdout}${stderr}`)
  // Cannot lie where it matters: what is looked at below is asserted.
  const report = JSON.parse(stdout) as Report
  const problems = report.rounds.flatMap((round) => round.problems)
  assert.deepEqual(
    problems.filter((problem) => !tooSlow.test(problem)),
    [],
  )
  assert.equal(code, problems.length === 0 ? 0 : 3)
  for (const { partial } of report.rounds) assert.equal(partial, false)
  return report
}

function figuresOf(report: Report, side = 0): Readonly<Record<string, number>> {
  return report.rounds[side]?.figures ?? {}
}

describe('against a broker that is running', () => {
  let broker: Command
  let directory: string
  let target: readonly string[]

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'causeway-bench-test-'))
    const port = await freePort()
    const more = 'mqtt { max_mqueue_len = infinity }'
    broker = new Command(['start', '-c', brokerFile(directory, { port, more })])
    await broker.ready()
    target = ['--target', `127.0.0.1:${port}`, '--pid', String(broker.pid)]
  })
  after(async () => {
    await broker.stopped()
    await broker.killed()
    rmSync(directory, { recursive: true, force: true })
  })

  const traffic: readonly (readonly [title: string, args: string])[] = [
    ['fanout', 'fanout --publishers 2 --clients 20'],
    ['pairs, QoS 1, MQTT 5', 'pairs --clients 5 --qos 1 --mqtt 5'],
    ['pairs, QoS 2, on a schedule', 'pairs --clients 5 --qos 2 --rate 200'],
    ['pairs, MQTT 3.1, two threads', 'pairs --clients 6 --mqtt 3.1 --threads 2'],
    ['fanin, large payloads', 'fanin --clients 10 --size 20000 --window 100'],
    ['wildcard', 'wildcard --clients 30 --filters 20 --publishers 3'],
    ['shared', 'shared --clients 4 --qos 1'],
  ]
  for (const [title, args] of traffic) {
    test(`${title}: everything published arrives once, in order`, async (t) => {
      const report = await clean(t, [...args.split(' '), ...target])
      const figures = figuresOf(report)
      assert.ok((figures.expected ?? 0) > 0)
      assert.equal(figures.missing, 0)
      assert.ok((figures.deliveriesPerSecond ?? 0) > 0)
      const { latency } = report.rounds[0] ?? {}
      assert.ok(latency !== null && latency !== undefined && latency.count > 0)
      const counted = latency.buckets.filter((_, at) => at % 3 === 2)
      assert.equal(
        counted.reduce((sum, count) => sum + count, 0),
        latency.count,
      )
    })
  }

  for (const how of ['', '--size 70000 --mqtt 5 --window 50', '--window 1 --threads 2']) {
    test(`fanout ${how} beside its floor: both deliver, and are compared`, async (t) => {
      const args = ['fanout', '--clients', '10', '--floor', ...how.split(' ').filter(Boolean)]
      const report = await clean(t, [...args, '--rounds', '2', ...target])
      const [first, , , last] = report.rounds
      assert.notEqual(first?.side, 'floor')
      assert.deepEqual(
        report.rounds.map(({ side }) => side === 'floor'),
        [false, true, true, false],
      )
      assert.equal(first?.side, last?.side)
      for (const { figures } of report.rounds) assert.ok((figures.deliveriesPerSecond ?? 0) > 0)
    })
  }

  test('subscribe: a message reaches everybody on the filter', async (t) => {
    const report = await clean(t, ['subscribe', '--clients', '50', '--floor', ...target])
    assert.equal(figuresOf(report).reached, 50)
    assert.equal(report.rounds[1]?.side, 'floor')
    assert.ok((figuresOf(report, 1).usEach ?? 0) > 0)
  })

  test('connections: all are open, and counted', async (t) => {
    const figures = figuresOf(
      await clean(t, ['connections', '--clients', '40', '--before', '10', ...target]),
    )
    assert.equal(figures.clients, 40)
    assert.ok((figures.connectsPerSecond ?? 0) > 0)
  })

  for (const how of [[], ['--one-filter'], ['--rate', '50']]) {
    test(`churn ${how.join(' ')}: filters change, and all are given back`, async (t) => {
      const figures = figuresOf(await clean(t, ['churn', '--clients', '5', ...how, ...target]))
      assert.ok((figures.changesPerSecond ?? 0) > 0)
    })
  }

  test('retained: everybody gets all that was kept, and nothing stays behind', async (t) => {
    const args = ['retained', '--clients', '5', '--filters', '40', ...target]
    assert.equal(figuresOf(await clean(t, args)).messages, 40)
    // What an earlier run left would be somebody else's message here.
    await clean(t, args)
  })
})

describe('a broker of our own', () => {
  for (const via of ['tls', 'ws']) {
    test(`over ${via}: everything arrives once, in order, whatever its size`, async (t) => {
      const to = ['--via', via, '--io', '1', '--clients', '5']
      for (const load of ['--qos 1 --mqtt 5', '--size 100000 --window 40'])
        assert.equal(figuresOf(await clean(t, ['pairs', ...to, ...load.split(' ')])).missing, 0)
    })
  }

  test('is started over a Unix socket, measured in rounds and shown as a table', async (t) => {
    const { code, stdout, stderr } = await bench(t, [
      ...['fanout', '--clients', '10', '--via', 'unix', '--rounds', '2', '--io', '1'],
      ...short,
    ])
    assert.equal(code, 0, `${stdout}${stderr}`)
    assert.match(stdout, /^MQTT 3\.1\.1 over Unix sockets, QoS 0, 64 bytes, window 20000,/m)
    assert.match(stdout, /^ +deliveries\/s +broker µs each/m)
    assert.match(stdout, /^causeway +[\d,]+ /m)
  })

  test('subscribe over a Unix socket against the floor, more than one round', async (t) => {
    const report = await clean(t, [
      ...['subscribe', '--clients', '20', '--via', 'unix', '--floor', '--rounds', '2', '--io', '1'],
    ])
    const sides = report.rounds.map(({ side }) => side)
    assert.deepEqual(sides.toSorted(), ['causeway', 'causeway', 'floor', 'floor'])
    for (const { figures } of report.rounds) assert.ok((figures.usEach ?? 0) > 0)
  })

  test('subscribe: more clients than descriptors, one storm after the other', async (t) => {
    const args = ['subscribe', '--clients', '700', '--via', 'unix', '--floor', '--io', '1']
    const report = await clean(t, args, { descriptors: 400 })
    const own = report.rounds.find(({ side }) => side === 'causeway')
    assert.equal(own?.figures.clients, 700)
    const last = own?.figures.reached ?? 0
    assert.ok(last > 0 && last < 300, `${last} in the last storm`)
    // All of them were timed, not those of the last storm alone.
    const { totalMs = 0, usEach } = own?.figures ?? {}
    assert.equal(usEach, (totalMs * 1_000) / 700)
    assert.ok((own?.latency?.count ?? 700) < 300)
  })

  test('a peer that is not installed is told', async (t) => {
    const environment = { PATH: dirname(process.execPath) }
    const args = ['fanout', '--clients', '5', '--against', 'mosquitto', ...short]
    const { code, stderr } = await bench(t, args, { environment })
    assert.equal(code, 3)
    assert.equal(stderr, 'causeway bench: mosquitto is not installed\n')
  })
})

describe('brokers of its own', () => {
  test('link: subscriptions, hops and messages across 5 ms', async (t) => {
    const across = ['--delay', '5', '--window', '200']
    const report = await clean(t, ['link', '--clients', '4', ...across])
    const sides = report.rounds.map(({ side }) => side)
    assert.deepEqual(sides, [
      'subscription effective',
      'hop, local',
      'hop, over the link',
      'forwarding, QoS 0',
      'forwarding, QoS 1',
    ])
    for (const { figures } of report.rounds.slice(1)) assert.equal(figures.missing, 0)
    // A route, then a message: nothing is there sooner than one way over the line.
    for (const at of [0, 2]) assert.ok((figuresOf(report, at).p50Us ?? 0) >= 5_000)
  })

  test('link: subscriptions while others change theirs, in two halves', async (t) => {
    const report = await clean(t, ['link', '--changes', '200'])
    const sides = report.rounds.map(({ side }) => side)
    const halves = ['first half', 'second half'].map((half) => `subscription effective, ${half}`)
    assert.deepEqual(sides, halves)
    for (const { figures, latency } of report.rounds) {
      assert.ok((figures.changesPerSecond ?? 0) > 0)
      assert.ok((latency?.count ?? 0) > 0)
    }
  })

  test('bootstrap: every route of the other side arrives, and traffic goes on meanwhile', async (t) => {
    const report = await clean(t, ['bootstrap', '--clients', '10', '--filters', '50'])
    const sides = report.rounds.map(({ side }) => side)
    assert.deepEqual(sides, ['bootstrap', 'traffic, quiet', 'traffic, meanwhile'])
    assert.equal(figuresOf(report).routes, 500)
    for (const at of [1, 2]) assert.equal(figuresOf(report, at).missing, 0)
  })

  test('pairs --listing: all sessions are listed again and again, and nothing is lost meanwhile', async (t) => {
    const load = ['--clients', '4', '--qos', '1', '--rate', '200', '--rounds', '2']
    const report = await clean(t, ['pairs', '--listing', '2500', '--io', '1', ...load])
    const sides = report.rounds.map(({ side }) => side)
    assert.deepEqual(sides, ['quiet', 'clients listed', 'clients listed', 'quiet'])
    for (const { figures, latency } of report.rounds) {
      assert.equal(figures.missing, 0)
      assert.ok((latency?.count ?? 0) > 0)
    }
    for (const at of [1, 2]) assert.ok((figuresOf(report, at).listedPerSecond ?? 0) > 0)
  })

  test('core: matches are counted, and cost something', async (t) => {
    const report = await clean(t, ['core', '--filters', '50'])
    assert.equal(report.rounds.length, 4 * 4) // kinds, what is done with each
    for (const { figures } of report.rounds) assert.ok((figures.nsEach ?? 0) > 0)
  })

  test('scale: a curve and a recommendation, and a report that needs nothing else', async (t) => {
    const file = join(folder(t), 'report.html')
    const workers = ['--io', '2', '--tasks', '2']
    const args = ['scale', '--clients', '4', ...workers, ...short, '--report', file]
    const { code, stdout, stderr } = await bench(t, args)
    assert.equal(code, 0, `${stdout}${stderr}`)
    assert.match(stdout, /^workers\.io = 2 +[\d,]+\/s +█+ +[\d.]+ × CPU each$/m)
    assert.match(stdout, /^recommended for fan-out of 1 on this machine: /m)
    assert.match(stdout, /^recommended for pairs on this machine: workers\.io = [12] /m)
    const page = readFileSync(file, 'utf8')
    assert.match(stdout, /^workers\.tasks = 2 +[\d,]+\/s +█+/m)
    assert.match(stdout, /^recommended for CONNECTs .* machine: workers\.tasks = [12] /m)
    assert.equal(page.match(/<svg /g)?.length, 6) // latency, throughput, four loads
    assert.doesNotMatch(page, /\b(?:src|href)=|https?:|NaN|Infinity/)
  })

  test('they are not compared with a target', async (t) => {
    const { code, stderr } = await bench(t, ['scale', '--target', '127.0.0.1:1'])
    assert.equal(code, 3)
    assert.match(stderr, /^causeway bench: scale starts brokers of its own/)
  })

  test('a report that cannot be written is told before anything is measured', async (t) => {
    const { code, stderr } = await bench(t, ['fanout', '--report', '/nowhere/at/all.html'])
    assert.equal(code, 3)
    assert.match(stderr, /^causeway bench: the report cannot be written: /)
  })
})

describe('no figure looks clean and is not', () => {
  const small = ['fanout', '--clients', '2', '--window', '40', ...short]

  test('nobody listens', async (t) => {
    const port = await freePort()
    const { code, stdout, stderr } = await bench(t, [...small, '--target', `127.0.0.1:${port}`])
    assert.equal(code, 3)
    assert.equal(stdout, '')
    assert.match(stderr, /^causeway bench: \d of 3 clients failed at .*: Connection refused\n$/)
  })

  test('a target that refuses', async (t) => {
    const port = await fakeBroker(t, { connack: 5 })
    const { code, stdout, stderr } = await bench(t, [...small, '--target', `127.0.0.1:${port}`])
    assert.equal(code, 3)
    assert.equal(stdout, '')
    assert.match(stderr, /^causeway bench: .*: refused, CONNACK 0x05\n$/)
  })

  for (const via of ['tls', 'ws']) {
    test(`a target that does not speak ${via}`, async (t) => {
      const port = await fakeBroker(t, {})
      const to = ['--via', via, '--target', `127.0.0.1:${port}`]
      const { code, stdout, stderr } = await bench(t, [...small, ...to])
      assert.equal(code, 3)
      assert.equal(stdout, '')
      assert.match(
        stderr,
        /^causeway bench: \d of 3 clients failed at .*: subscriber \d: handshake: .+\n$/,
      )
    })
  }

  test('what does not go together', async (t) => {
    const refused: readonly (readonly [string, RegExp])[] = [
      ['link --via tls', /^causeway bench: link is measured over TCP/],
      ['core --target 127.0.0.1:1', /^causeway bench: core measures the router alone/],
      ['connections --via ws --floor', /^causeway bench: the floor answers over bare sockets/],
      ['fanout --qos 1 --floor', /^causeway bench: the floor of fanout sends QoS 0 as fast as/],
      ['fanout --rate 10 --floor', /^causeway bench: the floor of fanout sends QoS 0 as fast as/],
      ['fanout --listing 5', /^causeway bench: --listing belongs to pairs/],
      ['pairs --listing 5', /^causeway bench: --listing compares latencies: --rate says/],
      ['pairs --listing 5 --rate 9 --target 127.0.0.1:1', /^causeway bench: pairs starts brokers/],
      ['pairs --floor', /^causeway bench: pairs has no --floor; fanout, subscribe and conn/],
      ['fanout --via ws --target unix:/a', /^causeway bench: --via ws needs a target that is HOST/],
    ]
    for (const [args, sentence] of refused) {
      const { code, stderr } = await bench(t, args.split(' '))
      assert.equal(code, 3)
      assert.match(stderr, sentence)
    }
  })

  test('more clients than file descriptors', async (t) => {
    const { code, stdout, stderr } = await bench(t, [
      ...['connections', '--clients', '4000000000', '--target', '127.0.0.1:1'],
    ])
    assert.equal(code, 3)
    assert.equal(stdout, '')
    assert.match(stderr, /^causeway bench: 4000000000 clients need .* ask for \d+ clients\n$/)
  })

  test('a target that is no address', async (t) => {
    const { code, stderr } = await bench(t, ['fanout', '--target', 'here'])
    assert.equal(code, 3)
    assert.match(stderr, /HOST:PORT, \[IPV6\]:PORT or unix:\/PATH, not "here"/)
  })

  test('a rate that cannot be reached', async (t) => {
    const port = await fakeBroker(t, {})
    const { code, stdout } = await bench(t, [
      ...['pairs', '--clients', '1', '--qos', '1', '--inflight', '1', '--rate', '1000', ...short],
      ...['--target', `127.0.0.1:${port}`], // it acknowledges nothing
    ])
    assert.equal(code, 3)
    assert.match(stdout, /NOT CLEAN: .*: the rate of 1000 a second was not reached/)
  })

  const bad: readonly (readonly [string, Parameters<typeof fakeBroker>[1], RegExp])[] = [
    ['sheds', { copies: (n) => (n % 10 === 3 ? 0 : 1) }, /: \d+ of \d+ deliveries are missing/],
    ['repeats', { copies: (n) => (n % 10 === 3 ? 2 : 1) }, /: \d+ messages came a second time/],
    [
      'leaves',
      { leavesAt: 200 },
      /^127.* \(PARTIAL\)[\s\S]*: \d of 3 clients were disconnected by the broker; \w+ \d: /m,
    ],
  ]
  for (const [what, behaviour, sentence] of bad) {
    test(`a broker that ${what}`, async (t) => {
      const port = await fakeBroker(t, behaviour)
      const { code, stdout, stderr } = await bench(t, [...small, '--target', `127.0.0.1:${port}`])
      assert.equal(code, 3, stderr)
      assert.match(stdout, sentence)
      assert.match(stdout, /NOT CLEAN: /)
    })
  }
})
