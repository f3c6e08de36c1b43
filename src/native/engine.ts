/**
 * The engine as the control plane sees it: commands down, events up, both in batches. The implementation is
 * `native-engine.ts` over the addon; simulations and unit tests bring their own.
 *
 * Numbers: a session is (loop, session, generation), a connection is (loop, connection). Whoever receives an old number
 * drops and counts it, so a late event of an old socket never touches the new one (design.md §2).
 */

import type { LinkDataPlane, RetainedSyncState } from './link-data-plane.js'

export type ProtocolVersion = 3 | 4 | 5

/** A session on its home loop. `generation` moves whenever an index is used again. */
export interface SessionAddress {
  readonly loop: number
  readonly session: number
  readonly generation: number
}

/** A connection: numbers are unique in the process. Dialled ones are chosen by the control plane (≥ 2^31). */
export interface ConnectionAddress {
  readonly loop: number
  readonly connection: number
}

/** Why a connection ended, as the loop saw it. */
export type CloseCause =
  | 'client-disconnect' // DISCONNECT 0x00 / 0x04 was handled and the socket closed
  | 'socket-closed' // end of stream or reset by the other side
  | 'protocol-error' // answered natively (malformed packet, protocol error …)
  | 'keep-alive'
  | 'taken-over'
  | 'closed-by-control'
  | 'slow-consumer' // stopped reading: out-buffer bound or send timeout
  | 'connect-timeout'
  | 'dial-failed'
  | 'tls-failed' // the handshake, or what came after it, is not what TLS allows
  | 'shutdown'

export type EngineEvent =
  /** A whole, valid CONNECT. The socket waits, unread, on the loop that accepted it, for `attach`, `refuse` or `challenge`. */
  | {
      readonly kind: 'connect'
      readonly loop: number
      readonly connection: number
      readonly listener: number
      readonly peer: string // 'address:port'
      readonly packet: Buffer // fixed header included; a copy
      readonly certificate: Buffer | null // DER, when the listener wants it and the client showed one
    }
  /** The AUTH that answers a `challenge`, valid. The socket waits, unread again, for `challenge`, `attach` or `refuse`. */
  | {
      readonly kind: 'exchange'
      readonly loop: number
      readonly connection: number
      readonly packet: Buffer
    }
  /** SUBSCRIBE, UNSUBSCRIBE, DISCONNECT or AUTH: valid, and a barrier: nothing more is parsed before `answer` or `close`. */
  | (SessionAddress & {
      readonly kind: 'packet'
      readonly connection: number
      readonly type: 'subscribe' | 'unsubscribe' | 'disconnect' | 'auth'
      readonly packet: Buffer
    })
  /** A PUBLISH to `$LINK/…` other than forwarded messages, from a connection that may: a barrier as above. */
  | (SessionAddress & {
      readonly kind: 'link-publish'
      readonly connection: number
      readonly version: ProtocolVersion
      readonly packet: Buffer
    })
  /** The attach is done: the CONNACK is in the out-buffer. Always followed by `closed`, some day. */
  | (SessionAddress & { readonly kind: 'attached'; readonly connection: number })
  /** A connection is gone, its fd closed. `session` is -1 for pending and dialled ones. */
  | (SessionAddress & {
      readonly kind: 'closed'
      readonly connection: number
      readonly cause: CloseCause
      readonly reasonCode: number // MQTT 5 reason sent or received, 0 if none
      readonly detail: string // e.g. 'ECONNREFUSED', '' if nothing to add
    })
  /** A dialled socket is connected and its first bytes are written. Failures come as `closed` with cause dial-failed. */
  | { readonly kind: 'dialed'; readonly loop: number; readonly connection: number }
  /** A packet on a dialled connection that the loop does not handle itself: valid for its type (CONNACK, SUBACK, PUBLISH …). */
  | {
      readonly kind: 'client-packet'
      readonly loop: number
      readonly connection: number
      readonly packet: Buffer
    }
  /** A TLS handshake on a listener came to nothing. Told once a second and listener at most. */
  | {
      readonly kind: 'tls-failed'
      readonly loop: number
      readonly listener: number
      readonly unsaid: number // failures before this one that were not told
      readonly peer: string
      readonly reason: string
    }

