import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'

const mebibyte = 1024 * 1024

interface Collected {
  /** Processor time of all threads but the one that made the objects, in hundredths of its own, while most of them died. */
  readonly helpersPercent: number
  /** Of the young generation, when as many had been made that live. */
  readonly youngBytes: number
}

/** A process that makes objects after `before`. */
function collected(before: string): Collected {
  const program = `
    import { readdirSync, readFileSync } from 'node:fs'
    import { getHeapSpaceStatistics } from 'node:v8'
    ${before}
    const kept = []
    for (let n = 0; n < 2_000_000; n++) kept[n % 20_000] = { n, text: String(n), more: [n] }

    const tookNs = (thread) => Number(readFileSync('/proc/self/task/' + thread + '/schedstat', 'utf8').split(' ')[0])
    const own = String(process.pid)
    const helpers = readdirSync('/proc/self/task').filter((thread) => thread !== own)
    const helpersNs = helpers.reduce((sum, thread) => sum + tookNs(thread), 0)
    const helpersPercent = 100 * helpersNs / tookNs(own)

    for (let n = 0; n < 400_000; n++) kept.push({ n, text: String(n), more: [n] })
    const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')
    console.log(JSON.stringify({ helpersPercent, youngBytes: young.space_size, kept: kept.length }))
  `
  const args = ['--input-type=module', '--eval', program]
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }))
}

test('once told so, the young generation stays small and nobody helps to collect it', () => {
  const room = new URL('../../src/garbage-collection.js', import.meta.url).href
  const usual = collected('')
  const told = collected(`import { collectSparingly } from '${room}'; collectSparingly()`)
  assert.ok(usual.youngBytes > 8 * mebibyte)
  assert.ok(told.youngBytes <= 4 * mebibyte)
  assert.ok(told.helpersPercent < usual.helpersPercent / 3, JSON.stringify({ usual, told }))
})
