/**
 * Checks, or with --write repairs, the form of all sources.
 *
 *   npm run lint      biome check, clang-format (when version 19 is installed), tsc --noEmit
 *   npm run format    the same, writing what can be repaired
 *
 * Every check runs even when an earlier one failed. clang-format changes its mind between versions,
 * so another version than the one CI uses is no check at all: NOT RUN, a failure under REQUIRE_ALL=1.
 */
import { spawnSync } from 'node:child_process'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { filesUnder } from './native/objects.mjs'

const CLANG_FORMAT_MAJOR = 19
const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const write = process.argv.includes('--write')

process.chdir(root)
const outcomes = [biome(), clangFormat(), types()].flat()
for (const { name, state } of outcomes) process.stdout.write(`${name}: ${state}\n`)
const required = process.env.REQUIRE_ALL === '1'
const bad = outcomes.filter(({ state }) => state === 'failed' || (required && state !== 'passed'))
process.exitCode = bad.length === 0 ? 0 : 1

function biome() {
  const args = ['check', '--error-on-warnings', ...(write ? ['--write'] : [])]
  return [
    check('biome', process.execPath, [
      join('node_modules', '@biomejs', 'biome', 'bin', 'biome'),
      ...args,
    ]),
  ]
}

function clangFormat() {
  const name = [`clang-format-${CLANG_FORMAT_MAJOR}`, 'clang-format'].find((candidate) => {
    const version = spawnSync(candidate, ['--version'], { encoding: 'utf8' }).stdout ?? ''
    return version.includes(`version ${CLANG_FORMAT_MAJOR}.`)
  })
  if (!name) {
    const reason = `clang-format ${CLANG_FORMAT_MAJOR} is not installed`
    return [{ name: 'NOT RUN: clang-format', state: reason }]
  }
  const files = ['native', join('test', 'native'), join('test', 'fuzz')].flatMap((dir) => [
    ...filesUnder(dir, '.cc'),
    ...filesUnder(dir, '.h'),
  ])
  const mode = write ? ['-i'] : ['--dry-run', '-Werror']
  return files.length === 0 ? [] : [check('clang-format', name, [...mode, ...files])]
}

function types() {
  const tsc = join('node_modules', 'typescript', 'bin', 'tsc')
  return ['tsconfig.json', join('test', 'tsconfig.json'), join('bench', 'tsconfig.json')].map(
    (project) => check(`types of ${project}`, process.execPath, [tsc, '--noEmit', '-p', project]),
  )
}

function check(name, command, args) {
  const { status } = spawnSync(command, args, { stdio: 'inherit' })
  return { name, state: status === 0 ? 'passed' : 'failed' }
}
