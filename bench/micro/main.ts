/**
 * Runs the micro suites and prints one line a case: node dist-bench/bench/micro/main.js [part of a name]…
 * `--brief` runs every case twice and times nothing: whether the answers are right, for CI.
 */
import { cpus } from 'node:os'
import { closeMicroEngine } from './engine.js'
import { measure } from './suite.js'
import { suites } from './suites.js'

const brief = process.argv.includes('--brief')
const wanted = process.argv.slice(2).filter((arg) => arg !== '--brief')
const chosen = suites.filter(
  ({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)),
)
if (chosen.length === 0) {
  process.stderr.write(
    `no suite matches; there are: ${suites.map(({ name }) => name).join(', ')}\n`,
  )
  process.exitCode = 2
}
if (brief) runBriefly()
else await runAll()
closeMicroEngine()

async function runAll(): Promise<void> {
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
}

/** Twice, because a second run finds what the first one left behind. */
function runBriefly(): void {
  let passed = 0
  let failed = 0
  for (const suite of chosen) {
    for (const { name, prepare, run, finish } of suite.cases(true)) {
      try {
        prepare?.()
        run()
        run()
        finish?.()
        passed++
      } catch (error) {
        failed++
        process.stdout.write(`${suite.name}: ${name}: ${error}\n`)
      }
    }
  }
  process.stdout.write(`${passed} passed, ${failed} failed\n`)
  if (failed > 0) process.exitCode = 1
}
