/**
 * Admission of a CONNECT: may it in, as whom, and on what terms. A pure function of the packet, the policy and the
 * listener. Whether it is who it says is asked next, by the auth room.
 * Source: MQTT 5.0 §3.1; MQTT 3.1.1 §3.1.
 */
import type { PeerCertField } from '../config/index.js'
import { mqttLimits } from '../limits.js'
import {
  type AnswerTerms,
  type AuthenticationProperties,
  type ConnectPacket,
  type ConnectRefusal,
  destinationOf,
  mountedWill,
  topicLevels,
  type WillMessage,
} from '../mqtt/index.js'
import type { Candidate } from '../session/index.js'
import { mountpointOf } from './mountpoint.js'
import { peerCertificateText } from './peer-certificate.js'
import type { ConnectionPolicy } from './policy.js'

const sysPrefix = '$SYS/'

/** Where the CONNECT came from. */
export interface Origin {
  readonly connection: number
  readonly acceptLoop: number
  readonly peer: string
  readonly linkAllowed: boolean
  /** As the listener has it, with placeholders; '' for none. */
  readonly mountpoint: string
  readonly zone: string
  /** Of the listener. */
  readonly port: number
  /** 'tcp:default' */
  readonly listener: string
  /** When the CONNECT came, by the wall clock. */
  readonly atMs: number
  /** DER of the client's certificate, when the configuration wants something from it and there is one. */
  readonly certificate: Buffer | null
}

/** A CONNECT that may attach, with the terms of its connection. */
export interface Admitted extends Candidate {
  readonly superuser: boolean
  readonly keepAliveMs: number
  /** Port of the listener it came through. */
  readonly port: number
  /** Outbound QoS ≥ 1 in flight. */
  readonly windowMax: number
  /** Inbound QoS ≥ 1 unacknowledged. */
  readonly receiveMax: number
  /** Aliases that the client takes from us [MQTT-3.1.2-26]; 0: none [MQTT-3.1.2-27] */
  readonly topicAliasMax: number
  /** What CONNACK has to tell a version 5 client that its CONNECT cannot know. */
  readonly announced: {
    readonly assignedClientId: string | null
    readonly serverKeepAliveSeconds: number | null
    readonly responseInformation: string | null
    /** The method of the CONNECT and the last data of its exchange; null: there was none. */
    readonly authentication: AuthenticationProperties | null
  }
}

export type Admission =
  | { readonly kind: 'admitted'; readonly admitted: Admitted }
  | { readonly kind: 'refused'; readonly refusal: ConnectRefusal; readonly reason: string }

/** @param assignClientId makes a fresh, unguessable client id */
export function admit(
  packet: ConnectPacket,
  origin: Origin,
  policy: ConnectionPolicy,
  assignClientId: () => string,
): Admission {
  const username = fromCertificate(origin, policy.peerCertAsUsername) ?? packet.username
  const certified = fromCertificate(origin, policy.peerCertAsClientId)
  const named =
    certified === null
      ? clientIdOf(packet, username, policy, assignClientId)
      : withinBound(certified, policy)
  if (named.clientId === null) return refused('client-id-invalid', named.why)
  const willRefusal = refusalOfWill(packet, policy, origin)
  if (willRefusal !== null) return willRefusal
  const mountpoint = mountpointOf(origin, named.clientId, packet.username)
  if (mountpoint === null)
    return refused('client-id-invalid', 'the mountpoint would hold a wildcard of the client')
  const kept = packet.will === null || isSysWill(packet.will) ? null : packet.will
  const will = kept === null ? null : mountedWill(kept, mountpoint)
  if (kept !== null && will === null)
    return refused('topic-name-invalid', 'the topic of the will is too long under the mountpoint')
  const keepAliveSeconds = policy.serverKeepAliveSeconds ?? packet.keepAliveSeconds
  return {
    kind: 'admitted',
    admitted: {
      connection: origin.connection,
      acceptLoop: origin.acceptLoop,
      peer: origin.peer,
      listener: origin.listener,
      linkAllowed: origin.linkAllowed,
      mountpoint,
      clientId: named.clientId,
      username,
      superuser: false,
      authenticate: false,
      answers: answersOf(packet),
      version: packet.version,
      bridge: packet.bridge,
      cleanStart: packet.cleanStart,
      expiryMs: expiryMs(packet, policy),
      will,
      keepAliveSeconds,
      port: origin.port,
      connectedAtMs: origin.atMs,
      keepAliveMs: Math.round(keepAliveSeconds * 1000 * policy.keepAliveMultiplier), // [MQTT-3.1.2-22]
      windowMax: Math.min(packet.receiveMaximum, policy.inflightMax), // [MQTT-3.3.4-9]
      receiveMax: receiveMax(packet, policy, origin),
      topicAliasMax: packet.topicAliasMaximum,
      announced: announcedOf(packet, named, keepAliveSeconds, policy),
    },
  }
}

/** What most clients have in common is one object for all of them: there may be a million. */
const usualAnswers: AnswerTerms = { packetBytesMax: 0, problemInformation: true }
const nothingAnnounced: Admitted['announced'] = {
  assignedClientId: null,
  serverKeepAliveSeconds: null,
  responseInformation: null,
  authentication: null,
}

