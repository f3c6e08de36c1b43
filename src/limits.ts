/**
 * Limits: the bounds of the TypeScript side, each with unit, derivation and what happens when full.
 *
 * What an operator may move is in the configuration (`limits.*`, `mqtt.*`); here are the constants.
 * The native side has its own in `native/core/limits.h`. Relations are asserted at the end.
 */

/** Bounds of reading a configuration. Full: the configuration is refused, CONFIG_LIMIT_EXCEEDED. */
export const configLimits = {
  /** Bytes of one file. A link entry is about 200 bytes: room for 64 links 300 times over. */
  fileBytes: 4 * 1024 * 1024,
  /** Files in the including chain. EMQX's own layering needs 3; more than 16 is a mistake. */
  includeDepth: 16,
  /** Files included in all, repetitions counted: a chain of 16 with 8 leaves each. */
  includes: 128,
  /** Objects and arrays inside each other, as written and after substitution. The deepest documented key has 6 levels. */
  nestingDepth: 64,
  /** Substitutions that lead to one another, `a = ${b}`, `b = ${c}` …: each is six calls deep. */
  substitutionDepth: 256,
  /** Values after substitution, so that `${a}${a}` doubled 40 times is refused, not computed. */
  values: 200_000,
  /** Characters of one string after concatenation: the largest is a PEM chain of some 100 KiB. */
  stringChars: 1024 * 1024,
  /** `cluster.links`: each holds 1 + pool_size connections and a bit in the origin mask. */
  links: 64,
  /** Servers of one link; they are tried in turn, so more only lengthen an outage's diagnosis. */
  linkServers: 16,
  /** `topics` of one link; checked pairwise for redundancy: 1,000² comparisons, 70 ms. */
  linkTopics: 1_000,
  /** `workers.io`: a publisher keeps a lane to every loop, so memory grows with the square. */
  ioLoops: 64,
  /** `workers.tasks`: threads that run at the same time as the io loops; more only compete. */
  taskThreads: 64,
  /** Certificates of one listener beside its own, for other host names. */
  sniHosts: 64,
  /** `supported_subprotocols` of one listener; there are five in use. */
  subprotocols: 32,
  /** `check_origins` of one listener; walked for each handshake. */
  origins: 256,
  /** Listeners in all. */
  listeners: 256,
  /** `access_rules` of one listener; walked for each connection: 1,000 comparisons, some 5 µs. */
  accessRules: 1_000,
  /** Further errors listed under the first one of a refused configuration; the rest are counted. */
  furtherErrors: 9,
} as const

/** TLS. docs/operating/tls.md */
export const tlsLimits = {
  /** Milliseconds between two looks at the files of certificates: as often as Erlang, and so EMQX, drops its cache of PEM files. */
  fileCheckMs: 120_000,
} as const

/** Bounds that the MQTT specifications set and no configuration can move. */
export const mqttLimits = {
  /** Remaining Length of four bytes plus the fixed header. MQTT 5.0 §1.5.5, §2.1.4. */
  packetBytes: 268_435_455 + 5,
  /** A UTF-8 string with a two-byte length. MQTT 5.0 §1.5.4. */
  stringBytes: 65_535,
  /** Receive Maximum: packet ids are 1 … 65,535. MQTT 5.0 §3.1.2.11.3. */
  receiveMaximum: 65_535,
  /** Largest interval of four bytes, in seconds. MQTT 5.0 §3.1.2.11.2. */
  intervalSeconds: 4_294_967_295,
} as const

/**
 * Bounds and times of cluster linking that the protocol fixes or that we chose; the operator's are in `cluster.links`.
 * Source: docs/protocol/cluster-link.md.
 */
