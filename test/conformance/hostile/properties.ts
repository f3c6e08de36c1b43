/**
 * The property table of MQTT 5.0 §2.2.2.2, and every way to break it: a property where it may not stand, twice where once
 * is the most, cut short, out of range, unknown, and blocks whose length is wrong.
 */
import { fault, type HostileCase, malformed, protocolError } from './case.js'
import { block, bytes, connect, hex, packet, publish, text, u16 } from './wire.js'

/** Where a client can put properties. */
export type Place =
  | 'CONNECT'
  | 'the will'
  | 'PUBLISH'
  | 'PUBACK'
  | 'PUBREC'
  | 'PUBREL'
  | 'PUBCOMP'
  | 'SUBSCRIBE'
  | 'UNSUBSCRIBE'
  | 'DISCONNECT'
  | 'AUTH'

/** A well-formed packet but for the properties, which are given with their length. */
export const carriers: Readonly<Record<Place, (properties: Uint8Array) => Buffer>> = {
  CONNECT: (properties) => connect({ version: 5, properties }),
  'the will': (properties) =>
    connect({ version: 5, flags: 0x06, rest: [properties, text('h/will'), text('gone')] }),
  PUBLISH: (properties) => publish(5, 'h/p', { properties }),
  PUBACK: (properties) => packet(0x40, u16(1), 0x00, properties),
  PUBREC: (properties) => packet(0x50, u16(1), 0x00, properties),
  PUBREL: (properties) => packet(0x62, u16(1), 0x00, properties),
  PUBCOMP: (properties) => packet(0x70, u16(1), 0x00, properties),
  SUBSCRIBE: (properties) => packet(0x82, u16(1), properties, text('h/s'), 0x00),
  UNSUBSCRIBE: (properties) => packet(0xa2, u16(1), properties, text('h/s')),
  DISCONNECT: (properties) => packet(0xe0, 0x00, properties),
  AUTH: (properties) => packet(0xf0, 0x18, properties),
}

const inConnect = new Set<Place>(['CONNECT', 'the will'])
// Cannot lie: the record has exactly these keys.
export const places = Object.keys(carriers) as Place[]
const messages: readonly Place[] = ['PUBLISH', 'the will']
const withReason: readonly Place[] = ['PUBACK', 'PUBREC', 'PUBREL', 'PUBCOMP', 'DISCONNECT', 'AUTH']

export interface PropertyRow {
  readonly name: string
  /** Identifier and a valid value. */
  readonly sample: Buffer
  readonly kind: 'flag' | 'integer' | 'text' | 'binary' | 'pair'
  readonly places: readonly Place[]
}

function row(
  name: string,
  sample: string,
  kind: PropertyRow['kind'],
  ...where: readonly Place[]
): PropertyRow {
  return { name, sample: hex(sample), kind, places: where }
}

/** Those of servers are here too: no client may send them anywhere. */
export const properties: readonly PropertyRow[] = [
  row('Payload Format Indicator', '01 01', 'flag', ...messages),
  row('Message Expiry Interval', '02 00000e10', 'integer', ...messages),
  row('Content Type', '03 0003 742f70', 'text', ...messages),
  row('Response Topic', '08 0003 682f72', 'text', ...messages),
  row('Correlation Data', '09 0002 00ff', 'binary', ...messages),
  row('Subscription Identifier', '0b 07', 'integer', 'SUBSCRIBE'),
  row('Session Expiry Interval', '11 00000000', 'integer', 'CONNECT', 'DISCONNECT'),
  row('Assigned Client Identifier', '12 0001 63', 'text'),
  row('Server Keep Alive', '13 003c', 'integer'),
  row('Authentication Method', '15 0001 6d', 'text', 'CONNECT', 'AUTH'),
  row('Authentication Data', '16 0001 64', 'binary', 'CONNECT', 'AUTH'),
  row('Request Problem Information', '17 01', 'flag', 'CONNECT'),
  row('Will Delay Interval', '18 00000000', 'integer', 'the will'),
  row('Request Response Information', '19 01', 'flag', 'CONNECT'),
  row('Response Information', '1a 0001 72', 'text'),
  row('Server Reference', '1c 0001 73', 'text'),
  row('Reason String', '1f 0003 776879', 'text', ...withReason),
  row('Receive Maximum', '21 0014', 'integer', 'CONNECT'),
  row('Topic Alias Maximum', '22 000a', 'integer', 'CONNECT'),
  row('Topic Alias', '23 0001', 'integer', 'PUBLISH'),
  row('Maximum QoS', '24 01', 'flag'),
  row('Retain Available', '25 01', 'flag'),
  row('User Property', '26 0001 6b 0001 76', 'pair', ...places),
  row('Maximum Packet Size', '27 00010000', 'integer', 'CONNECT'),
  row('Wildcard Subscription Available', '28 01', 'flag'),
  row('Subscription Identifier Available', '29 01', 'flag'),
  row('Shared Subscription Available', '2a 01', 'flag'),
]

/** In the packet's table, but from the other end only: the sender breaks the protocol, the packet has its form. */
const serverOnly = new Set(['DISCONNECT Server Reference', 'PUBLISH Subscription Identifier'])

function at(
  place: Place,
  name: string,
  content: Uint8Array,
  reason: number,
  spec: string,
): HostileCase {
  const phase = inConnect.has(place) ? 'first' : 'connected'
  return {
    name: `${place} ${name}`,
    version: 5,
    phase,
    bytes: carriers[place](content),
    reaction: fault(phase, 5, reason),
    spec,
  }
}