/** Everything the home loop needs to serve a client. One command, executed in the order of design.md §2. */
export interface AttachCommand extends SessionAddress {
  readonly acceptLoop: number // where the pending socket is
  readonly connection: number
  readonly version: ProtocolVersion
  readonly clientId: string
  readonly username: string | null
  readonly mountpoint: string // in front of every topic of the client, `$LINK/` excepted; '' for none
  /** The session that this attach ends or takes over: its connection gets DISCONNECT 0x8E and is detached first. Same index as
   *  `session` when resumed; another index when a clean start replaces it (that one is then `endSession`ed by control). Null: none. */
  readonly takeOver: { readonly session: number; readonly generation: number } | null
  /** Packets published before the new connection attaches (wills that are due). MQTT 5 PUBLISH, whole. */
  readonly publishBefore: readonly Uint8Array[]
  readonly connack: Uint8Array
  readonly keepAliveMs: number // already multiplied; 0: none
  readonly windowMax: number // outbound QoS ≥ 1 in flight: min(client's Receive Maximum, mqtt.max_inflight)
  readonly receiveMax: number // inbound QoS ≥ 1 the client may have unacknowledged (QoS 2 awaiting PUBREL: max_awaiting_rel)
  readonly packetBytesMax: number // the client's Maximum Packet Size; 0: no limit
  readonly topicAliasMax: number // inbound aliases accepted
  readonly clientTopicAliasMax: number // outbound aliases that the client takes; 0: none
  readonly queueLengthMax: number // mqtt.max_mqueue_len; 0: no limit by count
  readonly storeQos0: boolean // mqtt.mqueue_store_qos0
  readonly persistent: boolean // session outlives the connection (expiry > 0)
  readonly linkAllowed: boolean // may publish to and subscribe under $LINK/
  readonly upgradeQos: boolean
  readonly ignoreLoopDeliver: boolean
}

export type SubscriptionOp =
  | {
      readonly op: 'subscribe'
      readonly filter: string // without $share/group/
      readonly group: string | null
      readonly qos: 0 | 1 | 2
      readonly noLocal: boolean
      readonly retainAsPublished: boolean
      readonly subscriptionId: number // 0: none
      readonly existing: boolean // the session had this (group, filter) already: options change, interest does not
      readonly replay: boolean // send matching retained messages after the acknowledgement
    }
  | { readonly op: 'unsubscribe'; readonly filter: string; readonly group: string | null }

/** The barrier's answer: apply state → acknowledge → replay retained → parse on. */
export interface AnswerCommand extends SessionAddress {
  readonly connection: number // 0: the session is offline or nobody waits; only `ops` count
  readonly ops: readonly SubscriptionOp[]
  readonly reply: Uint8Array // SUBACK, PUBACK …; may be empty
  readonly next: 'resume' | 'close' // close: after `reply` is flushed, cause client-disconnect
}

export interface PublishCommand {
  readonly loop: number // where it is published, whichever; a will on its session's home
  readonly packet: Uint8Array // MQTT 5 PUBLISH, whole; QoS > 0 carries any non-zero packet id
  readonly clientId: string // the original publisher, '' for the broker itself
}

export interface DialCommand extends ConnectionAddress {
  readonly host: string // IP literal
  readonly port: number
  readonly timeoutMs: number
  readonly firstBytes: Uint8Array // CONNECT
  readonly packetBytesMax: number // what we accept
  readonly tls: { readonly context: number; readonly serverName: string } | null // '': no name is asked for or verified
  readonly tcp: {
    readonly nodelay: boolean
    readonly keepalive: boolean
    readonly sndbufBytes: number // 0: the kernel's choice
    readonly recbufBytes: number // 0: the kernel's choice
  }
}

export interface SlotOnlineCommand extends ConnectionAddress {
  readonly link: number
  readonly slot: number
  readonly receiveMaximum: number // the far end's
  readonly packetBytesMax: number // the far end's Maximum Packet Size; 0: none
}

/** Tokens a second, and burst tokens beside them with the rate at which they come back. */
export interface ClientRate {
  readonly perSecond: number
  readonly burst: number
  readonly burstPerSecond: number
}

