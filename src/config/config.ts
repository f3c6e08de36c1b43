/**
 * The configuration every other room receives: plain, frozen, typed data with units in the names.
 *
 * EMQX's spelling (`mqtt.max_packet_size`) ends at the schema; here are domain values. Durations are
 * milliseconds (`…Ms`) unless a name says seconds, sizes are bytes (`…Bytes`), and `null` where a
 * number is expected means the file said `infinity` (no limit) or `disabled` (feature off), as the
 * field's comment says. `null` rather than `Infinity` so that the compiler makes a reader decide,
 * and because `null` may cross the seam into native code. Every object is safe to structured-clone.
 */

import type { PasswordHash } from '../password-hash.js'

export interface Config {
  /** The chain of authenticators, disabled ones included; none enabled: everybody may connect. */
  readonly authentication: readonly AuthenticatorConfig[]
  /** `cluster.name`: how the other regions know this one. */
  readonly clusterName: string
  /** `cluster.links`, in file order; disabled ones included. At most `limits.config.links`. */
  readonly links: readonly LinkConfig[]
  /** Every listener, default ones included, disabled ones too; unique by (kind, name). */
  readonly listeners: readonly ListenerConfig[]
  readonly dashboard: DashboardConfig
  readonly apiKey: ApiKeyConfig
  readonly node: NodeConfig
  readonly workers: WorkersConfig
  readonly mqtt: MqttConfig
  readonly retainer: RetainerConfig
  readonly delayed: DelayedConfig
  readonly sysTopics: SysTopicsConfig
  readonly log: LogConfig
  readonly limits: LimitsConfig
  /** What an acknowledgement promises about the disk. design.md §8. */
  readonly durability: Durability
}

export type Durability = 'strict' | 'relaxed' | 'off'

/** `delayed`: `$delayed/<seconds>/<topic>`. */
export interface DelayedConfig {
  readonly enable: boolean
  /** Messages that may wait; null: their bytes alone are bounded. */
  readonly messagesMax: number | null
}

/** `sys_topics`: what is published under `$SYS/brokers`, and who may hear it. */
export interface SysTopicsConfig {
  /** Null: never. */
  readonly sysMsgIntervalMs: number | null
  /** Null: never. */
  readonly sysHeartbeatIntervalMs: number | null
  readonly events: {
    readonly clientConnected: boolean
    readonly clientDisconnected: boolean
    readonly clientSubscribed: boolean
    readonly clientUnsubscribed: boolean
  }
  readonly subscribers: 'loopback' | 'all' | 'none'
}

export interface NodeConfig {
  /** `node.name`, e.g. `emqx@127.0.0.1`; its SHA-1 ends link client ids. docs/protocol/cluster-link.md */
  readonly name: string
  /** `node.data_dir` as written; relative paths are relative to the working directory. */
  readonly dataDir: string
}

export interface WorkersConfig {
  /** Number of io loops, 1 ≤ io ≤ 64. */
  readonly io: number
  /** Number of task threads, 1 ≤ tasks ≤ 64. */
  readonly tasks: number
  /** What serves WebSocket; `auto`: uWebSockets.js where it loads, else `ws`. */
  readonly websocket: 'auto' | 'ws'
}

// ----------------------------------------------------------------------------------- authentication

export type AuthenticatorConfig = PasswordAuthenticatorConfig | ScramAuthenticatorConfig

export interface AuthenticatorCommon {
  /** `authentication.<index>`, 1-based: the configuration path, for messages and for `where()`. */
  readonly path: string
  readonly enable: boolean
  /** CSV or JSON, by its name; null: no users. Relative paths are relative to the working directory. */
  readonly bootstrapFile: string | null
  /** Whether the file holds passwords or what is stored of them. */
  readonly bootstrapType: 'plain' | 'hash'
}

export interface PasswordAuthenticatorConfig extends AuthenticatorCommon {
  readonly mechanism: 'password_based'
  readonly userIdType: 'username' | 'clientid'
  readonly hash: PasswordHash
}

