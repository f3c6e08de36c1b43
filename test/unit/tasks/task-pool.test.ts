/** The task threads: results, a bounded queue, an end that is bounded too. Jobs here are a few lines of JavaScript. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { taskLimits } from '../../../src/limits.js'
import type { BootstrapRequest } from '../../../src/native/engine.js'
import { TaskPool } from '../../../src/tasks/index.js'

const directory = mkdtempSync(join(tmpdir(), 'causeway-tasks-'))
after(() => rmSync(directory, { recursive: true }))

function poolOf(body: string): TaskPool {
  const path = join(directory, `job-${Math.random().toString(36).slice(2)}.mjs`)
  writeFileSync(path, `export function run(request) { ${body} }`)
  return new TaskPool({ threads: 1, jobs: { 'link-bootstrap': pathToFileURL(path) } })
}

const request: BootstrapRequest = {
  topics: ['#'],
  actor: 'n',
  incarnation: 2n ** 60n,
  cursor: 0,
  entriesMax: 10,
  bytesMax: 100,
  into: new Uint8Array(new SharedArrayBuffer(100)),
}

test('a job gets its request and returns its result from another thread', async () => {
  const pool = poolOf(
    'return { payload: new Uint8Array([1, 2]), entries: Number(request.incarnation >> 59n), cursor: 3, done: true }',
  )
  const batch = await pool.bootstrapBatch(request)
  assert.deepEqual([...(batch.payload ?? [])], [1, 2])
  assert.equal(batch.entries, 2)
  assert.equal(pool.status().completed, 1)
  await pool.stop()
})

test('the code of an expected job is loaded before the first one is asked for', async () => {
  const path = join(directory, 'job-expected.mjs')
  writeFileSync(
    path,
    `const channel = new BroadcastChannel('job-expected')
     channel.postMessage('loaded')
     channel.close()
     export function run() { return { payload: null, entries: 7, cursor: 0, done: true } }`,
  )
  const channel = new BroadcastChannel('job-expected')
  const loaded = new Promise((resolve) => {
    channel.onmessage = resolve
  })
  const pool = new TaskPool({
    threads: 1,
    ready: 'link-bootstrap',
    jobs: { 'link-bootstrap': pathToFileURL(path) },
  })
  await loaded
  channel.close()
  assert.equal(pool.status().completed, 0)
  assert.equal((await pool.bootstrapBatch(request)).entries, 7)
  await pool.stop()
})

test('stopping lets a thread finish loading: ended meanwhile, it would take the process with it', async () => {
  const path = join(directory, 'job-loading.mjs')
  writeFileSync(
    path,
    `import { writeFileSync } from 'node:fs'
     writeFileSync(new URL('loaded', import.meta.url), '')
     export function run() {}`,
  )
  const jobs = { 'link-bootstrap': pathToFileURL(path) }
  const pool = new TaskPool({ threads: 1, ready: 'link-bootstrap', jobs })
  await pool.stop()
  assert.ok(existsSync(join(directory, 'loaded')))
})

test('what a job throws reaches its caller', async () => {
  const pool = poolOf('throw new RangeError("no engine")')
  await assert.rejects(pool.bootstrapBatch(request), /no engine/)
  await pool.stop()
})

test('a full queue refuses the next job', async () => {
  const pool = poolOf('Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)') // until the thread is ended
  const jobs = Array.from({ length: taskLimits.queue + 1 }, () => pool.bootstrapBatch(request))
  const ends = Promise.allSettled(jobs)
  const more = await Promise.allSettled([
    pool.bootstrapBatch(request),
    pool.bootstrapBatch(request),
  ])
  assert.ok(
    more.some(
      (end) =>
        end.status === 'rejected' && (end.reason as { code: string }).code === 'TASK_QUEUE_FULL',
    ),
  )
  assert.ok(pool.status().refused > 0)
  await pool.stop()
  assert.ok((await ends).every(({ status }) => status === 'rejected'))
})

test('stopping ends a job that never would, and refuses later ones', async () => {
  const pool = poolOf('for (;;);')
  const endless = assert.rejects(pool.bootstrapBatch(request), { code: 'TASKS_STOPPED' })
  const before = performance.now()
  await pool.stop()
  assert.ok(performance.now() - before < taskLimits.settleMs + 2 * taskLimits.stopMs)
  await endless
  await assert.rejects(pool.bootstrapBatch(request), { code: 'TASKS_STOPPED' })
  await pool.stop()
})
