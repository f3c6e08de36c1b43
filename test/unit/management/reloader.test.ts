/** What a new reading of the configuration changes, and what it leaves alone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { changedKeys, type LoadedConfig } from '../../../src/config/index.js'
import { CausewayError } from '../../../src/errors.js'
import type { LinkChange } from '../../../src/link/index.js'
import { Reloader } from '../../../src/management/index.js'

interface Said {
  readonly level: string
  readonly event: unknown
}

/** A reloader over a file that `file.settings` holds; null: it cannot be used. */
class Desk {
  settings: unknown = { mqtt: { max_inflight: 32 }, cluster: { name: 'eu', links: [] } }
  changes: readonly LinkChange[] = []
  readonly said: Said[] = []
  readonly calls: string[] = []
  readonly reloader: Reloader

  constructor() {
    const loaded = (settings: unknown) =>
      ({ settings, config: {}, warnings: [] }) as unknown as LoadedConfig // what is used of it
    const says = (level: string) => (fields: object) =>
      this.said.push({ level, event: 'event' in fields ? fields.event : null })
    this.reloader = new Reloader({
      loaded: loaded(this.settings),
      log: {
        debug: says('debug'),
        info: says('info'),
        warn: says('warn'),
        error: says('error'),
        fatal: says('fatal'),
      },
      load: () => {
        if (this.settings === null) throw new CausewayError('CONFIG_INVALID', 'line 7')
        return loaded(this.settings)
      },
      links: async () => {
        this.calls.push('links')
        return this.changes
      },
      certificates: () => this.calls.push('certificates'),
    })
  }
}

test('links and certificates change, other keys are named in one warning', async () => {
  const desk = new Desk()
  desk.settings = {
    mqtt: { max_inflight: 9 },
    cluster: { name: 'eu', links: [{}] },
    log: { level: 'info' },
  }
  desk.changes = [{ link: 'us', kind: 'added', keys: [] }]
  const report = await desk.reloader.reload('test')
  assert.deepEqual(report, {
    links: desk.changes,
    restart: ['mqtt.max_inflight', 'log'],
    warnings: [],
  })
  assert.deepEqual(desk.calls, ['links', 'certificates'])
  assert.deepEqual(desk.said, [
    { level: 'info', event: 'config_reloaded' },
    { level: 'warn', event: 'config_needs_restart' },
  ])
})

test('a storm of requests is one reload that runs and one that waits', async () => {
  const desk = new Desk()
  const running = desk.reloader.reload('first')
  await Promise.resolve()
  desk.changes = [{ link: 'us', kind: 'added', keys: [] }]
  const storm = Array.from({ length: 1_000 }, () => desk.reloader.reload('storm'))
  await running
  const reports = await Promise.all(storm)
  assert.deepEqual(desk.calls, ['links', 'certificates', 'links', 'certificates'])
  assert.equal(new Set(reports).size, 1)
  assert.deepEqual(reports[0]?.links, desk.changes)
  await desk.reloader.reload('afterwards')
  assert.equal(desk.calls.length, 6)
})

test('what cannot be used changes nothing and is told as it is', async () => {
  const desk = new Desk()
  desk.settings = null
  await assert.rejects(desk.reloader.reload('test'), { code: 'CONFIG_INVALID', message: 'line 7' })
  assert.deepEqual(desk.calls, [])
  assert.deepEqual(desk.said, [{ level: 'error', event: 'config_reload_refused' }])
})

test('under another cluster name links stay as they are', async () => {
  const desk = new Desk()
  desk.settings = { mqtt: { max_inflight: 32 }, cluster: { name: 'europe', links: [{}] } }
  const { restart } = await desk.reloader.reload('test')
  assert.deepEqual(restart, ['cluster.name', 'cluster.links'])
  assert.deepEqual(desk.calls, ['certificates'])
})

test('keys differ by value, section by section; a list is one key', () => {
  const before = { a: { b: 1, c: [1, 2] }, d: null, e: { f: 1 } }
  assert.deepEqual(changedKeys(before, structuredClone(before)), [])
  assert.deepEqual(changedKeys(before, { a: { b: 2, c: [1] }, d: null, g: 1 }), [
    'a.b',
    'a.c',
    'e',
    'g',
  ])
})
