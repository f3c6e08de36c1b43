import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'

const mebibyte = 1024 * 1024

/** MiB of the young generation of a process that has made much that lives, in the order given. */
function youngMebibytes(before: string): number {
  const program = `
    import { getHeapSpaceStatistics } from 'node:v8'
    ${before}
    const kept = []
    for (let n = 0; n < 400_000; n++) kept.push({ n, text: String(n), more: [n] })
    const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')
    console.log(young.space_size + 0 * kept.length)
  `
  const args = ['--input-type=module', '--eval', program]
  return Number(execFileSync(process.execPath, args, { encoding: 'utf8' })) / mebibyte
}

test('the young generation stays small once it is told to, and would not', () => {
  const room = new URL('../../src/young-generation.js', import.meta.url).href
  const kept = `import { keepYoungGenerationSmall } from '${room}'; keepYoungGenerationSmall()`
  assert.ok(youngMebibytes('') > 8)
  assert.ok(youngMebibytes(kept) <= 4)
})
