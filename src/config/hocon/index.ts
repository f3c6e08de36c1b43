/**
 * HOCON: reads the configuration language into a tree of values that know where they were written.
 * Plane: control. Threads: all. Owns nothing.
 * May import: errors, limits. Imported by: config.
 * Read next: parser.ts (grammar), resolve.ts (merging and substitution), value.ts (the outcome).
 */
export { errorAt, excerpt, formatPosition, positionOf } from './diagnostic.js'
export {
  type AbsentInclude,
  type ReadResult,
  readHoconFile,
  readHoconText,
  readHoconValue,
} from './read.js'
export type { Environment } from './resolve.js'
export { type Position, Source, type Span } from './source.js'
export {
  fieldAt,
  type HoconArray,
  type HoconField,
  type HoconObject,
  type HoconScalar,
  type HoconValue,
  type PlainObject,
  type PlainValue,
  scalarOf,
  toPlain,
} from './value.js'
