/** Whether an HTTP request may become a WebSocket of a listener, decided without a socket. Source: RFC 6455 §4.2, MQTT 5.0 §6. */
import type { EdgeListener } from '../listener/index.js'

/** What a request says of itself; absent headers are ''. */
export interface UpgradeRequest {
  /** Without the query. */
  readonly path: string
  /** Sec-WebSocket-Version */
  readonly version: string
  /** Sec-WebSocket-Protocol */
  readonly subprotocols: string
}

export type HandshakeRules = Pick<EdgeListener, 'mqttPath' | 'failIfNoSubprotocol' | 'subprotocols'>

export type Verdict =
  /** '' selects none. */
  | { readonly kind: 'accepted'; readonly subprotocol: string }
  | { readonly kind: 'refused'; readonly status: 400 | 404 | 426 }

export function judge(request: UpgradeRequest, rules: HandshakeRules): Verdict {
  if (request.path !== rules.mqttPath) return { kind: 'refused', status: 404 }
  if (request.version !== '13') return { kind: 'refused', status: 426 }
  const subprotocol = chosen(request.subprotocols, rules)
  return subprotocol === null ? { kind: 'refused', status: 400 } : { kind: 'accepted', subprotocol }
}

/** What a request that is no WebSocket's is answered with. */
export function plainStatus(path: string, { mqttPath }: HandshakeRules): 404 | 426 {
  return path === mqttPath ? 426 : 404
}

export const statusTexts = {
  400: '400 Bad Request',
  404: '404 Not Found',
  426: '426 Upgrade Required',
} as const

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
