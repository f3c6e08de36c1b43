/** Through which listeners other clusters may come in. */

import type { Config } from './config.js'

/**
 * Whether `$LINK/#` is allowed on every listener, because links exist and no enabled listener is
 * meant for them. The start-up log warns of it, because every client could then pose as a cluster.
 */
export function linkOpenToAll({ links, listeners }: Pick<Config, 'links' | 'listeners'>): boolean {
  return links.length > 0 && !listeners.some((listener) => listener.enable && listener.enableLink)
}
