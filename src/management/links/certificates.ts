/**
 * Certificates and keys that came as PEM text: kept as files in the data directory, one for each content, and named in the link
 * by their path.
 */
import { createHash } from 'node:crypto'
import { mkdir, readdir, rm, rmdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { PlainObject } from '../../config/index.js'
import { isPem } from '../../tls/index.js'
import { contentOf, replaceFile } from './kept-file.js'

const parts = { cacertfile: 'cacert', certfile: 'cert', keyfile: 'key' } as const
const fileForm = /^(cacert|cert|key)-[0-9a-f]{16}\.pem$/
/** A name that is a name of a directory as well. */
const plainName = /^[0-9a-zA-Z][-0-9a-zA-Z_]*$/

export interface PemFile {
  readonly path: string
  readonly text: string
}

export class LinkCertificates {
  readonly #root: string

  constructor(dataDir: string) {
    this.#root = join(dataDir, 'certs', 'links')
  }

  /** The link with paths in place of PEM texts, and the files that these paths are meant to be. */
  split(link: PlainObject): { readonly link: PlainObject; readonly files: readonly PemFile[] } {
    const ssl = link.ssl
    if (typeof ssl !== 'object' || ssl === null || Array.isArray(ssl)) return { link, files: [] }
    const files: PemFile[] = []
    const named = Object.entries(ssl).map(([key, text]) => {
      const part = Object.hasOwn(parts, key) ? parts[key as keyof typeof parts] : undefined
      if (part === undefined || typeof text !== 'string' || !isPem(text))
        return [key, text] as const
      const path = join(this.#root, directoryOf(String(link.name)), `${part}-${hash(text)}.pem`)
      files.push({ path, text })
      return [key, path] as const
    })
    return { link: { ...link, ssl: Object.fromEntries(named) }, files }
  }

  /** Writes those that are not there yet, and returns these. Rejects when the disk refuses. */
  async write(files: readonly PemFile[]): Promise<readonly PemFile[]> {
    const written: PemFile[] = []
    try {
      for (const file of files) {
        if ((await contentOf(file.path)) === file.text) continue
        await mkdir(dirname(file.path), { recursive: true, mode: 0o700 })
        await replaceFile(file.path, file.text)
        written.push(file)
      }
    } catch (error) {
      await this.remove(written)
      throw error
    }
    return written
  }

  async remove(files: readonly PemFile[]): Promise<void> {
    await Promise.all(files.map(({ path }) => rm(path, { force: true })))
  }

  /** Removes what none of these links names. A file that cannot be removed is left for the next time. */
  async sweep(links: readonly PlainObject[]): Promise<void> {
    const used = new Set(links.flatMap(pathsOf))
    for (const directory of await namesIn(this.#root)) {
      const path = join(this.#root, directory)
      for (const name of await namesIn(path)) {
        if (fileForm.test(name) && !used.has(resolve(path, name)))
          await rm(join(path, name), { force: true }).catch(() => {})
      }
      await rmdir(path).catch(() => {}) // has others in it
    }
  }
}

function pathsOf({ ssl }: PlainObject): string[] {
  if (typeof ssl !== 'object' || ssl === null || Array.isArray(ssl)) return []
  return Object.keys(parts).flatMap((key) => {
    const path = ssl[key]
    return typeof path === 'string' ? [resolve(path)] : []
  })
}

function directoryOf(name: string): string {
  return plainName.test(name) && name.length <= 128 ? name : `name-${hash(name)}`
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}

async function namesIn(directory: string): Promise<readonly string[]> {
  return await readdir(directory).catch(() => [])
}
