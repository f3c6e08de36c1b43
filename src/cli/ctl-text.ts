/** Answers of the control socket as text: at most 100 columns, for people; programs take --json. */
import {
  type BrokerReport,
  changeText,
  type LinkReport,
  type ReloadReport,
  type TimesReport,
} from '../management/index.js'

const columnsMax = 100
const losses = [
  'rejected',
  'expired',
  'overflowed',
  'oversize',
  'undeliverable',
  'dropped',
] as const

// The answers below come from a broker of this version, through a socket that only its user may write to: they are what the
// reports say, and of another version's a number may be missing, which shows as `undefined`.

export function brokerText(result: unknown): string {
  const broker = result as BrokerReport
  return pairs([
    ['Causeway', `${broker.version}, pid ${broker.pid}, up ${duration(broker.uptimeSeconds)}`],
    ['cluster', `${broker.cluster}, node ${broker.node}`],
    ['configuration', broker.configFile ?? 'defaults and the environment'],
    ['io loops', count(broker.loops)],
    ['connections', count(broker.connections)],
    ['sessions', count(broker.sessions)],
    ['subscriptions', count(broker.subscriptions)],
    [
      'links',
      `${broker.links.online} online of ${broker.links.enabled} enabled, ${broker.links.all} in all`,
    ],
    ...broker.listeners.map(
      (it): Pair => [`listener ${it.name}`, `${it.bind}, ${count(it.connections)} connections`],
    ),
  ])
}