export interface ScramAuthenticatorConfig extends AuthenticatorCommon {
  readonly mechanism: 'scram'
  readonly algorithm: 'sha256' | 'sha512'
  /** Of users whose password is in the file, and of names that nobody has. */
  readonly iterationCount: number
}

// ---------------------------------------------------------------------------------------- listeners

export type ListenerConfig =
  | TcpListenerConfig
  | UnixListenerConfig
  | SslListenerConfig
  | WsListenerConfig
  | WssListenerConfig

/** `ssl`, `ws` and `wss` are accepted and validated; they come alive with their issues. */
export type ListenerKind = ListenerConfig['kind']

export interface ListenerCommon {
  /** The key under `listeners.<kind>`. */
  readonly name: string
  /** `listeners.<kind>.<name>`: the configuration path, for messages and for `where()`. */
  readonly path: string
  readonly enable: boolean
  /**
   * Address to bind, without brackets; '' for all addresses of both families, when `bind` is a bare port or `:port`, and of
   * a Unix socket.
   */
  readonly host: string
  /** 1 ≤ port ≤ 65535; 0 of a Unix socket. */
  readonly port: number
  /**
   * Whether `$LINK/#` may be published here: `enable_link = true`, or not set and the name starts
   * with `clink`. With no such listener enabled anywhere, `linkOpenToAll()` says all listeners are.
   */
  readonly enableLink: boolean
  /** `quick_deny_anonymous`: as true, and clients without a user name are refused first. */
  readonly enableAuthn: boolean | 'quick_deny_anonymous'
  /** Connections at once on this listener; null: no limit of its own. */
  readonly maxConnections: number | null
  /** Connections accepted per second; null: no limit. */
  readonly maxConnRatePerSecond: number | null
  /** What one client may publish; null: no limit. */
  readonly messageRate: ClientRate | null
  /** Bytes one client may send; null: no limit. */
  readonly byteRate: ClientRate | null
  /** What all clients of this listener together may publish a second; null: no limit. */
  readonly totalMessagesPerSecond: number | null
  /** Bytes that they may send a second; null: no limit. */
  readonly totalBytesPerSecond: number | null
  /** Time for the PROXY header that every connection begins with; null: there is none. */
  readonly proxyTimeoutMs: number | null
  /** `allow all`, `deny 10.0.0.0/8`, …; the first that fits decides. */
  readonly accessRules: readonly string[]
  /** Prefix for every topic of clients of this listener, `$LINK/` exempt; '' for none. */
  readonly mountpoint: string
  readonly zone: string
  readonly tcp: TcpOptions
}

/** A bucket of a second's tokens, and one of burst tokens beside it. */
export interface ClientRate {
  readonly perSecond: number
  readonly burst: number
  /** At which burst tokens come back. */
  readonly burstPerSecond: number
}

export interface TcpListenerConfig extends ListenerCommon {
  readonly kind: 'tcp'
}

/** Ours: EMQX has none. */
export interface UnixListenerConfig extends ListenerCommon {
  readonly kind: 'unix'
  /** As written; relative paths are relative to the working directory. */
  readonly socketPath: string
  /** Permissions of the file. */
  readonly mode: number
}

export interface SslListenerConfig extends ListenerCommon {
  readonly kind: 'ssl'
  readonly tls: TlsServerConfig
}

export interface WsListenerConfig extends ListenerCommon {
  readonly kind: 'ws'
  readonly websocket: WebsocketConfig
}

export interface WssListenerConfig extends ListenerCommon {
  readonly kind: 'wss'
  readonly tls: TlsServerConfig
  readonly websocket: WebsocketConfig
}

