/**
 * What a suite says of itself, read from its output.
 *
 * @typedef {{ passed: number, failed: number, notRun: string[], details: string }} Result
 * `notRun` holds reasons; `details` is shown when something failed.
 */

const LAST_LINES = 60

/** One step that passes or fails as a whole. */
export function stepResult(outcome) {
  const result = { passed: 0, failed: 0, notRun: [], details: tail(outcome.output) }
  return checked(
    outcome,
    outcome.status === 0 ? { ...result, passed: 1 } : { ...result, failed: 1 },
  )
}

/** The summary of node:test's spec reporter. */
export function nodeTestResult(outcome) {
  const count = (what) =>
    Number(outcome.output.match(new RegExp(`^ℹ ${what} (\\d+)$`, 'm'))?.[1] ?? 0)
  const failed = count('fail') + count('cancelled') + count('todo')
  const skipped = [...outcome.output.matchAll(/^\s*﹣ (.+?) \([\d.]+ms\)(?: # (.*))?$/gm)]
  const failing = outcome.output.indexOf('✖ failing tests:')
  return checked(outcome, {
    passed: count('pass'),
    failed,
    notRun: skipped.map(([, title, reason]) => `${title}: ${reason ?? 'skipped'}`),
    details: failing >= 0 ? outcome.output.slice(failing) : tail(outcome.output),
  })
}

/** The summary of doctest: one test case, one test. */
export function doctestResult(outcome) {
  const [, passed = '0', failed = '0', skipped = '0'] =
    outcome.output.match(
      /test cases:\s*\d+ \|\s*(\d+) passed \|\s*(\d+) failed \|\s*(\d+) skipped/,
    ) ?? []
  return checked(outcome, {
    passed: Number(passed),
    failed: Number(failed),
    notRun: skipped === '0' ? [] : [`${skipped} test cases skipped`],
    details: tail(outcome.output),
  })
}

/** The last line `N passed, N failed` of a script of ours. */
export function countedResult(outcome) {
  const [, passed = '0', failed = '0'] =
    outcome.output.match(/(\d+) passed, (\d+) failed\s*$/) ?? []
  return checked(outcome, {
    passed: Number(passed),
    failed: Number(failed),
    notRun: [...outcome.output.matchAll(/^NOT RUN: (.+)$/gm)].map(([, reason]) => reason),
    details: tail(outcome.output),
  })
}

/** A process that ended badly, late, or without any test is a failure whatever it counted. */
function checked(outcome, result) {
  const problems = []
  if (outcome.timedOut) problems.push('the time limit was reached')
  else if (outcome.status !== 0 && result.failed === 0)
    problems.push(`it ended with ${outcome.status}`)
  else if (result.passed + result.failed === 0) problems.push('no test ran')
  if (outcome.leftovers > 0) problems.push(`${outcome.leftovers} processes were left running`)
  return problems.length === 0
    ? result
    : {
        ...result,
        failed: result.failed + problems.length,
        details: [...problems, result.details].join('\n'),
      }
}

function tail(output) {
  return output.trimEnd().split('\n').slice(-LAST_LINES).join('\n')
}
