/** Atoms that every EMQX 5.8 and later knows. Source: docs/protocol/cluster-link.md "Erlang External Term Format". */
export const knownAtoms: ReadonlySet<string> = new Set([
  ...['message', '$op', 'ok', 'error', 'true', 'false', 'undefined', 'dup', 'retain', 'sys'],
  ...['properties', 'username', 'proto_ver', 'protocol', 'mqtt', 'peername', 'peerhost'],
  ...['client_attrs', 'retained'],
  ...['Payload-Format-Indicator', 'Message-Expiry-Interval', 'Content-Type', 'Response-Topic'],
  ...['Correlation-Data', 'User-Property', 'Topic-Alias', 'Subscription-Identifier'],
])
