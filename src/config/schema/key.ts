/**
 * Keys: what the schema is made of. Each builder returns a zod schema and notes beside it what the
 * documentation, the "did you mean" and the warnings need, so that one declaration serves all four.
 */

import { z } from 'zod'
import { type Form, Refusal, show } from './form.js'

export type SchemaNode =
  | { readonly kind: 'section'; readonly keys: Readonly<Record<string, z.ZodType>> }
  /** An object whose keys the user chooses. */
  | { readonly kind: 'map'; readonly of: z.ZodType }
  | { readonly kind: 'list'; readonly of: z.ZodType }
  | LeafNode
  | IgnoredNode

export interface LeafNode {
  readonly kind: 'leaf'
  readonly type: string
  /** As one would write it; null: the key is required; '' : unset. */
  readonly fallback: string | null
  /** The same as a value; undefined: there is no default. */
  readonly value: Fallback | undefined
  /** The key that this is an older name of. */
  readonly aliasOf?: string
  readonly meaning: string
  /** Why writing it changes nothing yet; absent when it has its effect. */
  readonly asleep?: string
}

/** A key EMQX has and we do not use: accepted, named in a warning, refused by --strict. */
export interface IgnoredNode {
  readonly kind: 'ignored'
  readonly why: string
}

const nodes = new WeakMap<z.ZodType, SchemaNode>()

/** What a schema made by this file is. */
export function nodeOf(schema: z.ZodType): SchemaNode {
  const node = nodes.get(schema)
  if (node === undefined)
    throw new TypeError('a configuration schema was not built by schema/key.ts')
  return node
}

export type Fallback = string | number | boolean | readonly string[]

/**
 * @param fallback the default as one would write it; it must be of the form itself
 * @param shown how the documentation names a default that depends on the machine
 */
export function key<T>(
  form: Form<T>,
  fallback: Fallback,
  meaning: string,
  shown = written(fallback),
): z.ZodType<T> {
  const value = form.read(fallback)
  if (value instanceof Refusal)
    throw new TypeError(`the default ${show(fallback)} is not ${form.type}`)
  return leaf<T, T>(form, () => value, shown, meaning, fallback)
}

/** A key that may stay unset, with no default of its own. */
export function unset<T>(form: Form<T>, meaning: string): z.ZodType<T | null> {
  return leaf<T, T | null>(form, () => null, '', meaning)
}

/** An older name of another key: undefined when not written, as null may be what was written. */
export function alias<T>(form: Form<T>, of: string): z.ZodType<T | undefined> {
  const schema = leaf<T, undefined>(form, () => undefined, '', `Older name of \`${of}\`.`)
  const node = nodeOf(schema)
  return node.kind === 'leaf' ? noted(schema, { ...node, aliasOf: of }) : schema
}

/** A key that must be given. */
export function required<T>(form: Form<T>, meaning: string): z.ZodType<T> {
  return leaf<T, T>(
    form,
    () => new Refusal(`required_field: expected ${form.type}, got nothing`),
    null,
    meaning,
  )
}

export function ignored(why: string): z.ZodType<unknown> {
  return noted(z.unknown().optional(), { kind: 'ignored', why })
}

/**
 * A key whose value is checked and documented, and has no effect before some other work is done: who writes it is told so,
 * and --strict refuses it.
 */
export function asleep<S extends z.ZodType>(why: string, schema: S): S {
  const node = nodeOf(schema)
  if (node.kind !== 'leaf') throw new TypeError('only a single key can be asleep')
  return noted(schema, { ...node, asleep: why })
}

export function section<S extends Readonly<Record<string, z.ZodType>>>(keys: S) {
  return noted(z.strictObject(keys).prefault({} as never), { kind: 'section', keys })
}

/** An object inside a list: unlike a section it must be written, so it has no default. */
export function entry<S extends Readonly<Record<string, z.ZodType>>>(
  keys: S,
  check: (value: z.output<z.ZodObject<S>>) => readonly EntryProblem[] = () => [],
) {
  const schema = z.strictObject(keys).superRefine((value, context) => {
    for (const { path, message } of check(value))
      context.addIssue({ code: 'custom', path: [...path], message })
  })
  return noted(schema, { kind: 'section', keys })
}

/** Values of one entry that do not go together; the path is within the entry. */
export interface EntryProblem {
  readonly path: readonly string[]
  readonly message: string
}

export function mapOf<T extends z.ZodType>(of: T) {
  const name = z.string().regex(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/)
  return noted(z.record(name, of).prefault({}), { kind: 'map', of })
}

export function entries<T extends z.ZodType>(of: T, most: number) {
  return noted(z.array(of).max(most).prefault([]), { kind: 'list', of })
}

function leaf<T, U>(
  form: Form<T>,
  absent: () => U | Refusal,
  fallback: string | null,
  meaning: string,
  value?: Fallback,
): z.ZodType<T | U> {
  const schema = z
    .unknown()
    .optional()
    .transform((raw, context): T | U => {
      const value = raw === undefined ? absent() : form.read(raw)
      if (!(value instanceof Refusal)) return value
      const message = value.reason ?? `expected ${form.type}, got ${show(raw)}`
      context.addIssue({ code: 'custom', message })
      return z.NEVER
    })
  return noted(schema, { kind: 'leaf', type: form.type, fallback, value, meaning })
}

function noted<S extends z.ZodType>(schema: S, node: SchemaNode): S {
  nodes.set(schema, node)
  return schema
}

function written(fallback: Fallback): string {
  return typeof fallback === 'string' && fallback === ''
    ? '""'
    : Array.isArray(fallback)
      ? `[${fallback.join(', ')}]`
      : String(fallback)
}
