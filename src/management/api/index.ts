/**
 * API: the HTTP front of what control can be asked, `/api/v5`: routes, API keys, bounds; it decides nothing about links.
 * Plane: control. Thread: the edge's for everything behind `openApi`; keys are read on the main thread. Owns: its server and connections.
 * May import: errors, limits, clock (types). Imported by: edge, management, main.
 * Read next: app.ts (routes), http-server.ts (bounds), question.ts (what control is asked), docs/operating/api.md.
 */
import type { ApiServer, ApiServerOptions } from './http-server.js'

export { readApiKeys } from './key-file.js'
export type { ApiKeys } from './key-ring.js'
export type { ApiAnswer, ApiQuestion } from './question.js'
export type { ApiCounts, ApiReport } from './tally.js'
export type { ApiServer, ApiServerOptions }

/** Its code is loaded here, so that a broker without the API does without. @throws Error of the system when the address cannot be bound */
export async function openApi(options: ApiServerOptions): Promise<ApiServer> {
  const { serveApi } = await import('./http-server.js')
  return await serveApi(options)
}
