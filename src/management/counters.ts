/** What SIGUSR2 asks for: every metric at this moment, as one event. Documented in docs/operating/signals.md. */
import type { LinkStatus } from '../link/index.js'
import type { Log } from '../log.js'

/** @param listeners what happened at each */
export function sayCounters(
  log: Log,
  metrics: Readonly<Record<string, number>>,
  links: readonly LinkStatus[],
  listeners: readonly object[],
): void {
  const said = links.map(({ name, route, pool, routesIn, remoteActors, counters }) => ({
    name,
    route: route.state,
    routesOut: route.routesOut,
    lastError: (route.lastError ?? pool.lastError)?.message ?? null,
    slotsOnline: pool.online,
    routesIn,
    remoteActors: remoteActors.map(({ actor }) => actor),
    counters,
  }))
  log.info({ event: 'counters', metrics, links: said, listeners }, 'counters')
}
