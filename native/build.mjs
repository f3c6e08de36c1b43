/**
 * Builds the addon into build/Release/causeway.node; does nothing when it is up to date.
 *
 *   node native/build.mjs                  build
 *   node native/build.mjs --force          build although nothing changed
 *   node native/build.mjs --list-sources   print the addon's sources (binding.gyp asks)
 *
 * Three ways, the first that applies:
 *   1. Node's headers lie beside its binary: node-gyp with --nodedir, nothing is downloaded.
 *   2. node-gyp finds or fetches headers by its own rules.
 *   3. node-gyp cannot get headers: g++ alone, with node-api-headers and the system's <uv.h>.
 *
 * CAUSEWAY_SANITIZE=address|undefined|thread builds with that sanitizer instead of -O3 and LTO.
 * CAUSEWAY_DEBUG=1 builds with -O1 and symbols, without LTO: quick to rebuild, not to be measured.
 * CAUSEWAY_JOBS (or npm_config_jobs) is the number of compilers at once, default 2.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const buildDir = join(root, 'build')
const addonPath = join(buildDir, 'Release', 'causeway.node')
const stampPath = join(buildDir, 'causeway.stamp')
const lockPath = join(buildDir, 'causeway.lock')
const require = createRequire(import.meta.url)

/** Rooms of native/ that other systems than Linux do without: the load generator is made of epoll. */
const NOT_IN_ADDON = new Set(process.platform === 'linux' ? [] : ['loadgen'])
/** How long another build of the same checkout may take before we give up waiting for it. */
const LOCK_WAIT_MS = 10 * 60_000

main()

function main() {
  const args = new Set(process.argv.slice(2))
  if (args.has('--list-sources')) {
    process.stdout.write(`${addonSources().join('\n')}\n`)
    return
  }
  process.chdir(root)
  if (addonSources().length === 0) fail('native/ holds no sources: nothing to build')
  mkdirSync(buildDir, { recursive: true })
  withLock(() => {
    const stamp = inputHash()
    if (!args.has('--force') && isUpToDate(stamp)) {
      say('addon is up to date')
      return
    }
    const startedMs = Date.now()
    rmSync(stampPath, { force: true })
    buildAddon()
    if (!existsSync(addonPath))
      fail(`the build reported success but left no ${relative(root, addonPath)}`)
    writeFileSync(stampPath, stamp)
    say(
      `addon built in ${((Date.now() - startedMs) / 1000).toFixed(1)} s: ${relative(root, addonPath)}`,
    )
  })
}

/** @returns {string[]} paths from the root, sorted, so that the order of linking never changes */
function addonSources() {
  return filesUnder(join(root, 'native'))
    .map((path) => relative(root, path))
    .filter((path) => path.endsWith('.cc') && !NOT_IN_ADDON.has(path.split(/[\\/]/)[1] ?? ''))
    .sort()
}

function filesUnder(dir) {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name)
    return entry.isDirectory() ? filesUnder(path) : [path]
  })
}

/** One hash over everything the addon is made of: sources, headers, flags, Node's ABI. */
function inputHash() {
  const hash = createHash('sha256')
  const { CAUSEWAY_SANITIZE: sanitize = '', CAUSEWAY_DEBUG: debug = '' } = process.env
  hash.update(`${process.version} ${process.arch} ${sanitize} ${debug}\0`)
  const inputs = filesUnder(join(root, 'native'))
  for (const path of [join(root, 'binding.gyp'), ...inputs.sort()]) {
    hash.update(`${relative(root, path)}\0`)
    hash.update(readFileSync(path))
  }
  return hash.digest('hex')
}

function isUpToDate(stamp) {
  return existsSync(addonPath) && existsSync(stampPath) && readFileSync(stampPath, 'utf8') === stamp
}

function buildAddon() {
  const jobs = String(Number(process.env.CAUSEWAY_JOBS ?? process.env.npm_config_jobs) || 2)
  const sanitize = process.env.CAUSEWAY_SANITIZE
  say(
    `building the addon from ${addonSources().length} files${sanitize ? ` with -fsanitize=${sanitize}` : ''} …`,
  )

  const nodedir = resolve(dirname(process.execPath), '..')
  const hasHeaders = existsSync(join(nodedir, 'include', 'node', 'node_api.h'))
  const gyp = findNodeGyp()
  if (gyp) {
    const common = [
      '--jobs',
      jobs,
      '--loglevel',
      'warn',
      ...(hasHeaders ? ['--nodedir', nodedir] : []),
    ]
    const configured = run(process.execPath, [gyp, 'configure', ...common])
    if (configured.ok) {
      const built = run(process.execPath, [gyp, 'build', ...common])
      if (!built.ok) fail('the compiler refused the addon; its words are below', built.output)
      return
    }
    say(
      `node-gyp could not prepare the build, compiling directly instead; it said:\n${configured.output.trimEnd()}`,
    )
  }
  buildDirectly(hasHeaders ? join(nodedir, 'include', 'node') : undefined)
}

