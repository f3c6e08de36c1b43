/** What speaks another protocol, or none, to the port. None of it gets a byte; none of it is waited for. */
import { closes, type HostileCase } from './case.js'
import { bytes, hex } from './wire.js'

const lines = (...text: readonly string[]) => Buffer.from(`${text.join('\r\n')}\r\n\r\n`)

/** A TLS 1.2 and 1.3 ClientHello as browsers begin it: record header, handshake header, version, random. */
const clientHello = bytes(hex('16 0301 00f4 01 0000f0 0303'), Buffer.alloc(32, 0xa5), hex('20'))

const greetings: readonly (readonly [who: string, bytes: Uint8Array])[] = [
  ['an HTTP GET', lines('GET / HTTP/1.1', 'Host: example.org')],
  ['an HTTP POST', lines('POST /api HTTP/1.1', 'Content-Length: 2', '', '{}')],
  ['an HTTP CONNECT', lines('CONNECT example.org:443 HTTP/1.1')],
  ['an HTTP OPTIONS', lines('OPTIONS * HTTP/1.1')],
  ['an HTTP PUT', lines('PUT / HTTP/1.0')],
  ['an HTTP DELETE', lines('DELETE / HTTP/1.1')],
  [
    'a WebSocket upgrade',
    lines(
      'GET /mqtt HTTP/1.1',
      'Upgrade: websocket',
      'Connection: Upgrade',
      'Sec-WebSocket-Protocol: mqtt',
    ),
  ],
  ['an HTTP/2 preface', lines('PRI * HTTP/2.0', '', 'SM')],
  ['a TLS ClientHello', clientHello],
  ['a TLS alert', hex('15 0303 0002 0228')],
  ['an SSLv2 ClientHello', hex('80 2e 01 0002 0015 0000 0010')],
  ['an SSH banner', Buffer.from('SSH-2.0-OpenSSH_9.2\r\n')],
  ['a PROXY protocol v1 header', Buffer.from('PROXY TCP4 192.0.2.1 192.0.2.2 4000 1883\r\n')],
  [
    'a PROXY protocol v2 header',
    hex('0d0a0d0a000d0a515549540a 21 11 000c c0000201 c0000202 0fa0 075b'),
  ],
  ['an AMQP header', hex('414d5150 00000901')],
  ['a STOMP frame', Buffer.from('STOMP\naccept-version:1.2\n\n\0')],
  ['a Redis command', Buffer.from('*1\r\n$4\r\nPING\r\n')],
  ['an SMTP greeting', Buffer.from('EHLO example.org\r\n')],
  ['a SIP request', lines('REGISTER sip:example.org SIP/2.0')],
  ['a SOCKS5 greeting', hex('05 01 00')],
  ['an RDP request', hex('03 00 0013 0e e0 0000 0000 00 01 0008 0003000000')],
  ['an SMB negotiation', hex('00 000054 ff534d42 72')],
  ['a DNS query over TCP', hex('001d 1234 0100 0001 0000 0000 0000')],
  ['a frame of a WebSocket without its handshake', hex('82 85 00000000 1003000000')],
  ['zeros', Buffer.alloc(64)],
  ['ones', Buffer.alloc(64, 0xff)],
  ['a line of spaces', Buffer.alloc(64, ' ')],
  ['a line feed', Buffer.from('\n')],
]

export const strangerCases: readonly HostileCase[] = greetings.map(([who, greeting]) => ({
  name: `${who} instead of CONNECT`,
  version: 4,
  phase: 'first',
  bytes: greeting,
  reaction: closes,
  spec: 'MQTT-3.1.0-1',
}))
