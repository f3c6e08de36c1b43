/**
 * Values after reading: a tree in which each value, and each key, remembers where it was written.
 * Objects are Maps, so a key called `__proto__` is a key like any other.
 */

import type { Span } from './source.js'

export type HoconValue = HoconObject | HoconArray | HoconScalar

export interface HoconObject {
  readonly kind: 'object'
  readonly fields: Map<string, HoconField>
  readonly span: Span
}

export interface HoconField {
  readonly keySpan: Span
  readonly value: HoconValue
}

export interface HoconArray {
  readonly kind: 'array'
  readonly items: HoconValue[]
  readonly span: Span
}

export interface HoconScalar {
  readonly kind: 'scalar'
  /** A number only when the text is exactly how JavaScript writes it: `1.0` and 2^60 stay text. */
  readonly value: string | number | boolean | null
  /** As written, unquoted: what the value is inside a string concatenation. */
  readonly text: string
  readonly span: Span
}

/** Plain data; objects have no prototype. */
export type PlainValue = string | number | boolean | null | PlainValue[] | PlainObject
export interface PlainObject {
  [key: string]: PlainValue
}

const numberForm = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/

/** The scalar an unquoted word stands for. */
export function scalarOf(text: string, span: Span): HoconScalar {
  if (text === 'true' || text === 'false') {
    return { kind: 'scalar', value: text === 'true', text, span }
  }
  if (text === 'null') return { kind: 'scalar', value: null, text, span }
  if (numberForm.test(text)) {
    const value = Number(text)
    if (String(value) === text) return { kind: 'scalar', value, text, span }
  }
  return { kind: 'scalar', value: text, text, span }
}

/** Copies a tree into plain data. Null-prototype objects: no key can reach `Object.prototype`. */
export function toPlain(value: HoconValue): PlainValue {
  switch (value.kind) {
    case 'scalar':
      return value.value
    case 'array':
      return value.items.map(toPlain)
    case 'object': {
      const plain: PlainObject = Object.create(null)
      for (const [key, field] of value.fields) plain[key] = toPlain(field.value)
      return plain
    }
  }
}

/** What is at a path, and where its key was written; undefined when there is nothing. */
export function fieldAt(
  root: HoconValue,
  path: readonly PropertyKey[],
): { readonly value: HoconValue; readonly keySpan: Span | null } | undefined {
  let value = root
  let keySpan: Span | null = null
  for (const step of path) {
    if (value.kind === 'array') {
      const item = value.items[Number(step)]
      if (item === undefined) return undefined
      value = item
      keySpan = null
    } else if (value.kind === 'object') {
      const field = value.fields.get(String(step))
      if (field === undefined) return undefined
      value = field.value
      keySpan = field.keySpan
    } else {
      return undefined
    }
  }
  return { value, keySpan }
}
