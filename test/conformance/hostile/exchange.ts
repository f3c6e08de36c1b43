/**
 * Well-formed packets that are wrong where they stand: flags and identifiers of PUBLISH, aliases, more in flight than was
 * offered, packets before CONNECT, a second CONNECT, packets only servers send, bytes behind DISCONNECT.
 * The broker under test has mqtt.max_awaiting_rel = 3 and mqtt.max_topic_alias = 4.
 */
import {
  accepts,
  byte,
  closes,
  goodbye,
  type HostileCase,
  malformed,
  protocolError,
  type Reaction,
  refuses,
} from './case.js'
import { behindTopic } from './player.js'
import {
  block,
  bytes,
  connect,
  hex,
  noProperties,
  type Piece,
  packet,
  publish,
  subscribe,
  text,
  u16,
  unsubscribe,
  type Version,
} from './wire.js'

const versions: readonly Version[] = [3, 4, 5]
const receiveMaximum = 3
const aliasMaximum = 4

function connected(
  version: Version,
  name: string,
  spec: string,
  reaction: Reaction,
  ...sent: readonly Piece[]
): HostileCase {
  return {
    name: `${name}, version ${version}`,
    version,
    phase: 'connected',
    bytes: bytes(...sent),
    reaction,
    spec,
  }
}

function withId(version: Version, first: number, id: number): Buffer {
  return publish(version, 'h/p', { first, middle: u16(id) })
}

function publishFlags(): HostileCase[] {
  return versions.flatMap((version) => [
    ...[0x36, 0x37, 0x3e, 0x3f].map((first) =>
      connected(
        version,
        `PUBLISH with QoS 3, ${byte(first)}`,
        'MQTT-3.3.1-4',
        goodbye(version, malformed),
        withId(version, first, 1),
      ),
    ),
    ...[0x38, 0x39].map((first) =>
      connected(
        version,
        `PUBLISH with DUP and QoS 0, ${byte(first)}`,
        'MQTT-3.3.1-2',
        goodbye(version, malformed),
        publish(version, 'h/p', { first }),
      ),
    ),
  ])
}

function aliased(topic: string, alias: number): Buffer {
  return publish(5, topic, { properties: block(0x23, u16(alias)) })
}

function aliases(): HostileCase[] {
  const invalid = goodbye(5, 0x94)
  return [
    ...[aliasMaximum + 1, 100, 0x7fff, 0xffff].map((alias) =>
      connected(
        5,
        `PUBLISH with the alias ${alias} of at most ${aliasMaximum}`,
        'MQTT-3.3.2-9',
        invalid,
        aliased('h/p', alias),
      ),
    ),
    connected(5, 'PUBLISH with alias 0 and no topic', 'MQTT-3.3.2-8', invalid, aliased('', 0)),
    ...[1, aliasMaximum].map((alias) =>
      connected(
        5,
        `PUBLISH with the alias ${alias} that stands for nothing`,
        'MQTT 5.0 §3.3.2.3.4',
        goodbye(5, protocolError),
        aliased('', alias),
      ),
    ),
    connected(
      5,
      'PUBLISH with another alias than was set',
      'MQTT 5.0 §3.3.2.3.4',
      goodbye(5, protocolError),
      aliased('h/p', 1),
      aliased('', 2),
    ),
    connected(
      5,
      'PUBLISH with every alias there is',
      'MQTT-3.3.2-7',
      accepts(),
      ...[1, 2, 3, 4].map((alias) => aliased('h/p', alias)),
      ...[1, 2, 3, 4].map((alias) => aliased('', alias)),
    ),
    connected(
      4,
      'PUBLISH with an alias, which is payload',
      'MQTT 3.1.1 §3.3.3',
      accepts(),
      packet(0x30, text('h/p'), hex('03 23 0001')),
    ),
  ]
}

