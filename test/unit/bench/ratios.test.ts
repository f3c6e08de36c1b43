import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { ratioTable, readRows, writeRows } from '../../../bench/report/ratio-file.js'
import { type RatioRow, rowOf, UnusableReport, withRow } from '../../../bench/report/ratios.js'

const options = {
  ...{ clients: null, publishers: null, subscribers: null, filters: null, io: null },
  ...{ qos: 0, sizeBytes: 64, rate: 0, window: 20_000, mqtt: 4, via: 'tcp', oneFilter: false },
  ...{ before: 0, changes: 0, delayMs: 0 },
}
const machine = {
  at: '2026-11-23T07:00:00.000Z',
  commit: '0123456789ab',
  kernel: '6.1',
  processors: '2 × some',
}
const none: readonly string[] = []
const round = (side: string, figures: Readonly<Record<string, number>>) => ({
  side,
  figures,
  problems: none,
  partial: false,
})
const report = {
  machine,
  workload: 'pairs',
  options,
  rounds: [
    round('causeway', { brokerUs: 0.2, p99Us: 50 }),
    round('mosquitto', { brokerUs: 8, p99Us: 100 }),
    round('causeway', { brokerUs: 0.4, p99Us: 50 }),
  ],
}
const written = (changes: object) => JSON.stringify({ ...report, ...changes })

describe('ratios of a report', () => {
  test('processor time to that of the peer, medians of the rounds', () => {
    assert.deepEqual(rowOf(JSON.stringify(report)), {
      commit: '0123456789ab',
      at: machine.at,
      machine: '2 × some, Linux 6.1',
      ratios: { 'pairs: CPU ÷ mosquitto': 0.0375 },
    })
  })
  test('latencies only of an open loop; the name is the command', () => {
    const { ratios } = rowOf(written({ options: { ...options, qos: 1, rate: 5_000, mqtt: 5 } }))
    assert.deepEqual(ratios, {
      'pairs --qos 1 --rate 5000 --mqtt 5: CPU ÷ mosquitto': 0.0375,
      'pairs --qos 1 --rate 5000 --mqtt 5: p99 ÷ mosquitto': 0.5,
    })
  })
  test('workloads that compare what is their own', () => {
    const link = [round('hop, local', { p50Us: 50 }), round('hop, over the link', { p50Us: 90 })]
    assert.deepEqual(rowOf(written({ workload: 'link', rounds: link })).ratios, {
      'link: hop p50 ÷ local': 1.8,
    })
    const delayed = { ...options, delayMs: 50 }
    assert.throws(
      () => rowOf(written({ workload: 'link', rounds: link, options: delayed })),
      UnusableReport,
    )
    const scale = [1, 2].flatMap((io) =>
      ['pairs', 'fan-out of 5', 'fan-out of 1'].map((load, at) =>
        round(`${load}, workers.io = ${io}`, { brokerUs: 10 + io * at }),
      ),
    )
    assert.deepEqual(rowOf(written({ workload: 'scale', rounds: scale })).ratios, {
      'scale: pairs, CPU of 2 loops ÷ 1': 1,
      'scale: fan-out of 5, CPU of 2 loops ÷ 1': 1.09,
      'scale: fan-out of 1, CPU of 2 loops ÷ 1': 1.17,
    })
    const core = [
      round('match, +, 1,000 filters', { nsEach: 100 }),
      round('match, +, 1,000,000 filters', { nsEach: 170 }),
      round('subscribe, +, 1,000,000 filters', { nsEach: 900 }),
    ]
    assert.deepEqual(rowOf(written({ workload: 'core', rounds: core })).ratios, {
      'core: match +, most ÷ 1,000 filters': 1.7,
    })
  })

  const [first] = report.rounds
  const unusable: readonly (readonly [string, string, RegExp])[] = [
    ['no JSON', 'pairs: 3', /^it is not JSON/],
    ['something else', '{"rounds":[]}', /^it is no report of causeway bench: machine/],
    [
      'a tree with changes',
      written({ machine: { ...machine, commit: '0123456789ab+changes' } }),
      /is no commit: commit the changes/,
    ],
    ['no commit', written({ machine: { ...machine, commit: null } }), /of which commit/],
    [
      'a round that is not clean',
      written({ rounds: [{ ...first, problems: ['3 of 9 deliveries are missing'] }] }),
      /^a round of causeway is not clean: 3 of 9 deliveries are missing$/,
    ],
    ['nothing beside it', written({ rounds: [first] }), /was measured beside nothing/],
  ]
  for (const [what, text, sentence] of unusable) {
    test(`${what} is refused in a sentence`, () => {
      assert.throws(
        () => rowOf(text),
        (error) => error instanceof UnusableReport && sentence.test(error.message),
      )
    })
  }
})

describe('the file of ratios', () => {
  const row = (commit: string, ratios: RatioRow['ratios'], on = 'a'): RatioRow => ({
    commit,
    at: machine.at,
    machine: on,
    ratios,
  })
  test('a commit has one row a machine, and later ratios replace earlier ones', () => {
    const rows = [row('1', { a: 1, b: 2 }), row('2', { a: 3 })]
    assert.deepEqual(withRow(rows, row('1', { b: 5, c: 6 })), [
      row('1', { a: 1, b: 5, c: 6 }),
      row('2', { a: 3 }),
    ])
    assert.equal(withRow(rows, row('1', { a: 1 }, 'b')).length, 3)
  })
  test('what is written is read again; a line that is none is named', () => {
    const folder = mkdtempSync(join(tmpdir(), 'causeway-ratios-'))
    try {
      const file = join(folder, 'ratios.jsonl')
      assert.deepEqual(readRows(file), [])
      const rows = [row('1', { a: 0.5 }), row('2', {})]
      writeRows(file, rows)
      assert.deepEqual(readRows(file), rows)
      writeFileSync(file, '{"commit":"1"}\n')
      assert.throws(() => readRows(file), /line 1 is no row of ratios/)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
  test('the table has a column a commit, a dash where nothing was measured', () => {
    const table = ratioTable([row('1', { a: 0.5 }), row('2', { b: 2 })])
    assert.match(table, /^a +0\.5 +–$/m)
    assert.match(table, /^b +– +2$/m)
  })
})