function answersOf({
  packetBytesMax,
  requestProblemInformation: problemInformation,
}: ConnectPacket): AnswerTerms {
  return packetBytesMax === 0 && problemInformation
    ? usualAnswers
    : { packetBytesMax, problemInformation }
}

function announcedOf(
  packet: ConnectPacket,
  named: Named & { readonly clientId: string },
  keepAliveSeconds: number,
  { responseInformation }: ConnectionPolicy,
): Admitted['announced'] {
  const keepAliveIsOurs = keepAliveSeconds !== packet.keepAliveSeconds
  const wantsInformation = packet.requestResponseInformation && responseInformation !== ''
  if (!named.assigned && !keepAliveIsOurs && !wantsInformation) return nothingAnnounced
  return {
    assignedClientId: named.assigned ? named.clientId : null,
    serverKeepAliveSeconds: keepAliveIsOurs ? keepAliveSeconds : null,
    responseInformation: wantsInformation ? responseInformation : null, // [MQTT-3.1.2-28]
    authentication: null,
  }
}

function fromCertificate({ certificate }: Origin, field: PeerCertField | null): string | null {
  return certificate === null || field === null ? null : peerCertificateText(certificate, field)
}

type Named =
  | { readonly clientId: string; readonly assigned: boolean }
  | { readonly clientId: null; readonly why: string }

function clientIdOf(
  packet: ConnectPacket,
  username: string | null,
  policy: ConnectionPolicy,
  assign: () => string,
): Named {
  if (policy.useUsernameAsClientId && username !== null && username !== '') {
    return withinBound(username, policy)
  }
  if (packet.clientId !== '') return withinBound(packet.clientId, policy)
  if (packet.version === 3) return { clientId: null, why: 'MQTT 3.1 asks for a client id' }
  if (packet.version === 4 && !packet.cleanStart) {
    return { clientId: null, why: 'a session that is to last needs a client id' } // [MQTT-3.1.3-8]
  }
  return { clientId: assign(), assigned: true } // [MQTT-3.1.3-6]
}

function withinBound(clientId: string, { clientIdBytesMax }: ConnectionPolicy): Named {
  // A UTF-16 code unit is 3 bytes of UTF-8 at most: short ids need no counting.
  if (clientId.length * 3 <= clientIdBytesMax || Buffer.byteLength(clientId) <= clientIdBytesMax) {
    return { clientId, assigned: false }
  }
  return { clientId: null, why: `the client id is longer than ${clientIdBytesMax} bytes` }
}

function refusalOfWill(
  packet: ConnectPacket,
  policy: ConnectionPolicy,
  origin: Origin,
): Admission | null {
  const { will } = packet
  if (will === null) return null
  if (will.qos > policy.qosMax) return refused('qos-not-supported', `the will has QoS ${will.qos}`) // [MQTT-3.2.2-12]
  if (will.retain && !policy.retainAvailable)
    return refused('retain-not-supported', 'the will is retained') // [MQTT-3.2.2-13]
  if (topicLevels(will.topic) > policy.topicLevelsMax) {
    return refused(
      'topic-name-invalid',
      `the topic of the will has more than ${policy.topicLevelsMax} levels`,
    )
  }
  const topic = policy.delayed ? destinationOf(will.topic) : will.topic
  if (topic === null) {
    return refused('topic-name-invalid', 'the will is for $delayed/ without an interval or a topic')
  }
  // A will is an ordinary message: it never speaks the link protocol, not even where links may come in.
  if (topic.startsWith('$LINK/')) {
    return refused(
      'not-authorized',
      `the will is for $LINK/${origin.linkAllowed ? ', which takes no wills' : ''}`,
    )
  }
  if (topic.startsWith(sysPrefix) && !isSysWill(will))
    return refused('not-authorized', 'the will is for $SYS/, where only the broker speaks')
  return null
}

/**
 * Never published, like a PUBLISH of that topic; but its CONNECT is accepted: mosquitto's bridges leave one under
 * `$SYS/broker/connection/` unless they are told not to.
 */
function isSysWill({ topic }: WillMessage): boolean {
  return topic.startsWith(sysPrefix)
}

function expiryMs(packet: ConnectPacket, policy: ConnectionPolicy): number {
  if (packet.version !== 5) return packet.cleanStart ? 0 : policy.persistentExpiryMs
  if (packet.sessionExpirySeconds === mqttLimits.intervalSeconds) return Number.POSITIVE_INFINITY
  return packet.sessionExpirySeconds * 1000
}

/**
 * Links get all the protocol has: at 50 ms a window of 100 is 2,000 messages a second. Versions 3 and 4 know no Receive
 * Maximum, so a client of theirs cannot be held to a smaller one.
 */
function receiveMax(packet: ConnectPacket, policy: ConnectionPolicy, origin: Origin): number {
  return packet.version === 5 && !origin.linkAllowed ? policy.receiveMax : mqttLimits.receiveMaximum
}

function refused(refusal: ConnectRefusal, reason: string): Admission {
  return { kind: 'refused', refusal, reason }
}
