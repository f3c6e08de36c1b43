/** Whether an HTTP request may become a WebSocket of a listener, decided without a socket. Source: RFC 6455 §4.2, MQTT 5.0 §6. */
import { isIP } from 'node:net'
import type { EdgeListener } from '../listener/index.js'
import type { EdgeRefusal } from '../native/index.js'

/** What a request says of itself; absent headers are ''. */
export interface UpgradeRequest {
  /** Without the query. */
  readonly path: string
  /** Sec-WebSocket-Version */
  readonly version: string
  /** Sec-WebSocket-Protocol */
  readonly subprotocols: string
  readonly origin: string
}

export type HandshakeRules = Pick<
  EdgeListener,
  'mqttPath' | 'failIfNoSubprotocol' | 'subprotocols' | 'origins'
>

export type Verdict =
  /** '' selects none. */
  | { readonly kind: 'accepted'; readonly subprotocol: string }
  | { readonly kind: 'refused'; readonly status: Status; readonly why: EdgeRefusal }

export type Status = keyof typeof statusTexts

export const statusTexts = {
  400: '400 Bad Request',
  403: '403 Forbidden',
  404: '404 Not Found',
  408: '408 Request Timeout',
  426: '426 Upgrade Required',
  431: '431 Request Header Fields Too Large',
  503: '503 Service Unavailable',
} as const

const refusals = {
  path: { kind: 'refused', status: 404, why: 'ws_refused_path' },
  http: { kind: 'refused', status: 426, why: 'ws_refused_http' },
  origin: { kind: 'refused', status: 403, why: 'ws_refused_origin' },
  subprotocol: { kind: 'refused', status: 400, why: 'ws_refused_subprotocol' },
} as const satisfies Record<string, Verdict>

export function judge(request: UpgradeRequest, rules: HandshakeRules): Verdict {
  if (request.path !== rules.mqttPath) return refusals.path
  if (request.version !== '13') return refusals.http
  if (!isOriginAllowed(request.origin, rules)) return refusals.origin
  const subprotocol = chosen(request.subprotocols, rules)
  return subprotocol === null ? refusals.subprotocol : { kind: 'accepted', subprotocol }
}

/** What a request that is no WebSocket's is answered with. */
export function judgePlain(path: string, { mqttPath }: HandshakeRules): Verdict {
  return path === mqttPath ? refusals.http : refusals.path
}

/** As EMQX: letter by letter, as a browser writes it. */
function isOriginAllowed(origin: string, { origins }: HandshakeRules): boolean {
  if (origins === null) return true
  return origin === '' ? origins.absenceAllowed : origins.allowed.includes(origin)
}

/** The client's first that we speak [MQTT-6.0.0-4]; '' for none named where that is allowed. Named and unknown is refused, as in EMQX. */
function chosen(named: string, rules: HandshakeRules): string | null {
  const names = named.split(',').map((name) => name.trim())
  if (names.every((name) => name === '')) return rules.failIfNoSubprotocol ? null : ''
  return names.find((name) => rules.subprotocols.includes(name)) ?? null
}

/** As the io loops write it: `1.2.3.4:0`, `[::1]:0`. IPv4 in an IPv6 socket is IPv4. */
export function peerText(address: string, port: number): string {
  const v4 = /^(?:::ffff:)?(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  return v4 === undefined ? `[${address}]:${port}` : `${v4}:${port}`
}

/**
 * Who is behind a proxy: the first address of the header, which each proxy appends the one it saw to. Null: the header says nothing
 * that is an address.
 */
export function peerBehindProxy(addresses: string, port: string): string | null {
  const address =
    addresses
      .split(',', 1)[0]
      ?.trim()
      .replace(/^\[(.*)\]$/, '$1') ?? ''
  if (isIP(address) === 0) return null
  const number = /^\d{1,5}$/.test(port.trim()) ? Number(port) : 0
  return peerText(address, number <= 65_535 ? number : 0)
}
