/**
 * The lock on `node.data_dir`: one broker per directory. A file that holds the owner's pid, created exclusively; a file
 * left behind by a process that no longer runs is taken over. Node has no flock; the pid says who it is.
 */
import { linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { CausewayError } from '../errors.js'

const lockName = 'causeway.lock'

/** Each finds a lock that its owner left behind, and another process that takes it first. */
const attempts = 3

export class DataDirLock {
  readonly #path: string
  readonly #content: string

  private constructor(path: string, content: string) {
    this.#path = path
    this.#content = content
  }

  /** Creates the directory if needed. @throws CausewayError DATA_DIR_LOCKED, DATA_DIR_UNUSABLE */
  static take(dataDir: string, pid = process.pid): DataDirLock {
    const path = join(dataDir, lockName)
    const content = `${pid} ${startOf(pid)}\n`
    try {
      makeDirectory(resolve(dataDir))
      if (claimed(path, content, dataDir)) return new DataDirLock(path, content)
    } catch (error) {
      if (error instanceof CausewayError) throw error
      const why = error instanceof Error ? error.message : String(error)
      throw new CausewayError(
        'DATA_DIR_UNUSABLE',
        `node.data_dir: ${dataDir} cannot be used: ${why}`,
        { cause: error },
      )
    }
    throw new CausewayError(
      'DATA_DIR_LOCKED',
      `node.data_dir: ${dataDir} is being taken by another Causeway`,
    )
  }

  /** Idempotent; leaves alone what is not ours any more. */
  release(): void {
    try {
      if (readFileSync(this.#path, 'utf8') === this.#content) rmSync(this.#path, { force: true })
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error
    }
  }
}

/**
 * Creates a directory and those above it. Not `mkdirSync` with `recursive`: where the file system answers ENOENT although the
 * parent exists (/proc), Node 20 tries for ever.
 */
function makeDirectory(path: string): void {
  try {
    mkdirSync(path)
  } catch (error) {
    if (hasCode(error, 'EEXIST')) {
      if (statSync(path).isDirectory()) return
      throw new Error(`${path} is not a directory`, { cause: error })
    }
    const parent = dirname(path)
    if (!hasCode(error, 'ENOENT') || parent === path) throw error
    makeDirectory(parent)
    mkdirSync(path)
  }
}

/** Written aside and linked into place, so that nobody ever reads a lock without its owner. False: others were quicker. */
function claimed(path: string, content: string, dataDir: string): boolean {
  const draft = `${path}.${process.pid}`
  writeFileSync(draft, content)
  try {
    for (let attempt = 0; attempt < attempts; attempt++) {
      if (linked(draft, path)) return true
      refuseIfOwned(path, dataDir)
      rmSync(path, { force: true })
    }
    return false
  } finally {
    rmSync(draft, { force: true })
  }
}

function linked(draft: string, path: string): boolean {
  try {
    linkSync(draft, path)
    return true
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false
    throw error
  }
}

function refuseIfOwned(path: string, dataDir: string): void {
  const owner = ownerOf(path)
  if (owner === null) return
  throw new CausewayError(
    'DATA_DIR_LOCKED',
    `node.data_dir: ${dataDir} is in use by another Causeway (process ${owner}); give each its own directory`,
    { detail: { dataDir, pid: owner } },
  )
}

/** The live process that holds the lock, or null. A pid that now belongs to another process is told by its start time. */
function ownerOf(path: string): number | null {
  let content: string
  try {
    content = readFileSync(path, 'utf8')
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null
    throw error
  }
  const [pidText = '', start = ''] = content.trim().split(' ')
  const pid = Number(pidText)
  if (!Number.isSafeInteger(pid) || pid <= 0 || !isAlive(pid)) return null
  return startOf(pid) === start ? pid : null
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return hasCode(error, 'EPERM')
  }
}

/** Start time of a process in clock ticks since boot, on Linux; `-` elsewhere. Field 22 of proc(5) stat. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const behindName = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return behindName[19] ?? '-'
  } catch {
    return '-' // no proc file system
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
