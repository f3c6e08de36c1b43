/**
 * Builds every fuzz target, test/fuzz/<target>_fuzz.cc, and with --run runs each for a while.
 *
 *   node test/fuzz/build.mjs --run                all targets, CAUSEWAY_FUZZ_SECONDS each (default 10)
 *   node test/fuzz/build.mjs --run frame topic    only these
 *   node test/fuzz/build.mjs frame -- FILE…       build, then run the target on files (a crash again)
 *
 * With clang++-19 targets are libFuzzer programs with ASan and UBSan. Without it the same entry points
 * are linked with test/fuzz/driver.cc, which mutates the corpus from a printed seed: fewer findings, but
 * any compiler runs it. New inputs go to build-native/fuzz/corpus, never into the tree; crashes to
 * build-native/fuzz/crashes.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { link, nativeLibraries, nativeSources } from '../native/build.mjs'
import { CompileError, compileObjects, filesUnder } from '../native/objects.mjs'
import {
  commonFlags,
  compilerQuirks,
  findCompiler,
  jobCount,
  variants,
} from '../native/toolchain.mjs'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..')
const directory = join('build-native', 'fuzz')
const driver = join('test', 'fuzz', 'driver.cc')

/**
 * @typedef {{ name: string, binary: string, environment: Record<string, string> }} FuzzTarget
 * @returns {Promise<{ targets: FuzzTarget[], withLibFuzzer: boolean }>}
 */
export async function buildFuzzTargets(only = [], say = () => {}) {
  process.chdir(root)
  const clang = findCompiler(variants.fuzz.compilers)
  const variant = clang ? variants.fuzz : variants.asan
  const compiler = clang ?? findCompiler(variants.asan.compilers)
  if (!compiler) throw new Error('no C++ compiler found')
  const kind = clang ? 'libfuzzer' : 'driver'

  const sources = filesUnder(join('test', 'fuzz'), '_fuzz.cc')
  const names = sources.map((path) => basename(path, '_fuzz.cc'))
  const unknown = only.filter((name) => !names.includes(name))
  if (unknown.length > 0)
    throw new Error(`no fuzz target ${unknown.join(', ')}; there are ${names.join(', ')}`)
  const libraries = nativeLibraries(compiler)
  const compile = (files) =>
    compileObjects({
      compiler,
      flags: [...commonFlags, ...variant.flags, ...compilerQuirks(compiler, 'fuzz')],
      sources: files,
      directory: join(directory, 'objects'),
      jobs: jobCount(),
    })
  say(`fuzz: building ${names.length} targets with ${compiler}`)
  const shared = filesUnder(join('test', 'fuzz'), '.cc').filter(
    (path) => !path.endsWith('_fuzz.cc') && path !== driver,
  )
  const withoutTransport = nativeSources().filter(
    (path) => libraries.uv.length > 0 || !path.startsWith(join('native', 'transport')),
  )
  const archived = await compile([...withoutTransport, ...shared])
  const mains = clang ? [] : await compile([driver])
  const linkFlags = clang
    ? ['-fsanitize=fuzzer,address,undefined', '-pthread']
    : [...variant.flags, '-pthread']
  const targets = []
  for (const source of sources) {
    const name = basename(source, '_fuzz.cc')
    if (only.length > 0 && !only.includes(name)) continue
    const binary = join(directory, `${name}.${kind}`)
    const objects = [...(await compile([source])), ...mains]
    await link(compiler, linkFlags, objects, archived, [...libraries.uv, ...libraries.ssl], binary)
    targets.push({ name, binary: resolve(binary), environment: variant.environment })
  }
  return { targets, withLibFuzzer: clang !== undefined }
}

/**
 * Runs one target on a copy-on-write view of its corpus: new inputs go to the build folder.
 * @returns {Promise<boolean>} true when nothing was found
 */
export function runFuzzTarget({ name, binary, environment }, seconds, withLibFuzzer) {
  const found = join(directory, 'corpus', name)
  const crashes = join(directory, 'crashes')
  const seeds = join('test', 'fuzz', 'corpus', name)
  for (const dir of [found, crashes]) mkdirSync(dir, { recursive: true })
  const corpus = [found, ...(existsSync(seeds) ? [seeds] : [])]
  const args = withLibFuzzer
    ? [
        `-max_total_time=${seconds}`,
        `-artifact_prefix=${crashes}/${name}-`,
        '-verbosity=0',
        '-print_final_stats=1',
        '-rss_limit_mb=1024',
        ...corpus,
      ]
    : [`--seconds=${seconds}`, `--crash=${crashes}/${name}-last`, ...corpus]
  return execute(binary, args, environment)
}

function execute(binary, args, environment) {
  return new Promise((done, reject) => {
    const child = spawn(binary, args, {
      cwd: root,
      stdio: 'inherit',
      env: { ...process.env, ...environment },
    })
    child.on('error', reject)
    child.on('close', (code) => done(code === 0))
  })
}

async function main(args) {
  const separator = args.indexOf('--')
  const own = separator < 0 ? args : args.slice(0, separator)
  const files = separator < 0 ? [] : args.slice(separator + 1).map((path) => resolve(path))
  const seconds = Number(process.env.CAUSEWAY_FUZZ_SECONDS ?? 10)
  const say = (text) => process.stdout.write(`${text}\n`)
  const { targets, withLibFuzzer } = await buildFuzzTargets(
    own.filter((arg) => !arg.startsWith('--')),
    say,
  )
  if (!withLibFuzzer) say('NOT RUN: libFuzzer: clang-19 missing; the seeded driver runs instead')
  let passed = 0
  for (const target of targets) {
    const ok =
      files.length > 0
        ? await execute(target.binary, files, target.environment)
        : !own.includes('--run') || (await runFuzzTarget(target, seconds, withLibFuzzer))
    say(`fuzz/${target.name}: ${ok ? 'passed' : 'FAILED'}`)
    if (ok) passed++
  }
  say(`fuzz: ${passed} passed, ${targets.length - passed} failed`)
  process.exitCode = passed === targets.length && targets.length > 0 ? 0 : 1
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await main(process.argv.slice(2))
  } catch (error) {
    if (!(error instanceof CompileError)) throw error
    process.stderr.write(`${error.message}\n${error.output}`)
    process.exitCode = 1
  }
}