export const linkLimits = {
  /** Entries of one route batch: what EMQX sends itself, so known to be accepted. */
  batchEntries: 4_000,
  /**
   * Entries of one route batch that we take: 16 times what EMQX sends, some 60 ms of the control thread. Over: DISCONNECT 0x83,
   * counted (`protocol_error_batch_too_large`).
   */
  batchEntriesTaken: 65_536,
  /** Bytes of one route batch: half of EMQX's default Maximum Packet Size of 1 MiB. */
  batchBytes: 512 * 1024,
  /**
   * Route batches unacknowledged on one connection: a bootstrap of 1,000,000 routes is 250 batches, 16 round trips. At most
   * 16 × 512 KiB of a link wait in our out-buffer. Full: the next batch is made when a PUBACK comes; changes merge meanwhile.
   */
  batchesInFlight: 16,
  /**
   * Routes a second that a link's bootstrap announces: 1,000,000 in 4 s, of 5 allowed, in which they take a quarter of the far
   * end's control thread. Over: the next batch is begun later; changes merge meanwhile.
   */
  bootstrapRoutesPerSecond: 250_000,
  /** Least Maximum Packet Size of a peer: a topic, an identifier and two filters of 64 KiB do not fit in less, most do. */
  peerPacketBytesMin: 4 * 1024,
  /**
   * Bytes of a packet that a link listener accepts at least, whatever mqtt.max_packet_size says: an EMQX route batch is bounded
   * by count only (4,000 filters), and its sender ignores the Maximum Packet Size it is told. Larger: DISCONNECT 0x95.
   */
  listenerPacketBytesMin: 16 * 1024 * 1024,

  /** Keep-alive of the connections we dial. As EMQX's. */
  keepAliveSeconds: 60,
  /** Half the keep-alive, so that one lost or late PINGREQ does not end the connection. */
  pingEveryMs: 30_000,
  /** PINGRESP and PUBACK of a route batch; then the connection counts as half-open and is dropped. As EMQX's client. */
  responseTimeoutMs: 30_000,
  /** Looking up a name and reading a password. */
  prepareTimeoutMs: 5_000,
  /** From dialling to an open TCP connection. Over: the next server of the link, after the retry interval. */
  dialTimeoutMs: 10_000,
  /** The loop's own timeout ends a dial; this much later we stop waiting for it. */
  dialGraceMs: 1_000,
  /** From CONNECT to CONNACK, and from SUBSCRIBE to SUBACK. */
  connackTimeoutMs: 10_000,
  /** Until the answer to actor_init. As EMQX 5.8; newer ones wait for 5 s, and 5.8.0 is the slowest to answer. */
  initTimeoutMs: 7_000,
  /** A route connection with nothing to say says so this often. As EMQX. */
  heartbeatEveryMs: 10_000,

  /**
   * How often all routes are announced again on a connection that stays up, to peers that are no Causeway: some EMQX versions lose
   * routes of others when they forget an actor (≤ 5.8.8, < 5.10.3, ≤ 6.0.1), and none of them says so.
   */
  refreshEveryMs: 600_000,

  /** Route connection: attempts begin at least this far apart after the first failures, as EMQX ≥ 5.9 does always. */
  routeRetryMs: 5_000,
  /** … and this far apart before that, so that a restart of either side is noticed in a second. */
  routeFastRetryMs: 1_000,
  /** Failures in a row that count as the first ones. */
  routeFastFailures: 5,
  /** Message connections, as EMQX ≥ 5.8.2. The first attempt after a loss is made at once. */
  slotRetryMs: 2_000,
  /** Numbers of message connections of one pool: `pool_size` is at most this. native LinkSpec::kSlotsMax. */
  poolSlots: 1_024,
  /**
   * `max_inflight` of a link: what a far end knows again when it is repeated, kRepeatIds of native/core/limits.h. Over:
   * CONFIG_INVALID; beyond it a lost connection could publish messages twice.
   */
  inflightMessages: 8_192,
  /**
   * `pool_size` of a link with `accept_only`, and message connections that a far end may ask us to open for it. Over: CONFIG_INVALID
   * there, and here as many as this.
   */
  acceptedSlots: 64,
  /** Packet identifiers of ours on a connection that we did not dial begin here. native limits::kLinkFirstPacketId. */
  acceptedFirstPacketId: 32_768,
  /** How often we look whether a former pool is empty: its gauge is refreshed every 256 ms, so each look sees another reading. */
  poolDrainCheckMs: 600,
  /** A link whose server is this very broker: nothing changes until the operator does. */
  selfRetryMs: 60_000,
  /** Share of an interval added at random. */
  retryJitter: 0.2,
  /** How often we look whether interest waits to be sent, should nobody tell us. */
  interestPollMs: 10,

  /** A remote actor without any message for this long is forgotten. As EMQX: three heartbeats. */
  actorTtlMs: 30_000,
  /** How often actors are looked at for having been silent that long. */
  actorSweepMs: 30_000,
  /** After a sweep that removed something: as EMQX, which removes one actor per run. */
  actorSweepAgainMs: 5_000,
  /** Remote actors of one link, one per node of the remote cluster and one for its durable sessions. Full: DISCONNECT 0x97. */
  remoteActors: 1_024,
  /** After a reincarnation: routes not confirmed again go when no batch has come for this long since the first … */
  bootstrapQuietMs: 2_000,
  /** … and at the latest now, also when no batch came at all. */
  bootstrapLongestMs: 30_000,
  /** Comparisons of a remote actor's routes that differ in a row before they are asked for again: one may be a moment's. */
  driftStrikes: 2,
  /** Between two repairs of one actor, doubled each time until both sides agree … */
  driftRepairEveryMs: 30_000,
  /** … up to this: what a bootstrap does not mend, such as a route that we refuse, is no reason for one a minute. */
  driftRepairLongestMs: 3_600_000,
  /** Characters of an actor's name: node names are shorter than a topic level may be; longer ones are a protocol error. */
  actorNameChars: 1_024,
  /** Holdings per native call when routes are removed: some 2 ms. */
  sweepBudget: 2_000,
  /** The same complaint about the same remote cluster is logged once in this time; all are counted. */
  complaintEveryMs: 60_000,
  /** Distinct complaints remembered. Full: all are forgotten, so one may be repeated early. */
  complaints: 256,
} as const

