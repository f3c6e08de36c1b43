// Limits: the bounds of the native side, each with unit, derivation and what happens when it is
// full.
//
// What an operator may move (mqtt.max_packet_size, mqtt.max_mqueue_len, retainer.*, …) arrives with
// the configuration; here are the constants. The TypeScript side has its own in src/limits.ts.
// Relations are asserted at the end.
#pragma once

#include <cstddef>
#include <cstdint>

namespace causeway::limits {

inline constexpr size_t kKiB = 1024;
inline constexpr size_t kMiB = 1024 * kKiB;

// --- reading
// -----------------------------------------------------------------------------------------------------------

/// Bytes one read may take from a socket; one buffer a loop, shared by its connections. Four times
/// the usual tcp_rmem default of 64 KiB effective window, so a burst is one read, and within a 1
/// MiB L2 cache. Full: the rest stays in the kernel until the next round; other ready sockets are
/// read first.
inline constexpr size_t kReadBufferBytes = 256 * kKiB;

/// Bytes of a whole CONNECT, fixed header included, that an unauthenticated peer may make us hold.
/// Its fields are two-byte lengths: client id, user name, password and will topic of 64 KiB each
/// would be 256 KiB; a will payload, properties and tokens share the same budget, for nobody fills
/// all of them. Kept beside the fd, so times the connections in admission. Full: the socket is
/// closed without an answer, packets_too_large.
inline constexpr size_t kConnectBytesMax = 256 * kKiB;

/// Bytes of a PROXY header of version 2: its addresses are 216 at most, the rest is TLVs that a
/// peer nobody has authenticated makes us read; HAProxy's with all details of a TLS client are some
/// 500, with a client certificate inside 3 KiB. Full: no PROXY header, proxy_headers_refused.
inline constexpr size_t kProxyHeaderBytesMax = 8 * kKiB;

/// Connections of one loop between accept and attachment, unless limits.pending_connects says
/// otherwise. Each costs an fd and at most kConnectBytesMax, usually 200 bytes: a restart's
/// reconnect storm of 100,000 clients over a second fits with a margin of 40 ms of admission at 10
/// µs. Full: accept pauses, accept_pauses_pending; the kernel's backlog and then the clients' SYN
/// timers wait.
inline constexpr size_t kAdmissionsMax = 4096;

/// Milliseconds a connection keeps its place without a whole CONNECT when all places are taken:
/// handshake, TLS included, and CONNECT over a round trip of 300 ms are 1.2 s. Over: closed to make
/// room for who waits, connects_refused_room; nobody waits: the listener's deadline counts.
inline constexpr int64_t kPendingGraceMs = 2'000;

/// Connections accepted in one poll round, so that a storm does not starve those already connected:
/// 64 × 20 µs ≈ 1.3 ms. Full: the listener stays readable and is served again next round.
inline constexpr size_t kAcceptsPerRound = 64;

// --- the barrier (design.md §3)
// -----------------------------------------------------------------------------------------

/// Milliseconds control may take for one decision; authentication over HTTP with its own 5 s
/// timeout, twice, and slack. Over: the connection is closed with 0x88 Server unavailable (5.0),
/// barrier_timeouts.
inline constexpr uint32_t kBarrierDeadlineMs = 15'000;

/// Bytes of packets that wait for control, per loop: every connection may have one SUBSCRIBE of a
/// megabyte there at once. Full: a connection pauses before the packet that needs a decision,
/// cold_lane_pauses, and goes on when control has taken what waits.
inline constexpr size_t kColdLaneBytesMax = 64 * kMiB;

/// Commands of one batch of control's that a loop is given at once: one lock and one wake-up for so
/// many, yet the loop has begun with the first ones, 0.1 ms of its work, before control has taken
/// the last ones apart. Full: what is gathered is posted, and gathering begins anew.
inline constexpr size_t kCommandsTogether = 256;

// --- lanes and fan-out (design.md §4, §6)
// -------------------------------------------------------------------------------

/// io loops: the router keeps one bit a loop in 64-bit masks. src/limits.ts configLimits.ioLoops is
/// the same number.
inline constexpr size_t kLoopsMax = 64;

/// Nanoseconds at a stretch that an io loop asks the kernel for (core/wake_slice.h): its turns are
/// 10 to 100 µs, and 0.1 ms is the least that Linux grants. The load generator's threads ask for
/// the same, so that a latency is the broker's.
inline constexpr int64_t kLoopSliceNs = 100'000;

/// … and that control asks for: a batch of decisions is some 0.1 ms, so it lets the loops go first
/// and goes before the threads of V8 that compile and collect.
inline constexpr int64_t kControlSliceNs = 400'000;

/// Links: one bit each in a route's mask. src/limits.ts configLimits.links.
inline constexpr size_t kLinksMax = 64;

/// Entries of the lane from one loop to another: a loop that is 2 ms behind at 2,000,000
/// messages/s. Loops × loops lanes of 64-byte entries: 256 KiB each, 16 MiB for 8 loops. Full: the
/// publisher's connection pauses with its cursor kept, lane_full_pauses; draining waits for
/// nothing.
inline constexpr size_t kLaneSlots = 4096;

/// Members on one loop above which a fan-out is wide: it is served in slices, and whom it reaches
/// is written after others. Up to here its writes cost 0.45 ms at most.
inline constexpr size_t kWideFanoutMembers = 64;

/// Members that wide fan-outs serve in one loop turn, once those of this loop's publishers and once
/// those that came over lanes: at 0.1 to 0.4 µs about 0.5 ms, the longest anything holds an epoch.
/// Full: the cursor is kept, the publisher's connection or the lane pauses, other work goes first,
/// fanout_yields.
inline constexpr size_t kFanoutSliceMembers = 2048;

/// Bytes that wide fan-outs put into out-buffers of one loop from one time that everybody they
/// reached was written to, to the next; kWideDeliveryBytes and the topic count for each delivery,
/// payloads kept by reference do not. It bounds what waits for us and not for its reader: a hundred
/// messages of 64 bytes of a 1 → 1,000 fan-out in one write, or four of 4 KiB. Full: as
/// kFanoutSliceMembers, until they are written.
inline constexpr size_t kWideCycleBytes = 16 * kMiB;
inline constexpr size_t kWideDeliveryBytes = 64;

/// Topics one step of a retained replay looks at before it asks again whether the client keeps up.
/// Small, because all that a step finds must fit the session's queue; a lock per step costs 30 ns.
/// Full: the cursor is kept and goes on when the client has taken what it got.
inline constexpr size_t kReplaySliceTopics = 16;

/// Topics that all retained replays of one loop turn look at: at 0.2 µs, and 0.5 µs for one that is
/// sent, 1 to 2 ms, however many topics there are that a filter does not match. Full: replays go on
/// in the next turn, which then does not sleep.
inline constexpr size_t kReplayTurnTopics = 4096;

/// Deliveries and lane entries one loop turn handles before it polls its sockets again: 16,384 ×
/// 0.1 µs keeps a turn near 2 ms. Full: the rest waits for the next turn, which then does not
/// sleep.
inline constexpr size_t kWorkBudgetDeliveries = 16 * 1024;

/// Deliveries that the PUBLISHes read in one loop turn may make on their own loop: at 0.1 to 0.15
/// µs a turn stays near 4 ms, and one of 100 pairs still gets a hundred messages in one write. One
/// read may bring 10,000 messages for 64 receivers each; wider fan-outs have their own bound, see
/// kFanoutSliceMembers. Full: the rest of what was read waits for the next turn, publish_yields.
inline constexpr size_t kTurnDeliveries = 32 * 1024;

/// Bytes of messages one session's queue may hold, whatever mqtt.max_mqueue_len says: 64 MiB are
/// the default 1,000 messages of 64 KiB. Full: as max_mqueue_len, dropped_queue_full.
inline constexpr size_t kQueueBytesMax = 64 * kMiB;

/// Bytes of ended messages that one loop keeps for its next ones (SpareMessages): 5,000 of 200
/// bytes, which 100 publishers send in a turn. Full: back to the heap.
inline constexpr size_t kSpareMessageBytes = kMiB;

/// Milliseconds a closed connection may take to receive its last bytes (DISCONNECT, CONNACK) while
/// what it still sends is read and discarded, so that no reset overtakes them. Over: the socket is
/// closed.
inline constexpr uint32_t kLingerMs = 2'000;

/// Delayed messages of one loop whose fan-out waits for lanes or its next slice. Full: the next one
/// that is due waits until one of these ends; the memory is what it was, on the other side of the
/// clock.
inline constexpr size_t kDelayedFanoutsMax = 64;

/// Fan-outs of one loop that wait for lane room, above which messages of shared groups whose member
/// is gone wait in front of it; and of those, how many may have come over lanes, all to members
/// that ended with these messages on their way (what queues of ended sessions held has its bound
/// there). Full: another such message is not passed on, shared_spill_overflows.
inline constexpr size_t kSpillMax = 4096;

/// Topics in one loop's route cache, and bytes of topics and routes. 16 Ki topics of 40 bytes with
/// a route of some 150 make 3 MiB: two thirds of a usual L2 + L3 share, and more than the topics of
/// 10,000 devices. Full: second-chance eviction for a topic seen twice; a miss costs one walk of
/// the index.
inline constexpr size_t kRouteCacheEntries = 16 * 1024;
inline constexpr size_t kRouteCacheBytes = 8 * kMiB;

/// Bytes unlinked from the router and not yet freed: 100,000 filters dropped at once are 30 MiB, so
/// only a reader that never leaves its epoch comes near. Full: control waits before its next change
/// until readers have moved on, at most kRetiredWaitMs a time; readers leave within a millisecond,
/// so a longer stay is a stuck loop, which control cannot cure.
inline constexpr size_t kRetiredBytesMax = 256 * kMiB;
inline constexpr uint32_t kRetiredWaitMs = 100;

// --- sessions
// -----------------------------------------------------------------------------------------------------------

/// Milliseconds between two turns of the keep-alive wheel; a client is closed 1.5 × keep alive
/// after its last packet, plus at most this.
inline constexpr uint32_t kTimerTickMs = 256;

/// Slots of the keep-alive wheel: 4096 × 256 ms = 17.5 min, so that usual keep-alives fit one
/// revolution; longer ones are passed over once a revolution.
inline constexpr size_t kTimerSlots = 4096;

/// Bytes of topics behind one connection's inbound topic aliases, with what a string costs each:
/// all 65,535 aliases (mqtt.max_topic_alias) with topics of 90 bytes. Without it one client could
/// make us hold 65,535 × 64 KiB. Full: the connection is closed with 0x97 Quota exceeded.
inline constexpr size_t kAliasBytesMax = 8 * kMiB;

/// Outbound topic aliases of one connection, and the bytes of their topics with 48 each of
/// bookkeeping: 1,024 topics of 80 bytes. A subscriber of more topics than that would only replace
/// its aliases in turn. Nothing is held before a topic comes twice, and nothing for clients whose
/// Topic Alias Maximum is 0. Full: the alias not used for longest stands for another topic, or the
/// topic goes out in full.
inline constexpr size_t kOutAliasesMax = 1024;
inline constexpr size_t kOutAliasBytesMax = 128 * kKiB;

// --- writing
// ------------------------------------------------------------------------------------------------------------

/// Bytes in a connection's out-buffer at which it is a slow subscriber: no more QoS 0
/// (dropped_qos0_slow), QoS > 0 stays in its queue. tcp_options.high_watermark's default; 4 s of a
/// 1 MiB/s line.
inline constexpr size_t kOutHighWatermarkBytes = 4 * kMiB;

/// Writes of one loop turn to those that no wide fan-out dirtied: as many as one poll finds ready,
/// 7 ms of system calls. Full: the others are first in the next turn, which does not sleep,
/// flush_yields.
inline constexpr size_t kTurnWrites = 1024;

/// Writes of one loop turn to those that a wide fan-out dirtied, at 7 µs about 0.2 ms: what a small
/// message waits for behind a fan-out to 100,000. The poll between two such turns costs as much as
/// half a write. Full: as kTurnWrites.
inline constexpr size_t kWideWrites = 32;

/// Bytes that cost as much to copy into a socket as the system call itself, about 6 µs: so many
/// more count as one more write.
inline constexpr size_t kWriteCostBytes = 32 * kKiB;

/// Clients paused by a rate that one loop turn looks at again when they are due: 64 × 0.1 µs, or,
/// if all go on, some 10 µs each. The total rate of a listener may have thousands of them wait for
/// the same token. Full: the others are looked at a millisecond later, in the order they were due.
inline constexpr size_t kTurnRateResumes = 64;

/// Ready sockets one loop turn serves before it does what the end of a turn does: what one
/// epoll_wait brings. libuv would ask 48 times, 50,000 acknowledgements, before anything is
/// written. Full: the turn ends and another begins, nothing is left out.
inline constexpr size_t kTurnReady = 1024;

/// Buffers of one writev. With 16 KiB blocks 1 MiB, more than a socket takes; Linux allows 1024.
/// Full: written in the next round.
inline constexpr size_t kIovecsPerWrite = 64;

/// Payload bytes from which an out-buffer refers to the Message instead of copying. A copy of 4 KiB
/// costs about 0.1 µs, a reference two iovecs and an atomic increment; below, one block holds
/// several packets.
inline constexpr size_t kPayloadByReferenceBytes = 4 * kKiB;

/// Bytes of free output blocks a loop keeps, all classes together: a fan-out of 64 B to 1,000
/// receivers dirties 1,000 blocks of 2 KiB at once, four times over. Full: blocks go back to
/// malloc.
inline constexpr size_t kFreeBlockBytesMax = 8 * kMiB;

// --- WebSocket
// ---------------------------------------------------------------------------------------------------------

/// Bytes on their way from an io loop to the edge thread, for one WebSocket connection: a few
/// milliseconds of a fast line, so that the edge always finds the next write. Full: the loop keeps
/// the rest in the connection's out-buffer, where high_watermark and send_timeout rule.
inline constexpr size_t kRingDownBytes = 256 * kKiB;

/// How long the edge thread waits for the io loops when a client that it cannot pause has filled
/// half of its ring, ms a turn: longer than a loop's turn, shorter than anybody notices. Over: the
/// edge reads on; what does not fit closes that client, ws_overruns.
inline constexpr int64_t kEdgePatienceMs = 2;

/// How long the edge thread waits, ms, before it closes a client that it cannot pause, whose ring
/// is full and whose loop reads: several times what a loop is kept from its core on a busy machine.
/// A loop that does not read that client is not waited for. Over: the client is closed,
/// ws_overruns.
inline constexpr int64_t kEdgeRoomMs = 250;

// --- TLS (docs/operating/tls.md)
// ----------------------------------------------------------------------------------------

/// Steps of TLS handshakes in one loop turn; one that signs with RSA-2048 takes 0.7 to 1 ms, the
/// others 0.1 ms. A turn stays near 4 ms while a thousand clients come back at once. Full: the
/// others wait in a row for the next turns, tls_handshake_yields.
inline constexpr size_t kHandshakeStepsPerTurn = 4;

/// Payload bytes of one TLS record: the protocol's own maximum (RFC 8446 §5.1). The pieces of an
/// out-buffer are copied together up to here, so that 300 small messages are one record.
inline constexpr size_t kTlsRecordBytes = 16 * kKiB;

/// Bytes one write may encrypt, about 0.1 ms with AES-GCM. Full: the rest goes when the socket is
/// next found writable, after other connections.
inline constexpr size_t kTlsWriteBytes = 256 * kKiB;

/// Bytes of the certificates a peer may show: four of 4 KiB each, and as much again. Full: the
/// handshake fails, tls_failures_other.
inline constexpr size_t kTlsChainBytesMax = 32 * kKiB;

/// Seconds a TLS session may be resumed; also how long a revoked client certificate may still come
/// back without a reload. As long as mqtt.session_expiry_interval's default.
inline constexpr uint32_t kTlsSessionSeconds = 2 * 60 * 60;

/// Milliseconds one key seals session tickets; it opens them for twice as long again, so a ticket
/// outlives kTlsSessionSeconds whenever it was sealed.
inline constexpr int64_t kTicketKeyMs = 60 * 60 * 1000;

/// Sessions a listener keeps for TLS 1.2 clients without tickets, each 1 KiB, 3 KiB with a client
/// certificate. Full: the oldest are forgotten, their clients shake hands fully.
inline constexpr size_t kTlsSessionsMax = 4096;

// --- links (docs/protocol/cluster-link.md)
// --------------------------------------------------------------------------------------------

/// Bytes of messages one link slot keeps while its connection is down. EMQX's max_buffer_bytes, per
/// worker. Full: the oldest go, counted as the link's overflowed.
inline constexpr size_t kLinkOutboxBytes = 256 * kMiB;

/// Routes of a batch that control applies without letting a thread that waits for its processor go
/// first: at 1.2 µs each less than a loop's own stretch of 0.1 ms. A batch of EMQX's 4,000 is 5 ms.
/// Full: sched_yield(2), then the next ones.
inline constexpr size_t kApplyStretchRoutes = 64;

/// Filters that a task thread looks at for a bootstrap, inside one epoch, without letting a thread
/// that waits for its processor go first: 20 µs where each of them is a route. Full:
/// sched_yield(2), then the next ones.
inline constexpr size_t kBootstrapStretchFilters = 256;

/// Message ids of one message client of a linked cluster that are known again when they are
/// repeated: all it can have unacknowledged, and so the window of a link without max_inflight.
/// 20,000 QoS 1 messages/s at 50 ms each way are 2,000, EMQX's max_inflight is 32. 192 KiB when
/// full. Full: the oldest is forgotten, its repetition passes.
inline constexpr size_t kRepeatIds = 8192;
/// Message clients remembered so on one loop: 64 links with 8 connections each on 2 loops. Full:
/// the one silent for longest is forgotten. 48 MiB at most.
inline constexpr size_t kRepeatClients = 256;

/// Connections that may end over one message sent alone, before it is taken for what ends them. At
/// a retry every 2 s that is 8 s of a far end that accepts connections and acknowledges nothing.
/// Reached: the message goes, counted as the link's undeliverable.
inline constexpr uint8_t kLinkDeliveryAttempts = 5;

/// For a PUBACK on a live message connection of a link; src/limits.ts linkLimits.responseTimeoutMs.
/// Over: the connection is closed (`ack_timeouts`) and what it owes is sent again on the next.
inline constexpr int64_t kLinkAckTimeoutMs = 30'000;

/// First packet identifier of a link's own PUBLISHes on a connection that it did not dial: those
/// below are the session's. Half of all, so that neither runs short. src/limits.ts
/// linkLimits.acceptedFirstPacketId.
inline constexpr uint16_t kLinkFirstPacketId = 32768;
/// Window of a session on such a connection: a quarter of the identifiers it has left, so that a
/// free one is found at once. Full: its messages wait in its queue.
inline constexpr uint16_t kCarriedWindowMax = kLinkFirstPacketId / 4;

/// What may wait for a connection that carries a link both ways before it is not read. Two ends
/// that stop reading while much waits for the other would wait for each other for ever; so this is
/// the high watermark, one large message beyond it, and the PUBACKs of all that is in flight.
/// Above: not read, and closed when nothing has left for the send timeout.
inline constexpr size_t kCarriedOutBytesMax = 64 * kMiB;

/// Terms of a size from here to there leave compressed where that makes them smaller. The lower
/// bound is what a packet's way across a region is worth; the upper one 0.3 ms of a loop.
inline constexpr size_t kLinkCompressBytesMin = kKiB;
inline constexpr size_t kLinkCompressBytesMax = 64 * kKiB;

/// Terms left as they are after some that did not become smaller: doubled from one up to this, so
/// that a link of images costs little and one of text is found out.
inline constexpr uint32_t kLinkCompressSkipMax = 64;

/// Entries and bytes of one route batch. design.md §7; EMQX's own batches are bounded by count
/// only, to the same number. Full: the batch leaves, the next begins.
inline constexpr size_t kRouteBatchEntries = 4000;
inline constexpr size_t kRouteBatchBytes = 512 * kKiB;

/// Changes of interest that one link's live capture may hold while the link is down or
/// bootstrapping, and their bytes: one for each of 1,000,000 filters of 64 bytes. Full: the capture
/// is dropped, the link bootstraps under a new incarnation.
inline constexpr size_t kInterestEntriesMax = 1'000'000;
inline constexpr size_t kInterestBytesMax = 64 * kMiB;

/// Clusters that a message or a route may have come through between Causeways: a chain of eight
/// hops round the earth. Full: delivered here, not carried on.
inline constexpr size_t kTransitPathMax = 8;

/// Message ids of all links that carry transit, and of retained messages that are synchronised,
/// known again when a message comes by a second way: 13 s at 20,000 messages/s. 6 MiB when full.
/// Full: the oldest is forgotten, its copy passes.
inline constexpr size_t kTransitIds = 256 * 1024;

/// Routes of linked clusters that may be announced onward, some 200 bytes each: 40 MiB. A fifth of
/// kInterestEntriesMax: all of them may be captured at once, when a link begins anew, beside what
/// changes. Full: further ones are not announced, counted (`transit_routes_refused` of the link).
inline constexpr size_t kTransitRoutesMax = 200'000;

/// Filters of one step when all of them are announced again: some 0.2 ms.
inline constexpr size_t kTransitWalkStep = 200;

/// How far a linked cluster's clock may be ahead of ours for its retained messages to be stored
/// (`retained_sync`): a clock that is wrong by more would win against every other for as long.
/// Above: not stored, counted (`retained_refused` of the link).
inline constexpr int64_t kRetainedAheadMs = 60 * 60 * 1000;

/// How long the deletion of a retained message that is synchronised is remembered: linked clusters
/// that were away for longer bring back what they still hold. A week: longer than anybody leaves a
/// link down unawares.
inline constexpr int64_t kTombstoneMs = 604'800'000;

/// Bytes of such memories, some 270 each with a topic of 40: 250,000. Full: the oldest of a shard
/// is forgotten.
inline constexpr size_t kTombstoneBytesMax = 64 * kMiB;

/// Retained messages of a snapshot that may wait in one slot of a link, beside what is in flight:
/// enough to send some after every acknowledgement, little enough to hold up nothing behind them.
/// Full: the cursor is kept and goes on when some have left.
inline constexpr size_t kSnapshotWaitingMax = 64;

/// Buffers (`max_buffer_bytes`) below this get one message of a snapshot at a time, and all get
/// none while they are half full: a step of 16 messages of 1 MiB, twice, overflows nothing.
inline constexpr size_t kSnapshotBufferBytes = 32 * kMiB;

/// Retained topics that all snapshots of one loop turn look at, at 0.2 µs, and 1 µs for one that is
/// sent: under 1 ms. Full: they go on in the next turn, which then does not sleep.
inline constexpr size_t kSnapshotTurnTopics = 1024;

/// From one snapshot to the next on a connection that lost messages meanwhile (`overflowed`,
/// `expired`): a link that is too slow for what is published is not kept busy by repairs.
inline constexpr int64_t kSnapshotAgainMs = 60'000;

/// Filters of one step when control counts interest for a drift checksum: some 0.2 ms.
inline constexpr size_t kInterestDigestStep = 500;

/// Routes of all linked clusters together, each about 130 bytes: 8 million in 1 GiB.
/// Full: further adds are refused; the batch's answer to control counts them as invalid.
inline constexpr size_t kExternalRoutesMax = 8'000'000;

/// A page of `causeway ctl routes`: routes shown, each some 1 µs as an object of JavaScript, and
/// places of the table looked at for them, 32 bytes each and most of another link's: 2 ms together.
/// Full: the page ends, the next request goes on behind it.
inline constexpr size_t kRoutesPageMax = 2'000;
inline constexpr size_t kRoutesPagePlaces = 100'000;

// --- load generator (causeway bench)
// --------------------------------------------------------------------------------------------

/// Bytes of a packet beside its payload that the load generator accepts: a topic of 64 KiB and what
/// a broker may add. Full: the client gives up, the run is not clean.
inline constexpr size_t kLoadPacketExtraBytes = 66 * kKiB;

/// Bytes a publisher of the load generator appends before it writes: one send of 64 KiB, some 800
/// small messages. Full: it goes on when these are written.
inline constexpr size_t kLoadChunkBytes = 64 * kKiB;

/// Bytes that wait for a socket while a schedule makes more due. Full: the message goes later, with
/// the time it was due, counted as late.
inline constexpr size_t kLoadOutBytesMax = 1 * kMiB;

/// Payload of one WebSocket message of the load generator: what it appends before it writes. Full:
/// the rest makes another message.
inline constexpr size_t kLoadWebSocketMessageBytes = kLoadChunkBytes;

/// Bytes of a WebSocket read at once, kept until they are unframed: 160 MB with 10,000 clients.
/// Full: the rest is read in the next turn.
inline constexpr size_t kLoadWebSocketReadBytes = 16 * kKiB;

// --- relations
// ----------------------------------------------------------------------------------------------------------

static_assert(kConnectBytesMax <= kReadBufferBytes, "a CONNECT is parsed from one buffer");
static_assert(kPayloadByReferenceBytes < kReadBufferBytes);
static_assert(kWideFanoutMembers <= kFanoutSliceMembers && kWideWrites <= kTurnWrites);
static_assert(kFanoutSliceMembers * (kPayloadByReferenceBytes + kWideDeliveryBytes) <
                  kWideCycleBytes,
              "a slice fits a cycle");
static_assert((kLaneSlots & (kLaneSlots - 1)) == 0, "a power of two, as SpscLane rounds");
static_assert((kTimerSlots & (kTimerSlots - 1)) == 0);
static_assert(kTimerSlots * kTimerTickMs > 15 * 60 * 1000, "usual keep-alives in one revolution");
static_assert(2 * kTicketKeyMs >= int64_t{kTlsSessionSeconds} * 1000,
              "a session's ticket can be opened while the session may be resumed");
static_assert(kTlsWriteBytes % kTlsRecordBytes == 0, "whole records");
static_assert(kLoopsMax <= 64 && kLinksMax <= 64, "bits of a uint64_t");

}  // namespace causeway::limits
