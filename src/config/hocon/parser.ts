/**
 * The grammar of HOCON: text → syntax tree. Recursive descent, one method per form.
 * Bounds: nesting depth, see limits.ts; size is the caller's. Errors point at the character.
 */

import { configLimits } from '../../limits.js'
import { afterValue, describeNext, quoteThis, unclosed } from './complaint.js'
import { errorAt } from './diagnostic.js'
import { Lexer } from './lexer.js'
import type { Source, Span } from './source.js'
import type {
  ArrayNode,
  ConcatNode,
  EntryNode,
  FieldNode,
  KeyNode,
  ObjectNode,
  PieceNode,
  SubstitutionNode,
  TextNode,
} from './syntax-tree.js'

/** An `include` as met by the parser. */
export interface IncludeRequest {
  readonly file: string
  readonly required: boolean
  /** Path of the object the include stands in; substitutions of the file are tried below it first. */
  readonly prefix: readonly string[]
  readonly span: Span
}

/** Reads and parses an included file; an absent optional one is an empty object. */
export type Includer = (request: IncludeRequest) => ObjectNode

/** Parses a file: an object, with or without its outer braces. */
export function parseFile(
  source: Source,
  prefix: readonly string[],
  include: Includer,
): ObjectNode {
  return new Parser(source, prefix, include).file()
}

/** Parses a single value, as in an environment variable. */
export function parseValue(source: Source, include: Includer): ConcatNode {
  return new Parser(source, [], include).loneValue()
}

