/**
 * The suites, in the order they run: each a name, when it runs by itself, and how.
 *
 * `byDefault` suites make up `npm test`; all of them run under REQUIRE_ALL=1; any can be named.
 * Time limits are several times what a suite takes on two busy cores.
 */
import { join, relative } from 'node:path'
import { buildNativeTests } from '../native/build.mjs'
import { CompileError, filesUnder } from '../native/objects.mjs'
import { runWithin } from './process.mjs'
import { countedResult, doctestResult, nodeTestResult, stepResult } from './result.mjs'

const node = process.execPath
const tsc = join('node_modules', 'typescript', 'bin', 'tsc')
const seconds = (n) => n * 1_000
const minutes = (n) => n * 60_000

/** How long each of the long native tests runs in the quick suites, and where they are the point. */
const QUICK_STRESS_MS = 500
const FULL_STRESS_MS = seconds(60)

/** Test files, each a process with brokers and ports of its own, that run at the same time: what they do most is wait. */
const FILES_AT_ONCE = 3

/** @typedef {{ name: string, byDefault: boolean, run: (live: boolean) => Promise<import('./result.mjs').Result> }} Suite */

/** @type {Suite[]} */
export const suites = [
  {
    name: 'lint',
    byDefault: false,
    run: (live) => step([join('test', 'lint.mjs')], minutes(3), live),
  },
  { name: 'build', byDefault: true, run: buildEverything },
  {
    name: 'unit',
    byDefault: true,
    run: (live) => nodeTests('unit', { limitMs: minutes(5), live }),
  },
  {
    name: 'house',
    byDefault: true,
    run: (live) => nodeTests('house.test.ts', { limitMs: minutes(1), live }),
  },
  { name: 'native', byDefault: true, run: (live) => nativeTests('plain', QUICK_STRESS_MS, live) },
  {
    name: 'native-asan',
    byDefault: false,
    run: (live) => nativeTests('asan', QUICK_STRESS_MS, live),
  },
  { name: 'sim', byDefault: true, run: (live) => nodeTests('sim', { limitMs: minutes(3), live }) },
  {
    name: 'conformance',
    byDefault: true,
    run: (live) => nodeTests('conformance', { limitMs: minutes(6), live }),
  },
  {
    name: 'integration',
    byDefault: true,
    run: (live) => nodeTests('integration', { limitMs: minutes(15), live }),
  },
  // The same tests of brokers and links with one loop, where nothing crosses threads, and with more loops than most cores.
  ...[1, 4].map((loops) => ({
    name: `integration-io${loops}`,
    byDefault: false,
    run: (live) =>
      nodeTests(
        ['auth', 'broker', 'link', 'transport'].map((folder) => join('integration', folder)),
        {
          limitMs: minutes(15),
          env: { CAUSEWAY_TEST_IO: String(loops), CAUSEWAY_MODEL_SECONDS: '10' },
          live,
        },
      ),
  })),
  // A hundred starts and exits of each kind; the integration suite has ten.
  {
    name: 'integration-exit',
    byDefault: false,
    run: (live) =>
      nodeTests('integration/exit', {
        limitMs: minutes(10),
        env: { CAUSEWAY_EXIT_ROUNDS: '100' },
        live,
      }),
  },
  {
    name: 'interop',
    byDefault: true,
    run: (live) => nodeTests('interop', { limitMs: minutes(5), live }),
  },
  // Every transport with every program, as integration-io1 and -io4 tell it with MQTT.js.
  ...[1, 4].map((loops) => ({
    name: `interop-io${loops}`,
    byDefault: false,
    run: (live) =>
      nodeTests(join('interop', 'every-transport.test.ts'), {
        limitMs: minutes(5),
        env: { CAUSEWAY_TEST_IO: String(loops) },
        live,
      }),
  })),
  {
    name: 'native-tsan',
    byDefault: false,
    run: (live) => nativeTests('tsan', FULL_STRESS_MS, live),
  },
  {
    name: 'fuzz',
    byDefault: false,
    run: async (live) =>
      countedResult(await runNode([join('test', 'fuzz', 'build.mjs'), '--run'], minutes(10), live)),
  },
  // The micro benchmarks, each case twice: whether their answers are right, never how fast.
  { name: 'bench', byDefault: false, run: microBenches },
  {
    name: 'quickstart',
    byDefault: false,
    run: (live) => step([join('dist', 'cli', 'main.js'), 'quickstart', '--once'], minutes(1), live),
  },
]

/** Addon, dist and dist-test; the suites after it run what it made. */
async function buildEverything(live) {
  const results = []
  for (const args of [
    [join('native', 'build.mjs')],
    [tsc, '-p', 'tsconfig.json'],
    [tsc, '-p', join('test', 'tsconfig.json')],
  ]) {
    results.push(await step(args, minutes(8), live))
  }
  return {
    passed: results.filter(({ failed }) => failed === 0).length,
    failed: results.filter(({ failed }) => failed > 0).length,
    notRun: [],
    details: results.map(({ details }) => details).join('\n'),
  }
}

/** Files come from the sources, so that what was compiled from a test since removed does not run. */
async function nodeTests(where, { limitMs, env = {}, live }) {
  const sources = [where]
    .flat()
    .flatMap((one) =>
      one.endsWith('.ts') ? [join('test', one)] : filesUnder(join('test', one), '.test.ts'),
    )
  const files = sources.map((path) => join('dist-test', path.replace(/\.ts$/, '.js')))
  if (files.length === 0)
    return { passed: 0, failed: 1, notRun: [], details: `test/${where} holds no test` }
  const args = [
    '--enable-source-maps',
    '--test',
    '--test-reporter=spec',
    `--test-concurrency=${FILES_AT_ONCE}`,
    '--test-force-exit', // what a failed test left open would keep its file waiting until the suite's limit
    ...files,
  ]
  return nodeTestResult(await runNode(args, limitMs, live, env))
}

async function nativeTests(variant, stressMs, live) {
  try {
    const built = await buildNativeTests(
      variant,
      (text) => live && process.stdout.write(`${text}\n`),
    )
    if (!('binary' in built)) return { passed: 0, failed: 0, notRun: built.notRun, details: '' }
    const outcome = await runWithin({
      command: built.binary,
      args: ['--no-colors'],
      env: { CAUSEWAY_STRESS_MS: String(stressMs), ...built.environment },
      limitMs: minutes(15),
      live,
    })
    const result = doctestResult(outcome)
    return { ...result, notRun: [...built.notRun, ...result.notRun] }
  } catch (error) {
    if (!(error instanceof CompileError)) throw error
    return { passed: 0, failed: 1, notRun: [], details: `${error.message}\n${error.output}` }
  }
}

async function microBenches(live) {
  const compiled = await step([tsc, '-p', join('bench', 'tsconfig.json')], minutes(3), live)
  if (compiled.failed > 0) return compiled
  const main = join('dist-bench', 'bench', 'micro', 'main.js')
  return countedResult(await runNode([main, '--brief'], minutes(2), live))
}

async function step(args, limitMs, live) {
  const result = stepResult(await runNode(args, limitMs, live))
  return result.failed === 0
    ? result
    : {
        ...result,
        details: `${args.map((arg) => relative('.', arg) || arg).join(' ')}\n${result.details}`,
      }
}

function runNode(args, limitMs, live, env = {}) {
  return runWithin({ command: node, args, env, limitMs, live })
}