/** QoS 2 without PUBREL. Only version 5 has a Receive Maximum to exceed. */
function flight(): HostileCase[] {
  const ids = Array.from({ length: receiveMaximum }, (_, at) => at + 1)
  const received = (code: number) => ids.map((id) => `PUBREC ${id} ${byte(code)}`)
  return [
    connected(
      5,
      'one QoS 2 PUBLISH more than the Receive Maximum',
      'MQTT-3.3.4-7',
      refuses(...received(0x10), 'DISCONNECT 0x93'),
      ...ids.map((id) => withId(5, 0x34, id)),
      withId(5, 0x34, 99),
    ),
    connected(
      5,
      'as many QoS 2 PUBLISHes as the Receive Maximum, each twice',
      'MQTT-4.3.3-9',
      accepts(...received(0x10), ...received(0x00)),
      ...ids.map((id) => withId(5, 0x34, id)),
      ...ids.map((id) => withId(5, 0x3c, id)),
    ),
    ...versions.flatMap((version) => {
      const unknown = version === 5 ? '0x92' : '0x00'
      const idle = accepts()
      return [
        connected(
          version,
          'PUBACK that nobody waits for',
          'MQTT 5.0 §4.4',
          idle,
          packet(0x40, u16(7)),
        ),
        connected(
          version,
          'PUBCOMP that nobody waits for',
          'MQTT 5.0 §4.4',
          idle,
          packet(0x70, u16(7)),
        ),
        connected(
          version,
          'PUBREC that nobody waits for',
          'MQTT 5.0 §3.6.2.1',
          accepts(`PUBREL 7 ${unknown}`),
          packet(0x50, u16(7)),
        ),
        connected(
          version,
          'PUBREL of nothing',
          'MQTT-4.3.3-11',
          accepts(`PUBCOMP 7 ${unknown}`),
          packet(0x62, u16(7)),
        ),
        connected(
          version,
          'PUBREL twice',
          'MQTT-4.3.3-11',
          accepts(
            `PUBREC 7 ${version === 5 ? '0x10' : '0x00'}`,
            'PUBCOMP 7 0x00',
            `PUBCOMP 7 ${unknown}`,
          ),
          withId(version, 0x34, 7),
          packet(0x62, u16(7)),
          packet(0x62, u16(7)),
        ),
        connected(
          version,
          'a QoS 1 PUBLISH twice',
          'MQTT-4.3.2-5',
          accepts(...Array(2).fill(`PUBACK 7 ${version === 5 ? '0x10' : '0x00'}`)),
          withId(version, 0x32, 7),
          withId(version, 0x3a, 7),
        ),
      ]
    }),
  ]
}

/** Every type of packet in a version's shortest good form. */
function everyType(version: Version): readonly (readonly [type: string, whole: Buffer])[] {
  const properties = noProperties(version)
  return [
    ['CONNACK', packet(0x20, 0, 0, properties)],
    ['PUBLISH', publish(version, behindTopic)],
    ['PUBACK', packet(0x40, u16(1))],
    ['PUBREC', packet(0x50, u16(1))],
    ['PUBREL', packet(0x62, u16(1))],
    ['PUBCOMP', packet(0x70, u16(1))],
    ['SUBSCRIBE', subscribe(version, 'h/s')],
    ['SUBACK', packet(0x90, u16(1), properties, 0)],
    ['UNSUBSCRIBE', unsubscribe(version, 'h/s')],
    ['UNSUBACK', packet(0xb0, u16(1), properties, ...(version === 5 ? [0] : []))],
    ['PINGREQ', packet(0xc0)],
    ['PINGRESP', packet(0xd0)],
    ['DISCONNECT', packet(0xe0)],
    ['AUTH', packet(0xf0, 0x18, block(hex('15 0001 6d')))],
  ]
}

function beforeConnect(): HostileCase[] {
  return versions.flatMap((version) =>
    everyType(version).flatMap(([type, whole]) => [
      {
        name: `${type} instead of CONNECT, version ${version}`,
        version,
        phase: 'first' as const,
        bytes: whole,
        reaction: closes,
        spec: 'MQTT-3.1.0-1',
      },
      {
        name: `${type} and a CONNECT behind it, version ${version}`,
        version,
        phase: 'first' as const,
        bytes: bytes(whole, connect({ version })),
        reaction: closes,
        spec: 'MQTT-3.1.0-1',
      },
    ]),
  )
}

