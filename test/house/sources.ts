/**
 * Rules about single files: size, leftovers, silenced tools, paths of one machine, tests that wait or hide.
 */
import { type Tree, under } from './tree.js'

const code = /\.(?:ts|mjs|cc|h)$/
/** Past this, look for the second concept. */
const linesMax = 500

/** Built from halves, so that this file does not match itself. */
const leftovers = new RegExp(`\\b(?:${['FIX' + 'ME', 'TO' + 'DO', 'XX' + 'X'].join('|')})\\b`)
const silencers = new RegExp(
  ['biome-' + 'ignore', '@ts-' + '(?:ignore|expect-error|nocheck)', 'NO' + 'LINT'].join('|'),
)
const machinePaths = new RegExp(`(?<![\\w.-])/(?:${['work', 'home', 'Users'].join('|')})/\\w`)
const registryHosts = /https?:\/\/[\w.-]*(?:registry|artifactory|nexus)[\w.-]*/
/** Entries of the root: COMMON names first, then dotfiles. Nothing else belongs there. */
const topLevel = new Set([
  ...['src', 'native', 'bench', 'test', 'docs', 'binding.gyp', 'package.json', 'package-lock.json'],
  ...['tsconfig.json', 'biome.json', 'README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md'],
  ...['CHANGELOG.md', 'LICENSE'],
])

export function topLevelIsFixed(entries: readonly string[]): string[] {
  return (
    entries
      // Somebody's own configurations and logs lie where the README has them, and are not the tree's.
      .filter((name) => !topLevel.has(name) && !/^\.|\.(?:conf|log)$/.test(name))
      .map((name) => `${name}: not an entry of the top level`)
  )
}

export function sizes(tree: Tree): string[] {
  return sources(tree)
    .map(([path, text]) => ({ path, lines: text.split('\n').length }))
    .filter(({ lines }) => lines > linesMax)
    .map(
      ({ path, lines }) =>
        `${path}: ${lines} lines, more than ${linesMax}: which is the second concept?`,
    )
}

export function noLeftovers(tree: Tree): string[] {
  return matching(
    [...sources(tree), ...prose(tree)],
    leftovers,
    'unfinished business belongs in an issue',
  )
}

export function nothingSilenced(tree: Tree): string[] {
  return matching(sources(tree), silencers, 'repair what the tool found instead of silencing it')
}

export function noMachinePaths(tree: Tree): string[] {
  const texts = [...tree].filter(([, text]) => text !== '')
  return [
    ...matching(texts, machinePaths, 'a path of one machine'),
    ...matching(texts, registryHosts, "a registry's host"),
  ]
}

export function testsDoNotHide(tree: Tree): string[] {
  const tests = under(tree, 'test', /\.test\.ts$/)
  return matching(
    tests,
    /\b(?:test|it|describe)\.(?:only|todo)\(|\b(?:only|todo): true/,
    'a test hides others',
  )
}

export function unitTestsDoNotWait(tree: Tree): string[] {
  const units = under(tree, 'test/unit', /\.ts$/)
  return matching(
    units,
    /node:timers\/promises|(?<![.\w])setTimeout\(|\bsleep\(/,
    'a unit test waits for the clock instead of moving it',
  )
}

function sources(tree: Tree): [string, string][] {
  return ['src', 'native', 'test', 'bench'].flatMap((folder) => under(tree, folder, code))
}

function prose(tree: Tree): [string, string][] {
  return [...tree].filter(([path]) => path.endsWith('.md') || path === 'binding.gyp')
}

function matching(files: readonly [string, string][], pattern: RegExp, why: string): string[] {
  return files.flatMap(([path, text]) =>
    text
      .split('\n')
      .flatMap((line, index) =>
        pattern.test(line) ? [`${path}:${index + 1}: ${why}: ${line.trim()}`] : [],
      ),
  )
}
