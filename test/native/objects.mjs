/**
 * Compiles C++ sources into objects, again only what changed, several at once.
 *
 * An object is up to date when it is newer than its source and every header of its depfile (-MMD),
 * and when it was made by the same command. Objects are written under a temporary name and renamed,
 * so two builds of one checkout at the same time cost time but never leave half an object.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { dirname, join } from 'node:path'

/** A compiler's refusal: `output` is what it printed. */
export class CompileError extends Error {
  constructor(what, output) {
    super(`${what} does not compile`)
    this.output = output
  }
}

/** @returns {string[]} files under `dir` (from the root) whose names end in `suffix`, sorted */
export function filesUnder(dir, suffix) {
  if (!existsSync(dir)) return []
  return readdirSync(dir, { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(dir, entry.name)
      if (entry.isDirectory()) return filesUnder(path, suffix)
      return path.endsWith(suffix) ? [path] : []
    })
    .sort()
}

/**
 * @param {{ compiler: string, flags: string[], sources: string[], directory: string, jobs: number,
 *           onProgress?: (done: number, total: number) => void }} options
 * @returns {Promise<string[]>} the objects, in the order of `sources`
 */
export async function compileObjects({ compiler, flags, sources, directory, jobs, onProgress }) {
  const key = createHash('sha256')
    .update([compiler, ...flags].join('\0'))
    .digest('hex')
    .slice(0, 8)
  const plan = sources.map((source) => ({
    source,
    object: join(directory, `${source.replaceAll(/[\\/]/g, '.')}.${key}.o`),
  }))
  mkdirSync(directory, { recursive: true })
  const stale = plan.filter(({ source, object }) => !isFresh(source, object))
  let next = 0
  let done = 0
  let failure
  const worker = async () => {
    while (failure === undefined && next < stale.length) {
      const { source, object } = stale[next++]
      try {
        await compileOne(compiler, flags, source, object)
      } catch (error) {
        failure ??= error
      }
      onProgress?.(++done, stale.length)
    }
  }
  await Promise.all(Array.from({ length: jobs }, worker))
  if (failure) throw failure
  return plan.map(({ object }) => object)
}

/** Runs a linker, archiver or compiler; its words become the error when it refuses. */
export function runTool(command, args, what) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    const chunks = []
    child.stdout.on('data', (chunk) => chunks.push(chunk))
    child.stderr.on('data', (chunk) => chunks.push(chunk))
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) resolve()
      else reject(new CompileError(what, Buffer.concat(chunks).toString()))
    })
  })
}

async function compileOne(compiler, flags, source, object) {
  const temporary = `${object}.${process.pid}`
  const depfile = `${temporary}.d`
  try {
    await runTool(
      compiler,
      [...flags, '-MMD', '-MF', depfile, '-c', source, '-o', temporary],
      source,
    )
    mkdirSync(dirname(object), { recursive: true })
    renameSync(depfile, `${object}.d`)
    renameSync(temporary, object)
  } finally {
    rmSync(temporary, { force: true })
    rmSync(depfile, { force: true })
  }
}

function isFresh(source, object) {
  if (!existsSync(object) || !existsSync(`${object}.d`)) return false
  const builtMs = statSync(object).mtimeMs
  const dependencies = readFileSync(`${object}.d`, 'utf8')
    .replaceAll('\\\n', ' ')
    .replace(/^[^:]*:/, '')
    .split(/\s+/)
    .filter((path) => path !== '')
  return [source, ...dependencies].every(
    (path) => existsSync(path) && statSync(path).mtimeMs < builtMs,
  )
}