const serverTypes = new Set(['CONNACK', 'SUBACK', 'UNSUBACK', 'PINGRESP'])

function onlyServers(): HostileCase[] {
  return versions.flatMap((version) =>
    everyType(version)
      .filter(([type]) => serverTypes.has(type))
      .map(([type, whole]) =>
        connected(
          version,
          `${type} of a client`,
          'MQTT 5.0 §2.1.2',
          goodbye(version, protocolError),
          whole,
        ),
      ),
  )
}

function secondConnect(): HostileCase[] {
  return versions.flatMap((version) => [
    ...versions.map((other) =>
      connected(
        version,
        `a second CONNECT, of version ${other}`,
        'MQTT-3.1.0-2',
        goodbye(version, protocolError),
        connect({ version: other }),
      ),
    ),
    connected(
      version,
      'a second CONNECT that is malformed',
      'MQTT-3.1.0-2',
      goodbye(version, protocolError),
      hex('10 01 00'),
    ),
    connected(
      version,
      'a second CONNECT behind a PINGREQ',
      'MQTT-3.1.0-2',
      version === 5 ? refuses('PINGRESP', 'DISCONNECT 0x82') : refuses('PINGRESP'),
      packet(0xc0),
      connect({ version }),
    ),
    {
      name: `two CONNECTs at once, version ${version}`,
      version,
      phase: 'first' as const,
      bytes: bytes(connect({ version }), connect({ version })),
      reaction:
        version === 5 ? refuses('CONNACK 0x00', 'DISCONNECT 0x82') : refuses('CONNACK 0x00'),
      spec: 'MQTT-3.1.0-2',
      decidedBy: 'control' as const,
    },
  ])
}

/** Nothing behind the last packet is processed: the player adds a PUBLISH to each of these. */
function behindDisconnect(): HostileCase[] {
  return versions.flatMap((version) => {
    const last = version === 5 ? packet(0xe0, 0x00, 0x00) : packet(0xe0)
    return [
      ...everyType(version),
      ['CONNECT', connect({ version })] as const,
      ['half a packet', hex('30 7f 00')] as const,
      ['no packet', hex('00 00 ff ff')] as const,
    ].map(
      ([type, whole]): HostileCase => ({
        ...connected(version, `${type} behind DISCONNECT`, 'MQTT-3.14.4-2', closes, last, whole),
        decidedBy: 'control',
        choice: 'what stands behind DISCONNECT is discarded unread, also when it is malformed',
      }),
    )
  })
}

/** A good packet in front is answered before the bad one ends the connection. */
function behindGoodOnes(): HostileCase[] {
  const bad = hex('00 00')
  return versions.flatMap((version) => {
    const last = version === 5 ? ['DISCONNECT 0x81'] : []
    const nobody = version === 5 ? '0x10' : '0x00'
    const spec = 'MQTT-4.13.1-1'
    return [
      connected(
        version,
        'a bad packet behind a QoS 1 PUBLISH',
        spec,
        refuses(`PUBACK 1 ${nobody}`, ...last),
        withId(version, 0x32, 1),
        bad,
      ),
      connected(
        version,
        'a bad packet behind a PINGREQ',
        spec,
        refuses('PINGRESP', ...last),
        packet(0xc0),
        bad,
      ),
      {
        ...connected(
          version,
          'a bad packet behind a SUBSCRIBE',
          spec,
          refuses('SUBACK 1 0x00', ...last),
          subscribe(version, 'h/s'),
          bad,
        ),
        decidedBy: 'control' as const,
      },
    ]
  })
}

export const exchangeCases: readonly HostileCase[] = [
  ...publishFlags(),
  ...aliases(),
  ...flight(),
  ...beforeConnect(),
  ...onlyServers(),
  ...secondConnect(),
  ...behindDisconnect(),
  ...behindGoodOnes(),
]
