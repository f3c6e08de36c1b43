/**
 * Where text came from: a file, or an environment variable. Everything read keeps a span into it,
 * so that every later complaint can say file:line:column and show the line.
 */

export interface Position {
  /** File name as the user gave it, or e.g. `environment variable EMQX_NODE__NAME`. */
  readonly file: string
  /** 1-based. */
  readonly line: number
  /** 1-based, counted in characters (code points); a tab is one. */
  readonly column: number
}

/** A stretch of a source, offsets in UTF-16 units, end exclusive. */
export interface Span {
  readonly source: Source
  readonly start: number
  readonly end: number
}

export class Source {
  readonly name: string
  readonly text: string
  readonly #lineStarts: number[]

  /** @param text decoded; a leading byte order mark is dropped */
  constructor(name: string, text: string) {
    this.name = name
    this.text = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text
    this.#lineStarts = [0]
    for (let at = this.text.indexOf('\n'); at >= 0; at = this.text.indexOf('\n', at + 1)) {
      this.#lineStarts.push(at + 1)
    }
  }

  /** Cost: a binary search over lines, then one line is walked. */
  position(offset: number): Position {
    const line = this.#lineAt(offset)
    const before = this.text.slice(this.#lineStarts[line] ?? 0, offset)
    return { file: this.name, line: line + 1, column: [...before].length + 1 }
  }

  /** Text of a 1-based line without its line end. */
  lineText(line: number): string {
    const start = this.#lineStarts[line - 1] ?? this.text.length
    const end = this.#lineStarts[line] ?? this.text.length
    return this.text.slice(start, end).replace(/[\r\n]+$/, '')
  }

  #lineAt(offset: number): number {
    let low = 0
    let high = this.#lineStarts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.#lineStarts[middle] ?? 0) <= offset) low = middle
      else high = middle - 1
    }
    return low
  }
}

/** From the start of `first` to the end of `last`; both of one source. */
export function spanOver(first: Span, last: Span): Span {
  return { source: first.source, start: first.start, end: last.end }
}
