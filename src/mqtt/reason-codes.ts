/**
 * The one file that chooses MQTT reason codes: what happened, in the broker's words, to a number per protocol version.
 * Source: MQTT 5.0 §2.4; MQTT 3.1.1 §3.2.2.3 (CONNACK), §3.9.3 (SUBACK).
 */
import type { ProtocolVersion } from '../native/index.js'

/** Why a CONNECT is refused. */
export type ConnectRefusal =
  | 'client-id-invalid'
  | 'bad-authentication-method'
  | 'bad-credentials'
  | 'not-authorized'
  | 'packet-too-large'
  | 'server-busy'
  | 'quota-exceeded'
  | 'topic-name-invalid'
  | 'qos-not-supported'
  | 'retain-not-supported'
  | 'protocol-error'
  | 'implementation-specific'
  | 'server-shutting-down'
  | 'unspecified'

/** [version 5, versions 3 and 4]. A 3.1.1 return code exists for five reasons only; the rest is the nearest of them. */
const connectCodes: Readonly<Record<ConnectRefusal, readonly [number, number]>> = {
  'client-id-invalid': [0x85, 2],
  'bad-authentication-method': [0x8c, 5],
  'bad-credentials': [0x86, 4],
  'not-authorized': [0x87, 5],
  'packet-too-large': [0x95, 3],
  'server-busy': [0x89, 3],
  'quota-exceeded': [0x97, 3],
  'topic-name-invalid': [0x90, 5],
  'qos-not-supported': [0x9b, 5],
  'retain-not-supported': [0x9a, 5],
  'protocol-error': [0x82, 3],
  'implementation-specific': [0x83, 3],
  'server-shutting-down': [0x8b, 3],
  unspecified: [0x80, 3],
}

export function connectReason(refusal: ConnectRefusal, version: ProtocolVersion): number {
  return connectCodes[refusal][version === 5 ? 0 : 1]
}

/** Why one filter of a SUBSCRIBE is refused. */
export type SubscribeRefusal =
  | 'not-authorized'
  | 'filter-invalid'
  | 'quota-exceeded'
  | 'shared-not-supported'
  | 'wildcards-not-supported'
  | 'exclusive-not-supported'
  | 'exclusively-held'

const subscribeCodes: Readonly<Record<SubscribeRefusal, number>> = {
  'not-authorized': 0x87,
  'filter-invalid': 0x8f,
  'quota-exceeded': 0x97,
  'shared-not-supported': 0x9e,
  'wildcards-not-supported': 0xa2,
  'exclusive-not-supported': 0x8f, // as EMQX
  'exclusively-held': 0x97, // as EMQX
}

/** 3.1.1 knows one failure, 0x80; 3.1 knows none and gets the same. */
export function subscribeReason(refusal: SubscribeRefusal, version: ProtocolVersion): number {
  return version === 5 ? subscribeCodes[refusal] : 0x80
}

export const unsubackReason = {
  success: 0x00,
  noSubscriptionExisted: 0x11,
  filterInvalid: 0x8f,
} as const

/** Why the control plane ends a connection: DISCONNECT, version 5 only. */
export const disconnectReason = {
  normal: 0x00,
  withWill: 0x04,
  unspecified: 0x80,
  malformed: 0x81,
  protocolError: 0x82,
  notAuthorized: 0x87,
  serverBusy: 0x89,
  serverShuttingDown: 0x8b,
  badAuthenticationMethod: 0x8c,
  packetTooLarge: 0x95,
  quotaExceeded: 0x97,
  administrativeAction: 0x98,
} as const