/** Bounds of authentication. Source: MQTT 5.0 §4.12. */
export const authLimits = {
  /**
   * From the CONNECT, or the AUTH that begins a re-authentication, to the last AUTH of its exchange: some 100 round trips of a slow
   * line, and less than the loops' own deadline of 15 s. Over: CONNACK 0x87, DISCONNECT 0x87 (`authentication_timeouts`).
   */
  exchangeMs: 10_000,
  /** Authentication Data of one packet: a SCRAM message has some 100 bytes and a user name of 64 KiB is nobody's. Larger: 0x95. */
  exchangeDataBytes: 8 * 1024,
  /** Messages of the client in one exchange: SCRAM has 2, 3 when CONNECT has no data. Over: CONNACK 0x87, DISCONNECT 0x87. */
  exchangeRounds: 4,
  /** Bytes of the server's part of a SCRAM nonce, before base64. RFC 5802 §5.1: unguessable. */
  scramNonceBytes: 18,
  /** Bytes of salts that we make. RFC 5802 has 16 in its example, EMQX makes as many. */
  saltBytes: 16,
  /** Passwords with the task threads at once: a quarter of their queue, so that links always find room in it. */
  hashesAtOnce: 64,
  /**
   * Passwords that wait for their turn: at 2 ms each on two threads a full queue is 4 s old, well below the loops' deadline of 15 s.
   * Full: CONNACK 0x89, 3 in version 3.1.1 (`authentication_queue_full`).
   */
  hashQueue: 4_096,
  /** Bytes of a bootstrap file: 1,000,000 users of 200 bytes. Larger: AUTH_BOOTSTRAP_INVALID, nothing starts. */
  bootstrapBytes: 256 * 1024 * 1024,
  /** Users of one bootstrap file: some 300 MB of memory. Over: AUTH_BOOTSTRAP_INVALID, nothing starts. */
  bootstrapUsers: 1_000_000,
  /** Least PBKDF2 iterations of SCRAM: RFC 7677's minimum. Fewer: CONFIG_INVALID. */
  iterationsMin: 4_096,
  /** Most PBKDF2 iterations: a minute of computing. Over: CONFIG_INVALID. */
  iterationsMax: 100_000_000,
  /** Authenticators of the chain: each mechanism once. Over: CONFIG_INVALID. */
  authenticators: 2,
} as const

