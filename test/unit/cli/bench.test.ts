import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { describeEndpoint, endpointOf } from '../../../src/cli/bench/address.js'
import { bootstrapConclusion } from '../../../src/cli/bench/bootstrap.js'
import { coreConclusion } from '../../../src/cli/bench/core.js'
import { fanFloor } from '../../../src/cli/bench/fan.js'
import { filterKinds, filterOf, scattered, topicOf } from '../../../src/cli/bench/filters.js'
import { linkConclusion } from '../../../src/cli/bench/link.js'
import { listingConclusion } from '../../../src/cli/bench/listing.js'
import { type BenchOptions, defaultPinning, pinningOf } from '../../../src/cli/bench/options.js'
import { barChart, escaped, lineChart } from '../../../src/cli/bench/report/chart.js'
import { scaleCurve } from '../../../src/cli/bench/scale.js'
import { aligned, median, shown } from '../../../src/cli/bench/table.js'

describe('addresses', () => {
  test('host and port, IPv6 in brackets, Unix sockets', async () => {
    assert.deepEqual(await endpointOf('127.0.0.1:1883'), { host: '127.0.0.1', port: 1883 })
    assert.deepEqual(await endpointOf('[::1]:1883'), { host: '::1', port: 1883 })
    assert.deepEqual(await endpointOf('unix:/run/broker.sock'), { path: '/run/broker.sock' })
    assert.equal(describeEndpoint({ path: '/a' }), 'unix:/a')
  })
  test('what is none is told', async () => {
    for (const written of ['1883', 'host', 'host:0', 'host:65536', 'host:x', 'unix:', '::1:1883'])
      await assert.rejects(endpointOf(written), { code: 'BENCH_FAILED' }, written)
    await assert.rejects(endpointOf(`unix:/${'x'.repeat(107)}`), /1 to 107 bytes/)
  })
})

describe('pinning', () => {
  test('sets of processors on both sides of a colon', () => {
    assert.deepEqual(pinningOf('0:1'), { broker: [0], generator: [1] })
    assert.deepEqual(pinningOf('0-2,5:3'), { broker: [0, 1, 2, 5], generator: [3] })
    for (const written of ['', '0', '0:', ':1', '0:1:2', 'a:1', '2-1:0'])
      assert.equal(pinningOf(written), null, written)
  })
  test('one processor cannot hold both apart', () => {
    assert.equal(defaultPinning([3]), null)
    assert.deepEqual(defaultPinning([3, 5, 7]), { broker: [3], generator: [5] })
  })
})

describe('tables', () => {
  test('names to the left, numbers to the right', () => {
    assert.equal(
      aligned([
        ['', 'a/s'],
        ['one', '1'],
        ['eleven', '1,100'],
      ]),
      '          a/s\none         1\neleven  1,100',
    )
  })
  test('a figure that is not there is a dash', () => {
    assert.equal(shown(undefined, 2), '–')
    assert.equal(shown(Number.NaN, 2), '–')
    assert.equal(shown(1234.567, 1), '1,234.6')
  })
  test('medians', () => {
    assert.equal(median([]), undefined)
    assert.equal(median([9, 1, 5]), 5)
    assert.equal(median([4, 1, 2, 3]), 2.5)
  })
})

describe('the scale curve', () => {
  const round = (side: string, deliveriesPerSecond: number) => ({
    workload: 'scale',
    side,
    figures: { deliveriesPerSecond },
    problems: [],
    partial: false,
    latency: null,
    timeline: [],
  })
  test('recommends the fewest loops that come near the best', () => {
    const rounds = [
      round('pairs, io = 1', 50),
      round('pairs, io = 2', 96),
      round('pairs, io = 3', 100),
    ]
    const curve = scaleCurve(rounds)
    assert.match(curve, /^io = 3 +100\/s +█{40}$/m)
    assert.match(curve, /^recommended for pairs .*: io = 2 /m)
    assert.doesNotMatch(curve, /CONNECT|CPU/)
  })
  test('loads are told apart, and what a delivery costs more with more loops', () => {
    const tasks = (tasks: number, connectsPerSecond: number) => ({
      ...round(`CONNECTs with scrypt passwords, tasks = ${tasks}`, 0),
      figures: { connectsPerSecond },
    })
    const costing = (io: number, brokerUs: number) => ({
      ...round(`pairs, io = ${io}`, 0),
      figures: { deliveriesPerSecond: 10 * io, brokerUs },
    })
    const curve = scaleCurve([
      costing(1, 2),
      costing(2, 2.2),
      costing(2, 2.4),
      round('fan-out of 5, io = 1', 7),
      tasks(1, 30),
      tasks(2, 60),
    ])
    assert.match(curve, /^io = 2 +20\/s +█+ +1\.15 × CPU each$/m)
    assert.match(curve, /^recommended for pairs .*: io = 2 /m)
    assert.match(curve, /^recommended for fan-out of 5 .*: io = 1 /m)
    assert.match(curve, /^recommended for CONNECTs .*: tasks = 2 /m)
  })
})

