/** What a test file says of itself, read from its source: titles of tests, and statement tags. */

const tag = /\[(MQTT-[\d.]+-\d+)\]/g

/** Titles of one file. Those made in a loop match whatever stands in their holes. */
export class Titles {
  readonly #patterns: readonly RegExp[]

  constructor(patterns: readonly RegExp[]) {
    this.#patterns = patterns
  }

  has(title: string): boolean {
    return this.holes(title) !== null
  }

  /** What stands in the holes of a title that is made in a loop; null when there is no such title. */
  holes(title: string): readonly string[] | null {
    for (const pattern of this.#patterns) {
      const match = pattern.exec(title)
      if (match !== null) return match.slice(1)
    }
    return null
  }
}

/** @param source of a node:test file or of a doctest one */
export function titlesOf(source: string): Titles {
  const patterns: RegExp[] = []
  for (const [, literal = ''] of source.matchAll(
    /\b(?:test|it)\(\s*('(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`)/g,
  ))
    patterns.push(pattern(literal))
  for (const [, literals = ''] of source.matchAll(/\bTEST_CASE\(((?:\s*"(?:[^"\\\n]|\\.)*")+)/g)) {
    const whole = [...literals.matchAll(/"((?:[^"\\\n]|\\.)*)"/g)].map(([, part]) => part).join('')
    patterns.push(pattern(`"${whole}"`))
  }
  return new Titles(patterns)
}

function pattern(literal: string): RegExp {
  const text = literal.slice(1, -1).replaceAll(/\\(.)/g, '$1')
  const parts = literal.startsWith('`') ? text.split(/\$\{[^}]*\}/) : [text]
  const escaped = parts.map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${escaped.join('(.+)')}$`)
}

export interface TaggedTest {
  readonly title: string
  readonly tags: ReadonlySet<string>
}

/** The tests of a file, each with the tags that stand in it: between its title and the next one's. */
export function taggedTests(source: string): TaggedTest[] {
  return source
    .split(/^(?=test\()/m)
    .slice(1)
    .map((text) => {
      const [, , title = ''] = text.match(/^test\(\s*(['"])((?:(?!\1)[^\\]|\\.)*)\1/) ?? []
      return { title: title.replaceAll(/\\(.)/g, '$1'), tags: new Set(tagsOf(text)) }
    })
}

export function tagsOf(source: string): string[] {
  return [...source.matchAll(tag)].map(([, id = '']) => id)
}
