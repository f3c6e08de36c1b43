/**
 * EMQX's statistics and metrics, by topic, and the metrics of ours that add up to each. What EMQX counts and we do not is
 * not here: no figure is better than a wrong one.
 */

/** `stats/<topic>/count` and `…/max`. Names of docs/operating/metrics.md. */
export const statisticTopics: Readonly<Record<string, readonly string[]>> = {
  connections: ['connections'],
  live_connections: ['connections'],
  channels: ['sessions'],
  sessions: ['sessions'],
  cluster_sessions: ['sessions'],
  topics: ['native_router_filters'],
  subscribers: ['subscriptions'],
  suboptions: ['subscriptions'],
  subscriptions: ['subscriptions'],
  'subscriptions/shared': ['subscriptions_shared'],
  retained: ['native_retained_count'],
  delayed: ['native_delayed_count'],
}

/** `metrics/<topic>`. */
export const metricTopics: Readonly<Record<string, readonly string[]>> = {
  'bytes/received': ['native_bytes_received'],
  'bytes/sent': ['native_bytes_sent'],
  'packets/received': ['native_packets_received'],
  'packets/connect/received': ['native_packets_connect_received'],
  'packets/connack/sent': ['native_packets_connack_sent'],
  'packets/connack/error': ['connects_refused'],
  'packets/publish/received': ['native_packets_publish_received'],
  'packets/publish/sent': ['native_messages_sent'],
  'packets/publish/auth_error': ['native_messages_denied'],
  'packets/puback/received': ['native_packets_puback_received'],
  'packets/puback/sent': ['native_packets_puback_sent'],
  'packets/puback/missed': ['native_puback_missed'],
  'packets/pubrec/received': ['native_packets_pubrec_received'],
  'packets/pubrec/sent': ['native_packets_pubrec_sent'],
  'packets/pubrel/received': ['native_packets_pubrel_received'],
  'packets/pubrel/sent': ['native_packets_pubrel_sent'],
  'packets/pubcomp/received': ['native_packets_pubcomp_received'],
  'packets/pubcomp/sent': ['native_packets_pubcomp_sent'],
  'packets/subscribe/received': ['native_packets_subscribe_received'],
  'packets/unsubscribe/received': ['native_packets_unsubscribe_received'],
  'packets/pingreq/received': ['native_packets_pingreq_received'],
  'packets/pingresp/sent': ['native_packets_pingresp_sent'],
  'packets/disconnect/received': ['native_packets_disconnect_received'],
  'packets/disconnect/sent': ['native_packets_disconnect_sent'],
  'packets/auth/received': ['native_packets_auth_received'],
  'messages/received': ['native_messages_received'],
  'messages/sent': ['native_messages_sent'],
  'messages/qos0/received': ['native_messages_qos0_received'],
  'messages/qos0/sent': ['native_messages_qos0_sent'],
  'messages/qos1/received': ['native_messages_qos1_received'],
  'messages/qos1/sent': ['native_messages_qos1_sent'],
  'messages/qos2/received': ['native_messages_qos2_received'],
  'messages/qos2/sent': ['native_messages_qos2_sent'],
  'messages/publish': ['native_messages_published'],
  'messages/retained': ['native_messages_retained'],
  'messages/delayed': ['native_messages_delayed'],
  'messages/delivered': ['native_deliveries'],
  'messages/acked': ['native_messages_acked'],
  'messages/dropped': ['native_dropped_no_subscribers', 'native_dropped_awaiting_release'],
  'messages/dropped/no_subscribers': ['native_dropped_no_subscribers'],
  'messages/dropped/receive_maximum': ['native_dropped_awaiting_release'],
  'delivery/dropped': [
    'native_dropped_no_local',
    'native_dropped_too_large',
    'native_dropped_qos0_offline',
    'native_dropped_qos0_slow',
    'native_dropped_queue_full',
    'native_dropped_expired',
  ],
  'delivery/dropped/no_local': ['native_dropped_no_local'],
  'delivery/dropped/too_large': ['native_dropped_too_large'],
  'delivery/dropped/qos0_msg': ['native_dropped_qos0_offline', 'native_dropped_qos0_slow'],
  'delivery/dropped/queue_full': ['native_dropped_queue_full'],
  'delivery/dropped/expired': ['native_dropped_expired'],
  'client/connect': ['connects_received'],
  'client/connected': ['connections_attached'],
  'client/disconnected': ['connections_closed'],
  'session/created': ['sessions_created'],
  'session/resumed': ['sessions_resumed'],
  'session/takenover': ['sessions_taken_over'],
  'session/terminated': ['sessions_ended'],
}

/** The sum of these metrics in one reading. */
export function figure(read: Readonly<Record<string, number>>, names: readonly string[]): number {
  return Math.round(names.reduce((sum, name) => sum + (read[name] ?? 0), 0))
}
