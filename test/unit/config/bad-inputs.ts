/** Refused configurations, each with the exact place and message. Driven by bad-input.test.ts. */
import type { ErrorCode } from '../../../src/errors.js'

/** The mark stands in front of the character the message must point at; it is not part of the input. */
export const mark = '‸'

export interface BadInput {
  readonly title: string
  readonly text: string
  /** The message behind `file:line:column: `, first line. */
  readonly message: string
  readonly code?: ErrorCode
}

export const link = (more: string) =>
  `cluster.links = [\n  { name = "eu", server = "h:1", topics = []\n    ${more} }\n]`

export const badInputs: readonly BadInput[] = [
  // Syntax.
  {
    title: 'a missing value',
    text: 'mqtt.max_inflight = ‸',
    message: 'expected a value, got the end of the text',
    code: 'CONFIG_SYNTAX',
  },
  {
    title: 'a key without a value',
    text: 'mqtt {\n  max_inflight‸\n}',
    message: 'expected = or : or { after the key "max_inflight"',
    code: 'CONFIG_SYNTAX',
  },
  {
    title: 'an object that is not closed',
    text: '\nmqtt ‸{\n  max_inflight = 1\n',
    message: 'this { is never closed: expected }',
    code: 'CONFIG_SYNTAX',
  },
  {
    title: 'an array that is not closed',
    text: 'a = ‸[1, 2\n',
    message: 'this [ is never closed: expected ]',
    code: 'CONFIG_SYNTAX',
  },
  {
    title: 'a brace too many',
    text: 'a = 1\n‸}',
    message: 'this } closes nothing',
    code: 'CONFIG_SYNTAX',
  },
  {
    title: 'a brace too many behind a value',
    text: 'a = 1 ‸}',
    message: 'this } closes nothing',
    code: 'CONFIG_SYNTAX',
  },
  {
    title: 'a string that is not closed',
    text: 'a = ‸"x\nb = 1',
    message: 'this string is never closed: expected " before the end of the line',
    code: 'CONFIG_SYNTAX',
  },
  {
    title: 'a triple-quoted string that is not closed',
    text: 'a = ‸"""x\nb = 1',
    message: 'this string is never closed: expected """',
    code: 'CONFIG_SYNTAX',
  },
  {
    title: 'an unknown escape',
    text: 'a = "x‸\\q"',
    message:
      'unknown escape in a string: expected one of \\" \\\\ \\/ \\b \\f \\n \\r \\t, or \\u and four hexadecimal digits',
    code: 'CONFIG_SYNTAX',
  },
  {
    title: 'two commas',
    text: 'a = [1,‸,2]',
    message: 'expected a value, got ","',
    code: 'CONFIG_SYNTAX',
  },
  {
    title: 'an empty part of a key',
    text: 'a.‸.b = 1',
    message: 'a key has an empty part: two dots, or one at its end',
    code: 'CONFIG_SYNTAX',
  },
  {
    title: 'a key that ends with a dot',
    text: 'a.‸ = 1',
    message: 'a key has an empty part: two dots, or one at its end',
    code: 'CONFIG_SYNTAX',
  },
  {
    title: 'an unquoted # as topic',
    text: 'topics = [‸#]\nx = 1',
    message: '# starts a comment, so this [ is never closed: quote this value, "#"',
    code: 'CONFIG_SYNTAX',
  },
  {
    title: 'an unquoted filter that ends with #',
    text: 'topics = [global/‸#]',
    message: '# starts a comment: quote this value, "global/#"',
    code: 'CONFIG_SYNTAX',
  },
  {
    title: 'an unquoted URL',
    text: 'server = mqtt‸://h:1',
    message: ': is not part of an unquoted value: quote this value, "mqtt://h:1"',
    code: 'CONFIG_SYNTAX',
  },
  {
    title: 'an unquoted value with =',
    text: 'password = abc‸=',
    message: '= is not part of an unquoted value: quote this value, "abc="',
    code: 'CONFIG_SYNTAX',
  },
  {
    title: 'an unquoted backslash',
    text: 'path = C‸\\x',
    message: 'a backslash means nothing outside quotes: quote this value, "C\\\\x"',
    code: 'CONFIG_SYNTAX',
  },
  {
    title: 'a lone dollar',
    text: 'a = ‸$x',
    message: '$ stands only before {: quote this value, "$x"',
    code: 'CONFIG_SYNTAX',
  },
  {
    title: 'a substitution of nothing',
    text: `a = ‸\${nothing.here}`,
    message: `\${nothing.here} is not set: no key and no environment variable has this name`,
    code: 'CONFIG_SYNTAX',
  },
  {
    title: 'substitutions in a circle',
    text: `a = \${b}\nb = ‸\${a}`,
    message: `this substitution leads back to itself through \${a}`,
    code: 'CONFIG_SYNTAX',
  },
  {
    title: 'text joined with an object',
    text: 'a = {} ‸b',
    message: 'cannot join an object and text: a comma or a new line is missing, or quotes',
    code: 'CONFIG_SYNTAX',
  },
  {
    title: 'an array as the whole file',
    text: '‸[1]',
    message: 'a configuration file holds keys and values, not an array',
    code: 'CONFIG_SYNTAX',
  },
  {
    title: '+= to something else than an array',
    text: 'a = 1\n‸a += 2',
    message: '+= appends to an array, but this key holds another value',
    code: 'CONFIG_SYNTAX',
  },
  {
    title: 'an include of a URL',
    text: 'include ‸url("http://x")',
    message: 'only files can be included: include "name" or include file("name")',
    code: 'CONFIG_SYNTAX',
  },
  {
    title: 'too many brackets inside each other',
    text: `a = ${'['.repeat(64)}‸[`,
    message: 'more than 64 objects and arrays inside each other',
    code: 'CONFIG_LIMIT_EXCEEDED',
  },
  // Keys and types.
  {
    title: 'an unknown section',
    text: '‸mqttt { }',
    message: 'mqttt: unknown_fields: no such key; did you mean "mqtt"?',
  },
  {
    title: 'an unknown key',
    text: 'mqtt {\n  ‸max_packt_size = 1MB\n}',
    message: 'mqtt.max_packt_size: unknown_fields: no such key; did you mean "max_packet_size"?',
  },
  {
    title: 'an unknown key that resembles nothing',
    text: 'mqtt.‸zzzzzzzz = 1',
    message: 'mqtt.zzzzzzzz: unknown_fields: no such key',
  },
  {
    title: 'a key of the prototype',
    text: 'mqtt.‸__proto__ = 1',
    message: 'mqtt.__proto__: unknown_fields: no such key',
  },
  {
    title: 'a listener called like the prototype',
    text: 'listeners.tcp.‸__proto__ { bind = 1 }',
    message: 'listeners.tcp.__proto__: unknown_fields: no such key',
  },
  {
    title: 'a section that is not an object',
    text: 'mqtt = ‸5',
    message: 'mqtt: expected an object, got 5',
  },
  {
    title: 'links that are not an array',
    text: 'cluster.links ‸{ }',
    message: 'cluster.links: expected an array, got an object',
  },
  {
    title: 'a link that is not an object',
    text: 'cluster.links = [‸"eu"]',
    message: 'cluster.links.1: expected an object, got "eu"',
  },
  {
    title: 'text where a number belongs',
    text: 'mqtt.max_inflight = ‸many',
    message: 'mqtt.max_inflight: expected an integer from 1 to 65535, got "many"',
  },
  {
    title: 'a fraction where an integer belongs',
    text: 'mqtt.max_inflight = ‸1.5',
    message: 'mqtt.max_inflight: expected an integer from 1 to 65535, got 1.5',
  },
  {
    title: 'an integer out of range',
    text: 'mqtt.max_qos_allowed = ‸3',
    message: 'mqtt.max_qos_allowed: expected an integer from 0 to 2, got 3',
  },
  {
    title: 'a boolean in other words',
    text: 'mqtt.upgrade_qos = ‸yes',
    message: 'mqtt.upgrade_qos: expected true or false, got "yes"',
  },
  {
    title: 'a duration with an unknown unit',
    text: 'mqtt.idle_timeout = ‸15q',
    message: 'mqtt.idle_timeout: expected a duration of at least 1 ms, or infinity, got "15q"',
  },
  {
    title: 'a negative duration',
    text: 'mqtt.await_rel_timeout = ‸-1s',
    message: 'mqtt.await_rel_timeout: expected a duration from 1 ms to 2147483648 ms, got "-1s"',
  },
  {
    title: 'a size with an unknown unit',
    text: 'mqtt.max_packet_size = ‸1TB',
    message: 'mqtt.max_packet_size: expected a size from 1 bytes to 268435460 bytes, got "1TB"',
  },
  {
    title: 'a packet larger than the protocol has',
    text: 'mqtt.max_packet_size = ‸1GB',
    message: 'mqtt.max_packet_size: expected a size from 1 bytes to 268435460 bytes, got "1GB"',
  },
  {
    title: 'a word that is not one of the choices',
    text: 'mqtt.shared_subscription_strategy = ‸fair',
    message:
      'mqtt.shared_subscription_strategy: expected one of random, round_robin, round_robin_per_group, sticky, local, hash_topic, hash_clientid, got "fair"',
  },
  {
    title: 'a priority out of range',
    text: 'mqtt.mqueue_priorities ‸{ "t/1" = 256 }',
    message:
      'mqtt.mqueue_priorities: expected the priority of "t/1" to be an integer from 1 to 255, got 256',
  },
  {
    title: 'too many io loops',
    text: 'workers.io = ‸65',
    message: 'workers.io: expected an integer from 1 to 64, got 65',
  },
  {
    title: 'a rate without a period',
    text: 'retainer.delivery_rate = ‸1000',
    message: 'retainer.delivery_rate: expected a rate such as 1000/s, or infinity, got 1000',
  },
  {
    title: 'a keep-alive of two numbers',
    text: 'listeners.tcp.default.tcp_options.keepalive = ‸"240,30"',
    message:
      'listeners.tcp.default.tcp_options.keepalive: expected none, or idle,interval,probes as in "240,30,5", got "240,30"',
  },
  {
    title: 'a mountpoint with a wildcard',
    text: 'listeners.tcp.default.mountpoint = ‸"a/+/"',
    message:
      'listeners.tcp.default.mountpoint: a mountpoint holds no wildcard and no NUL, got "a/+/"',
  },
  {
    title: 'a mountpoint with a placeholder nobody fills in',
    text: `listeners.tcp.default.mountpoint = ‸"a/\${clientId}/"`,
    message: `listeners.tcp.default.mountpoint: a mountpoint may hold \${clientid}, \${username}, \${zone}, got "\${clientId}"`,
  },
  // Addresses.
  {
    title: 'a listener name with a dot',
    text: 'listeners.tcp.‸"a.b" { bind = 1 }',
    message:
      'listeners.tcp.a.b: expected a name of 1 to 64 letters, digits, - and _, starting with a letter',
  },
  {
    title: 'port 0 of a listener',
    text: 'listeners.tcp.default.bind = ‸0',
    message: 'listeners.tcp.default.bind: bad_port_number: expected a port from 1 to 65535, got 0',
  },
  {
    title: 'a port too large',
    text: 'listeners.tcp.default.bind = ‸"0.0.0.0:70000"',
    message:
      'listeners.tcp.default.bind: port_number_too_large: expected a port from 1 to 65535, got 70000',
  },
  {
    title: 'a listener without a port',
    text: 'listeners.tcp.default.bind = ‸"0.0.0.0"',
    message:
      'listeners.tcp.default.bind: bad_host_port: expected a port, or address:port, got "0.0.0.0"',
  },
  {
    title: 'an IPv6 address without brackets',
    text: 'listeners.tcp.default.bind = ‸"::1"',
    message:
      'listeners.tcp.default.bind: bad_host_port: expected host:port, got "::1": write an IPv6 address in brackets, "[::1]"',
  },
  {
    title: 'an address with a number too large',
    text: 'listeners.tcp.default.bind = ‸"300.0.0.1:1883"',
    message:
      'listeners.tcp.default.bind: bad_host_port: "300.0.0.1" is not a host name or an address',
  },
  {
    title: 'a listener on a host name',
    text: 'listeners.tcp.default.bind = ‸"localhost:1883"',
    message:
      'listeners.tcp.default.bind: bad_host_port: expected an address of this machine, got the name "localhost"',
  },
  {
    title: 'an access rule without a verdict',
    text: 'listeners.tcp.default.access_rules = ‸["10.0.0.0/8"]',
    message:
      'listeners.tcp.default.access_rules: expected each element to be "allow all", "deny 10.0.0.0/8" or the like, got "10.0.0.0/8"',
  },
  {
    title: 'a connection rate of nothing',
    text: 'listeners.tcp.default.max_conn_rate = ‸"0/s"',
    message:
      'listeners.tcp.default.max_conn_rate: expected a rate such as 1000/s, or infinity, got "0/s"',
  },
  {
    title: 'a Unix socket without a path',
    text: 'listeners.unix.mine ‸{ mode = "0600" }',
    message:
      'listeners.unix.mine.bind: required_field: expected the path of a file, of at most 107 bytes, got nothing',
  },
  {
    title: 'permissions that are none',
    text: 'listeners.unix.mine { bind = "mqtt.sock", mode = ‸"0888" }',
    message: 'listeners.unix.mine.mode: expected permissions such as "0660", got "0888"',
  },
  {
    title: 'two listeners at one path',
    text: 'listeners.unix.a.bind = "/run/x.sock"\nlisteners.unix.b.bind = ‸"/run/../run/x.sock"',
    message:
      'listeners.unix.b.bind: two listeners at /run/x.sock: listeners.unix.a.bind and listeners.unix.b.bind; change one, or set enable = false (the other at c.conf:1:25)',
  },
  // Links.
  {
    title: 'a link without a name',
    text: 'cluster.links = [\n  ‸{ server = "h:1", topics = [] }\n]',
    message:
      'cluster.links.1.name: required_field: expected a cluster name (1 to 255 characters, without / + # or control characters), got nothing',
  },
  {
    title: 'a link without topics',
    text: 'cluster.links = [\n  ‸{ name = eu, server = "h:1" }\n]',
    message:
      'cluster.links.1.topics: required_field: expected an array, each element a string, got nothing',
  },
  {
    title: 'a link without a server',
    text: 'cluster.links = [\n  ‸{ name = eu, topics = [] }\n]',
    message:
      'cluster.links.1.server: required_field: expected host, host:port or mqtts://host:port, several with commas, got nothing',
  },
  {
    title: 'an empty server',
    text: link('server = ‸""'),
    message: 'cluster.links.1.server: required_field: expected host:port, got nothing',
  },
  {
    title: 'a server of another scheme',
    text: link('server = ‸"ws://h:1"'),
    message:
      'cluster.links.1.server: unsupported_scheme: expected mqtt:// or mqtts://, got "ws://"',
  },
  {
    title: 'a server that is a number',
    text: link('server = ‸1883'),
    message:
      'cluster.links.1.server: expecting_hostname_but_got_a_number: expected host:port, got "1883"',
  },
  {
    title: 'a server with a space',
    text: link('server = ‸"my host:1"'),
    message: 'cluster.links.1.server: hostname_has_space: "my host:1"',
  },
  {
    title: 'a server with a bad port',
    text: link('server = ‸"h:x"'),
    message: 'cluster.links.1.server: bad_port_number: expected a port from 1 to 65535, got "x"',
  },
  {
    title: 'a bad server in a list',
    text: link('server = ‸"a:1, b:99999"'),
    message:
      'cluster.links.1.server: port_number_too_large: expected a port from 1 to 65535, got 99999',
  },
  {
    title: 'an unknown key of a link',
    text: link('‸topic = []'),
    message: 'cluster.links.1.topic: unknown_fields: no such key; did you mean "topics"?',
  },
  {
    title: 'a key that links may not have',
    text: link('resource_opts { ‸batch_size = 1 }'),
    message: 'cluster.links.1.resource_opts.batch_size: unknown_fields: no such key',
  },
  {
    title: 'a cluster name with a slash',
    text: 'cluster.name = ‸"a/b"',
    message:
      'cluster.name: expected a cluster name (1 to 255 characters, without / + # or control characters), got "a/b"',
  },
  {
    title: 'an empty topic',
    text: link('topics = ["a", ‸""]'),
    message: 'cluster.links.1.topics.2: invalid_topics: empty_topic: ""',
  },
  {
    title: 'a # that is not last',
    text: link('topics = [‸"a/#/b"]'),
    message:
      'cluster.links.1.topics.1: invalid_topics: topic_invalid_#: "a/#/b": # stands only at the end',
  },
  {
    title: 'a wildcard inside a level',
    text: link('topics = [‸"a+/b"]'),
    message:
      'cluster.links.1.topics.1: invalid_topics: topic_invalid_char: "a+/b": + and # stand alone between slashes, and NUL nowhere',
  },
  {
    title: 'a shared filter without a group',
    text: link('topics = [‸"$share/a"]'),
    message:
      'cluster.links.1.topics.1: invalid_topics: invalid_share: "$share/a": expected $share/group/filter',
  },
  {
    title: 'the topics of linking itself',
    text: link('topics = [‸"$LINK/cluster/#"]'),
    message:
      'cluster.links.1.topics.1: invalid_topics: topic_not_allowed: "$LINK/cluster/#": the topics of cluster linking itself cannot be linked',
  },
  {
    title: 'a covered topic',
    text: link('topics = [‸"t/1", "t/+"]'),
    message:
      'cluster.links.1.topics.1: redundant_topics: "t/1" is covered by "t/+" (the other at c.conf:3:22)',
  },
  {
    title: 'a topic given twice',
    text: link('topics = ["t", ‸"t"]'),
    message:
      'cluster.links.1.topics.2: redundant_topics: "t" is covered by "t" (the other at c.conf:3:15)',
  },
  {
    title: 'two links of one name',
    text: 'cluster.links = [\n  { name = eu, server = h, topics = [] }\n  { name = ‸eu, server = h, topics = [] }\n]',
    message:
      'cluster.links.2.name: duplicated_cluster_links: two links are called "eu" (the other at c.conf:2:12)',
  },
  // Ports.
  {
    title: 'two listeners on one port',
    text: 'listeners.tcp.a.bind = 2000\nlisteners.tcp.b.bind = ‸"127.0.0.1:2000"',
    message:
      'listeners.tcp.b.bind: two listeners on port 2000: listeners.tcp.a.bind and listeners.tcp.b.bind; change one, or set enable = false (the other at c.conf:1:24)',
  },
  {
    title: 'a listener on the port of a default listener',
    text: 'listeners.tcp.clink.bind = ‸1883',
    message:
      'listeners.tcp.clink.bind: two listeners on port 1883: listeners.tcp.default.bind and listeners.tcp.clink.bind; change one, or set enable = false',
  },
  {
    title: 'a listener on the port of the dashboard',
    text: 'listeners.tcp.a.bind = 18083\ndashboard.listeners.http.bind = ‸18083',
    message:
      'dashboard.listeners.http.bind: two listeners on port 18083: listeners.tcp.a.bind and dashboard.listeners.http.bind; change one, or set enable = false (the other at c.conf:1:24)',
  },
]
