/**
 * Auth: who a client is. Passwords against the users of a bootstrap file; SCRAM exchanges before CONNACK and later.
 * Plane: control. Thread: main; passwords are hashed on task threads. Owns: users, open exchanges, passwords being checked.
 * May import: errors, limits, clock, slices, log, config, native (types), mqtt, metrics, session, connection. Imported by: broker, main, cli.
 * Read next: authentication.ts (the way of a CONNECT), exchanges.ts, scram/server.ts, users/load.ts, docs/operating/authentication.md.
 */
export {
  Authentication,
  type AuthenticationMode,
  type AuthenticationOptions,
} from './authentication.js'
export { type Authenticators, noAuthenticators, openAuthenticators } from './authenticators.js'
export { HashQueue } from './hash-queue.js'
export {
  keysOf,
  parseClientFinal,
  parseClientFirst,
  type ScramHash,
  saltedPasswordHash,
  saslprep,
} from './scram/index.js'
export { type HashElsewhere, saltText } from './users/load.js'
