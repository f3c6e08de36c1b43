/** The rule that docs/operating/events.md lists the events of the log, neither more nor fewer. */
import { type Tree, under } from './tree.js'

const page = 'docs/operating/events.md'
const linkPrefix = 'cluster_link_routerepl_'

export function eventsDocumented(tree: Tree): string[] {
  const said = new Set(
    under(tree, 'src', /\.ts$/)
      .filter(([path]) => path !== 'src/native/layout.generated.ts')
      .flatMap(([, text]) => eventsOf(text)),
  )
  const documented = new Set(
    [...(tree.get(page) ?? '').matchAll(/^\| `([a-z_]+)` \|/gm)].map(([, name = '']) => name),
  )
  return [
    ...[...said].filter((name) => !documented.has(name)).map((name) => `${page}: lacks ${name}`),
    ...[...documented]
      .filter((name) => !said.has(name))
      .map((name) => `${page}: ${name} is no event of src/`),
  ]
}

/** `event: 'name'`, complaints by name, and names of the link agent made of a prefix and an end. */
function eventsOf(text: string): string[] {
  const names = (pattern: RegExp) => [...text.matchAll(pattern)].map(([, name = '']) => name)
  const prefixed = text.includes(`'${linkPrefix}'`)
    ? [
        ...names(/\$\{prefix\}([a-z_]+)/g),
        ...names(/case '([a-z_]+)':\n(?=(?: +case.*\n)* +return prefix \+)/g),
      ]
    : []
  return [
    ...names(/\bevent: '([a-z_]+)'/g),
    ...names(/\.#complain\(\s*'([a-z_]+)'/g),
    ...prefixed.map((end) => linkPrefix + end),
  ]
}
