// Counters: what one io loop has done so far. Declared once, in the list below; the seam generates
// the TypeScript names from it, and the metrics page its help texts.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>

namespace causeway {

/// X(name, unit, meaning). Where EMQX has a counter of that meaning its name is `messages.received`
/// for messages_received; a message is a PUBLISH accepted, a delivery is one receiver's copy.
#define CAUSEWAY_COUNTERS(X)                                                                      \
  /* sockets */                                                                                   \
  X(bytes_received, "bytes", "read from clients' and links' sockets")                             \
  X(bytes_sent, "bytes", "written to clients' and links' sockets")                                \
  X(reads, "calls", "read calls that brought bytes")                                              \
  X(writes, "calls", "writev calls")                                                              \
  X(connections_accepted, "connections", "sockets accepted")                                      \
  X(accept_failures, "calls", "accept failed for want of descriptors or memory; tried again")     \
  X(accept_pauses_pending, "pauses", "no accept: limits.pending_connects have not sent CONNECT")  \
  X(accept_pauses_rate, "pauses", "no accept: a listener's max_conn_rate; the backlog waits")     \
  X(connections_closed, "connections", "sockets closed, for whatever reason")                     \
  /* TLS */                                                                                       \
  X(tls_handshakes, "handshakes", "completed, listeners' and links'")                             \
  X(tls_resumptions, "handshakes", "of these, sessions continued")                                \
  X(tls_handshake_failures, "handshakes", "that came to nothing, for one of the reasons below")   \
  X(tls_failures_timeout, "handshakes", "not over within ssl_options.handshake_timeout")          \
  X(tls_failures_peer_closed, "handshakes", "the peer closed before they were over")              \
  X(tls_failures_not_tls, "handshakes", "what came was HTTP, MQTT without TLS, or noise")         \
  X(tls_failures_certificate, "handshakes", "the peer's certificate missing or not trusted")      \
  X(tls_failures_refused_by_peer, "handshakes", "the peer sent an alert: it does not trust us")   \
  X(tls_failures_no_agreement, "handshakes", "no common version or cipher suite")                 \
  X(tls_failures_other, "handshakes", "anything else")                                            \
  X(tls_handshake_yields, "pauses", "a handshake put off: the turn had made its steps")           \
  /* packets */                                                                                   \
  X(packets_received, "packets", "of every type")                                                 \
  X(packets_connect_received, "packets", "CONNECT, complete")                                     \
  X(packets_connack_sent, "packets", "CONNACK, of either verdict")                                \
  X(packets_publish_received, "packets", "PUBLISH")                                               \
  X(packets_puback_received, "packets", "PUBACK")                                                 \
  X(packets_puback_sent, "packets", "PUBACK")                                                     \
  X(packets_pubrec_received, "packets", "PUBREC")                                                 \
  X(packets_pubrec_sent, "packets", "PUBREC")                                                     \
  X(packets_pubrel_received, "packets", "PUBREL")                                                 \
  X(packets_pubrel_sent, "packets", "PUBREL")                                                     \
  X(packets_pubcomp_received, "packets", "PUBCOMP")                                               \
  X(packets_pubcomp_sent, "packets", "PUBCOMP")                                                   \
  X(packets_subscribe_received, "packets", "SUBSCRIBE")                                           \
  X(packets_unsubscribe_received, "packets", "UNSUBSCRIBE")                                       \
  X(packets_pingreq_received, "packets", "PINGREQ")                                               \
  X(packets_pingresp_sent, "packets", "PINGRESP")                                                 \
  X(packets_disconnect_received, "packets", "DISCONNECT")                                         \
  X(packets_disconnect_sent, "packets", "DISCONNECT")                                             \
  X(packets_auth_received, "packets", "AUTH")                                                     \
  X(malformed_packets, "packets", "refused by the decoder: 0x81")                                 \
  X(protocol_errors, "packets", "well-formed, not allowed here: 0x82 and its narrower codes")     \
  X(packets_too_large, "packets", "above mqtt.max_packet_size: 0x95")                             \
  X(puback_missed, "packets", "acknowledgements for a packet id that is not open")                \
  /* messages in */                                                                               \
  X(messages_received, "messages", "PUBLISH accepted from clients, QoS 2 duplicates not counted") \
  X(messages_qos0_received, "messages", "of these, QoS 0")                                        \
  X(messages_qos1_received, "messages", "of these, QoS 1")                                        \
  X(messages_qos2_received, "messages", "of these, QoS 2")                                        \
  X(messages_qos2_duplicates, "messages", "QoS 2 PUBLISH whose packet id was open already")       \
  X(messages_retained, "messages", "accepted with RETAIN set")                                    \
  X(messages_denied, "messages", "refused by authorization: 0x87")                                \
  X(messages_delayed, "messages", "accepted for later: $delayed/")                                \
  X(delayed_published, "messages", "delayed ones whose time came")                                \
  X(delayed_invalid, "messages", "$delayed/ without an interval or a topic: 0x90")                \
  X(delayed_refused, "messages", "not delayed: max_delayed_messages or the byte bound: 0x97")     \
  X(delayed_expired, "messages", "Message Expiry Interval over before the delay was")             \
  X(messages_published, "messages", "entered the router, wills and links' messages included")     \
  X(awaiting_release_expired, "messages",                                                         \
    "QoS 2 whose PUBREL did not come within await_rel_timeout")                                   \
  /* messages out */                                                                              \
  X(deliveries, "deliveries", "copies handed to a session of this loop")                          \
  X(messages_sent, "messages", "PUBLISH put into an out-buffer, retransmissions not counted")     \
  X(messages_qos0_sent, "messages", "of these, QoS 0")                                            \
  X(messages_qos1_sent, "messages", "of these, QoS 1")                                            \
  X(messages_qos2_sent, "messages", "of these, QoS 2")                                            \
  X(messages_acked, "messages", "QoS 1 and 2 that their receiver has acknowledged")               \
  X(messages_resent, "messages", "PUBLISH with DUP, PUBREL again, after a session resumed")       \
  X(topic_aliases_assigned, "aliases", "given to a topic, a former one replaced included")        \
  X(messages_aliased, "messages", "sent with an alias instead of their topic")                    \
  /* messages lost, each for one reason */                                                        \
  X(dropped_no_subscribers, "messages", "published, and no destination matched")                  \
  X(dropped_awaiting_release, "messages", "QoS 2 from 3.1.1 clients above max_awaiting_rel")      \
  X(dropped_queue_full, "deliveries", "the session's queue was full; by mqtt.mqueue_* rules")     \
  X(dropped_qos0_offline, "deliveries", "QoS 0 for a session without a connection, not queued")   \
  X(dropped_qos0_slow, "deliveries", "QoS 0 for a receiver above its high watermark")             \
  X(dropped_too_large, "deliveries", "above the receiver's Maximum Packet Size")                  \
  X(dropped_no_local, "deliveries", "the receiver is the publisher and asked for No Local")       \
  X(dropped_expired, "deliveries", "Message Expiry Interval over before it was sent")             \
  X(dropped_session_ended, "deliveries", "queued or open when its session ended")                 \
  X(dropped_replayed, "deliveries", "live copy of a retained message that the replay brought")    \
  X(dropped_no_member, "messages", "for a shared group that had no member left")                  \
  X(slow_subscribers_closed, "connections", "out-buffer full: the client stopped reading")        \
  /* between loops */                                                                             \
  X(lanes_pushed, "entries", "put into another loop's lane")                                      \
  X(lanes_drained, "entries", "taken out of this loop's lanes")                                   \
  X(lane_full_pauses, "pauses", "a publisher paused because a lane was full")                     \
  X(fanout_yields, "pauses", "a publisher paused because its fan-out had used its slice")         \
  X(publish_yields, "pauses", "a publisher paused because the turn had made its deliveries")      \
  X(drain_yields, "rounds", "lanes left non-empty because the round had used its budget")         \
  X(flush_yields, "turns", "left connections with bytes to write for the next turn")              \
  X(wakeups_sent, "calls", "uv_async_send to another loop or to control")                         \
  X(stale_numbers_dropped, "entries", "named an old session generation or connection")            \
  X(rate_limited_pauses, "pauses", "a client not read for a while: its listener's rates")         \
  X(rate_total_pauses, "pauses", "the same: its listener's rates of all clients together")        \
  X(cold_lane_pauses, "pauses", "a connection paused because control had too much to decide")     \
  X(cold_lane_entries, "entries", "packets handed to control")                                    \
  X(barrier_timeouts, "connections", "closed because control's answer was late: 0x88")            \
  X(shared_redispatched, "messages", "shared messages passed on to another member")               \
  X(shared_spill_overflows, "messages", "their member was gone, and too many such wait")          \
  X(route_cache_hits, "lookups", "topics found in the route cache")                               \
  X(route_cache_misses, "lookups", "topics matched on the index")                                 \
  X(route_cache_evictions, "routes", "pushed out of the route cache")                             \
  /* admission and life */                                                                        \
  X(connects_accepted, "connections", "CONNACK with success")                                     \
  X(connects_refused_malformed, "connections", "CONNECT malformed or not allowed: 0x81, 0x82")    \
  X(connects_refused_version, "connections", "unsupported protocol version: 0x84, 1")             \
  X(connects_refused_quota, "connections", "a limit of the listener or node: 0x97, 0x9F")         \
  X(connects_refused_room, "connections",                                                         \
    "no whole CONNECT in 2 s, and others waited for the place")                                   \
  X(connects_refused_timeout, "connections", "no whole CONNECT within mqtt.idle_timeout")         \
  X(connects_refused_access, "connections", "the address is denied by the access_rules")          \
  X(proxy_headers_refused, "connections", "PROXY header missing, malformed or late")              \
  X(not_mqtt_tls, "connections", "TLS where plain MQTT is spoken: closed")                        \
  X(not_mqtt_http, "connections", "HTTP where MQTT is spoken: closed")                            \
  X(not_mqtt_proxy, "connections", "a PROXY header where proxy_protocol is off: closed")          \
  X(not_mqtt_other, "connections", "first bytes that are no CONNECT, nor known: closed")          \
  X(ws_overruns, "connections", "WebSocket clients that sent more than may wait: 0x97")           \
  X(ws_refused_path, "handshakes", "another path than websocket.mqtt_path: 404")                  \
  X(ws_refused_http, "requests", "HTTP that does not ask for WebSocket, version 13: 426")         \
  X(ws_refused_subprotocol, "handshakes", "none of supported_subprotocols, or none at all: 400")  \
  X(ws_refused_origin, "handshakes", "an Origin that is not in check_origins, or none: 403")      \
  X(ws_refused_rate, "requests", "above max_conn_rate: 503")                                      \
  X(ws_refused_request, "connections", "HTTP malformed, too large or late; where ws serves")      \
  X(ws_refused_tls, "connections", "TLS handshakes of wss that failed; where ws serves")          \
  X(ws_text_frames, "connections", "WebSocket clients that sent text: closed with 1003")          \
  X(ws_large_messages, "connections", "WebSocket messages above max_frame_size: closed")          \
  X(ws_malformed_frames, "connections", "that broke RFC 6455: closed; where ws serves")           \
  X(takeovers, "sessions", "a new connection took over a connected session: 0x8E")                \
  X(keepalive_timeouts, "connections", "closed after 1.5 x keep alive: 0x8D")                     \
  /* retained */                                                                                  \
  X(retained_stored, "messages", "stored or replaced")                                            \
  X(retained_deleted, "messages", "deleted by an empty payload")                                  \
  X(retained_refused_count, "messages", "not stored: max_retained_messages")                      \
  X(retained_refused_payload, "messages", "not stored: max_payload_size")                         \
  X(retained_refused_bytes, "messages", "not stored: the index's byte bound")                     \
  X(retained_replayed, "deliveries", "sent to a new subscription")                                \
  /* links */                                                                                     \
  X(link_dropped_no_slot, "messages", "the link was removed while they crossed to its loop")      \
  X(link_dropped_removed, "messages", "waiting for a link when it was removed")                   \
  X(link_compressed, "messages", "forwarded as compressed terms")                                 \
  X(link_received, "messages", "arrived through a link")                                          \
  X(link_undecodable, "messages", "payload that is no forwarded message: 0x99")                   \
  X(link_filtered, "messages", "arrived, outside our own topics: not published")                  \
  X(link_repeated, "messages", "arrived again after a reconnect: not published twice")            \
  X(link_duplicated, "messages", "arrived by a second way between Causeways (`transit`)")         \
  X(link_looped, "messages", "arrived back where they had been (`transit`)")

/// A metric's declaration.
struct CounterInfo {
  std::string_view name, unit, meaning;
};

#define CAUSEWAY_COUNTER_INFO(name, unit, meaning) CounterInfo{#name, unit, meaning},
inline constexpr CounterInfo kCounterInfos[] = {CAUSEWAY_COUNTERS(CAUSEWAY_COUNTER_INFO)};
#undef CAUSEWAY_COUNTER_INFO
inline constexpr size_t kCounterCount = std::size(kCounterInfos);

/// One loop's counters, or those of the edge thread; they wrap after 2^64. Written by that thread
/// only, read by any.
struct alignas(64) Counters {
#define CAUSEWAY_COUNTER_MEMBER(name, unit, meaning) std::atomic<uint64_t> name{0};
  CAUSEWAY_COUNTERS(CAUSEWAY_COUNTER_MEMBER)
#undef CAUSEWAY_COUNTER_MEMBER

  /// Any thread: the values in the order of kCounterInfos; each exact, together not of one instant.
  std::array<uint64_t, kCounterCount> Read() const {
    return {
#define CAUSEWAY_COUNTER_READ(name, unit, meaning) name.load(std::memory_order_relaxed),
        CAUSEWAY_COUNTERS(CAUSEWAY_COUNTER_READ)
#undef CAUSEWAY_COUNTER_READ
    };
  }
};

/// The owning loop. A load and a store, no read-modify-write: there is one writer. Relaxed: a
/// counter orders nothing.
[[gnu::always_inline]] inline void Bump(std::atomic<uint64_t>& counter, uint64_t amount = 1) {
  counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

}  // namespace causeway
