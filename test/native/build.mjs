/**
 * Builds the native test binary: all of native/ below the seam plus test/native, without Node.
 *
 *   node test/native/build.mjs [plain] [asan] [tsan]      build (all of plain if none is named)
 *   node test/native/build.mjs --run asan tsan            build and run
 *   node test/native/build.mjs --run asan --rooms=mqtt,router   only these rooms and what they include
 *   node test/native/build.mjs --run asan -- -tc='*lane*'       arguments after -- go to doctest
 *
 * The binary is build-native/<variant>/tests. Rooms that need libuv are left out, and said to be,
 * where libuv1-dev is missing; without doctest-dev nothing can be built.
 * CAUSEWAY_STRESS_MS is read by the long tests (test/native/stress.h): how long each of them runs.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { dirname, join, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CompileError, compileObjects, filesUnder, runTool } from './objects.mjs'
import {
  canUse,
  commonFlags,
  compilerQuirks,
  doctestFlags,
  findCompiler,
  jobCount,
  variants,
} from './toolchain.mjs'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..')

/**
 * @param {'plain' | 'asan' | 'tsan'} name
 * @param {(progress: string) => void} say
 * @param {string[]} rooms whose tests to build, with the rooms they include; empty: all
 * @returns {Promise<{ binary: string, environment: Record<string, string>, notRun: string[] }
 *                  | { notRun: string[] }>} `notRun` says what is missing and therefore untested
 */
export async function buildNativeTests(name, say = () => {}, rooms = []) {
  process.chdir(root)
  const variant = variants[name]
  if (variant === undefined) throw new Error(`no variant ${name}; there are plain, asan and tsan`)
  const compiler = findCompiler(variant.compilers)
  if (!compiler) return { notRun: [`no compiler (${variant.compilers.join(', ')})`] }
  if (!canUse(compiler, 'doctest/doctest.h')) return { notRun: ['doctest-dev missing'] }

  const libraries = nativeLibraries(compiler)
  const usable = (path) => libraries.uv.length > 0 || !needsLibuv(path)
  const notRun = libraries.uv.length > 0 ? [] : ['native/transport: libuv1-dev missing']
  const directory = join('build-native', name)
  const flags = [...commonFlags, ...variant.flags, ...compilerQuirks(compiler, name)]
  const compile = (sources, extra, what) =>
    compileObjects({
      compiler,
      flags: [...flags, ...extra],
      sources: sources.filter(usable),
      directory: join(directory, 'objects'),
      jobs: jobCount(),
      onProgress: (done, total) => {
        if (done === total || done % 20 === 0) say(`${name}: ${what} ${done}/${total}`)
      },
    })

  const testSources = filesUnder(join('test', 'native'), '.cc').filter((path) => {
    const [, , room = '', ...deeper] = path.split(sep)
    return rooms.length === 0 || deeper.length === 0 || rooms.includes(room)
  })
  const needed = rooms.length === 0 ? undefined : roomsReachedFrom(testSources)
  const codeSources = nativeSources().filter(
    (path) => needed?.has(path.split(sep)[1] ?? '') ?? true,
  )
  const code = await compile(codeSources, [], 'native')
  const tests = await compile(testSources, doctestFlags, 'tests')
  const binary = join(directory, rooms.length === 0 ? 'tests' : `tests-${rooms.join('-')}`)
  await link(
    compiler,
    [...variant.flags, '-pthread'],
    tests,
    code,
    [...libraries.uv, ...libraries.ssl],
    binary,
  )
  return { binary: resolve(binary), environment: variant.environment, notRun }
}

/** Everything below the seam. */
export function nativeSources() {
  return filesUnder('native', '.cc').filter(
    (path) => !path.startsWith(join('native', 'seam') + sep),
  )
}

/** Arguments for the linker, empty where a library is missing. */
export function nativeLibraries(compiler) {
  return {
    uv: canUse(compiler, 'uv.h', ['-luv']) ? ['-luv'] : [],
    ssl: canUse(compiler, 'openssl/ssl.h', ['-lssl', '-lcrypto']) ? ['-lssl', '-lcrypto'] : [],
  }
}

/**
 * The code goes through an archive, so that only what the tests reach is linked: a room that is
 * half written elsewhere does not keep the others from being tested.
 */
export async function link(compiler, flags, objects, archived, libraries, binary) {
  const temporary = `${binary}.${process.pid}`
  const archive = `${temporary}.a`
  mkdirSync(dirname(binary), { recursive: true })
  try {
    if (archived.length > 0) await runTool('ar', ['rcs', archive, ...archived], archive)
    const inputs = archived.length > 0 ? [...objects, archive] : objects
    await runTool(
      compiler,
      [...flags, ...inputs, '-Wl,--as-needed', ...libraries, '-o', temporary],
      binary,
    )
    renameSync(temporary, binary)
  } finally {
    rmSync(temporary, { force: true })
    rmSync(archive, { force: true })
  }
}

/** True when `path` includes <uv.h>, itself or through a header of ours. */
function needsLibuv(path) {
  return [...includedFrom(path)].some((file) =>
    /^#include <uv\.h>/m.test(readFileSync(file, 'utf8')),
  )
}

/** The rooms of native/ whose headers `sources` reach, and those their sources reach in turn. */
function roomsReachedFrom(sources) {
  const rooms = new Set()
  const visit = (paths) => {
    for (const path of paths.flatMap((source) => [...includedFrom(source)])) {
      const [top, room = ''] = path.split(sep)
      if (top !== 'native' || rooms.has(room)) continue
      rooms.add(room)
      visit(filesUnder(join('native', room), '.cc'))
    }
  }
  visit(sources)
  return rooms
}

/** `path` and every file of ours it includes, directly or not. */
function includedFrom(path, seen = new Set()) {
  if (seen.has(path) || !existsSync(path)) return seen
  seen.add(path)
  for (const [, name = ''] of readFileSync(path, 'utf8').matchAll(/^#include "([^"]+)"/gm)) {
    includedFrom(join('native', name), seen)
    includedFrom(join(dirname(path), name), seen)
  }
  return seen
}

async function main(args) {
  const separator = args.indexOf('--')
  const own = separator < 0 ? args : args.slice(0, separator)
  const forDoctest = separator < 0 ? [] : args.slice(separator + 1)
  const names = own.filter((arg) => !arg.startsWith('--'))
  const rooms = own.flatMap((arg) => arg.match(/^--rooms=(.+)$/)?.[1]?.split(',') ?? [])
  const say = (text) => process.stdout.write(`${text}\n`)
  let failed = false
  for (const name of names.length > 0 ? names : ['plain']) {
    const built = await buildNativeTests(name, say, rooms)
    for (const reason of built.notRun) say(`NOT RUN: ${name}: ${reason}`)
    if (!('binary' in built)) {
      failed ||= process.env.REQUIRE_ALL === '1'
    } else if (own.includes('--run')) {
      const ran = spawnSync(built.binary, forDoctest, {
        cwd: root,
        stdio: 'inherit',
        env: { ...process.env, ...built.environment },
      })
      failed ||= ran.status !== 0
    } else {
      say(`${name}: ${join('build-native', name, 'tests')}`)
    }
  }
  process.exitCode = failed ? 1 : 0
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