/** Bounds of the control socket. docs/operating/control.md */
export const managementLimits = {
  /** Characters of one request: a command and a client id of 65,535, each escaped as six. Longer: CTL_REQUEST_INVALID. */
  requestBytes: 400 * 1024,
  /** Connections at once: people and their scripts. Full: CTL_BUSY. */
  clients: 16,
  /** From the connection to the end of its request; then it is closed. */
  requestMs: 5_000,
  /** Clients of one page of a listing: some 400 KB of JSON, made in two or three slices. More asked for: CTL_REQUEST_INVALID. */
  clientsPerPage: 1_000,
  /** Characters after which a page ends all the same: names may have 64 KiB. Full: the others are on the next page. */
  clientsPageChars: 1024 * 1024,
  /** Clients of one step of a listing's slices: about 0.1 ms. */
  clientsPerStep: 32,
  /** Between two looks at what each link has matched, for its rates: 61 samples cover the five minutes. */
  rateSampleMs: 5_000,
  /** After a reset a link's routes count as 0 for so long, unless their number changes: EMQX tallies them so often. */
  routeTallyMs: 15_000,
  /** For the answer: a reload reads files and removes the routes of links. Over: closed without one. */
  answerMs: 60_000,
} as const

/** Bounds and times of the HTTP API. docs/operating/api.md */
export const apiLimits = {
  /** Connections at once: people, their scripts, a dashboard's six each. Full: closed at once (`api_refused_connections`). */
  connections: 128,
  /** Bytes of a request's headers. Larger: 431. */
  headerBytes: 16 * 1024,
  /** Bytes of a body: a link with 1,000 topics of 1,000 bytes. Larger: 413. */
  bodyBytes: 1024 * 1024,
  /** Objects and arrays of a body inside each other: a link has 3 levels. Over: 400. */
  bodyDepth: 32,
  /** From the connection, or the last answer, to the end of a request's headers. Over: 408. */
  headersMs: 10_000,
  /** … and to the end of its body. Over: 408. */
  requestMs: 30_000,
  /** A connection without a request is kept this long after an answer. Over: closed. */
  keepAliveMs: 5_000,
  /** Nothing has moved on a connection for this long, so that who does not read is no burden; above `answerMs`. Over: closed. */
  stalledMs: 60_000,
  /** Questions that the control thread has not answered: changes of links take turns. Full: 503 (`api_refused_busy`). */
  waiting: 64,
  /** For the control thread's answer; what was asked may still be done. Over: 503 (`api_unanswered`). */
  answerMs: 30_000,
  /** How often control is told what was counted, and at most one line of the log is written. */
  reportMs: 1_000,
  /** API keys of one file; each is sent to the edge thread. Over: API_KEYS_INVALID, nothing starts. */
  keys: 1_000,
  /** Bytes of a key and of a secret. Over: API_KEYS_INVALID. */
  keyBytes: 255,
  /** Bytes of the file of API keys: 1,000 of 512 bytes, and comments. Larger: API_KEYS_INVALID. */
  keyFileBytes: 1024 * 1024,
} as const

/** Bounds of the task threads. */
export const taskLimits = {
  /**
   * Jobs waiting for a thread. A link asks for its next bootstrap batch when the last one came, so 64 links keep at most 64
   * waiting; the rest is room for people's reports. Full: the job is refused, TASK_QUEUE_FULL.
   */
  queue: 256,
  /** At the end: what was asked for may be done in this time. A thread's start takes 50 ms of a processor, a password up to 0.3 s. */
  settleMs: 2_000,
  /** After this the threads have ended, or are left to themselves. */
  stopMs: 1_000,
  /** Added to the nice value of task threads. design.md §1. */
  nice: 10,
} as const

/** Bounds and times of the edge thread. What waits for an io loop is bounded by `limits.ws_ring_bytes`. */
export const edgeLimits = {
  /** A WebSocket message when `max_frame_size` is infinity: it is put together before a byte of it moves on. Larger: closed with 1009. */
  frameBytes: 16 * 1024 * 1024,
  /** Bytes that a socket has not taken, above which no more comes up for it: a full ring besides. Above: its io loop keeps the rest. */
  sendHighBytes: 256 * 1024,
  /** … and below which more comes again. */
  sendLowBytes: 64 * 1024,
  /** Bytes that are collected for the loops before the turn's end. */
  batchBytes: 1024 * 1024,
  /** Answers of 256 KiB taken in one turn; the rest comes in the next, so that sockets are read in between. */
  exchangesPerTurn: 8,
  /** How often times are looked at: stalls, closing, idling. */
  tickMs: 100,
  /** For a WebSocket's closing handshake; then it is cut off. */
  closeMs: 5_000,
  /** For the HTTP request in front of a WebSocket; then it is cut off. */
  handshakeMs: 10_000,
  /** A port that somebody took while its listener was given a new certificate is tried again this often. */
  listenAgainMs: 1_000,
  /** uWebSockets.js pings who is silent for this long, and cuts off who does not answer. */
  pingSeconds: 120,
  /** What is on its way to clients when we go has this long to leave. */
  stopGraceMs: 200,
  /** The thread ends in this time, or the process goes on without it. */
  stopMs: 1_000,
  /** Added to the nice value of the thread. design.md §1. */
  nice: 10,
} as const

