/** A link as answers show it: what is kept of it with every default, and how it is. */
import { linkWithDefaults, type PlainObject } from '../../config/index.js'
import type { LinkStatus } from '../../link/index.js'
import { linkReport } from '../reports.js'
import { withoutSecrets } from './link-body.js'

export type PoolState = 'connected' | 'connecting' | 'disconnected'

/** @param status null: the link is not in force */
export function linkObject(
  written: PlainObject,
  status: LinkStatus | null,
  node: string,
): Readonly<Record<string, unknown>> {
  const state = poolState(status)
  return {
    ...withoutSecrets(linkWithDefaults(written)),
    status: state,
    node_status: [{ node, status: state }],
    route_status: status === null ? null : routeStatus(status),
  }
}

/** Of the message connections alone, as EMQX has it; the routes' connection is in `route_status`. */
export function poolState(status: LinkStatus | null): PoolState {
  if (status === null || !status.enabled) return 'disconnected'
  const { size, online, lastError } = status.pool
  if (online >= size) return 'connected'
  return lastError === null ? 'connecting' : 'disconnected'
}

function routeStatus(status: LinkStatus): Readonly<Record<string, unknown>> {
  const { route } = linkReport(status)
  return {
    state: route.state,
    server: route.server,
    incarnation: route.incarnation,
    last_error: route.lastError,
    routes_out: route.routesOut,
    bootstrap: route.bootstrap,
  }
}
