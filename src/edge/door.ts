/** The door of one listener: who may ask, who gets a WebSocket, and who is counted as turned away, whichever library serves. */
import type { EdgeListener } from '../listener/index.js'
import type { EdgeRefusal, EdgeVerdict } from '../native/index.js'
import {
  judge,
  judgePlain,
  peerBehindProxy,
  peerText,
  type Status,
  type Verdict,
} from './handshake.js'
import type { Pump } from './pump.js'

/** An HTTP request, as either library has it. */
export interface Knock {
  /** Of the socket. */
  readonly address: string
  /** 0: the library does not tell. */
  readonly port: number
  /** Without the query. */
  readonly path: string
  /** '' when there is none. @param name in lower case */
  header(name: string): string
}

export type Answer =
  | { readonly kind: 'welcome'; readonly subprotocol: string; readonly peer: string }
  | { readonly kind: 'refused'; readonly status: Status }

const admissionStatus = {
  denied: 403,
  full: 503,
  too_fast: 503,
} as const satisfies Record<Exclude<EdgeVerdict, 'admitted'>, Status>

export class Door {
  readonly #listener: EdgeListener
  readonly #pump: Pump

  constructor(listener: EdgeListener, pump: Pump) {
    this.#listener = listener
    this.#pump = pump
  }

  /** A request for a WebSocket. */
  upgrade(knock: Knock): Answer {
    const request = {
      path: knock.path,
      version: knock.header('sec-websocket-version'),
      subprotocols: knock.header('sec-websocket-protocol'),
      origin: knock.header('origin'),
    }
    return this.#answer(knock, () => judge(request, this.#listener))
  }

  /** Any other request. */
  plain(knock: Knock): Status {
    const answer = this.#answer(knock, () => judgePlain(knock.path, this.#listener))
    return answer.kind === 'refused' ? answer.status : 426
  }

  refused(why: EdgeRefusal, address: string, port: number): void {
    this.#refused(why, peerText(address, port))
  }

  /** Addresses are those of sockets: what a header says of them anybody may write. */
  #answer(knock: Knock, verdictOf: () => Verdict): Answer {
    const { address, port } = knock
    const peer = this.#peer(knock) ?? peerText(address, port)
    const admission = this.#pump.exchange.admit(this.#listener.id, address, peer)
    if (admission !== 'admitted') {
      return { kind: 'refused', status: admissionStatus[admission] }
    }
    const verdict = verdictOf()
    if (verdict.kind === 'accepted') {
      return { kind: 'welcome', subprotocol: verdict.subprotocol, peer }
    }
    this.#refused(verdict.why, peer)
    return { kind: 'refused', status: verdict.status }
  }

  #peer({ header }: Knock): string | null {
    const { proxyAddressHeader, proxyPortHeader } = this.#listener
    if (proxyAddressHeader === null) return null
    const port = proxyPortHeader === null ? '' : header(proxyPortHeader)
    return peerBehindProxy(header(proxyAddressHeader), port)
  }

  #refused(why: EdgeRefusal, peer: string): void {
    this.#pump.exchange.refused(this.#listener.id, why, peer)
    this.#pump.wake()
  }
}