export function linksTable(result: unknown): string {
  const links = result as readonly LinkReport[]
  if (links.length === 0) return 'no links are configured'
  const head = ['LINK', 'STATE', 'CONNS', 'OUT', 'IN', 'QUEUED', 'OLDEST', 'LOST', 'RTT p50/p99']
  const rows = links.map((link) => {
    const { counters, pool, roundTrip, route } = link
    return [
      shortened(link.name, 20),
      route.state,
      `${pool.online}/${pool.size}`,
      few(route.routesOut),
      few(link.routesIn),
      few((counters.queued ?? 0) + (counters.inflight ?? 0)),
      counters.queued === 0 ? '-' : duration((counters.oldest_ms ?? 0) / 1000),
      few(lost(link)),
      roundTrip.count === 0 ? '-' : `${ms(roundTrip.p50Ms)}/${ms(roundTrip.p99Ms)}`,
    ]
  })
  const widths = head.map((_, at) =>
    Math.max(...[head, ...rows].map((row) => row[at]?.length ?? 0)),
  )
  const lines = [head, ...rows].map((row) =>
    row
      .map((cell, at) => (at < 2 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join('  ')
      .trimEnd(),
  )
  const errors = links.flatMap(({ name, pool, route }) => {
    const error = route.state === 'online' ? null : (route.lastError ?? pool.lastError)
    return error === null ? [] : wrapped(`${name}: ${error.message} (${error.at})`, '  ')
  })
  return [...lines, ...(errors.length === 0 ? [] : ['', ...errors])].join('\n')
}

export function linkText(result: unknown): string {
  return (result as readonly LinkReport[]).map(oneLink).join('\n\n')
}

function oneLink(link: LinkReport): string {
  const { counters, pool, route } = link
  const { bootstrap } = route
  const known = new Set([
    'queued',
    'queued_bytes',
    'inflight',
    'oldest_ms',
    'slots_online',
    'draining',
  ])
  const told = route.lastError ?? pool.lastError
  return pairs([
    ['link', `${link.name}${link.enabled ? '' : ' (disabled)'}`],
    ['far end', `${route.server || '-'}${link.peerIsCauseway ? ', a Causeway' : ''}`],
    ...(link.acceptOnly ? [['accepts only', acceptsText(link)] as const] : []),
    ['topics', link.topics.length === 0 ? 'none: we only send' : link.topics.join(' ')],
    ['route state', `${route.state}, incarnation ${route.incarnation ?? '-'}`],
    [
      'bootstrap',
      `${count(bootstrap.entries)} routes in ${count(bootstrap.batches)} batches${bootstrap.done ? '' : ', not over'}`,
    ],
    ['routes out', `${count(route.routesOut)} changes acknowledged`],
    ['routes in', `${count(link.routesIn)} of ${counted(link.actors.length, 'actor')}`],
    [
      'connections',
      `${pool.online} of ${pool.size}${(counters.draining ?? 0) > 0 ? `, ${count(counters.draining ?? 0)} messages in the former pool` : ''}`,
    ],
    [
      'queued',
      `${count(counters.queued ?? 0)} messages, ${count(counters.queued_bytes ?? 0)} bytes, oldest ${duration((counters.oldest_ms ?? 0) / 1000)}`,
    ],
    ['in flight', count(counters.inflight ?? 0)],
    ['lost', `${count(lost(link))}, retried ${count(counters.retried ?? 0)}`],
    ['round trip', timesText(link.roundTrip)],
    ['latency in', timesText(link.latency)],
    ['last error', told === null ? 'none' : `${told.message} (${told.code}, ${told.at})`],
    ...Object.entries(counters)
      .filter(([name, value]) => !known.has(name) && value !== 0)
      .map(([name, value]): Pair => [`  ${name}`, count(value)]),
  ])
}

export function reloadText(result: unknown): string {
  const { links, restart, warnings } = result as ReloadReport
  const lines = [
    ...links.map((change) => `link ${changeText(change)}`),
    ...(links.length === 0 ? ['no link has changed'] : []),
    ...(restart.length === 0 ? [] : [`not in force before a restart: ${restart.join(', ')}`]),
    ...warnings.map((warning) => `warning: ${warning}`),
  ]
  return lines.flatMap((line) => wrapped(line, '')).join('\n')
}

// ------------------------------------------------------------------------------------------------- pieces

function acceptsText({ forwards }: LinkReport): string {
  return forwards
    ? 'both directions use connections of the far end'
    : 'we receive, and forward nothing: the far end has not offered its connections'
}

export type Pair = readonly [name: string, value: string]

function lost({ counters }: LinkReport): number {
  return losses.reduce((sum, name) => sum + (counters[name] ?? 0), 0)
}

function timesText({ count: timed, meanMs, p50Ms, p99Ms, maxMs }: TimesReport): string {
  if (timed === 0) return 'nothing timed yet'
  return `p50 ${ms(p50Ms)} ms, p99 ${ms(p99Ms)} ms, max ${ms(maxMs)} ms, mean ${ms(meanMs)} ms of ${count(timed)}`
}

export function pairs(of: readonly Pair[]): string {
  const width = Math.max(...of.map(([name]) => name.length))
  return of
    .flatMap(([name, value]) => {
      const [first = '', ...more] = wrapped(value, '', columnsMax - width - 2)
      const indent = ' '.repeat(width + 2)
      return [`${name.padEnd(width)}  ${first}`.trimEnd(), ...more.map((line) => indent + line)]
    })
    .join('\n')
}

/** Lines of at most `width` columns; a word that is longer is cut. */
function wrapped(text: string, indent: string, width = columnsMax): string[] {
  const room = width - indent.length
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ').flatMap((whole) => pieces(whole, room))) {
    if (line !== '' && line.length + 1 + word.length > room) {
      lines.push(indent + line)
      line = word
    } else {
      line = line === '' ? word : `${line} ${word}`
    }
  }
  return [...lines, indent + line]
}

function pieces(word: string, room: number): string[] {
  const parts: string[] = []
  for (let at = 0; at < word.length; at += room) parts.push(word.slice(at, at + room))
  return parts
}

export function shortened(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`
}

export function count(value: number): string {
  return value.toLocaleString('en-US')
}

/** In seven columns. */
function few(value: number): string {
  if (value < 1_000_000) return count(value)
  return value < 1e9 ? `${(value / 1e6).toFixed(1)}M` : `${(value / 1e9).toFixed(1)}G`
}

function counted(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`
}

function ms(value: number | null): string {
  if (value === null) return '-'
  return value < 10 ? value.toFixed(2) : value.toFixed(0)
}

function duration(seconds: number): string {
  if (seconds < 120) return `${seconds < 10 ? seconds.toFixed(1) : seconds.toFixed(0)} s`
  if (seconds < 7_200) return `${Math.floor(seconds / 60)} min`
  return `${Math.floor(seconds / 3600)} h`
}
