/**
 * Metrics of the control plane: name, unit and meaning, declared here and nowhere else. The data plane's counters are
 * declared natively and appear beside these with the prefix `native_`.
 */
export const controlMetrics = {
  connects_received: { unit: 'packets', meaning: 'CONNECT packets that reached the control plane' },
  connects_refused: { unit: 'packets', meaning: 'CONNECT packets answered with a refusal' },
  connects_abandoned: {
    unit: 'packets',
    meaning: 'connections closed before their CONNECT was answered',
  },
  authentication_succeeded: {
    unit: 'packets',
    meaning: 'CONNECT packets whose sender proved who it is',
  },
  authentication_failed_credentials: {
    unit: 'packets',
    meaning: 'CONNECT packets without the user name or password that is asked for: 0x86, 0x87',
  },
  authentication_failed_method: {
    unit: 'packets',
    meaning: 'CONNECT packets with an authentication method that is not offered: 0x8C',
  },
  authentication_failed_exchange: {
    unit: 'packets',
    meaning: 'CONNECT packets whose AUTH exchange failed or broke its rules: 0x87, 0x82, 0x95',
  },
  authentication_timeouts: {
    unit: 'exchanges',
    meaning: 'AUTH exchanges that took too long, re-authentications included: 0x87',
  },
  authentication_queue_full: {
    unit: 'packets',
    meaning: 'CONNECT packets refused because too many passwords waited to be checked: 0x89',
  },
  reauthentications_succeeded: {
    unit: 'exchanges',
    meaning: 're-authentications of connections that are served',
  },
  reauthentications_failed: {
    unit: 'connections',
    meaning: 'closed because a re-authentication failed or broke its rules: 0x87, 0x82',
  },
  auth_packets_sent: { unit: 'packets', meaning: 'AUTH' },
  connections_attached: {
    unit: 'connections',
    meaning: 'connections that became the connection of a session',
  },
  connections_closed: { unit: 'connections', meaning: 'connections of sessions that ended' },
  sessions_created: { unit: 'sessions', meaning: 'sessions begun' },
  sessions_resumed: { unit: 'sessions', meaning: 'sessions that a later connection went on with' },
  sessions_taken_over: {
    unit: 'sessions',
    meaning: 'connections that ended because their client id connected again',
  },
  sessions_expired: { unit: 'sessions', meaning: 'sessions whose expiry interval passed' },
  sessions_ended: { unit: 'sessions', meaning: 'sessions that ended, expired ones included' },
  wills_published: { unit: 'messages', meaning: 'will messages published' },
  wills_suppressed: {
    unit: 'messages',
    meaning: 'will messages not published because the server was shutting down',
  },
  wills_denied: {
    unit: 'messages',
    meaning: 'will messages for `$SYS/`, where only the broker speaks: dropped with their CONNECT',
  },
  subscriptions_added: {
    unit: 'subscriptions',
    meaning: 'filters granted, changes of existing ones included',
  },
  subscriptions_removed: { unit: 'subscriptions', meaning: 'filters unsubscribed' },
  subscriptions_refused: { unit: 'subscriptions', meaning: 'filters refused' },
  acknowledgements_too_large: {
    unit: 'connections',
    meaning:
      'closed because a SUBACK or UNSUBACK would exceed the client’s Maximum Packet Size: 0x95',
  },
  api_requests: { unit: 'requests', meaning: 'requests to the HTTP API, those refused included' },
  api_refused_credentials: {
    unit: 'requests',
    meaning: 'requests to the HTTP API without an API key, or with a wrong one: 401',
  },
  api_refused_role: {
    unit: 'requests',
    meaning: 'requests to the HTTP API to change something, with a key that may only read: 403',
  },
  api_refused_busy: {
    unit: 'requests',
    meaning: 'requests to the HTTP API while too many waited for an answer: 503',
  },
  api_unanswered: {
    unit: 'requests',
    meaning: 'requests to the HTTP API that the control thread did not answer in time: 503',
  },
  api_refused_requests: {
    unit: 'requests',
    meaning: 'what came to the HTTP API and is no HTTP, too large or too late: 400, 431, 408',
  },
  api_refused_connections: {
    unit: 'connections',
    meaning: 'connections to the HTTP API closed at once, as there were too many',
  },
  packets_undecodable: {
    unit: 'packets',
    meaning: 'packets that the loops accepted and the control plane could not decode',
  },
  events_stale: {
    unit: 'events',
    meaning: 'events that carried an old session or connection number',
  },
} as const satisfies Record<string, { unit: string; meaning: string }>

export const controlGauges = {
  authentication_exchanges: {
    unit: 'exchanges',
    meaning: 'AUTH exchanges that wait for their client',
  },
  connections: {
    unit: 'connections',
    meaning: 'connections of clients, those waiting for an answer included',
  },
  sessions: {
    unit: 'sessions',
    meaning: 'sessions, connected or not, and those being cleared away',
  },
  subscriptions: {
    unit: 'subscriptions',
    meaning: 'subscriptions of all sessions, shared ones included',
  },
  subscriptions_shared: {
    unit: 'subscriptions',
    meaning: 'of these, members of shared groups: `$share/…` and `$queue/…`',
  },
  subscriptions_exclusive: {
    unit: 'subscriptions',
    meaning: 'filters that a session holds exclusively: `$exclusive/…`',
  },
  control_jobs: { unit: 'jobs', meaning: 'bulk jobs that the control thread works on in slices' },
  control_slice_longest_ms: { unit: 'ms', meaning: 'the longest slice of bulk work so far' },
  control_delay_p99_ms: {
    unit: 'ms',
    meaning: 'delay of the control thread’s event loop, 99th percentile since the last reading',
  },
  control_delay_max_ms: {
    unit: 'ms',
    meaning: 'delay of the control thread’s event loop, maximum since the last reading',
  },
} as const satisfies Record<string, { unit: string; meaning: string }>

export type ControlMetric = keyof typeof controlMetrics
export type ControlGauge = keyof typeof controlGauges
