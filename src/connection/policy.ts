/**
 * What `mqtt.*`, `limits.*` and a listener say about connections, as the admission needs it.
 */
import type { Config, ListenerConfig, PeerCertField } from '../config/index.js'
import { linkOpenToAll } from '../config/index.js'
import { mqttLimits } from '../limits.js'

export interface ConnectionPolicy {
  readonly clientIdBytesMax: number
  readonly topicLevelsMax: number
  readonly qosMax: 0 | 1 | 2
  readonly retainAvailable: boolean
  readonly wildcards: boolean
  readonly shared: boolean
  readonly topicAliasMax: number
  readonly packetBytesMax: number
  readonly useUsernameAsClientId: boolean
  readonly peerCertAsUsername: PeerCertField | null
  readonly peerCertAsClientId: PeerCertField | null
  /** Null: the client's own. */
  readonly serverKeepAliveSeconds: number | null
  readonly keepAliveMultiplier: number
  readonly responseInformation: string
  /** Expiry of sessions of versions 3 and 4 with clean session 0. */
  readonly persistentExpiryMs: number
  readonly inflightMax: number
  /** Inbound QoS ≥ 1 that a client may have unacknowledged; offered as Receive Maximum. */
  readonly receiveMax: number
  /** 0: no limit by count */
  readonly queueLengthMax: number
  readonly storeQos0: boolean
  readonly upgradeQos: boolean
  readonly ignoreLoopDeliver: boolean
  /** Whether `$delayed/…` means something. */
  readonly delayed: boolean
}

export function connectionPolicy({ delayed, mqtt }: Config): ConnectionPolicy {
  return {
    clientIdBytesMax: mqtt.maxClientIdBytes,
    topicLevelsMax: mqtt.maxTopicLevels,
    qosMax: mqtt.maxQosAllowed,
    retainAvailable: mqtt.retainAvailable,
    wildcards: mqtt.wildcardSubscription,
    shared: mqtt.sharedSubscription,
    topicAliasMax: mqtt.maxTopicAlias,
    packetBytesMax: mqtt.maxPacketBytes,
    useUsernameAsClientId: mqtt.useUsernameAsClientId,
    peerCertAsUsername: mqtt.peerCertAsUsername,
    peerCertAsClientId: mqtt.peerCertAsClientId,
    serverKeepAliveSeconds: mqtt.serverKeepaliveSeconds,
    keepAliveMultiplier: mqtt.keepaliveMultiplier,
    responseInformation: mqtt.responseInformation,
    persistentExpiryMs: mqtt.sessionExpiryIntervalMs,
    inflightMax: mqtt.maxInflight,
    receiveMax:
      mqtt.maxAwaitingRel === null ? mqttLimits.receiveMaximum : clamp(mqtt.maxAwaitingRel),
    queueLengthMax: mqtt.maxMqueueLen ?? 0,
    storeQos0: mqtt.mqueueStoreQos0,
    upgradeQos: mqtt.upgradeQos,
    ignoreLoopDeliver: mqtt.ignoreLoopDeliver,
    delayed: delayed.enable,
  }
}

/**
 * Whether clients of this listener may use `$LINK/`. With no link listener enabled anywhere all may; the broker warns
 * about that once, at start.
 */
export function linkAllowed(config: Config, listener: ListenerConfig): boolean {
  return listener.enableLink || linkOpenToAll(config)
}

function clamp(value: number): number {
  return Math.max(1, Math.min(value, mqttLimits.receiveMaximum))
}
