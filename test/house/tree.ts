/**
 * The checkout as data: path from the root, with forward slashes → text. Rules read this, never the disk,
 * so that each can be shown a planted mistake.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export type Tree = ReadonlyMap<string, string>

/** Made by builds and package managers, never part of the sources. */
const generated = new Set([
  '.git',
  'node_modules',
  'build',
  'build-native',
  'dist',
  'dist-test',
  'dist-bench',
  'data',
])
const textSuffixes = /\.(?:ts|mjs|cc|h|md|json|conf|gyp)$|(?:^|\/)(?:run|LICENSE|\.[a-z-]+)$/
/** Bytes captured from elsewhere: what stands in them is not our prose. */
const foreign = /^test\/vectors\/|^test\/fuzz\/corpus\/|^LICENSE$/

/** The folder of the package, found from wherever this file was compiled to. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'binding.gyp'))) {
    const parent = dirname(folder)
    if (parent === folder) throw new Error('not inside a checkout: no binding.gyp above this file')
    folder = parent
  }
  return folder
}

export function topLevelEntries(root: string): string[] {
  return readdirSync(root).filter((name) => !generated.has(name))
}

export function readTree(root: string): Tree {
  const tree = new Map<string, string>()
  const visit = (folder: string): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`
      if (folder === '' && generated.has(entry.name)) continue
      if (entry.isDirectory()) visit(path)
      else if (textSuffixes.test(path) && !foreign.test(path)) {
        tree.set(path, readFileSync(join(root, path), 'utf8'))
      } else tree.set(path, '')
    }
  }
  visit('')
  return tree
}

/** Files under `folder` whose names match, with their text. */
export function under(tree: Tree, folder: string, suffix: RegExp): [string, string][] {
  return [...tree].filter(([path]) => path.startsWith(`${folder}/`) && suffix.test(path))
}
