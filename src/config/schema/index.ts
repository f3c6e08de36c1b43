/**
 * Schema: EMQX's keys, types, defaults and ranges, and how they become our Config.
 * Plane: control. Thread: main. Owns nothing.
 * May import: errors, limits, config/config, config/hocon. Imported by: config.
 * Read next: key.ts (what a key is), form.ts (how a value is written), root.ts (all sections).
 */
export { nodeOf } from './key.js'
export {
  authenticationProblems,
  countProblems,
  linkProblems,
  type Problem,
  pathProblems,
  portProblems,
  proxyProblems,
} from './relation.js'
export { rootSchema, toConfig } from './root.js'
export {
  type DocumentedKey,
  documentedKeys,
  ignoredKeys,
  nearestKey,
  type Path,
  schemaAt,
} from './walk.js'
