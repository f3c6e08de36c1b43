/**
 * Runs the micro suites and prints one line a case: node dist-bench/bench/micro/main.js [part of a name]…
 */
import { cpus } from 'node:os'
import { measure } from './suite.js'
import { suites } from './suites.js'

const wanted = process.argv.slice(2)
const chosen = suites.filter(
  ({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)),
)
if (chosen.length === 0) {
  process.stderr.write(
    `no suite matches; there are: ${suites.map(({ name }) => name).join(', ')}\n`,
  )
  process.exitCode = 2
}
process.stdout.write(
  `node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}\n`,
)
for (const suite of chosen) {
  process.stdout.write(`\n${suite.name}: ${suite.question}\n`)
  for (const { name, nanoseconds, marginPercent, samples } of await measure(suite)) {
    const cost = `${nanoseconds.toFixed(1).padStart(10)} ns`
    process.stdout.write(`  ${cost}  ±${marginPercent.toFixed(1)} %  ${samples} runs  ${name}\n`)
  }
}
