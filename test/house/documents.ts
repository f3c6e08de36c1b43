/**
 * Rules about documents: what they name exists, the decision index is complete, error codes are documented.
 */
import { posix } from 'node:path'
import { type Tree, under } from './tree.js'

/** Documents that describe the tree as it is; a path in backticks there must exist. */
const describing = ['ARCHITECTURE.md', 'README.md', 'CONTRIBUTING.md']
const decisionSections = ['Context', 'Options', 'Decision', 'Consequences', 'Reopen when']

export function namedPathsExist(tree: Tree): string[] {
  const inDescriptions = describing.flatMap((document) => {
    const text = tree.get(document)
    if (text === undefined) return [`${document} is missing`]
    const named = [...text.matchAll(/`((?:src|native|test|bench|docs|\.ci)\/[\w./-]*)`/g)]
    return named
      .map(([, path = '']) => path.replace(/\/$/, ''))
      .filter((path) => !exists(tree, path))
      .map((path) => `${document}: names ${path}, which does not exist`)
  })
  const inSources = ['src', 'native', 'test', 'bench'].flatMap((folder) =>
    under(tree, folder, /\.(?:ts|mjs|cc|h|md)$/).flatMap(([path, text]) =>
      [...text.matchAll(/\bdocs\/[\w./-]+\.md\b/g)]
        .filter(([document]) => !tree.has(document))
        .map(([document]) => `${path}: sends the reader to ${document}, which does not exist`),
    ),
  )
  const names = new Set([...tree.keys()].filter((path) => path.endsWith('.md')).map(baseName))
  const byName = ['src', 'native', 'bench'].flatMap((folder) =>
    under(tree, folder, /\.(?:ts|mjs|cc|h)$/).flatMap(([path, text]) =>
      [...text.matchAll(/(?<![\w./-])[\w-]+\.md\b/g)]
        .filter(([name]) => !names.has(name))
        .map(([name]) => `${path}: cites ${name}, which docs/ does not have`),
    ),
  )
  return [...inDescriptions, ...new Set([...inSources, ...byName])]
}

/** `Class::member` in a document is in some file of native/; standard names are not ours to check. */
export function namedMembersExist(tree: Tree): string[] {
  const native = under(tree, 'native', /\.(?:cc|h)$/).map(([, text]) => text)
  const found = (words: readonly string[]) =>
    native.some((text) => words.every((word) => new RegExp(`\\b${word}\\b`).test(text)))
  return [...tree]
    .filter(([path]) => path.endsWith('.md'))
    .flatMap(([path, text]) =>
      [...text.matchAll(/`((?!std::|v8::|uv::)\w+(?:::\w+)+)(?:\(\))?`/g)]
        .map(([, name = '']) => name)
        .filter((name) => !found(name.split('::')))
        .map((name) => `${path}: names ${name}, which native/ does not have`),
    )
}

export function linksLead(tree: Tree): string[] {
  return [...tree]
    .filter(([path]) => path.endsWith('.md'))
    .flatMap(([path, text]) =>
      [...text.matchAll(/\]\(([^)\s]+)\)/g)]
        .map(([, target = '']) => target.replace(/#.*$/, ''))
        .filter((target) => target !== '' && !/^[a-z]+:/.test(target))
        .filter(
          (target) => !exists(tree, posix.join(posix.dirname(path), target).replace(/\/$/, '')),
        )
        .map((target) => `${path}: links to ${target}, which does not exist`),
    )
}

export function decisions(tree: Tree): string[] {
  const index = tree.get('docs/decisions/README.md') ?? ''
  const records = under(tree, 'docs/decisions', /\/\d{4}-[\w-]+\.md$/).sort()
  if (records.length === 0) return ['docs/decisions holds no record']
  return records.flatMap(([path, text], position) => {
    const name = posix.basename(path)
    const title = text.match(/^# \d{4}: (.+)$/m)?.[1]
    const problems = decisionSections
      .filter((section) => !text.includes(`\n## ${section}\n`))
      .map((section) => `${path}: has no section "${section}"`)
    if (!/^- Date: \d{4}-\d{2}-\d{2}$/m.test(text)) problems.push(`${path}: has no date`)
    if (!/^- Status: (?:accepted|superseded by \d{4})/m.test(text))
      problems.push(`${path}: has no status`)
    if (Number(name.slice(0, 4)) !== position + 1)
      problems.push(`${path}: number ${position + 1} is missing`)
    if (title === undefined) problems.push(`${path}: its title must be "# ${name.slice(0, 4)}: …"`)
    else if (!index.includes(`[${title}](${name})`)) {
      problems.push(`docs/decisions/README.md: lacks [${title}](${name})`)
    }
    return problems
  })
}

export function errorCodesDocumented(
  tree: Tree,
  codes: Readonly<Record<string, string>>,
): string[] {
  const page = tree.get('docs/operating/errors.md') ?? ''
  const rows = new Map(
    [...page.matchAll(/^\| `([A-Z_]+)` \| (.+?) \|$/gm)].map(([, c = '', m = '']) => [c, m]),
  )
  const undocumented = Object.entries(codes).flatMap(([code, meaning]) =>
    rows.get(code) === meaning ? [] : [`docs/operating/errors.md: ${code} should read: ${meaning}`],
  )
  const unknown = [...rows.keys()]
    .filter((code) => codes[code] === undefined)
    .map((code) => `docs/operating/errors.md: ${code} is no error code`)
  return [...undocumented, ...unknown]
}

function baseName(path: string): string {
  return posix.basename(path)
}

function exists(tree: Tree, path: string): boolean {
  return (
    path === '.' || tree.has(path) || [...tree.keys()].some((file) => file.startsWith(`${path}/`))
  )
}
