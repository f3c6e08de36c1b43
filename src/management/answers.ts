/** What each request of the control socket is answered with. */
import { assertNever, CausewayError } from '../errors.js'
import type { LinkStatus, RemoteRoutes } from '../link/index.js'
import type { ClientPages } from './client-pages.js'
import type { ControlRequest } from './protocol.js'
import type { ReloadReport } from './reloader.js'
import { type BrokerReport, type LinkReport, linkReport } from './reports.js'

export interface AnswerSources {
  status(): Omit<BrokerReport, 'links'>
  links(): readonly LinkStatus[]
  /** Null: there is no such link. */
  routes(link: string, from: number): RemoteRoutes | null
  readonly clients: Pick<ClientPages, 'page' | 'one'>
  reload(why: string): Promise<ReloadReport>
}

/** @throws CausewayError LINK_UNKNOWN, CLIENT_UNKNOWN, CTL_CURSOR_INVALID, and what a reload throws */
export async function answerTo(request: ControlRequest, sources: AnswerSources): Promise<unknown> {
  switch (request.command) {
    case 'status':
      return { ...sources.status(), links: linkCounts(sources.links()) }
    case 'links':
      return linkReports(sources.links(), request.name ?? null)
    case 'routes':
      return sources.routes(request.link, request.from) ?? unknown(request.link, sources.links())
    case 'clients':
      return await sources.clients.page(request)
    case 'client':
      return sources.clients.one(request.clientid)
    case 'reload':
      return await sources.reload('causeway ctl reload')
    default:
      return assertNever(request)
  }
}

function linkCounts(links: readonly LinkStatus[]): BrokerReport['links'] {
  return {
    all: links.length,
    enabled: links.filter(({ enabled }) => enabled).length,
    online: links.filter(({ route }) => route.state === 'online').length,
  }
}

function linkReports(links: readonly LinkStatus[], name: string | null): LinkReport[] {
  const wanted = name === null ? links : links.filter((link) => link.name === name)
  if (name !== null && wanted.length === 0) unknown(name, links)
  return wanted.map(linkReport)
}

function unknown(name: string, links: readonly LinkStatus[]): never {
  const known = links.map((link) => link.name)
  throw new CausewayError(
    'LINK_UNKNOWN',
    `there is no link ${JSON.stringify(name)}; ${known.length === 0 ? 'no links are configured' : `there are ${known.join(', ')}`}`,
  )
}