function misplaced(): HostileCase[] {
  return properties.flatMap((property) =>
    places
      .filter((place) => !property.places.includes(place))
      .map((place) => {
        const isServers = serverOnly.has(`${place} ${property.name}`)
        return at(
          place,
          `with ${property.name}, which ${isServers ? 'only servers send there' : 'may not stand there'}`,
          block(property.sample),
          isServers ? protocolError : malformed,
          isServers ? 'MQTT 5.0 §3.14.2.2.5, MQTT-3.3.4-6' : 'MQTT 5.0 §2.2.2.2',
        )
      }),
  )
}

function damaged(): HostileCase[] {
  return properties.flatMap(({ name, sample, kind, places: allowed }) =>
    allowed.flatMap((place) => [
      ...(kind === 'pair'
        ? []
        : [
            at(
              place,
              `with two of ${name}`,
              block(sample, sample),
              protocolError,
              'MQTT 5.0 §2.2.2',
            ),
          ]),
      at(
        place,
        `with ${name} without a value`,
        block(sample.subarray(0, 1)),
        malformed,
        'MQTT-4.13.1-1',
      ),
      ...(sample.length > 2
        ? [
            at(
              place,
              `with ${name} cut short`,
              block(sample.subarray(0, -1)),
              malformed,
              'MQTT-4.13.1-1',
            ),
          ]
        : []),
      ...(kind === 'flag'
        ? [2, 0xff].map((value) =>
            at(
              place,
              `with ${name} ${value}`,
              block(sample[0] ?? 0, value),
              protocolError,
              'MQTT 5.0 §3.1.2.11',
            ),
          )
        : []),
    ]),
  )
}

const outOfRange: readonly (readonly [Place, string, string, number, string])[] = [
  ['CONNECT', 'Receive Maximum 0', '21 0000', protocolError, 'MQTT 5.0 §3.1.2.11.3'],
  ['CONNECT', 'Maximum Packet Size 0', '27 00000000', protocolError, 'MQTT 5.0 §3.1.2.11.4'],
  [
    'CONNECT',
    'Authentication Data and no method',
    '16 0001 64',
    protocolError,
    'MQTT 5.0 §3.1.2.11.10',
  ],
  ['PUBLISH', 'Topic Alias 0', '23 0000', 0x94, 'MQTT-3.3.2-8'],
  ['PUBLISH', 'a Response Topic with a wildcard', '08 0003 612f2b', protocolError, 'MQTT-3.3.2-14'],
  ['PUBLISH', 'a Response Topic with a number sign', '08 0001 23', protocolError, 'MQTT-3.3.2-14'],
  ['PUBLISH', 'an empty Response Topic', '08 0000', protocolError, 'MQTT-4.7.3-1'],
  [
    'the will',
    'a Response Topic with a wildcard',
    '08 0003 612f2b',
    protocolError,
    'MQTT-3.3.2-14',
  ],
  ['the will', 'an empty Response Topic', '08 0000', protocolError, 'MQTT-4.7.3-1'],
  ['SUBSCRIBE', 'Subscription Identifier 0', '0b 00', protocolError, 'MQTT 5.0 §3.8.2.1.2'],
  [
    'SUBSCRIBE',
    'Subscription Identifier not in its shortest form',
    '0b 8100',
    malformed,
    'MQTT-1.5.5-1',
  ],
  [
    'SUBSCRIBE',
    'Subscription Identifier of five bytes',
    '0b 8080808001',
    malformed,
    'MQTT-1.5.5-1',
  ],
  ['SUBSCRIBE', 'Subscription Identifier without an end', '0b ffffff', malformed, 'MQTT-1.5.5-1'],
  [
    'DISCONNECT',
    'a Session Expiry Interval above none',
    '11 00000005',
    protocolError,
    'MQTT 5.0 §3.14.2.2.2',
  ],
]

/** Identifiers that no table has; the last three are longer than one byte. */
const unknown = [
  '00',
  '04',
  '0a',
  '0c',
  '10',
  '14',
  '1b',
  '1d',
  '20',
  '2b',
  '40',
  '7f',
  '8001',
  'ff01',
  '8100',
]

function blocks(): HostileCase[] {
  return places.flatMap((place) => [
    ...unknown.map((id) =>
      at(
        place,
        `with the unknown property ${id}`,
        block(hex(`${id} 00 00`)),
        malformed,
        'MQTT 5.0 §2.2.2.2',
      ),
    ),
    at(
      place,
      'with a property length not in its shortest form',
      hex('8000'),
      malformed,
      'MQTT-1.5.5-1',
    ),
    at(place, 'with a property length of five bytes', hex('8080808000'), malformed, 'MQTT-1.5.5-1'),
    at(place, 'with a property length beyond its end', hex('ffff7f'), malformed, 'MQTT-4.13.1-1'),
    at(
      place,
      'with a property length one byte short',
      hex('06 26 0001 6b 0001 76'),
      malformed,
      'MQTT-4.13.1-1',
    ),
  ])
}

export const propertyCases: readonly HostileCase[] = [
  ...misplaced(),
  ...damaged(),
  ...outOfRange.map(([place, name, digits, reason, spec]) => ({
    ...at(place, `with ${name}`, block(hex(digits)), reason, spec),
    ...(place === 'DISCONNECT' ? { decidedBy: 'control' as const } : {}),
  })),
  ...blocks(),
  {
    ...at(
      'PUBLISH',
      'with a payload that is no UTF-8 though its indicator says so',
      block(bytes(1, 1)),
      0x99,
      'MQTT 5.0 §3.3.2.3.2',
    ),
    bytes: packet(0x30, text('h/p'), block(bytes(1, 1)), 0xff),
    choice: 'a server may check the payload; this one does, so that no receiver has to',
  },
]