/** A listener. Errors of `listen`: LISTENER_PORT_IN_USE, LISTENER_BIND_FAILED. */
export interface ListenerOptions {
  readonly id: number
  readonly host: string // IP literal, '' for all addresses of both families
  readonly port: number
  readonly path: string // of a Unix domain socket; '' for TCP
  readonly mode: number // permissions of that file
  readonly backlog: number
  readonly connectionsMax: number // 0: no limit
  readonly acceptIntervalNs: number // between two connections; 0: no limit
  readonly messageRate: ClientRate | null // of one client's PUBLISHes; null: no limit
  readonly byteRate: ClientRate | null // of one client's bytes
  readonly totalMessagesPerSecond: number // of all clients of the listener; 0: no limit
  readonly totalBytesPerSecond: number
  readonly acceptBurst: number // connections that may come at once all the same, ≥ 1
  readonly accessRules: readonly string[]
  readonly proxyTimeoutMs: number // for the PROXY header; 0: there is none
  readonly sndbufBytes: number // 0: the kernel's choice
  readonly recbufBytes: number // 0: the kernel's choice
  readonly probeIdleSeconds: number // TCP keep-alive; 0: none
  readonly probeIntervalSeconds: number
  readonly probes: number
  readonly packetBytesMax: number
  readonly connectDeadlineMs: number
  readonly highWatermarkBytes: number
  readonly sendTimeoutMs: number
  readonly noDelay: boolean
  /** The edge thread accepts its connections: WebSocket. */
  readonly onEdge: boolean
  readonly tls: number // number of the TLS context, 0: plain
  readonly handshakeDeadlineMs: number
  readonly wantsPeerCertificate: boolean // in `connect` events
}

/** One certificate and its key, as PEM. */
export interface TlsIdentity {
  readonly certificate: string // with its chain
  readonly key: string
  readonly password: string | null
  readonly hosts: readonly string[] // names that a client asks for; none: the default
}

/** What a TLS context is made of: contents, not paths. */
export interface TlsContextOptions {
  readonly server: boolean
  readonly identities: readonly TlsIdentity[] // the default first; a client may have none
  readonly authorities: string // PEM; '': nobody is trusted
  readonly revocations: string | null // PEM; null: not checked
  readonly verifyPeer: boolean
  readonly peerCertificateRequired: boolean
  readonly depth: number
  readonly versions: readonly string[] // tlsv1 … tlsv1.3
  readonly ciphers: readonly string[]
  readonly serverOrder: boolean
  readonly resumption: boolean
}

/** Why a context was not made. */
export interface TlsRefusal {
  readonly part:
    | 'certfile'
    | 'keyfile'
    | 'password'
    | 'cacertfile'
    | 'crlfile'
    | 'versions'
    | 'ciphers'
  readonly identity: number // which one, of the first three parts
  readonly reason: string
}

/** What happened at one listener since it was opened, all loops together. */
export interface ListenerState {
  /** Open now. */
  readonly connections: number
  readonly accepted: number
  readonly refused_full: number
  readonly refused_access: number
  readonly rate_pauses: number
  readonly connect_timeouts: number
  readonly proxy_refused: number
  readonly not_mqtt_tls: number
  readonly not_mqtt_http: number
  readonly not_mqtt_proxy: number
  readonly not_mqtt_other: number
  readonly ws_refused_rate: number
  readonly ws_refused_path: number
  readonly ws_refused_http: number
  readonly ws_refused_subprotocol: number
  readonly ws_refused_origin: number
  readonly ws_refused_request: number
  readonly ws_refused_tls: number
  readonly ws_text_frames: number
  readonly ws_large_messages: number
  readonly ws_malformed_frames: number
  /** Who was refused last, for its address, its number or its first bytes; '' for nobody. */
  readonly refusedPeer: string
}

/** Slots `first` … `first + count - 1` of a link. */
export interface SlotRange {
  readonly first: number
  readonly count: number
}

/** Times in buckets: [end of a bucket in µs, how many, …], ascending, empty buckets left out. */
export interface TimeHistogram {
  readonly sumMicros: number
  readonly buckets: readonly number[]
}

/** A decoded term of the route channel. `incarnation` is exact up to 2^63. Source: docs/protocol/cluster-link.md */
export type RouteMessage = RouteTerm & {
  /** Bytes came behind the term, as Erlang allows: they mean nothing, and are counted. */
  readonly trailing: boolean
}

