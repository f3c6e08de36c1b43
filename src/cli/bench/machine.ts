/** Where and with what figures were made: they mean nothing without it. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus, loadavg, release, totalmem } from 'node:os'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { version } from '../../version.js'

export interface Machine {
  readonly at: string
  readonly causeway: string
  /** Of the checkout that this program was built from; null: an installed package. */
  readonly commit: string | null
  readonly node: string
  readonly kernel: string
  readonly processors: string
  readonly governor: string | null
  readonly memoryGiB: number
  readonly loadAverage: number
}

export function describeMachine(): Machine {
  const [first] = cpus()
  return {
    at: new Date().toISOString(),
    causeway: version,
    commit: commit(),
    node: process.version,
    kernel: release(),
    processors: `${cpus().length} × ${first?.model ?? 'unknown'}`,
    governor: textOf('/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor'),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    loadAverage: Math.round((loadavg()[0] ?? 0) * 100) / 100,
  }
}

/** File descriptors that one process may open; Node raises its own limit to this when it starts. */
export function descriptorLimit(): number {
  const limits = textOf('/proc/self/limits') ?? ''
  return Number(/^Max open files\s+\d+\s+(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY)
}

function commit(): string | null {
  try {
    const cwd = dirname(fileURLToPath(import.meta.url))
    const git = (...args: string[]) =>
      execFileSync('git', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    const dirty = git('status', '--porcelain', '--untracked-files=no').trim() !== ''
    return `${git('rev-parse', '--short=12', 'HEAD').trim()}${dirty ? '+changes' : ''}`
  } catch {
    return null
  }
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return null
  }
}
