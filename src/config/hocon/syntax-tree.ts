/**
 * What the parser produces: the file as written, nothing merged, substituted or converted yet.
 */

import type { Span } from './source.js'

/** `{ … }`, or a whole file without braces. */
export interface ObjectNode {
  readonly kind: 'object'
  readonly entries: EntryNode[]
  readonly span: Span
}

export type EntryNode = FieldNode | IncludeNode

/** `a.b = value`, `a.b { … }`, `a.b += value`. */
export interface FieldNode {
  readonly kind: 'field'
  /** At least one part. */
  readonly path: KeyNode[]
  readonly append: boolean
  readonly value: ConcatNode
}

export interface KeyNode {
  readonly text: string
  readonly span: Span
}

/** `include "file"`, already read; its fields stand here as if written in place. */
export interface IncludeNode {
  readonly kind: 'include'
  readonly body: ObjectNode
}

/** One or more pieces side by side: text joins, arrays append, objects merge. */
export interface ConcatNode {
  readonly pieces: PieceNode[]
  readonly span: Span
}

export type PieceNode = TextNode | ObjectNode | ArrayNode | SubstitutionNode

export interface TextNode {
  readonly kind: 'text'
  readonly text: string
  /** Space between two pieces counts only when both are text. */
  readonly form: 'quoted' | 'unquoted' | 'space'
  readonly span: Span
}

export interface ArrayNode {
  readonly kind: 'array'
  readonly items: ConcatNode[]
  readonly span: Span
}

/** `${a.b}` or `${?a.b}`. */
export interface SubstitutionNode {
  readonly kind: 'substitution'
  readonly path: readonly string[]
  readonly optional: boolean
  /** Where the file it stands in was included; the path is tried below that first. */
  readonly prefix: readonly string[]
  readonly span: Span
}