function findNodeGyp() {
  try {
    return require.resolve('node-gyp/bin/node-gyp.js')
  } catch {
    return undefined
  }
}

/** One compiler call, slower to rebuild but in need of nothing beyond g++ and two header packages. */
function buildDirectly(nodeHeaders) {
  const compiler = process.env.CXX ?? 'g++'
  const sanitize = process.env.CAUSEWAY_SANITIZE
  let addonApi
  let apiHeaders
  try {
    addonApi = dirname(require.resolve('node-addon-api/package.json'))
    apiHeaders =
      nodeHeaders ?? join(dirname(require.resolve('node-api-headers/package.json')), 'include')
  } catch (error) {
    fail(
      'node-addon-api and node-api-headers are missing; install with dev dependencies: npm ci',
      String(error),
    )
  }
  mkdirSync(dirname(addonPath), { recursive: true })
  const flags = sanitize
    ? ['-O1', '-g', '-fno-omit-frame-pointer', `-fsanitize=${sanitize}`]
    : process.env.CAUSEWAY_DEBUG
      ? ['-O1', '-g']
      : ['-O3', '-flto=auto']
  const shared =
    process.platform === 'darwin' ? ['-bundle', '-undefined', 'dynamic_lookup'] : ['-shared']
  const temporary = `${addonPath}.${process.pid}`
  const compiled = run(compiler, [
    '-std=gnu++20',
    '-fPIC',
    '-pthread',
    '-fno-exceptions',
    '-fno-rtti',
    '-fvisibility=hidden',
    '-Wall',
    '-Wextra',
    '-Werror',
    ...flags,
    ...shared,
    '-DNAPI_VERSION=9',
    '-DNAPI_DISABLE_CPP_EXCEPTIONS',
    '-DNODE_ADDON_API_DISABLE_DEPRECATED',
    '-DNODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
    '-DNODE_GYP_MODULE_NAME=causeway',
    '-DBUILDING_NODE_EXTENSION',
    '-Inative',
    '-isystem',
    addonApi,
    '-isystem',
    apiHeaders,
    ...addonSources(),
    '-o',
    temporary,
  ])
  if (!compiled.ok) fail(`${compiler} refused the addon; its words are below`, compiled.output)
  renameSync(temporary, addonPath)
}

function run(command, args) {
  const result = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = `${result.stdout ?? ''}${result.stderr ?? ''}${result.error ? `${result.error.message}\n` : ''}`
  return { ok: result.status === 0, output }
}

/** Two builds of one checkout at once would write the same objects, so the second one waits. */
function withLock(work) {
  const deadlineMs = Date.now() + LOCK_WAIT_MS
  for (let announced = false; ; ) {
    try {
      writeFileSync(lockPath, String(process.pid), { flag: 'wx' })
      break
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    if (isStale()) {
      rmSync(lockPath, { force: true })
      continue
    }
    if (Date.now() > deadlineMs)
      fail(`another build holds ${relative(root, lockPath)}; remove it if that build is gone`)
    if (!announced) say('another build of this checkout is running, waiting for it …')
    announced = true
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
  }
  process.on('exit', () => rmSync(lockPath, { force: true }))
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1))
  work()
}

function isStale() {
  try {
    const pid = Number(readFileSync(lockPath, 'utf8'))
    // An empty file is a lock being written right now, unless it has been empty for long.
    if (pid === 0) return Date.now() - statSync(lockPath).mtimeMs > 10_000
    process.kill(pid, 0)
    return false
  } catch (error) {
    return error.code === 'ESRCH' || error.code === 'ENOENT'
  }
}

function say(text) {
  process.stdout.write(`causeway: ${text}\n`)
}

function fail(reason, output = '') {
  process.stderr.write(`causeway: addon build failed: ${reason}\n${output}`)
  process.exit(1)
}
