/**
 * TLS: which certificates, keys and authorities are in force, read from their files at the start and again when they change.
 * Plane: control. Thread: main. Owns: the numbers of the engine's TLS contexts, the timer that looks at the files.
 * May import: errors, limits, clock, config, log, native (types). Imported by: listener, link, broker.
 * Read next: contexts.ts, material.ts; native/transport/tls_context.h for what is made of it.
 */
export { TlsContexts, type TlsContextsOptions } from './contexts.js'
export { isPem, type TlsMaterial, TlsMaterialReader } from './material.js'
