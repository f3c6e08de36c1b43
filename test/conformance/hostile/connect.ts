/**
 * CONNECT: every value of its flags, protocol names and levels, credentials, identifiers, wills.
 * Source: MQTT 5.0 §3.1, MQTT 3.1.1 §3.1.
 */
import { accepts, byte, closes, connack, fault, type HostileCase, type Reaction } from './case.js'
import {
  block,
  bytes,
  connect,
  connectBody,
  hex,
  noProperties,
  packet,
  text,
  u16,
  type Version,
} from './wire.js'

const flag = {
  reserved: 0x01,
  will: 0x04,
  willQos: 0x18,
  willRetain: 0x20,
  password: 0x40,
  username: 0x80,
}

function isWellFormed(flags: number, version: Version): boolean {
  const willQos = (flags & flag.willQos) >> 3
  const hasWill = (flags & flag.will) !== 0
  if ((flags & flag.reserved) !== 0) return false // [MQTT-3.1.2-3]
  if (willQos === 3) return false // [MQTT-3.1.2-12]
  if (!hasWill && (willQos !== 0 || (flags & flag.willRetain) !== 0)) return false // [MQTT-3.1.2-11] [MQTT-3.1.2-13]
  const passwordAlone = (flags & (flag.password | flag.username)) === flag.password
  return version === 5 || !passwordAlone // 3.1.1 [MQTT-3.1.2-22]
}

/** The payload that the flags announce. */
function payloadOf(flags: number, version: Version): Buffer {
  return bytes(
    ...((flags & flag.will) !== 0 ? [noProperties(version), text('h/will'), text('gone')] : []),
    ...((flags & flag.username) !== 0 ? [text('user')] : []),
    ...((flags & flag.password) !== 0 ? [text('secret')] : []),
  )
}

function everyFlagsByte(): HostileCase[] {
  return ([4, 5] as const).flatMap((version) =>
    Array.from({ length: 256 }, (_, flags) => ({
      name: `CONNECT with the flags ${byte(flags)}, version ${version}`,
      version,
      phase: 'first' as const,
      bytes: connect({ version, flags, rest: [payloadOf(flags, version)] }),
      reaction: isWellFormed(flags, version) ? accepts('CONNACK 0x00') : fault('first', version),
      spec: 'MQTT-3.1.2-3, MQTT-3.1.2-11 … MQTT-3.1.2-22',
    })),
  )
}

/** Flags that announce what does not come, and what comes unannounced. */
function payloadsThatDiffer(): HostileCase[] {
  const rows: readonly (readonly [name: string, announced: number, sent: number])[] = [
    ['a will announced and not sent', 0x04, 0x00],
    ['a will sent and not announced', 0x00, 0x04],
    ['a user name announced and not sent', 0x80, 0x00],
    ['a user name sent and not announced', 0x00, 0x80],
    ['a password announced and not sent', 0xc0, 0x80],
    ['a password sent and not announced', 0x80, 0xc0],
    ['everything announced and nothing sent', 0xc4, 0x00],
    ['everything sent and nothing announced', 0x00, 0xc4],
  ]
  return ([4, 5] as const).flatMap((version) =>
    rows.map(([name, announced, sent]) => ({
      name: `CONNECT with ${name}, version ${version}`,
      version,
      phase: 'first' as const,
      bytes: connect({ version, flags: announced | 0x02, rest: [payloadOf(sent, version)] }),
      reaction: fault('first', version),
      spec: 'MQTT-3.1.2-9, MQTT-3.1.2-16 … MQTT-3.1.2-19',
    })),
  )
}

const unsupported = { old: connack(1), new: connack(0x84) }

function protocols(): HostileCase[] {
  const names: readonly (readonly [name: string, level: number, reaction: Reaction])[] = [
    ...[0, 1, 2, 3, 0x80, 0x83].map((level) => ['MQTT', level, unsupported.old] as const),
    ...[6, 7, 42, 0x7f, 0x85, 0x86, 0xff].map((level) => ['MQTT', level, unsupported.new] as const),
    ...[0, 1, 2, 4, 0x82, 0x84].map((level) => ['MQIsdp', level, unsupported.old] as const),
    ...[5, 6, 0xff].map((level) => ['MQIsdp', level, unsupported.new] as const),
    ...[
      '',
      'M',
      'mqtt',
      'Mqtt',
      'MQTT ',
      'MQTTT',
      'MQT',
      'MQIsdq',
      'mqisdp',
      'AMQP',
      'STOMP',
    ].flatMap((name) => [[name, 4, unsupported.old] as const, [name, 5, unsupported.new] as const]),
  ]
  return names.map(([name, level, reaction]) => ({
    name: `CONNECT of the protocol '${name}' at level ${byte(level)}`,
    version: reaction === unsupported.new ? 5 : 4,
    phase: 'first',
    bytes: connect({ version: 4, protocolName: text(name), level }),
    reaction,
    spec: 'MQTT-3.1.2-1, MQTT-3.1.2-2',
    choice: 'the CONNACK is written in the layout that the level suggests, also to an unknown name',
  }))
}

function connectOf(
  version: Version,
  name: string,
  whole: Buffer,
  reaction: Reaction,
  spec: string,
  more: Partial<HostileCase> = {},
): HostileCase {
  return {
    name: `CONNECT ${name}, version ${version}`,
    version,
    phase: 'first',
    bytes: whole,
    reaction,
    spec,
    ...more,
  }
}

