/**
 * Listener: the addresses that the broker accepts connections on, and the lock that says whose data directory it is.
 * Plane: control. Thread: main. Owns: open listeners, the lock file. Sockets are on the loops.
 * May import: errors, config, log, native (types), tls. Imported by: broker, main, edge.
 * Read next: listeners.ts, data-dir-lock.ts.
 */
export { DataDirLock } from './data-dir-lock.js'
export type { EdgeDoor, EdgeListener, EdgeTls } from './edge.js'
export { bindText, Listeners, type ListenersOptions, type OpenListener } from './listeners.js'
export { isOwnAddress } from './own-addresses.js'