type RouteTerm =
  | {
      readonly op: 'actor_init'
      readonly actor: string
      readonly incarnation: bigint
      readonly target: string
      readonly protocolVersion: number
      readonly capabilities: Buffer | null
    }
  | {
      readonly op: 'actor_init_ack'
      readonly actor: string
      readonly protocolVersion: number
      readonly error: string | null
      readonly needBootstrap: boolean | null
      readonly capabilities: Buffer | null
    }
  | {
      readonly op: 'route'
      readonly actor: string
      readonly incarnation: bigint
      readonly count: number
    }
  | {
      readonly op: 'heartbeat'
      readonly actor: string
      readonly incarnation: bigint
      readonly digest: Buffer | null // drift checksum, as it was sent
    }
  | { readonly op: 'unknown'; readonly name: string }
  | { readonly op: 'invalid'; readonly reason: string } // not ETF, keys missing, wrong types

export interface RoutesApplied {
  readonly adds: number // ops that changed the table
  readonly deletes: number
  readonly invalid: number // ops whose filter is not a valid topic filter: skipped
}

/** One route of a linked cluster, as a lane of the table holds it. */
export interface HeldRoute {
  readonly filter: string
  readonly lane: number
  /** Of the subscription it came from, in the far end's words; null: it is no text, then `term` is the encoded term. */
  readonly id: string | null
  readonly term: Buffer | null
}

export interface RoutesPage {
  readonly routes: readonly HeldRoute[]
  /** Where the next page begins; null: this was the last. */
  readonly next: number | null
}

export interface InterestBatch {
  readonly payload: Buffer // a whole `route` term
  readonly token: number // for settle
  readonly entries: number
}

/** Native calls of the link room. All on the control thread, one crossing each; never per message. */
export interface LinkEngine {
  configureLinks(self: string, links: readonly LinkDataPlane[]): void
  /** Starts (again) collecting this cluster's interest for `link`, cut by `topics` (the link's own); forgets what was collected. */
  openInterest(link: number, topics: readonly string[]): void
  closeInterest(link: number): void
  /** The next live batch, or null when nothing waits. Several may be out; settle in any order. */
  takeInterest(
    link: number,
    actor: string,
    incarnation: bigint,
    entriesMax: number,
    bytesMax: number,
  ): InterestBatch | null
  /** Acknowledged, or to be sent again (newer states of the same keys win). */
  settleInterest(link: number, token: number, delivered: boolean): void
  /** True when a live batch waits. Reads shared memory: not a crossing. */
  interestWaiting(link: number): boolean
  /** Live capture overflowed its bound: what was collected is gone, a new incarnation must bootstrap. Shared memory. */
  interestOverflowed(link: number): boolean

  decodeRoute(payload: Uint8Array): RouteMessage
  encodeActorInit(
    actor: string,
    incarnation: bigint,
    target: string,
    capabilities: Uint8Array | null,
  ): Buffer
  encodeActorInitAck(
    actor: string,
    error: string | null,
    needBootstrap: boolean | null,
    capabilities: Uint8Array | null,
  ): Buffer
  /** @param digest drift checksum, for a peer that announced it only; null: byte for byte EMQX's */
  encodeHeartbeat(actor: string, incarnation: bigint, digest: Uint8Array | null): Buffer
  /** Both sides of a link that asks for transit carry it from now on, or no more. A walk tells the other links. */
  setTransit(link: number, carries: boolean): void
  setRetainedSync(link: number, state: RetainedSyncState): void // each beginning is a snapshot
  /** Announces anew, for all links that carry, what clusters behind us want. */
  startTransitWalk(): void
  /** A step of that, some 0.2 ms; true when it is done. */
  stepTransitWalk(): boolean
  /** Routes of the link that there was no room to announce onward. */
  transitRefused(link: number): number
  /** Key of our digests: 16 bytes, random for this process. Peers count under it. */
  digestKey(): Buffer
  /** What a lane of the route table holds, under our key: 16 bytes, see `interestDigest`. */
  laneDigest(link: number, lane: number): Buffer
  /** Counts this cluster's interest for `link`, cut as its open capture is, under a peer's key of 16 bytes; begins anew. */
  startInterestDigest(link: number, key: Uint8Array): void
  /** A step of that, some 0.2 ms; true when it is done. */
  stepInterestDigest(link: number): boolean
  /** Number of routes and sum of their hashes, 16 bytes; null while it is being counted or changes are not acknowledged. */
  interestDigest(link: number): Buffer | null
  /** Applies a `route` term to the table for (link, lane). */
  applyRoutes(link: number, lane: number, payload: Uint8Array): RoutesApplied
  /** Mark-and-sweep: everything the lane holds now is old until it is added again; sweep removes what stayed old. */
  markRoutes(link: number, lane: number): void
  sweepRoutes(link: number, lane: number, budget: number): { removed: number; done: boolean }
  /** GC of an actor: removes everything of the lane. */
  clearRoutes(link: number, lane: number, budget: number): { removed: number; done: boolean }
  /** Distinct (filter, route id) entries of the link. */
  routeCount(link: number): number
  /** A page of them, 2,000 at most, from 0 or a page's `next` on; some 2 ms. What stays between two pages is in one of them. */
  readRoutes(link: number, from: number): RoutesPage
  /** Counters and gauges of one link; empty for an unknown one. native/link/link_metrics.h says what they mean. */
  linkCounters(link: number): Readonly<Record<string, number>>
  /** `rtt`: from a PUBLISH of ours to its PUBACK. `latency`: from the publisher's broker to ours, of what came. */
  linkTimes(link: number): { readonly rtt: TimeHistogram; readonly latency: TimeHistogram }
  /** Whether every loop works by what `configureLinks` said last. */
  linksConfigured(): boolean