/** Socket options of one listener. */
export interface TcpOptions {
  /** Length of the kernel's accept queue. */
  readonly backlog: number
  readonly nodelay: boolean
  /** A write that makes no progress for this long closes the connection. */
  readonly sendTimeoutMs: number
  /** Out-buffer above which the connection counts as not reading. design.md §6. */
  readonly highWatermarkBytes: number
  /** TCP keep-alive probes, or null for the kernel's default. */
  readonly keepalive: TcpKeepalive | null
  /** SO_SNDBUF, or null for the kernel's choice. */
  readonly sndbufBytes: number | null
  /** SO_RCVBUF, or null for the kernel's choice. */
  readonly recbufBytes: number | null
}

export interface TcpKeepalive {
  readonly idleSeconds: number
  readonly intervalSeconds: number
  readonly probes: number
}

export interface WebsocketConfig {
  readonly path: string
  readonly idleTimeoutMs: number
  /** Largest WebSocket message, or null for `edgeLimits.frameBytes`. */
  readonly maxFrameBytes: number | null
  readonly failIfNoSubprotocol: boolean
  readonly subprotocols: readonly string[]
  readonly compress: boolean
  /** Null: an Origin is not looked at. */
  readonly origins: OriginRules | null
  /** Headers that say who is behind a proxy, in lower case; null: not read. */
  readonly proxyAddressHeader: string | null
  readonly proxyPortHeader: string | null
}

/** Which web pages may connect. */
export interface OriginRules {
  readonly allowed: readonly string[]
  /** Clients that are no web pages send none. */
  readonly absenceAllowed: boolean
}

export type TlsVersion = 'tlsv1' | 'tlsv1.1' | 'tlsv1.2' | 'tlsv1.3'

/** One certificate and what belongs to it. Each text is a path, or PEM itself. */
export interface TlsIdentityConfig {
  readonly certFile: string | null
  readonly keyFile: string | null
  /** Password of the private key; secret. A `file://` value is read when the key is. */
  readonly keyPassword: string | null
}

export interface TlsCommon extends TlsIdentityConfig {
  /** `listeners.ssl.default.ssl_options`, `cluster.links.1.ssl`: for messages and for `where()`. */
  readonly path: string
  readonly caCertFile: string | null
  readonly verifyPeer: boolean
  readonly depth: number
  readonly versions: readonly TlsVersion[]
  /** OpenSSL or IANA names, in order of preference; empty: the library's choice. */
  readonly ciphers: readonly string[]
}

export interface TlsServerConfig extends TlsCommon {
  readonly failIfNoPeerCert: boolean
  readonly handshakeTimeoutMs: number
  /** Revocation lists; path or PEM text. Looked at when `checkCrl`. */
  readonly crlFile: string | null
  readonly checkCrl: boolean
  readonly honorCipherOrder: boolean
  readonly reuseSessions: boolean
  /** Other certificates, by the name that the client asks for. */
  readonly sniHosts: readonly TlsSniHost[]
}

export interface TlsSniHost extends TlsIdentityConfig {
  /** Host names; `*.` in front stands for one label. */
  readonly hosts: readonly string[]
}

export interface TlsClientConfig extends TlsCommon {
  /** Name to ask for and verify; null: the host dialled; false: send none (`disable`). */
  readonly serverName: string | null | false
}

export interface DashboardConfig {
  readonly http: {
    readonly host: string
    /** 0: the API is off. */
    readonly port: number
  }
}

export interface ApiKeyConfig {
  /** Null: there are no API keys. */
  readonly bootstrapFile: string | null
}

// -------------------------------------------------------------------------------------------- links

