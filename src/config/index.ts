/**
 * Config: one HOCON file and the environment become typed values, or one message with a position.
 * Plane: control. Thread: main; the result is plain frozen data for any thread. Owns nothing.
 * May import: errors, limits. Imported by: broker, cli, management; types by every room.
 * Read next: config.ts (the outcome), load.ts (the way there), schema/root.ts (keys), hocon/ (syntax).
 */
export type * from './config.js'
export { changedKeys } from './differences.js'
export type { Environment, PlainObject, PlainValue, Position } from './hocon/index.js'
export { formatPosition } from './hocon/index.js'
export { linkOpenToAll } from './link-door.js'
export { isSecret, linkWithDefaults } from './link-object.js'
export {
  type ConfigWarning,
  type ConfigWarningKind,
  type LoadedConfig,
  type LoadOptions,
  loadConfig,
  type WrittenLinks,
} from './load.js'
export { configurationReference } from './reference.js'
export { type ConfigProblem, ConfigRefused } from './refused.js'
