/** The version of this package, from the one place that states it. */
import { readFileSync } from 'node:fs'

export const version: string = stated()

function stated(): string {
  const content: unknown = JSON.parse(readFileSync(packageFile(), 'utf8'))
  if (
    typeof content === 'object' &&
    content !== null &&
    'version' in content &&
    typeof content.version === 'string'
  ) {
    return content.version
  }
  throw new TypeError('package.json states no version')
}

/** The nearest package.json above: the compiled file is one or two folders below it. */
function packageFile(): URL {
  for (const path of ['../package.json', '../../package.json']) {
    const url = new URL(path, import.meta.url)
    try {
      readFileSync(url)
      return url
    } catch {
      // the next one
    }
  }
  throw new TypeError('package.json is missing')
}
