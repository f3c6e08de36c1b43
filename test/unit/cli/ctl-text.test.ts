/** The text of `causeway ctl`: everything it has to say within 100 columns. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linksTable, linkText, reloadText } from '../../../src/cli/ctl-text.js'
import type { LinkStatus } from '../../../src/link/index.js'
import { linkReport } from '../../../src/management/index.js'

const status: LinkStatus = {
  name: 'a-cluster-with-a-very-long-name-indeed',
  enabled: true,
  topics: ['t/#', 'x'.repeat(250)],
  acceptOnly: true,
  forwards: false,
  route: {
    state: 'bootstrapping',
    server: 'broker.far-away.example:1883',
    incarnation: 1_795_407_955_904n,
    bootstrap: { batches: 250, entries: 1_000_000, done: false },
    routesOut: 123_456_789,
    lastError: {
      code: 'connect_failed',
      message: `the server cannot be reached ${'and '.repeat(40)}`,
      atMs: 0,
    },
  },
  pool: { size: 1024, online: 1024, lastError: null },
  remoteActors: [{ actor: 'n@1', incarnation: 1n, lane: 0, expiresInMs: 12.5 }],
  routesIn: 123_456_789,
  peerIsCauseway: true,
  counters: {
    queued: 999_999_999,
    inflight: 0,
    oldest_ms: 44_000,
    rejected: 5,
    expired: 6,
    acked: 1,
  },
  times: {
    rtt: { sumMicros: 1_000_000, buckets: [1000, 98, 60_000_000, 2] },
    latency: { sumMicros: 0, buckets: [] },
  },
}

test('no line is longer than 100 columns, whatever the numbers', () => {
  const report = [linkReport(status)]
  const lines = [linksTable(report), linkText(report)].join('\n').split('\n')
  for (const line of lines) assert.ok(line.length <= 100, `${line.length}: ${line}`)
  assert.match(linksTable(report), /a-cluster-with-a-ve…/)
  assert.match(linksTable(report), / 11 {2}/, 'what was lost is summed up')
})

test('a link that accepts only says which way it works, another one says nothing of it', () => {
  const said = (acceptOnly: boolean, forwards: boolean) =>
    /accepts only +(.*)/.exec(linkText([linkReport({ ...status, acceptOnly, forwards })]))?.[1]
  assert.equal(said(true, true), 'both directions use connections of the far end')
  assert.match(said(true, false) ?? '', /^we receive, and forward nothing/)
  assert.equal(said(false, true), undefined)
})

test('quantiles are the ends of buckets', () => {
  const { roundTrip, latency } = linkReport(status)
  assert.deepEqual(
    [roundTrip.count, roundTrip.p50Ms, roundTrip.p99Ms, roundTrip.maxMs, roundTrip.meanMs],
    [100, 1, 60_000, 60_000, 10],
  )
  assert.deepEqual([latency.count, latency.p50Ms, latency.meanMs], [0, null, null])
})

test('a reload without consequences says so', () => {
  assert.equal(reloadText({ links: [], restart: [], warnings: [] }), 'no link has changed')
  assert.equal(
    reloadText({
      links: [{ link: 'eu', kind: 'changed', keys: ['topics', 'ssl'] }],
      restart: ['workers.io'],
      warnings: [],
    }),
    'link eu: changed topics, ssl\nnot in force before a restart: workers.io',
  )
})
