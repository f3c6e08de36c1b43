/**
 * Reads the bounds out of native/core/limits.h and src/limits.ts: name, value, and the comment in front of it, parted
 * where it begins to say what happens when the bound is reached.
 */
export interface Limit {
  readonly name: string
  /** As written in the source, without digit separators. */
  readonly value: string
  readonly meaning: string
  /** '' when the comment does not say. */
  readonly whenFull: string
}

/** One row a constant; a comment in front of several belongs to each. */
export function nativeLimits(header: string): Limit[] {
  const limits: Limit[] = []
  let comment: string[] = []
  for (const line of header.split('\n')) {
    const spoken = /^\/\/\/ ?(.*)$/.exec(line)
    const constant = /^inline constexpr \w+ (k\w+) = (.+);/.exec(line)
    if (spoken !== null) comment.push(spoken[1] ?? '')
    else if (constant === null) comment = []
    else if (comment.length > 0) limits.push(limit(constant[1], constant[2], comment))
  }
  return limits
}

/** Group → its bounds. A field without a comment of its own continues the one before. */
export function controlLimits(source: string): Map<string, Limit[]> {
  const groups = new Map<string, Limit[]>()
  let limits: Limit[] = []
  let comment: string[] = []
  for (const line of source.split('\n')) {
    const group = /^export const (\w+) = \{$/.exec(line)
    const field = /^ {2}(\w+): (.+),$/.exec(line)
    const spoken = /^ {2}(?:\/\*\*|\*\/| \*\/| \*)? ?(.*?)(?: ?\*\/)?$/.exec(line)
    if (group !== null) {
      limits = []
      groups.set(group[1] ?? '', limits)
      comment = []
    } else if (field !== null) {
      limits.push(limit(field[1], field[2], comment))
      comment = []
    } else if (/^ {2}(?:\/\*\*| \*)/.test(line)) comment.push(spoken?.[1] ?? '')
    else comment = []
  }
  return new Map([...groups].filter(([, found]) => found.length > 0))
}

const turningPoint = /(?:^|\s)(?=(?:Full|Over|Larger):\s)/

function limit(name = '', value = '', comment: readonly string[]): Limit {
  const text = comment.join(' ').replaceAll(/\s+/g, ' ').replaceAll('|', '\\|').trim()
  const [meaning = '', ...rest] = text.split(turningPoint)
  const whenFull = rest.join(' ').replace(/^(?:Full|Over|Larger): */, '')
  return { name, value: readable(value), meaning: meaning.trim(), whenFull: capital(whenFull) }
}

/** `256 * kKiB` → `256 KiB`, `15'000` → `15,000`. */
function readable(value: string): string {
  return value
    .replace(/size_t\{(\d+)\}/, '$1')
    .replace(/ \* kKiB$/, ' KiB')
    .replace(/ \* kMiB$/, ' MiB')
    .replace(/ \* 1024 \* 1024$/, ' MiB')
    .replace(/^1024 \* 1024$/, '1 MiB')
    .replace(/^1024 \*\* 3$/, '1 GiB')
    .replace(/(\d) \* 1024$/, '$1 Ki')
    .replaceAll(/(?<=\d)['_](?=\d)/g, ',')
    .replaceAll('*', '×')
}

function capital(text: string): string {
  return text === '' ? '' : text.charAt(0).toUpperCase() + text.slice(1)
}
