/** Clients as text, for people; programs take --json. What a client chose is never written to a terminal as it is. */
import type { ClientReport } from '../management/index.js'
import { count, type Pair, pairs, shortened } from './ctl-text.js'

const head = ['CLIENTID', 'USERNAME', 'STATE', 'MQTT', 'ADDRESS', 'SUBS', 'SINCE']
/** Longer ones are cut: 100 columns with the two spaces between. */
const widths = [28, 14, 9, 5, 15, 5, 12] as const
const right = new Set([5])
const versions: Readonly<Record<number, string>> = { 3: '3.1', 4: '3.1.1', 5: '5.0' }

export function clientsHead(): string {
  return rowText(head)
}

export function clientRow(client: ClientReport): string {
  return rowText([
    printable(client.clientid),
    client.username === null ? '-' : printable(client.username),
    client.connected ? 'connected' : 'waiting',
    versions[client.proto_ver] ?? String(client.proto_ver),
    client.ip_address,
    String(client.subscriptions_cnt),
    sinceText(client.disconnected_at ?? client.connected_at),
  ])
}

/** Of another version of the broker a field may be missing, which shows as `undefined`. */
export function clientText(result: unknown): string {
  const client = result as ClientReport
  const { port, expiry_interval: expiry } = client
  return pairs([
    ['client', printable(client.clientid)],
    ['username', client.username === null ? 'none' : printable(client.username)],
    ['state', client.connected ? 'connected' : 'its session waits for it'],
    ['protocol', `${client.proto_name}, version ${versions[client.proto_ver] ?? client.proto_ver}`],
    ...(client.is_bridge ? [['bridge', 'yes'] as const] : []),
    ['clean start', client.clean_start ? 'yes' : 'no'],
    ['keep-alive', client.keepalive === 0 ? 'none' : `${count(client.keepalive)} s`],
    ['session expiry', expiry === 4_294_967_295 ? 'never' : `${count(expiry)} s`],
    ['connected at', client.connected_at],
    ...(client.disconnected_at === null
      ? []
      : [['disconnected at', client.disconnected_at] as const]),
    ['address', port === null ? client.ip_address : `${client.ip_address}, port ${port}`],
    ['listener', client.listener],
    ...(client.mountpoint === null ? [] : [['mountpoint', printable(client.mountpoint)] as const]),
    ['subscriptions', count(client.subscriptions_cnt)],
  ] satisfies Pair[])
}

function rowText(cells: readonly string[]): string {
  return cells
    .map((cell, at) => {
      const width = widths[at] ?? 0
      const shown = shortened(cell, width)
      return right.has(at) ? shown.padStart(width) : shown.padEnd(width)
    })
    .join('  ')
    .trimEnd()
}

/** `11-23 15:04`, UTC. */
function sinceText(iso: string): string {
  return iso.slice(5, 16).replace('T', ' ')
}

/** Control characters, those that turn the direction of writing and line separators as escapes. */
function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  )
}
