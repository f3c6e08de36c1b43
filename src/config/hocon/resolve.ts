/**
 * From the syntax tree to values: keys merge, `+=` appends, pieces concatenate, `${…}` is replaced.
 *
 * Evaluation is lazy, because `${a.b}` may look at a part of an object whose other parts look back:
 *
 *     Slot    one key: every assignment made to it, in order ("layers")
 *     Shape   a slot's outcome, one level deep: a scalar, a list of items, a map of slots
 *     force   the whole tree below a shape, as HoconValue
 *
 * A layer that mentions its own key sees the layers before it; any other circle is an error.
 * Bounds: everything copied is charged against `configLimits.values`, text against `stringChars`; an object that grows
 * into itself with each look (`c = ${b}` inside of `b`, merged with other values of `c`) ends at `nestingDepth`, a row of
 * substitutions at `substitutionDepth`.
 */

import { configLimits } from '../../limits.js'
import { errorAt } from './diagnostic.js'
import type { Span } from './source.js'
import type {
  ConcatNode,
  EntryNode,
  ObjectNode,
  PieceNode,
  SubstitutionNode,
} from './syntax-tree.js'
import {
  type HoconField,
  type HoconObject,
  type HoconScalar,
  type HoconValue,
  scalarOf,
} from './value.js'

/** Where `${NAME}` looks when no key has that name. */
export type Environment = Readonly<Record<string, string | undefined>>

export function resolve(file: ObjectNode, env: Environment): HoconObject {
  return new Resolver(file, env).run()
}

type Shape = HoconScalar | LazyArray | LazyObject

interface LazyArray {
  readonly kind: 'array'
  readonly items: readonly ConcatNode[]
  readonly span: Span
}

interface LazyObject {
  readonly kind: 'object'
  readonly fields: Map<string, Slot>
  readonly span: Span
}

interface Layer {
  readonly keySpan: Span
  readonly append: boolean
  /** What was written, or the object a dotted key stands for. */
  readonly body: ConcatNode | LazyObject
}

interface Slot {
  /** Grows only while its object is being built. */
  readonly layers: Layer[]
  state: 'new' | 'evaluating' | 'done'
  /** The outcome, or while evaluating that of the layers so far. */
  shape: Shape | undefined
}

class Resolver {
  readonly #root: LazyObject
  readonly #env: Environment
  /** Slots being evaluated, innermost last. */
  readonly #stack: Slot[] = []
  readonly #forcing = new Set<Shape>()
  #charged = 0

  constructor(file: ObjectNode, env: Environment) {
    this.#root = this.#lazyObject(file)
    this.#env = env
  }

  run(): HoconObject {
    return this.#forceObject(this.#root)
  }

  // ------------------------------------------------------------------------------- syntax → slots

