/**
 * Why an attempt or a connection of a link ended: a stable code for programs, a sentence for people.
 */

import type { ErrorCode } from '../errors.js'

export type FailureCode =
  | 'lookup_failed'
  | 'password_unreadable'
  | 'tls_failed'
  | 'connect_failed'
  | 'connect_timeout'
  | 'connack_timeout'
  | 'connack_refused'
  | 'unsuitable_peer'
  | 'subscribe_timeout'
  | 'subscribe_refused'
  | 'handshake_timeout'
  | 'handshake_failed'
  | 'rejected'
  | 'bootstrap_failed'
  | 'publish_refused'
  | 'ack_timeout'
  | 'ping_timeout'
  | 'disconnected_by_peer'
  | 'connection_closed'
  | 'protocol_error'
  | 'interest_overflow'
  | 'transit_ended'
  | 'self_connected'

export interface LinkFailure {
  readonly code: FailureCode
  /** One clause without a full stop, fit to follow "link NAME: ". No secrets. */
  readonly text: string
}

export function failure(code: FailureCode, text: string): LinkFailure {
  return { code, text }
}

/** The error code of a log event of the route connection; null when it is no failure, or one that says all by itself. */
export function errorCodeOf(event: string): ErrorCode | null {
  switch (event) {
    case 'cluster_link_routerepl_self_connected':
      return 'LINK_SELF_CONNECTED'
    case 'cluster_link_routerepl_handshake_rejected':
      return 'LINK_REJECTED'
    case 'cluster_link_routerepl_connection_failed':
    case 'cluster_link_routerepl_handshake_timeout':
      return 'LINK_UNREACHABLE'
    default:
      return null
  }
}

/** `0x87 not authorized`: a reason code as people read it. Source: MQTT 5.0 §2.4. */
export function reasonText(code: number): string {
  const name = reasonNames.get(code)
  const hex = `0x${code.toString(16).padStart(2, '0')}`
  return name === undefined ? hex : `${hex} ${name}`
}

const reasonNames: ReadonlyMap<number, string> = new Map([
  [0x00, 'normal'],
  [0x10, 'no matching subscribers'],
  [0x80, 'unspecified error'],
  [0x81, 'malformed packet'],
  [0x82, 'protocol error'],
  [0x83, 'implementation specific error'],
  [0x84, 'unsupported protocol version'],
  [0x85, 'client identifier not valid'],
  [0x86, 'bad user name or password'],
  [0x87, 'not authorized'],
  [0x88, 'server unavailable'],
  [0x89, 'server busy'],
  [0x8a, 'banned'],
  [0x8b, 'server shutting down'],
  [0x8c, 'bad authentication method'],
  [0x8d, 'keep alive timeout'],
  [0x8e, 'session taken over'],
  [0x8f, 'topic filter invalid'],
  [0x90, 'topic name invalid'],
  [0x91, 'packet identifier in use'],
  [0x93, 'receive maximum exceeded'],
  [0x95, 'packet too large'],
  [0x96, 'message rate too high'],
  [0x97, 'quota exceeded'],
  [0x98, 'administrative action'],
  [0x99, 'payload format invalid'],
  [0x9a, 'retain not supported'],
  [0x9b, 'QoS not supported'],
  [0x9c, 'use another server'],
  [0x9d, 'server moved'],
  [0x9f, 'connection rate exceeded'],
])
