/** `mqtt.*`: EMQX's names and defaults. */

import type { z } from 'zod'
import { mqttLimits } from '../../limits.js'
import type { MqttConfig } from '../config.js'
import * as form from './form.js'
import { ignored, key, section } from './key.js'

const intervalMs = mqttLimits.intervalSeconds * 1000
/** What a loop's timers count in 32 bits of milliseconds, 49 days; half of it is told apart from the past. */
const timerMs = 2 ** 31
const peerCert = form.orWord(form.oneOf('cn', 'dn', 'crt', 'pem', 'md5'), 'disabled')

/** Topic → priority. */
const priorities: form.Form<ReadonlyMap<string, number>> = {
  type: 'an object of topic = priority from 1 to 255',
  read: (raw) => {
    if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) return new form.Refusal()
    const byTopic = new Map<string, number>()
    const priority = form.integer(1, 255)
    for (const [topic, written] of Object.entries(raw)) {
      const value = priority.read(written)
      if (value instanceof form.Refusal) {
        return new form.Refusal(
          `expected the priority of "${topic}" to be ${priority.type}, got ${form.show(written)}`,
        )
      }
      byTopic.set(topic, value)
    }
    return byTopic
  },
}

export const mqttSchema = section({
  max_packet_size: key(
    form.bytesize({ min: 1, max: mqttLimits.packetBytes }),
    '1MB',
    'Largest packet accepted, header included. Links need more: see the cluster linking page.',
  ),
  max_clientid_len: key(
    form.integer(23, mqttLimits.stringBytes),
    65535,
    'Longest client identifier, in bytes.',
  ),
  max_topic_levels: key(form.integer(1, 65535), 128, 'Most levels of a topic or filter.'),
  max_topic_alias: key(
    form.integer(0, 65535),
    65535,
    'Topic Alias Maximum offered to MQTT 5 clients; 0: no aliases.',
  ),
  max_qos_allowed: key(form.integer(0, 2), 2, 'Highest QoS a client may publish with.'),
  retain_available: key(form.boolean, true, 'Whether retained messages are supported.'),
  wildcard_subscription: key(form.boolean, true, 'Whether filters may have wildcards.'),
  shared_subscription: key(form.boolean, true, 'Whether `$share/…` is supported.'),
  shared_subscription_strategy: key(
    form.oneOf(
      'random',
      'round_robin',
      'round_robin_per_group',
      'sticky',
      'local',
      'hash_topic',
      'hash_clientid',
    ),
    'round_robin',
    'How a shared group chooses the member for a message, among those that are connected and have room.',
  ),
  shared_subscription_initial_sticky_pick: key(
    form.oneOf('random', 'local', 'hash_topic', 'hash_clientid'),
    'random',
    'How a `sticky` group chooses the member it then stays with.',
  ),
  exclusive_subscription: key(
    form.boolean,
    false,
    'Whether `$exclusive/…` is supported: one subscriber of a filter at a time.',
  ),
  ignore_loop_deliver: key(
    form.boolean,
    false,
    'Do not send a message back to the 3.1 or 3.1.1 client that published it.',
  ),
  strict_mode: key(
    form.boolean,
    false,
    'Accepted as in EMQX. Packets are always validated completely.',
  ),
  keepalive_multiplier: key(
    form.numberAbove(1),
    1.5,
    'A client silent for keep-alive × this is disconnected.',
  ),
  keepalive_check_interval: key(
    form.duration({ min: 1000 }),
    '30s',
    'Accepted as in EMQX; the keep-alive of each connection is checked exactly.',
  ),
  server_keepalive: key(
    form.orWord(form.integer(1, 65535), 'disabled'),
    'disabled',
    'Keep-alive in seconds imposed on MQTT 5 clients.',
  ),
  response_information: key(form.text, '', 'Response Information handed out on request.'),
  retry_interval: key(
    form.orWord(form.duration({ min: 1, max: timerMs }), 'infinity'),
    'infinity',
    'Redelivery of unacknowledged messages to a connected 3.1 or 3.1.1 client; infinity: only when it reconnects. MQTT 5 forbids it for its clients.',
  ),
  idle_timeout: key(
    form.orWord(form.duration({ min: 1 }), 'infinity'),
    '15s',
    'Time a new connection has to send CONNECT.',
  ),
  session_expiry_interval: key(
    form.duration({ max: intervalMs }),
    '2h',
    'How long the session of a 3.1 or 3.1.1 client outlives its connection.',
  ),
  message_expiry_interval: key(
    form.orWord(form.duration({ min: 1, max: intervalMs }), 'infinity'),
    'infinity',
    'Longest life of a message of a client, in whole seconds; shorter ones of the publisher stay.',
  ),
  max_awaiting_rel: key(
    form.orWord(form.integer(0, 65535), 'infinity'),
    100,
    'QoS 2 messages of a publisher that wait for PUBREL.',
  ),
  await_rel_timeout: key(
    form.duration({ min: 1, max: timerMs }),
    '300s',
    'How long one waits for its PUBREL, at least, time without a connection not counted; then its packet id is free.',
  ),
  max_inflight: key(
    form.integer(1, 65535),
    32,
    'Messages sent to a client and not yet acknowledged.',
  ),
  max_mqueue_len: key(
    form.orWord(form.integer(0, Number.MAX_SAFE_INTEGER), 'infinity'),
    1000,
    'Messages a session may queue, of each priority. `limits.session_queue_bytes` holds in any case.',
  ),
  mqueue_priorities: key(
    form.orWord(priorities, 'disabled'),
    'disabled',
    'Priorities of topics in a session\'s queue, e.g. `{"alarms/1" = 10}`: the higher first, with some turns for the lower ones.',
  ),
  mqueue_default_priority: key(
    form.oneOf('lowest', 'highest'),
    'lowest',
    'Priority of all other topics.',
  ),
  mqueue_store_qos0: key(
    form.boolean,
    true,
    'Whether QoS 0 messages are queued for a session without connection.',
  ),
  max_subscriptions: key(
    form.orWord(form.integer(1, Number.MAX_SAFE_INTEGER), 'infinity'),
    'infinity',
    'Subscriptions of one session.',
  ),
  upgrade_qos: key(
    form.boolean,
    false,
    'Deliver with the QoS of the subscription even when that of the message is lower.',
  ),
  use_username_as_clientid: key(form.boolean, false, 'Use the user name as client identifier.'),
  peer_cert_as_username: key(
    peerCert,
    'disabled',
    "Take the user name from the client's certificate, when it shows one.",
  ),
  peer_cert_as_clientid: key(
    peerCert,
    'disabled',
    "Take the client identifier from the client's certificate, when it shows one.",
  ),
  keepalive_backoff: ignored('replaced by keepalive_multiplier'),
  client_attrs_init: ignored('client attributes do not exist here'),
  clientid_override: ignored('client identifiers are not rewritten'),
  limiter: ignored('rates are not limited yet'),
})