  dial(command: DialCommand): void
  send(address: ConnectionAddress, bytes: Uint8Array): void
  slotOnline(command: SlotOnlineCommand): void
  /** From now on it carries the link both ways: native/transport/commands.h. PUBACKs on an accepted one come as `client-packet`. */
  carry(address: ConnectionAddress, link: number, name: string): void
}

/** Commands are collected and go down in one crossing per tick (or at `flush`). */
export interface Engine extends LinkEngine {
  readonly loops: number
  /** Makes or replaces the TLS context `number` (> 0) for handshakes that begin later. Null, or why nothing has changed. */
  setTls(number: number, options: TlsContextOptions): TlsRefusal | null
  listen(options: ListenerOptions): void
  /** Stops accepting; existing connections stay. */
  unlisten(listener: number): void
  /** Null: it was never opened. */
  listenerState(listener: number): ListenerState | null

  attach(command: AttachCommand): void
  refuse(address: ConnectionAddress, connack: Uint8Array): void
  /** Sends an AUTH to a connection whose CONNECT is not answered yet, and lets it answer: with AUTH, which comes as `exchange`, or
   *  with a DISCONNECT, which ends it. The deadline of the CONNECT holds on. */
  challenge(address: ConnectionAddress, auth: Uint8Array): void
  answer(command: AnswerCommand): void
  /** Writes `bytes`, flushes, closes. `closed` follows. */
  close(address: ConnectionAddress, bytes: Uint8Array, reasonCode: number): void
  /** The session is over: queue, windows and flags go. Its members are removed by `answer` ops afterwards (sliced by control);
   *  then the index may be used again with a greater generation. */
  endSession(address: SessionAddress): void
  publish(command: PublishCommand): void
  flush(): void

  counters(): Readonly<Record<string, number>>
  /** Server shutting down: stop accepting, DISCONNECT 0x8B to version 5 clients, flush, close; resolves when all are closed or at the deadline. */
  drain(deadlineMs: number): Promise<void>
  /** Stops and joins the loops, ≤ 1 s. Idempotent, synchronous, callable from an exception handler. */
  halt(): void
  /** Halts, then ends the process where it stands: no thread is terminated, nothing of Node's or a library's runs any more (docs/decisions/0006). */
  exitProcess(code: number): never
}

/** A bootstrap batch, made in a task worker over the engine of this process. Source: design.md §7. */
export interface BootstrapRequest {
  readonly topics: readonly string[] // the link's, reduced or not
  readonly actor: string
  readonly incarnation: bigint
  readonly cursor: number // 0 to start
  readonly entriesMax: number
  readonly bytesMax: number
  /** Shared with the task thread, which writes the batch there: what is copied from thread to thread makes V8 collect. */
  readonly into: Uint8Array<SharedArrayBuffer>
}
export interface BootstrapBatch {
  /** In `into`, or a copy where one route is larger than that; null: nothing matched in this stretch. */
  readonly payload: Uint8Array | null
  readonly entries: number
  readonly cursor: number // to continue from
  readonly done: boolean
}
