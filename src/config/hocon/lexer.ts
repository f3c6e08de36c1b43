/**
 * The characters of HOCON: blanks, comments, quoted strings, unquoted words, host:port addresses.
 * A cursor over one source; the grammar is in parser.ts.
 * Source: HOCON specification "Syntax"; docs/operating/configuration.md "The language".
 */

import { errorAt } from './diagnostic.js'
import type { Source, Span } from './source.js'

/** Characters that end an unquoted word, besides blanks and `//`. */
const wordEnd = new Set(['"', '{', '}', '[', ']', ':', '=', ',', '#', '$', '\\', ''])

/** `host:port`, `0.0.0.0:1883`, `:1883`; what must follow is looked at separately. */
const hostPort = /[A-Za-z0-9._-]*:\d+(?=[\s,}\]#]|$)/y
/** `[::]:1883`, `[::1]`: at least two colons, so that it cannot be an array. */
const bracketed = /\[[0-9A-Fa-f.]*:[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*\](:\d+)?(?=[\s,}\]#]|$)/y
const hexEscape = /[0-9A-Fa-f]{4}/y

const simpleEscapes: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
}

export class Lexer {
  readonly source: Source
  at = 0
  /** Start of the last comment skipped; -1 for none. Unclosed brackets blame it. */
  lastComment = -1

  constructor(source: Source) {
    this.source = source
  }

  get atEnd(): boolean {
    return this.at >= this.source.text.length
  }

  /** The character at the cursor plus `ahead`; '' beyond the end. */
  peek(ahead = 0): string {
    return this.source.text.charAt(this.at + ahead)
  }

  startsWith(text: string): boolean {
    return this.source.text.startsWith(text, this.at)
  }

  /** Takes `text` if it comes next. */
  take(text: string): boolean {
    if (!this.startsWith(text)) return false
    this.at += text.length
    return true
  }

  spanFrom(start: number): Span {
    return { source: this.source, start, end: this.at }
  }

  /** Points at the next character, for an error there. */
  spanHere(): Span {
    return { source: this.source, start: this.at, end: this.at + 1 }
  }

  /** Skips blanks that do not end a line; returns what was skipped. */
  skipBlanks(): string {
    const start = this.at
    while (!this.atEnd && this.peek() !== '\n' && isBlank(this.peek())) this.at++
    return this.source.text.slice(start, this.at)
  }

  /** Skips blanks, line ends and comments; true when a line ended. */
  skipBlanksAndLines(): boolean {
    let line = false
    for (;;) {
      this.skipBlanks()
      if (this.peek() === '#' || this.startsWith('//')) {
        this.lastComment = this.at
        const end = this.source.text.indexOf('\n', this.at)
        this.at = end < 0 ? this.source.text.length : end
      } else if (this.peek() === '\n') {
        line = true
        this.at++
      } else {
        return line
      }
    }
  }

  /** A quoted string at the cursor, either kind; its text with escapes replaced. */
  quoted(): { text: string; span: Span } {
    return this.startsWith('"""') ? this.#tripleQuoted() : this.#singleQuoted()
  }

  /** An unquoted word at the cursor, '' when none starts here. @param stop a character that ends it as well */
  word(stop = ''): string {
    const start = this.at
    while (!this.#endsWord() && this.peek() !== stop) this.at++
    return this.source.text.slice(start, this.at)
  }

  /**
   * A network address in value position, which HOCON would want quoted because of its colon and
   * brackets; nothing else it could mean there is valid. '' when none starts here.
   */
  address(): string {
    for (const form of [hostPort, bracketed]) {
      form.lastIndex = this.at
      const found = form.exec(this.source.text)?.[0]
      if (found !== undefined) {
        this.at += found.length
        return found
      }
    }
    return ''
  }

  #endsWord(): boolean {
    const c = this.peek()
    return wordEnd.has(c) || isBlank(c) || this.startsWith('//')
  }

  #singleQuoted(): { text: string; span: Span } {
    const start = this.at++
    let text = ''
    for (;;) {
      const c = this.peek()
      if (c === '' || c === '\n') {
        throw errorAt(
          { source: this.source, start, end: this.at },
          'this string is never closed: expected " before the end of the line',
        )
      }
      if (c === '"') {
        this.at++
        return { text, span: this.spanFrom(start) }
      }
      text += c === '\\' ? this.#escape() : this.#plain(c)
    }
  }

  #plain(c: string): string {
    if (c < ' ' && c !== '\t') {
      const code = c.charCodeAt(0).toString(16).padStart(4, '0')
      throw errorAt(
        this.spanHere(),
        `a control character is not allowed in a string: write \\u${code}`,
      )
    }
    this.at++
    return c
  }

  #escape(): string {
    const start = this.at++
    const c = this.peek()
    const simple = Object.hasOwn(simpleEscapes, c) ? simpleEscapes[c] : undefined
    if (simple !== undefined) {
      this.at++
      return simple
    }
    if (c === 'u') {
      hexEscape.lastIndex = this.at + 1
      const digits = hexEscape.exec(this.source.text)?.[0]
      if (digits !== undefined) {
        this.at += 5
        return String.fromCharCode(Number.parseInt(digits, 16))
      }
    }
    const end = Math.min(this.at + 1, this.source.text.length)
    throw errorAt(
      { source: this.source, start, end },
      'unknown escape in a string: expected one of \\" \\\\ \\/ \\b \\f \\n \\r \\t, or \\u and four hexadecimal digits',
    )
  }

  /** Everything up to the last of the next run of three or more quotes, as it is. */
  #tripleQuoted(): { text: string; span: Span } {
    const start = this.at
    const close = this.source.text.indexOf('"""', start + 3)
    if (close < 0) {
      throw errorAt(
        { source: this.source, start, end: start + 3 },
        'this string is never closed: expected """',
      )
    }
    this.at = close + 3
    while (this.peek() === '"') this.at++
    const text = this.source.text.slice(start + 3, this.at - 3)
    return { text: text.replaceAll('\r\n', '\n'), span: this.spanFrom(start) }
  }
}

/** Blank as the HOCON specification defines whitespace: Unicode space, and the byte order mark. */
export function isBlank(c: string): boolean {
  return (
    c !== '' &&
    (/\s/u.test(c) || c === '\u001c' || c === '\u001d' || c === '\u001e' || c === '\u001f')
  )
}
