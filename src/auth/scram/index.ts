/** SCRAM-SHA-256 and SCRAM-SHA-512, the server's side: message.ts (text), server.ts (the exchange), keys.ts (what is stored). */
export {
  digestBytes,
  keysOf,
  type ScramCredential,
  type ScramHash,
  saltedPasswordHash,
} from './keys.js'
export { parseClientFinal, parseClientFirst, type ScramError, ScramFault } from './message.js'
export { saslprep } from './saslprep.js'
export { begun, type ScramServer, type ScramState, type ScramStep, scramStep } from './server.js'
