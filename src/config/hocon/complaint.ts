/**
 * Wording of the parser's errors where the mistake is not where it is noticed: values that need
 * quotes, brackets that a comment has swallowed.
 */

import { errorAt } from './diagnostic.js'
import type { Lexer } from './lexer.js'

/** Where the innermost open array begins; null outside arrays. */
type OpenArray = number | null

/**
 * The message "quote this value" for the cursor: the cause, and the value as it would be in quotes.
 * Throws instead when the array around was swallowed by a comment, as in `topics = [#]`: that is
 * what has to be told then, not what it led to.
 */
export function quoteThis(lexer: Lexer, openArray: OpenArray, cause: string): string {
  if (openArray !== null && swallowingComment(lexer, openArray) !== null) {
    unclosed(lexer, openArray, ']')
  }
  const { text } = lexer.source
  let start = lexer.at
  while (start > 0 && !/[\s,={["]/.test(text.charAt(start - 1))) start--
  const value = /^[^\s,}\]"]*/.exec(text.slice(start))?.[0] ?? ''
  return `${cause}: quote this value${/\w/.test(value) ? `, ${JSON.stringify(value)}` : ''}`
}

/** The message for something behind a value that neither ends nor continues it. */
export function afterValue(lexer: Lexer, openArray: OpenArray, close: string): string {
  const c = lexer.peek()
  if (c === ':' || c === '=') {
    return quoteThis(lexer, openArray, `${c} is not part of an unquoted value`)
  }
  return `expected a comma, a new line or ${close}, got ${describeNext(lexer)}`
}

/** The bracket at `open` has no partner; a comment behind it on its line is the usual reason. */
export function unclosed(lexer: Lexer, open: number, close: string): never {
  const { source } = lexer
  const bracket = source.text.charAt(open)
  const comment = swallowingComment(lexer, open)
  if (comment === null) {
    const span = { source, start: open, end: open + 1 }
    throw errorAt(span, `this ${bracket} is never closed: expected ${close}`)
  }
  const span = { source, start: comment, end: comment + 1 }
  const message = `# starts a comment, so this ${bracket} is never closed: quote this value, "#"`
  throw errorAt(span, message)
}

export function describeNext(lexer: Lexer): string {
  const c = lexer.peek()
  if (c === '') return 'the end of the text'
  if (c === '\n') return 'the end of the line'
  if (c === '#' || lexer.startsWith('//')) return 'a comment (quote a value that starts with #)'
  return JSON.stringify(c)
}

/** The comment on the line of a bracket that holds its partner, as in `[#]`. */
function swallowingComment({ source, lastComment }: Lexer, open: number): number | null {
  const lineEnd = source.text.indexOf('\n', open)
  const line = source.text.slice(open, lineEnd < 0 ? source.text.length : lineEnd)
  const hash = line.indexOf('#')
  // Quoted text may hold a # of its own; only a comment that was skipped as one counts.
  const skipped = hash >= 0 && !line.slice(0, hash).includes('"') && lastComment >= open
  return skipped && /[\]}]/.test(line.slice(hash)) ? open + hash : null
}
