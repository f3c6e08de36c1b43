/**
 * Links over the API: what is answered to questions about them, and how a change of them is kept and put in force.
 * Plane: control. Thread: main. Owns: `configs/cluster.hocon` and `certs/links/` in the data directory.
 * May import: errors, limits, clock, config, link (types), tls, management. Imported by: main.
 * Read next: administration.ts, change.ts (the way of a change), link-body.ts (what is sent), docs/operating/links.md.
 */
export { LinkAdministration, type LinkAdministrationOptions } from './administration.js'
export { isStopping } from './answer.js'
