/** The nice values of a process's threads, before and after. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { controlLimits } from '../../src/limits.js'

test('every thread there is but the main one is lowered, and those that come later are not', () => {
  const room = new URL('../../src/helper-threads.js', import.meta.url).href
  const program = `
    import { readdirSync } from 'node:fs'
    import { getPriority } from 'node:os'
    import { once } from 'node:events'
    import { Worker } from 'node:worker_threads'
    import { lowerHelperThreads } from '${room}'
    const threads = () => readdirSync('/proc/self/task').map(Number)
    const niceOf = (some) => some.filter((one) => one !== process.pid).map((one) => getPriority(one))
    const before = threads()
    const usual = getPriority(process.pid)
    lowerHelperThreads()
    const worker = new Worker('setInterval(() => {}, 1000)', { eval: true })
    await once(worker, 'online')
    const later = threads().filter((one) => !before.includes(one))
    console.log(JSON.stringify({
      usual, main: getPriority(process.pid), helpers: niceOf(before), later: niceOf(later),
    }))
    process.exit()
  `
  const args = ['--input-type=module', '--eval', program]
  const { usual, main, helpers, later } = JSON.parse(
    execFileSync(process.execPath, args, { encoding: 'utf8' }),
  ) as { usual: number; main: number; helpers: number[]; later: number[] }
  assert.equal(main, usual)
  assert.ok(helpers.length >= 4, 'V8 has helpers')
  const lowered = Math.min(19, usual + controlLimits.helperNice)
  assert.deepEqual(new Set(helpers), new Set([lowered]))
  assert.ok(later.length > 0)
  assert.deepEqual(new Set(later), new Set([usual]))
})