/** Bounds of the control thread and of sessions as it sees them. Source: design.md §1, §2. */
export const controlLimits = {
  /** Bulk work runs at most this long before the event loop comes by. */
  sliceMs: 2,
  /** Ops of one `answer` when an ended session's subscriptions are removed: about 0.1 ms to make. */
  removalOps: 128,
  /** Ended sessions without subscriptions handled per step. */
  endingsPerStep: 32,
  /** Closed connections handled at once in a batch of events; the others wait for slices. About 2 ms. */
  closedAtOnce: 256,
  /** Closed connections and due timers handled per step of their slices: about 0.1 ms. */
  perStep: 32,
  /** Client ids of one leaf of the roll: 4 KiB, so 100,000 clients are 200 leaves and removing one moves 2 KiB. Full: another leaf. */
  rollLeaf: 512,
  /** Wills and expiries are at most this late, milliseconds, when the control thread is idle. */
  timerPrecisionMs: 50,
  /**
   * A freed session index is not used again for this long: far more than a command waits for a loop. At 10,000 sessions a
   * second that begin and end, 10,000 indexes rest.
   */
  numberRestMs: 1_000,
  /** `broker.stop()` takes no longer. A connection that has not flushed by then is cut. */
  drainMs: 3_000,
  /** … and with the joining of the loops (≤ 1 s) stays below this. */
  stopMs: 5_000,
} as const

/** Bounds that the engine is started with. */
export const engineLimits = {
  /**
   * Entries of 64 bytes in all lanes together, loops × loops of them: 32 MiB. A lane holds at most 4,096, a loop that is 2 ms behind at
   * 2,000,000 messages a second, and at least 128. Full: the publisher's connection pauses (`lane_full_pauses`).
   */
  laneEntries: 512 * 1024,
  laneSlotsMax: 4096,
  laneSlotsMin: 128,
  /** Bytes of all retained messages. Full: a new one is not stored (`retained_refused_bytes`); it still goes to subscribers. */
  retainedBytes: 1024 ** 3,
  /**
   * Bytes of all delayed messages, what keeping each costs included, whatever `delayed.max_delayed_messages` says: a million of
   * 100 bytes. Full: a new one is refused (`delayed_refused`), with 0x97 where the version has words for it.
   */
  delayedBytes: 256 * 1024 ** 2,
} as const

assertLimits()

function assertLimits(): void {
  // The parser recurses once per level: 64 levels of some 10 frames each stay far from V8's stack.
  if (configLimits.nestingDepth > 256) throw new RangeError('configLimits.nestingDepth > 256')
  // One string must fit in what one file may hold, else the string bound could never be met.
  if (configLimits.stringChars > configLimits.fileBytes) {
    throw new RangeError('configLimits.stringChars > configLimits.fileBytes')
  }
  // An actor must survive two lost heartbeats.
  if (linkLimits.heartbeatEveryMs * 3 > linkLimits.actorTtlMs) {
    throw new RangeError('linkLimits.heartbeatEveryMs * 3 > linkLimits.actorTtlMs')
  }
  // A login storm leaves the queue of the task threads to the links.
  if (authLimits.hashesAtOnce + configLimits.links > taskLimits.queue)
    throw new RangeError('authLimits.hashesAtOnce + configLimits.links > taskLimits.queue')
  // Every link may have one bootstrap job waiting.
  if (configLimits.links > taskLimits.queue)
    throw new RangeError('configLimits.links > taskLimits.queue')
  // Who waits for an answer is not taken for somebody who does not read.
  if (apiLimits.answerMs >= apiLimits.stalledMs)
    throw new RangeError('apiLimits.answerMs >= apiLimits.stalledMs')
  // The loops are joined in at most a second after the drain.
  if (controlLimits.drainMs + 1_000 > controlLimits.stopMs)
    throw new RangeError('controlLimits.drainMs + 1_000 > controlLimits.stopMs')
}
