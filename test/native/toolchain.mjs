/**
 * Compilers, flags and libraries of the native tests and fuzzers: what there is on this machine.
 *
 * Every flag of the test builds is in this file; those of the addon are in binding.gyp.
 */
import { spawnSync } from 'node:child_process'

/** What every translation unit is compiled with, whatever the variant. */
export const commonFlags = [
  '-std=gnu++20',
  '-fno-exceptions',
  '-fno-rtti',
  '-pthread',
  '-Wall',
  '-Wextra',
  '-Werror',
  '-Inative',
]

/** doctest without exceptions: assertions end the test through its own handler instead of a throw. */
export const doctestFlags = [
  '-DDOCTEST_CONFIG_NO_EXCEPTIONS_BUT_WITH_ALL_ASSERTS',
  '-DDOCTEST_CONFIG_NO_POSIX_SIGNALS',
]

/** Undefined behaviour ends the run; a report that only scrolls by would not turn a test red. */
const addressFlags = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all']

/**
 * Variant → how it is built and run. `environment` is added to the test process.
 * @type {Record<string, { compilers: string[], flags: string[], environment: Record<string, string> }>}
 */
export const variants = {
  plain: { compilers: ['g++', 'clang++'], flags: ['-O2', '-g1'], environment: {} },
  asan: {
    compilers: ['g++', 'clang++'],
    flags: ['-O1', '-g1', '-fno-omit-frame-pointer', ...addressFlags],
    environment: {
      ASAN_OPTIONS: 'detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1',
      UBSAN_OPTIONS: 'print_stacktrace=1',
    },
  },
  // clang first: g++ 12 neither understands fences in TSan nor survives newer kernels' mappings.
  tsan: {
    compilers: ['clang++-19', 'g++', 'clang++'],
    flags: ['-O1', '-g1', '-fno-omit-frame-pointer', '-fsanitize=thread'],
    environment: { TSAN_OPTIONS: 'halt_on_error=1:second_deadlock_stack=1' },
  },
  fuzz: {
    compilers: ['clang++-19'],
    flags: ['-O1', '-g1', '-fno-omit-frame-pointer', '-fsanitize=fuzzer-no-link', ...addressFlags],
    environment: { ASAN_OPTIONS: 'detect_leaks=1', UBSAN_OPTIONS: 'print_stacktrace=1' },
  },
}

/** @returns {string | undefined} the first of `names` that starts */
export function findCompiler(names) {
  return names.find((name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0)
}

/** True when `compiler` finds the header, and the libraries too when any are named. */
export function canUse(compiler, header, libraries = []) {
  const action = libraries.length > 0 ? ['-o', '/dev/null', ...libraries] : ['-fsyntax-only']
  const result = spawnSync(compiler, ['-std=gnu++20', '-x', 'c++', '-', ...action], {
    input: `#include <${header}>\nint main() {}\n`,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  return result.status === 0
}

/** How many compilers run at once. */
export function jobCount() {
  return Number(process.env.CAUSEWAY_JOBS ?? process.env.npm_config_jobs) || 2
}

/** Flags for what one compiler reports and we cannot repair; everything else stays an error. */
export function compilerQuirks(compiler, variant) {
  // libstdc++ 12's own std::stable_sort calls what it deprecates; clang blames the caller.
  if (compiler.startsWith('clang')) return ['-Wno-deprecated-declarations']
  // g++ warns that TSan does not model fences.
  return variant === 'tsan' ? ['-Wno-tsan'] : []
}
