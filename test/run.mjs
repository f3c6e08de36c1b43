/**
 * Runs the test suites one after another and adds up what they say.
 *
 *   npm test                       everything that needs only Node and g++, and what else can run here
 *   npm test -- unit native        these suites (and `build`, which they rest on)
 *   npm test -- unit --verbose     their output as it comes
 *   REQUIRE_ALL=1 npm test         every suite; one that cannot run is a failure (CI)
 *
 * One line a suite: `suite: N passed, N failed`. A suite, or a test, that cannot run here is printed as
 * `NOT RUN: suite: reason` and counted. A suite in which nothing ran has failed. The last line is the sum.
 */
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { suites } from './runner/suites.mjs'

process.chdir(resolve(dirname(fileURLToPath(import.meta.url)), '..'))
process.exitCode = await main(process.argv.slice(2))

async function main(args) {
  const requireAll = process.env.REQUIRE_ALL === '1'
  const live = args.includes('--verbose')
  const named = args.filter((arg) => !arg.startsWith('--'))
  const unknown = named.filter((name) => !suites.some((suite) => suite.name === name))
  if (unknown.length > 0) {
    say(`no suite ${unknown.join(', ')}; there are ${suites.map(({ name }) => name).join(', ')}`)
    return 2
  }

  const total = { passed: 0, failed: 0, notRun: 0 }
  for (const suite of suites.filter((candidate) => isChosen(candidate, named, requireAll))) {
    const startedMs = Date.now()
    const result = await suite.run(live)
    const failed = result.failed + (requireAll ? result.notRun.length : 0)
    if (failed > 0 && !live) say(result.details.trimEnd())
    for (const reason of result.notRun) say(`NOT RUN: ${suite.name}: ${reason}`)
    if (result.passed + failed > 0) {
      const tookSeconds = ((Date.now() - startedMs) / 1_000).toFixed(1)
      say(`${suite.name}: ${result.passed} passed, ${failed} failed (${tookSeconds} s)`)
    }
    total.passed += result.passed
    total.failed += failed
    total.notRun += result.notRun.length
    if (suite.name === 'build' && failed > 0) break // the rest would test something older
  }
  if (total.notRun > 0) say(`not run: ${total.notRun}`)
  say(`${total.passed} passed, ${total.failed} failed`)
  return total.failed === 0 && total.passed > 0 ? 0 : 1
}

function isChosen(suite, named, requireAll) {
  if (named.length === 0) return suite.byDefault || requireAll
  return named.includes(suite.name) || (suite.name === 'build' && named.some(restsOnBuild))
}

function restsOnBuild(name) {
  return /^(?:unit|house|sim|conformance|integration.*|interop.*|quickstart|bench)$/.test(name)
}

function say(text) {
  process.stdout.write(`${text}\n`)
}