/** One entry of `cluster.links`. docs/protocol/cluster-link.md */
export interface LinkConfig {
  /** `cluster.links.<index>`, 1-based: the configuration path, for messages and for `where()`. */
  readonly path: string
  /** The remote cluster's `cluster.name`. */
  readonly name: string
  readonly enable: boolean
  /** Nothing is dialled: both directions use what the remote cluster dials. docs/protocol/cluster-link.md "Accepting only" */
  readonly acceptOnly: boolean
  /** Addresses, tried in turn; none with `acceptOnly`, else at least one. */
  readonly servers: readonly LinkServer[]
  /** Base of the link's client ids; our own cluster name when the file gives none. */
  readonly clientId: string
  readonly username: string | null
  /** Secret. A `file://` value is kept as written and read at connect time. */
  readonly password: string | null
  /** What we want to receive; validated, none redundant; may be empty (we send only). */
  readonly topics: readonly string[]
  /** Number of message connections, ≥ 1. */
  readonly poolSize: number
  /** Retransmission of unacknowledged messages on a live connection. */
  readonly retryIntervalMs: number
  /** Unacknowledged messages per connection; 0: as many as the peer's Receive Maximum allows. */
  readonly maxInflight: number
  /** Carries interest and messages of other clusters. docs/protocol/cluster-link.md "Transit" */
  readonly transit: boolean
  /** Filters of retained messages that both clusters hold; empty: none. docs/protocol/cluster-link.md "Retained messages" */
  readonly retainedSync: readonly string[]
  /** Drift checksums, with a remote cluster that also asks for them. docs/protocol/cluster-link.md "Drift checksum" */
  readonly driftCheck: boolean
  /** TLS settings, or null when neither `ssl.enable` nor a `mqtts://` server asks for it. */
  readonly tls: TlsClientConfig | null
  readonly tcp: LinkTcpOptions
  readonly resource: LinkResourceOptions
}

export interface LinkServer {
  /** Host name, IPv4 address, or IPv6 address without brackets. */
  readonly host: string
  readonly port: number
  /** `mqtts://`, or `ssl.enable = true` on the link. */
  readonly tls: boolean
}

export interface LinkTcpOptions {
  readonly nodelay: boolean
  readonly keepalive: boolean
  readonly sndbufBytes: number | null
  readonly recbufBytes: number | null
}

/** `resource_opts`, with EMQX's meaning. */
export interface LinkResourceOptions {
  /** Age at which a message waiting for the link is dropped and counted; null: never. */
  readonly requestTtlMs: number | null
  /** Messages taken from the buffer at once and not yet acknowledged. */
  readonly inflightWindow: number
  /** Bytes a pool worker may buffer while the link is down or slow. */
  readonly maxBufferBytes: number
  readonly healthCheckIntervalMs: number
  readonly startTimeoutMs: number
  readonly workerPoolSize: number
  readonly dispatchStrategy: 'per_clientid' | 'random'
}

// --------------------------------------------------------------------------------------------- mqtt

export type SharedSubscriptionStrategy =
  | 'random'
  | 'round_robin'
  | 'round_robin_per_group'
  | 'sticky'
  | 'local'
  | 'hash_topic'
  | 'hash_clientid'

export type PeerCertField = 'cn' | 'dn' | 'crt' | 'pem' | 'md5'