export function toMqtt(mqtt: z.output<typeof mqttSchema>): MqttConfig {
  return {
    maxPacketBytes: mqtt.max_packet_size,
    maxClientIdBytes: mqtt.max_clientid_len,
    maxTopicLevels: mqtt.max_topic_levels,
    maxTopicAlias: mqtt.max_topic_alias,
    maxQosAllowed: mqtt.max_qos_allowed === 0 ? 0 : mqtt.max_qos_allowed === 1 ? 1 : 2,
    retainAvailable: mqtt.retain_available,
    wildcardSubscription: mqtt.wildcard_subscription,
    sharedSubscription: mqtt.shared_subscription,
    sharedSubscriptionStrategy: mqtt.shared_subscription_strategy,
    sharedSubscriptionStickyPick: mqtt.shared_subscription_initial_sticky_pick,
    exclusiveSubscription: mqtt.exclusive_subscription,
    ignoreLoopDeliver: mqtt.ignore_loop_deliver,
    strictMode: mqtt.strict_mode,
    keepaliveMultiplier: mqtt.keepalive_multiplier,
    keepaliveCheckIntervalMs: mqtt.keepalive_check_interval,
    serverKeepaliveSeconds: mqtt.server_keepalive,
    responseInformation: mqtt.response_information,
    idleTimeoutMs: mqtt.idle_timeout,
    retryIntervalMs: mqtt.retry_interval,
    sessionExpiryIntervalMs: mqtt.session_expiry_interval,
    messageExpiryIntervalMs: mqtt.message_expiry_interval,
    maxAwaitingRel: mqtt.max_awaiting_rel,
    awaitRelTimeoutMs: mqtt.await_rel_timeout,
    maxInflight: mqtt.max_inflight,
    maxMqueueLen: mqtt.max_mqueue_len,
    mqueuePriorities: mqtt.mqueue_priorities,
    mqueueDefaultPriority: mqtt.mqueue_default_priority,
    mqueueStoreQos0: mqtt.mqueue_store_qos0,
    maxSubscriptions: mqtt.max_subscriptions,
    upgradeQos: mqtt.upgrade_qos,
    useUsernameAsClientId: mqtt.use_username_as_clientid,
    peerCertAsUsername: mqtt.peer_cert_as_username,
    peerCertAsClientId: mqtt.peer_cert_as_clientid,
  }
}