function identifiers(): HostileCase[] {
  const long = 'x'.repeat(1_000)
  return [
    connectOf(
      3,
      'without an identifier',
      connect({ version: 3, clientId: '' }),
      connack(2),
      'MQTT 3.1 §3.1',
    ),
    connectOf(
      3,
      'without an identifier for a session that is to last',
      connect({ version: 3, clientId: '', flags: 0 }),
      connack(2),
      'MQTT 3.1 §3.1',
    ),
    connectOf(
      4,
      'without an identifier for a session that is to last',
      connect({ version: 4, clientId: '', flags: 0 }),
      connack(2),
      'MQTT-3.1.3-8',
    ),
    connectOf(
      4,
      'without an identifier',
      connect({ version: 4, clientId: '' }),
      accepts('CONNACK 0x00'),
      'MQTT-3.1.3-6',
    ),
    connectOf(
      5,
      'without an identifier for a session that is to last',
      connect({ version: 5, clientId: '', flags: 0 }),
      accepts('CONNACK 0x00'),
      'MQTT-3.1.3-6',
    ),
    ...([3, 4, 5] as const).map((version) =>
      connectOf(
        version,
        'with an identifier longer than max_clientid_len',
        connect({ version, clientId: long }),
        connack(version === 5 ? 0x85 : 2),
        'MQTT-3.1.3-5',
        {
          decidedBy: 'control',
          choice: 'mqtt.max_clientid_len: 250 in this broker, 65,535 in the specification',
        },
      ),
    ),
  ]
}

function refusedByControl(): HostileCase[] {
  const method = connect({
    version: 5,
    properties: block(hex('15'), text('NO-SUCH-METHOD'), hex('16 0001 64')),
  })
  const will = (version: Version, topic: string) =>
    connect({ version, flags: 0x06, rest: [noProperties(version), text(topic), text('gone')] })
  return [
    connectOf(5, 'with an unknown authentication method', method, connack(0x8c), 'MQTT-4.12.0-1', {
      decidedBy: 'control',
    }),
    ...([4, 5] as const).map((version) =>
      connectOf(
        version,
        'with a will of more levels than max_topic_levels',
        will(version, '/'.repeat(200)),
        connack(version === 5 ? 0x90 : 5),
        'MQTT 5.0 §3.2.2.2',
        {
          decidedBy: 'control',
          choice: '3.1.1 has no code for a topic: not authorized',
        },
      ),
    ),
  ]
}

/** Shortest and strangest. */
function odd(): HostileCase[] {
  return [
    connectOf(4, 'of one byte', hex('10 01 00'), closes, 'MQTT-4.13.1-1'),
    connectOf(
      4,
      'whose protocol name is as long as it can be',
      packet(0x10, text('M'.repeat(65_535)), 4),
      connack(1),
      'MQTT-3.1.2-1',
    ),
    connectOf(
      4,
      'whose client identifier is longer than the packet',
      packet(0x10, text('MQTT'), 4, 2, u16(0), u16(0xffff), text('c')),
      closes,
      'MQTT-4.13.1-1',
    ),
    connectOf(
      5,
      'whose client identifier is longer than the packet',
      packet(0x10, text('MQTT'), 5, 2, u16(0), 0, u16(0xffff), text('c')),
      connack(0x81),
      'MQTT-4.13.1-1',
    ),
    connectOf(
      5,
      'whose will payload is longer than the packet',
      connect({ version: 5, flags: 0x06, rest: [0, text('h/will'), u16(0xffff), 1] }),
      connack(0x81),
      'MQTT-4.13.1-1',
    ),
    connectOf(
      5,
      'whose will is no UTF-8 though its indicator says so',
      connect({
        version: 5,
        flags: 0x06,
        rest: [block(hex('01 01')), text('h/will'), text(hex('ff'))],
      }),
      connack(0x99),
      'MQTT 5.0 §3.1.3.2.3',
    ),
    connectOf(
      5,
      'with the properties of a will and no will',
      connect({ version: 5, properties: block(hex('18 00000001')) }),
      connack(0x81),
      'MQTT 5.0 §2.2.2.2',
    ),
  ]
}

/** MQTT 3.1 calls bit 0 of the connect flags and the fixed header's flags "not used", and a will's bits count with a will. */
function unusedBits(): HostileCase[] {
  const accepted = accepts('CONNACK 0x00')
  const choice = 'bits that 3.1 calls "not used" are disregarded'
  return [
    ...[0x11, 0x18, 0x1f].map((first) =>
      connectOf(
        3,
        `with the first byte ${byte(first)}`,
        packet(first, connectBody({ version: 3 })),
        accepted,
        'MQTT 3.1 §2.1',
        { choice },
      ),
    ),
    ...[0x03, 0x0a, 0x1a, 0x22, 0x3b].map((flags) =>
      connectOf(
        3,
        `with the flags ${byte(flags)}`,
        connect({ version: 3, flags }),
        accepted,
        'MQTT 3.1 §3.1',
        { choice },
      ),
    ),
  ]
}

export const connectCases: readonly HostileCase[] = [
  ...everyFlagsByte(),
  ...payloadsThatDiffer(),
  ...protocols(),
  ...identifiers(),
  ...refusedByControl(),
  ...odd(),
  ...unusedBits(),
]