export interface MqttConfig {
  /** Largest packet accepted, whole packet. 1 ≤ n ≤ 268435460. */
  readonly maxPacketBytes: number
  /** Characters counted as bytes of UTF-8. */
  readonly maxClientIdBytes: number
  readonly maxTopicLevels: number
  /** Topic Alias Maximum offered to clients; 0: none. */
  readonly maxTopicAlias: number
  readonly maxQosAllowed: 0 | 1 | 2
  readonly retainAvailable: boolean
  readonly wildcardSubscription: boolean
  readonly sharedSubscription: boolean
  readonly sharedSubscriptionStrategy: SharedSubscriptionStrategy
  readonly sharedSubscriptionStickyPick: 'random' | 'local' | 'hash_topic' | 'hash_clientid'
  readonly exclusiveSubscription: boolean
  /** Treat every 3.1.1 subscription as No Local. */
  readonly ignoreLoopDeliver: boolean
  readonly strictMode: boolean
  /** A connection silent for keep-alive × this is closed. > 1. */
  readonly keepaliveMultiplier: number
  readonly keepaliveCheckIntervalMs: number
  /** Keep-alive imposed on every client, in seconds; null: the client's own. */
  readonly serverKeepaliveSeconds: number | null
  /** Response Information handed out on request; '' for none. */
  readonly responseInformation: string
  /** Time for a new connection to send its CONNECT; null: no limit but `limits`' own. */
  readonly idleTimeoutMs: number | null
  /** Redelivery on a live 3.1 / 3.1.1 connection; null: only on reconnect. */
  readonly retryIntervalMs: number | null
  /** Expiry of sessions of 3.1 / 3.1.1 clients that connect with clean session 0. */
  readonly sessionExpiryIntervalMs: number
  /** Cap put on a message's expiry, also on those without one; null: none. */
  readonly messageExpiryIntervalMs: number | null
  /** Inbound QoS 2 messages waiting for PUBREL; null: only the protocol's 65535. */
  readonly maxAwaitingRel: number | null
  readonly awaitRelTimeoutMs: number
  /** Outbound window, 1 ≤ n ≤ 65535. */
  readonly maxInflight: number
  /** Messages a session may queue, of each priority; null: no count limit, the byte limit stays. */
  readonly maxMqueueLen: number | null
  /** Topic → priority 1…255; null: all alike. */
  readonly mqueuePriorities: ReadonlyMap<string, number> | null
  /** Priority of topics not in `mqueuePriorities`. */
  readonly mqueueDefaultPriority: 'lowest' | 'highest'
  readonly mqueueStoreQos0: boolean
  /** Subscriptions per session; null: no limit. */
  readonly maxSubscriptions: number | null
  /** Deliver at the subscription's QoS even when the message's is lower. */
  readonly upgradeQos: boolean
  readonly useUsernameAsClientId: boolean
  readonly peerCertAsUsername: PeerCertField | null
  readonly peerCertAsClientId: PeerCertField | null
}

// ----------------------------------------------------------------------------------- the other parts

export interface RetainerConfig {
  readonly enable: boolean
  readonly maxPayloadBytes: number
  /** Lifetime of retained messages without an expiry of their own; null: for ever. */
  readonly expiryMs: number | null
  /** Period of the sweep that removes expired ones; null: none, they are skipped when read. */
  readonly clearIntervalMs: number | null
  /** Number of topics that may hold a retained message; null: no limit. */
  readonly maxRetainedMessages: number | null
  /** An empty retained payload is stored away silently rather than delivered. */
  readonly stopPublishClearMessage: boolean
  /** Retained messages read per step of one replay; null: the whole result. */
  readonly batchReadNumber: number | null
  /** Retained messages replayed per step to one client; null: no limit of its own. */
  readonly batchDeliverNumber: number | null
  /** Ceiling of all replays together, messages per second; null: none. */
  readonly deliverRatePerSecond: number | null
}

export type LogLevel =
  | 'debug'
  | 'info'
  | 'notice'
  | 'warning'
  | 'error'
  | 'critical'
  | 'alert'
  | 'emergency'

export interface LogConfig {
  readonly console: {
    readonly enable: boolean
    readonly level: LogLevel
    readonly formatter: 'text' | 'json'
  }
}

/** Bounds of the whole broker that an operator may move; the rest are constants in limits.ts. */
export interface LimitsConfig {
  /** Connections at once, all listeners; null: as many as file descriptors allow. */
  readonly connections: number | null
  /** Sockets that have not yet sent a whole CONNECT; beyond it accepting pauses. */
  readonly pendingConnects: number
  /** CONNECTs of one client id waiting for each other; beyond it the newest is refused. */
  readonly connectsPerClientId: number
  /** Sessions, connected or not; null: no limit. */
  readonly sessions: number | null
  /** Bytes one session's queue may hold, whatever `mqtt.max_mqueue_len` says. */
  readonly sessionQueueBytes: number
  /** Time control has to answer a packet that needs a decision. design.md §3, the barrier. */
  readonly decisionTimeoutMs: number
  /** A WebSocket publisher whose ring is full for this long is closed with 0x97. */
  readonly wsStallMs: number
  readonly wsRingBytes: number
}