const includeForm = /include(?=[ \t]+("|required\(|file\(|url\(|classpath\()|")/y

class Parser {
  readonly #lexer: Lexer
  readonly #prefix: readonly string[]
  readonly #include: Includer
  /** Path of the object being parsed; null inside an array, where paths end. */
  #path: readonly string[] | null
  #depth = 0
  /** Where the innermost array begins; null outside arrays. */
  #openArray: number | null = null

  constructor(source: Source, prefix: readonly string[], include: Includer) {
    this.#lexer = new Lexer(source)
    this.#prefix = prefix
    this.#path = prefix
    this.#include = include
  }

  file(): ObjectNode {
    const lexer = this.#lexer
    lexer.skipBlanksAndLines()
    if (lexer.peek() === '[')
      throw errorAt(lexer.spanHere(), 'a configuration file holds keys and values, not an array')
    const body = lexer.peek() === '{' ? this.#object() : this.#entries(null)
    this.#expectEnd()
    return body
  }

  loneValue(): ConcatNode {
    this.#lexer.skipBlanksAndLines()
    const value = this.#value()
    this.#expectEnd()
    return value
  }

  #expectEnd(): void {
    this.#lexer.skipBlanksAndLines()
    if (this.#lexer.atEnd) return
    const c = this.#lexer.peek()
    const why = c === '}' || c === ']' ? `this ${c} closes nothing` : `expected the end, got ${c}`
    throw errorAt(this.#lexer.spanHere(), why)
  }

  #object(): ObjectNode {
    const open = this.#lexer.at++
    this.#enter(open)
    const body = this.#entries(open)
    this.#depth--
    return body
  }

  /** Entries up to the closing brace of the object opened at `open`, or to the end of the file. */
  #entries(open: number | null): ObjectNode {
    const lexer = this.#lexer
    const start = open ?? lexer.at
    const entries: EntryNode[] = []
    for (let separated = true; ; ) {
      separated = lexer.skipBlanksAndLines() || separated
      if (lexer.atEnd) {
        if (open !== null) unclosed(lexer, open, '}')
        break
      }
      if (lexer.peek() === '}' && open !== null) {
        lexer.at++
        break
      }
      if (lexer.peek() === '}') throw errorAt(lexer.spanHere(), 'this } closes nothing')
      if (!separated) throw errorAt(lexer.spanHere(), afterValue(lexer, this.#openArray, '}'))
      entries.push(this.#entry())
      lexer.skipBlanks()
      separated = lexer.take(',')
    }
    return { kind: 'object', entries, span: lexer.spanFrom(start) }
  }

  #entry(): EntryNode {
    includeForm.lastIndex = this.#lexer.at
    if (includeForm.test(this.#lexer.source.text)) return this.#includeEntry()
    const path = this.#keyPath()
    const lexer = this.#lexer
    const afterKey = lexer.at
    lexer.skipBlanksAndLines()
    const append = lexer.take('+=')
    const assigned = append || lexer.take('=') || lexer.take(':')
    if (!assigned && lexer.peek() !== '{') {
      lexer.at = afterKey
      const key = path.map((part) => part.text).join('.')
      throw errorAt(lexer.spanHere(), `expected = or : or { after the key ${JSON.stringify(key)}`)
    }
    lexer.skipBlanksAndLines()
    const outer = this.#path
    this.#path = outer === null ? null : [...outer, ...path.map((part) => part.text)]
    const value = this.#value()
    this.#path = outer
    return { kind: 'field', path, append, value } satisfies FieldNode
  }

  #keyPath(): KeyNode[] {
    const lexer = this.#lexer
    const parts: KeyNode[] = []
    do {
      parts.push(this.#keyPart())
      // One object per dot is nesting too.
      if (this.#depth + parts.length > configLimits.nestingDepth) this.#tooDeep(lexer.spanHere())
    } while (lexer.take('.'))
    return parts
  }

  /** One element of a dotted key: quoted and unquoted pieces side by side, inner blanks kept. */
  #keyPart(): KeyNode {
    const lexer = this.#lexer
    const start = lexer.at
    let text = ''
    let end = start
    let any = false
    for (;;) {
      const blanks = lexer.skipBlanks()
      let piece: string
      if (lexer.peek() === '"') {
        piece = lexer.quoted().text
      } else {
        piece = this.#keyWord()
        if (piece === '') break
      }
      text += (any ? blanks : '') + piece
      any = true
      end = lexer.at
    }
    if (!any) {
      lexer.at = start
      throw errorAt(lexer.spanHere(), this.#keyExpected())
    }
    return { text, span: { source: lexer.source, start, end } }
  }

  #keyWord(): string {
    const lexer = this.#lexer
    const key = lexer.word('.')
    // `a+=1` without a blank: the plus belongs to the operator.
    if (!key.endsWith('+') || lexer.peek() !== '=') return key
    lexer.at--
    return key.slice(0, -1)
  }

  #keyExpected(): string {
    const c = this.#lexer.peek()
    if (c === '.' || this.#lexer.source.text.charAt(this.#lexer.at - 1) === '.')
      return 'a key has an empty part: two dots, or one at its end'
    return `expected a key, got ${c === '' ? 'the end of the text' : JSON.stringify(c)}`
  }

  /** A value: pieces up to a comma, a closing bracket, a comment or the end of the line. */
  #value(): ConcatNode {
    const lexer = this.#lexer
    const start = lexer.at
    const pieces: PieceNode[] = []
    let end = start
    for (;;) {
      const spaceAt = lexer.at
      const blanks = lexer.skipBlanks()
      const space = lexer.spanFrom(spaceAt)
      const piece = this.#piece(pieces.length === 0)
      if (piece === null) break
      if (pieces.length > 0 && blanks !== '') {
        pieces.push({ kind: 'text', text: blanks, form: 'space', span: space })
      }
      pieces.push(piece)
      end = lexer.at
    }
    if (pieces.length === 0)
      throw errorAt(lexer.spanHere(), `expected a value, got ${describeNext(lexer)}`)
    lexer.at = end
    return { pieces, span: { source: lexer.source, start, end } }
  }

  #piece(first: boolean): PieceNode | null {
    const lexer = this.#lexer
    const start = lexer.at
    if (first) {
      const address = lexer.address()
      if (address !== '')
        return { kind: 'text', text: address, form: 'unquoted', span: lexer.spanFrom(start) }
    }
    switch (lexer.peek()) {
      case '':
      case '\n':
      case ',':
      case '}':
      case ']':
        return null
      case '#':
        // Behind a blank it is a comment; behind a slash it is meant as a wildcard.
        if (!first && lexer.source.text.charAt(start - 1) === '/') {
          throw errorAt(lexer.spanHere(), quoteThis(lexer, this.#openArray, '# starts a comment'))
        }
        return null
      case '{':
        return this.#object()
      case '[':
        return this.#array()
      case '"':
        return { kind: 'text', form: 'quoted', ...lexer.quoted() }
      case '$':
        return this.#substitution()
      default:
        return this.#unquoted(first)
    }
  }

  #unquoted(first: boolean): TextNode | null {
    const lexer = this.#lexer
    const start = lexer.at
    if (lexer.startsWith('//')) {
      if (!first && !/\s/.test(lexer.source.text.charAt(start - 1))) {
        throw errorAt(lexer.spanHere(), quoteThis(lexer, this.#openArray, '// starts a comment'))
      }
      return null
    }
    const text = lexer.word()
    if (text === '') {
      const c = lexer.peek()
      const more =
        c === '\\'
          ? 'a backslash means nothing outside quotes'
          : `${c} is not part of an unquoted value`
      throw errorAt(lexer.spanHere(), quoteThis(lexer, this.#openArray, more))
    }
    return { kind: 'text', text, form: 'unquoted', span: lexer.spanFrom(start) }
  }

  #array(): ArrayNode {
    const lexer = this.#lexer
    const open = lexer.at++
    this.#enter(open)
    const outer = this.#path
    const outerArray = this.#openArray
    this.#path = null
    this.#openArray = open
    const items: ConcatNode[] = []
    for (let separated = true; ; ) {
      separated = lexer.skipBlanksAndLines() || separated
      if (lexer.atEnd) unclosed(lexer, open, ']')
      if (lexer.take(']')) break
      if (!separated) throw errorAt(lexer.spanHere(), afterValue(lexer, this.#openArray, ']'))
      items.push(this.#value())
      lexer.skipBlanks()
      separated = lexer.take(',')
    }
    this.#path = outer
    this.#openArray = outerArray
    this.#depth--
    return { kind: 'array', items, span: lexer.spanFrom(open) }
  }

  #substitution(): SubstitutionNode {
    const lexer = this.#lexer
    const start = lexer.at
    if (!lexer.take('${'))
      throw errorAt(lexer.spanHere(), quoteThis(lexer, this.#openArray, '$ stands only before {'))
    const optional = lexer.take('?')
    const path = this.#keyPath().map((part) => part.text)
    lexer.skipBlanks()
    if (!lexer.take('}')) throw errorAt(lexer.spanHere(), 'expected } at the end of a substitution')
    return {
      kind: 'substitution',
      path,
      optional,
      prefix: this.#prefix,
      span: lexer.spanFrom(start),
    }
  }

  #includeEntry(): EntryNode {
    const lexer = this.#lexer
    const start = lexer.at
    lexer.take('include')
    lexer.skipBlanks()
    let closing = 0
    const required = lexer.take('required(')
    if (required) closing++
    lexer.skipBlanks()
    if (lexer.startsWith('url(') || lexer.startsWith('classpath(')) {
      throw errorAt(
        lexer.spanHere(),
        'only files can be included: include "name" or include file("name")',
      )
    }
    if (lexer.take('file(')) closing++
    lexer.skipBlanks()
    if (lexer.peek() !== '"')
      throw errorAt(lexer.spanHere(), 'expected the quoted name of the file to include')
    const file = lexer.quoted().text
    for (; closing > 0; closing--) {
      lexer.skipBlanks()
      if (!lexer.take(')'))
        throw errorAt(lexer.spanHere(), 'expected ) after the name of the file to include')
    }
    const request = { file, required, prefix: this.#path ?? [], span: lexer.spanFrom(start) }
    return { kind: 'include', body: this.#include(request) }
  }

  #enter(open: number): void {
    this.#depth++
    if (this.#depth > configLimits.nestingDepth) {
      this.#tooDeep({ source: this.#lexer.source, start: open, end: open + 1 })
    }
  }

  #tooDeep(span: Span): never {
    const message = `more than ${configLimits.nestingDepth} objects and arrays inside each other`
    throw errorAt(span, message, 'CONFIG_LIMIT_EXCEEDED')
  }
}