describe('conclusions', () => {
  const round = (side: string, figures: Readonly<Record<string, number>>) => ({
    ...{
      workload: 'any',
      side,
      figures,
      problems: [],
      partial: false,
      latency: null,
      timeline: [],
    },
  })
  test('are ratios of what was measured in the same run', () => {
    assert.equal(
      linkConclusion([
        round('hop, local', { p50Us: 50 }),
        round('hop, over the link', { p50Us: 75 }),
      ]),
      'p50 of the hop over the link: 1.50 × local',
    )
    assert.equal(
      linkConclusion([
        round('subscription effective, first half', { p99Us: 2_000, rssKiB: 204_800 }),
        round('subscription effective, second half', { p99Us: 2_400, rssKiB: 207_360 }),
      ]),
      'second half against the first: p99 1.20 ×, memory of both brokers 2.5 MiB more',
    )
    assert.equal(
      bootstrapConclusion([
        round('traffic, quiet', { p99Us: 100 }),
        round('traffic, meanwhile', { p99Us: 130 }),
      ]),
      'p99 of the traffic meanwhile: 1.30 × quiet',
    )
    assert.equal(
      listingConclusion([
        round('quiet', { p99Us: 100 }),
        round('clients listed', { p99Us: 125 }),
        round('quiet', { p99Us: 100 }),
      ]),
      'p99 while all clients are listed: 1.25 × quiet',
    )
    assert.equal(
      coreConclusion([
        round('match, +, 1,000 filters', { nsEach: 100 }),
        round('subscribe, +, 1,000 filters', { nsEach: 900 }),
        round('match, +, 1,000,000 filters', { nsEach: 150 }),
      ]),
      'a match among many filters against one among few: + 1.50 ×',
    )
  })
  test('are not there where nothing was measured', () => {
    for (const conclusion of [
      listingConclusion,
      linkConclusion,
      bootstrapConclusion,
      coreConclusion,
      scaleCurve,
    ])
      assert.equal(conclusion([]), '')
  })
})

describe('filters of a fleet', () => {
  const matches = (filter: string, topic: string) =>
    new RegExp(`^${filter.replace('/#', '(/.*)?').replaceAll('+', '[^/]*')}$`).test(topic)
  for (const kind of filterKinds) {
    test(`${kind}: each matches its topic and no other's`, () => {
      const count = 200 // twice round the sites
      for (let n = 0; n < count; n++) {
        const topic = topicOf(kind, n)
        const found = Array.from({ length: count }, (_, at) => at).filter((at) =>
          matches(filterOf(kind, at), topic),
        )
        assert.deepEqual(found, [n])
      }
    })
  }
  test('numbers are drawn from the whole range, the same ones every time', () => {
    const drawn = scattered(1_000, 1_000_000)
    assert.deepEqual(drawn, scattered(1_000, 1_000_000))
    assert.ok(Math.min(...drawn) < 10_000 && Math.max(...drawn) > 990_000)
    assert.ok(drawn.every((n) => Number.isInteger(n) && n >= 0 && n < 1_000_000))
  })
})

describe('the floor of a fan-out', () => {
  // Cannot lie: of all options fanFloor reads these.
  const batchOf = (options: object) =>
    fanFloor({
      ...{ clients: null, subscribers: null, window: 20_000, sizeBytes: 64, mqtt: 4 },
      ...options,
    } as BenchOptions).batch
  test('puts into one send what the window lets be on its way to one subscriber, within bounds', () => {
    assert.equal(batchOf({}), 20) // 20,000 ÷ 1,000
    assert.equal(batchOf({ clients: 50 }), 20) // and not 400
    assert.equal(batchOf({ window: 4_000 }), 4)
    assert.equal(batchOf({ window: 1 }), 1)
    assert.equal(batchOf({ clients: 50, window: 100, sizeBytes: 65_536 }), 1)
    assert.equal(batchOf({ clients: 50, sizeBytes: 16_384 }), 4)
    assert.equal(batchOf({ clients: 50, sizeBytes: 1_000_000 }), 1)
  })
})

describe('charts', () => {
  const options = { title: 'a < b', xTitle: 'x', yTitle: 'y', xLogarithmic: true }
  test('every point is inside the frame, and text cannot be markup', () => {
    const points = [1, 10, 1_000, 123_456].map((x) => ({ x, y: x * 3 }))
    const svg = lineChart(options, [{ name: '<script>', points }])
    assert.doesNotMatch(svg, /<script>|NaN|a < b/)
    const placed = /points="([^"]+)"/.exec(svg)?.[1]?.split(' ') ?? []
    assert.equal(placed.length, points.length)
    for (const pair of placed) {
      const [x = -1, y = -1] = pair.split(',').map(Number)
      assert.ok(x >= 90 && x <= 840 && y >= 40 && y <= 285, pair)
    }
  })
  test('nothing to show is no chart; bars of nothing stand on the line', () => {
    assert.equal(lineChart(options, []), '')
    assert.doesNotMatch(barChart(options, [{ name: 'a', value: 0 }]), /NaN/)
    assert.equal(escaped('"&"'), '&#34;&#38;&#34;')
  })
})