  #lazyObject(node: ObjectNode): LazyObject {
    const fields = new Map<string, Slot>()
    for (const entry of node.entries) this.#addEntry(fields, entry)
    return { kind: 'object', fields, span: node.span }
  }

  #addEntry(fields: Map<string, Slot>, entry: EntryNode): void {
    if (entry.kind === 'include') {
      for (const inner of entry.body.entries) this.#addEntry(fields, inner)
      return
    }
    const [first, ...rest] = entry.path
    if (first === undefined) return
    let { append } = entry
    let body: ConcatNode | LazyObject = entry.value
    for (const part of rest.reverse()) {
      const slot = newSlot([{ keySpan: part.span, append, body }])
      body = { kind: 'object', fields: new Map([[part.text, slot]]), span: entry.value.span }
      append = false
    }
    this.#addLayer(fields, first.text, { keySpan: first.span, append, body })
  }

  /** Adds an assignment to a key of an object being built; its slots are nobody else's yet. */
  #addLayer(fields: Map<string, Slot>, key: string, layer: Layer): void {
    this.#charge(1, layer.keySpan)
    const slot = fields.get(key)
    if (slot === undefined) fields.set(key, newSlot([layer]))
    else slot.layers.push(layer)
  }

  // ------------------------------------------------------------------------------- slots → shapes

  /** The slot's outcome; undefined when all it was given are unset optional substitutions. */
  #evaluate(slot: Slot): Shape | undefined {
    if (slot.state === 'done') return slot.shape
    slot.state = 'evaluating'
    const [layer] = slot.layers
    if (layer !== undefined && this.#stack.length >= configLimits.substitutionDepth) {
      const message = `more than ${configLimits.substitutionDepth} substitutions lead to one another`
      throw errorAt(layer.keySpan, message, 'CONFIG_LIMIT_EXCEEDED')
    }
    this.#stack.push(slot)
    for (const layer of slot.layers) slot.shape = this.#apply(slot.shape, layer)
    this.#stack.pop()
    slot.state = 'done'
    return slot.shape
  }

  #apply(before: Shape | undefined, layer: Layer): Shape | undefined {
    if (layer.append) return this.#append(before, layer)
    const { body } = layer
    const value = 'pieces' in body ? this.#concat(body) : body
    if (value === undefined) return before
    return before?.kind === 'object' && value.kind === 'object' ? this.#merge(before, value) : value
  }

  #append(before: Shape | undefined, { body, keySpan }: Layer): Shape {
    if (!('pieces' in body)) throw errorAt(keySpan, '+= needs a value')
    const item: LazyArray = { kind: 'array', items: [body], span: body.span }
    if (before === undefined) return item
    if (before.kind !== 'array')
      throw errorAt(keySpan, '+= appends to an array, but this key holds another value')
    return this.#join(before, item)
  }

  #merge(below: LazyObject, above: LazyObject): LazyObject {
    const fields = new Map(below.fields)
    // Copying is cheap beside reading, but not free when done by the thousand.
    this.#charge(fields.size / 64, above.span)
    for (const [key, { layers }] of above.fields) {
      const before = below.fields.get(key)?.layers ?? []
      this.#charge(before.length + layers.length, above.span)
      fields.set(key, newSlot([...before, ...layers]))
    }
    return { kind: 'object', fields, span: above.span }
  }

  #join(first: LazyArray, second: LazyArray): LazyArray {
    this.#charge(second.items.length + first.items.length / 64, second.span)
    return { kind: 'array', items: [...first.items, ...second.items], span: second.span }
  }

  // ------------------------------------------------------------------------------ concatenation

  #concat({ pieces, span }: ConcatNode): Shape | undefined {
    let joined: Shape | undefined
    let space = ''
    let missing = false
    for (const piece of pieces) {
      if (piece.kind === 'text' && piece.form === 'space') {
        space = piece.text
        continue
      }
      const shape = this.#piece(piece)
      if (shape === undefined) {
        missing = true
      } else if (joined === undefined) {
        // An unset optional in front of text is an empty string, and the space behind it counts.
        const led = missing && shape.kind === 'scalar' && space !== ''
        joined = led ? this.#text(space, shape.text, span) : shape
      } else {
        joined = this.#joinPieces(joined, space, shape, piece.span, span)
      }
      if (shape !== undefined) space = ''
    }
    // The place of a scalar is where it is used, not where a substitution found it.
    return joined?.kind === 'scalar' ? { ...joined, span } : joined
  }

  #joinPieces(before: Shape, space: string, shape: Shape, at: Span, whole: Span): Shape {
    if (before.kind === 'scalar' && shape.kind === 'scalar') {
      return this.#text(before.text + space, shape.text, whole)
    }
    if (before.kind === 'array' && shape.kind === 'array') return this.#join(before, shape)
    if (before.kind === 'object' && shape.kind === 'object') return this.#merge(before, shape)
    throw errorAt(
      at,
      `cannot join ${nounOf(before)} and ${nounOf(shape)}: a comma or a new line is missing, or quotes`,
    )
  }

  #text(before: string, after: string, span: Span): HoconScalar {
    const text = before + after
    this.#charge(1 + text.length / 1024, span)
    if (text.length > configLimits.stringChars) {
      const message = `a string longer than ${configLimits.stringChars} characters`
      throw errorAt(span, message, 'CONFIG_LIMIT_EXCEEDED')
    }
    return { kind: 'scalar', value: text, text, span }
  }

  #piece(piece: PieceNode): Shape | undefined {
    switch (piece.kind) {
      case 'text':
        return piece.form === 'quoted'
          ? { kind: 'scalar', value: piece.text, text: piece.text, span: piece.span }
          : scalarOf(piece.text, piece.span)
      case 'object':
        return this.#lazyObject(piece)
      case 'array':
        return piece
      case 'substitution':
        return this.#substitute(piece)
    }
  }

  // ------------------------------------------------------------------------------- substitution

  #substitute({ path, prefix, optional, span }: SubstitutionNode): Shape | undefined {
    const found =
      (prefix.length > 0 ? this.#find([...prefix, ...path], span) : undefined) ??
      this.#find(path, span) ??
      this.#fromEnvironment(path, span)
    if (found === undefined && !optional) {
      const name = path.join('.')
      throw errorAt(
        span,
        `\${${name}} is not set: no key and no environment variable has this name`,
      )
    }
    return found
  }

  #find(path: readonly string[], span: Span): Shape | undefined {
    let shape: Shape | undefined = this.#root
    for (const key of path) {
      if (shape?.kind !== 'object') return undefined
      const slot = shape.fields.get(key)
      if (slot === undefined) return undefined
      if (slot.state !== 'evaluating') shape = this.#evaluate(slot)
      else if (slot === this.#stack[this.#stack.length - 1]) shape = slot.shape
      else
        throw errorAt(span, `this substitution leads back to itself through \${${path.join('.')}}`)
    }
    return shape
  }

  #fromEnvironment(path: readonly string[], span: Span): HoconScalar | undefined {
    const name = path.join('.')
    const text = Object.hasOwn(this.#env, name) ? this.#env[name] : undefined
    return text === undefined ? undefined : { kind: 'scalar', value: text, text, span }
  }

  // ----------------------------------------------------------------------------- shapes → values

  #force(shape: Shape): HoconValue {
    if (shape.kind === 'scalar') return shape
    if (this.#forcing.has(shape))
      throw errorAt(shape.span, 'this value contains itself through a substitution')
    if (this.#forcing.size > configLimits.nestingDepth) {
      const message = `more than ${configLimits.nestingDepth} objects and arrays inside each other after substitution`
      throw errorAt(shape.span, message, 'CONFIG_LIMIT_EXCEEDED')
    }
    this.#forcing.add(shape)
    const value = shape.kind === 'object' ? this.#forceObject(shape) : this.#forceArray(shape)
    this.#forcing.delete(shape)
    return value
  }

  #forceObject({ fields, span }: LazyObject): HoconObject {
    const forced = new Map<string, HoconField>()
    for (const [key, slot] of fields) {
      this.#charge(1, span)
      const shape = this.#evaluate(slot)
      const keySpan = slot.layers[slot.layers.length - 1]?.keySpan ?? span
      if (shape !== undefined) forced.set(key, { keySpan, value: this.#force(shape) })
    }
    return { kind: 'object', fields: forced, span }
  }

  #forceArray({ items, span }: LazyArray): HoconValue {
    const forced: HoconValue[] = []
    for (const item of items) {
      this.#charge(1, item.span)
      const shape = this.#concat(item)
      if (shape !== undefined) forced.push(this.#force(shape))
    }
    return { kind: 'array', items: forced, span }
  }

  #charge(amount: number, span: Span): void {
    this.#charged += amount
    if (this.#charged > configLimits.values) {
      const message = `more than ${configLimits.values} values after substitution`
      throw errorAt(span, message, 'CONFIG_LIMIT_EXCEEDED')
    }
  }
}

function newSlot(layers: Layer[]): Slot {
  return { layers, state: 'new', shape: undefined }
}

function nounOf(shape: Shape): string {
  if (shape.kind === 'scalar') return 'text'
  return shape.kind === 'array' ? 'an array' : 'an object'
}
