/**
 * Strings that are no UTF-8 Encoded Strings, in every field that must be one; and topics and filters that are none.
 * Source: MQTT 5.0 §1.5.4, §4.7, §4.8.2; Unicode 15 table 3-7.
 */
import { accepts, fault, goodbye, type HostileCase, malformed } from './case.js'
import { carriers, type Place } from './properties.js'
import {
  block,
  bytes,
  connect,
  hex,
  publish,
  subscribe,
  text,
  unsubscribe,
  type Version,
} from './wire.js'

export const illFormed: readonly (readonly [name: string, digits: string])[] = [
  ['U+0000', '00'],
  ['U+0000 in its middle', '610062'],
  ['the surrogate U+D800', 'eda080'],
  ['the surrogate U+DFFF', 'edbfbf'],
  ['a pair of surrogates', 'eda081edb080'],
  ['an overlong slash of two bytes', 'c0af'],
  ['an overlong NUL', 'c080'],
  ['an overlong form of three bytes', 'e09fbf'],
  ['an overlong form of four bytes', 'f08fbfbf'],
  ['a code point above U+10FFFF', 'f4908080'],
  ['a lead byte F5', 'f5808080'],
  ['a byte FE', 'fe'],
  ['a byte FF behind ASCII', '61616161616161616161ff'],
  ['a lone continuation byte', '80'],
  ['two bytes of which one is missing', '61c3'],
  ['three bytes of which one is missing', 'e282'],
  ['four bytes of which one is missing', 'f09f98'],
  ['a lead byte followed by ASCII', 'c341'],
]

interface Field {
  readonly name: string
  readonly phase: HostileCase['phase']
  readonly versions: readonly Version[]
  readonly spec: string
  readonly write: (version: Version, value: Uint8Array) => Uint8Array
}

const everyVersion: readonly Version[] = [3, 4, 5]

/** The fields that exist in every version. */
const fields: readonly Field[] = [
  {
    name: 'CONNECT with a protocol name that holds',
    phase: 'first',
    versions: [4], // before the name is read there is no version: closed without a byte
    spec: 'MQTT-1.5.4-1',
    write: (version, value) => connect({ version, protocolName: text(value) }),
  },
  {
    name: 'CONNECT with a client identifier that holds',
    phase: 'first',
    versions: everyVersion,
    spec: 'MQTT-3.1.3-4',
    write: (version, clientId) => connect({ version, clientId }),
  },
  {
    name: 'CONNECT with a user name that holds',
    phase: 'first',
    versions: everyVersion,
    spec: 'MQTT-3.1.3-12',
    write: (version, value) => connect({ version, flags: 0x82, rest: [text(value)] }),
  },
  {
    name: 'CONNECT with a will topic that holds',
    phase: 'first',
    versions: everyVersion,
    spec: 'MQTT-3.1.3-11',
    write: (version, value) =>
      connect({
        version,
        flags: 0x06,
        rest: [...(version === 5 ? [0] : []), text(value), text('gone')],
      }),
  },
  {
    name: 'PUBLISH with a topic that holds',
    phase: 'connected',
    versions: everyVersion,
    spec: 'MQTT-3.3.2-1',
    write: publish,
  },
  {
    name: 'SUBSCRIBE with a filter that holds',
    phase: 'connected',
    versions: everyVersion,
    spec: 'MQTT-3.8.3-1',
    write: subscribe,
  },
  {
    name: 'UNSUBSCRIBE with a filter that holds',
    phase: 'connected',
    versions: everyVersion,
    spec: 'MQTT-3.10.3-1',
    write: unsubscribe,
  },
]

/** Properties that are strings, by identifier. */
const textProperties: readonly (readonly [id: number, name: string, places: readonly Place[]])[] = [
  [0x03, 'Content Type', ['PUBLISH', 'the will']],
  [0x08, 'Response Topic', ['PUBLISH', 'the will']],
  [0x15, 'Authentication Method', ['CONNECT', 'AUTH']],
  [0x1f, 'Reason String', ['PUBACK', 'PUBREC', 'PUBREL', 'PUBCOMP', 'DISCONNECT', 'AUTH']],
  [0x26, 'the value of a User Property', ['CONNECT', 'PUBLISH', 'SUBSCRIBE', 'DISCONNECT']],
]

/** Enough of the strings for a property: what differs between properties is whether they are looked at, not how. */
const forProperties = illFormed.filter((_, at) => at % 4 === 0)

function inFields(): HostileCase[] {
  return fields.flatMap(({ name, phase, versions, spec, write }) =>
    versions.flatMap((version) =>
      illFormed.map(([what, digits]) => ({
        name: `${name} ${what}, version ${version}`,
        version,
        phase,
        bytes: write(version, hex(digits)),
        reaction: fault(phase, version),
        spec,
      })),
    ),
  )
}

function inProperties(): HostileCase[] {
  return textProperties.flatMap(([id, name, where]) =>
    where.flatMap((place) =>
      forProperties.map(([what, digits]): HostileCase => {
        const phase = place === 'CONNECT' || place === 'the will' ? 'first' : 'connected'
        const pair = id === 0x26 ? text('k') : new Uint8Array(0)
        return {
          name: `${place} with ${name} that holds ${what}`,
          version: 5,
          phase,
          bytes: carriers[place](block(id, pair, text(hex(digits)))),
          reaction: fault(phase, 5),
          spec: id === 0x26 ? 'MQTT-1.5.7-1' : 'MQTT-1.5.4-1',
        }
      }),
    ),
  )
}

/** Characters one should not use and a server may refuse; this one does not. */
function unwise(): HostileCase[] {
  return [
    ['a control character U+0001', '01'],
    ['a control character U+009F', 'c29f'],
    ['the non-character U+FFFF', 'efbfbf'],
    ['a byte order mark', 'efbbbf'],
  ].flatMap(([what, digits = '']) =>
    ([4, 5] as const).map((version) => ({
      name: `PUBLISH with a topic that holds ${what}, version ${version}`,
      version,
      phase: 'connected' as const,
      bytes: publish(version, bytes(Buffer.from('h/'), hex(digits))),
      reaction: accepts(),
      spec: version === 5 ? 'MQTT-1.5.4-3' : 'MQTT-1.5.3-3',
      choice: '"may treat as malformed": forwarded as it is, as a byte order mark must be',
    })),
  )
}

const wildNames = ['#', '+', 'h/#', 'h/+', '+/h', 'h/+/h', 'h+', 'h#', '/#', '$share/g/+']

function namesWithWildcards(): HostileCase[] {
  return wildNames.flatMap((topic) => [
    ...([3, 4, 5] as const).map((version) => ({
      name: `PUBLISH to ${topic}, version ${version}`,
      version,
      phase: 'connected' as const,
      bytes: publish(version, topic),
      reaction: goodbye(version, 0x90),
      spec: 'MQTT-3.3.2-2',
    })),
    ...([4, 5] as const).map((version) => ({
      name: `CONNECT with a will for ${topic}, version ${version}`,
      version,
      phase: 'first' as const,
      bytes: connect({
        version,
        flags: 0x06,
        rest: [...(version === 5 ? [0] : []), text(topic), text('gone')],
      }),
      reaction: fault('first', version, 0x90),
      spec: 'MQTT-4.7.0-1',
    })),
  ])
}

/** Filters that are none in any version; those of `$share` count in every version too (a choice for those before 5). */
const badFilters: readonly (readonly [filter: string, spec: string])[] = [
  ['', 'MQTT-4.7.3-1'],
  ['#/h', 'MQTT-4.7.1-1'],
  ['h/#/h', 'MQTT-4.7.1-1'],
  ['h/#/', 'MQTT-4.7.1-1'],
  ['h#', 'MQTT-4.7.1-1'],
  ['h/h#', 'MQTT-4.7.1-1'],
  ['##', 'MQTT-4.7.1-1'],
  ['h/##', 'MQTT-4.7.1-1'],
  ['+#', 'MQTT-4.7.1-1'],
  ['h+', 'MQTT-4.7.1-2'],
  ['+h', 'MQTT-4.7.1-2'],
  ['h/+h/h', 'MQTT-4.7.1-2'],
  ['h/h+/h', 'MQTT-4.7.1-2'],
  ['++', 'MQTT-4.7.1-2'],
  ['h/++', 'MQTT-4.7.1-2'],
  ['$share/g', 'MQTT-4.8.2-2'],
  ['$share/g/', 'MQTT-4.8.2-2'],
  ['$share/', 'MQTT-4.8.2-1'],
  ['$share//h', 'MQTT-4.8.2-1'],
  ['$share//', 'MQTT-4.8.2-1'],
  ['$share/+/h', 'MQTT-4.8.2-2'],
  ['$share/#', 'MQTT-4.8.2-2'],
  ['$share/#/h', 'MQTT-4.8.2-2'],
  ['$share/g+/h', 'MQTT-4.8.2-2'],
  ['$share/g/h#', 'MQTT-4.7.1-1'],
  ['$share/g/#/h', 'MQTT-4.7.1-1'],
  ['$share/g/h+', 'MQTT-4.7.1-2'],
]

function filtersThatAreNone(): HostileCase[] {
  return badFilters.flatMap(([filter, spec]) =>
    ([3, 4, 5] as const).flatMap((version) =>
      [subscribe, unsubscribe].map((write) => ({
        name: `${write === subscribe ? 'SUBSCRIBE to' : 'UNSUBSCRIBE from'} '${filter}', version ${version}`,
        version,
        phase: 'connected' as const,
        bytes: write(version, filter),
        reaction: goodbye(version, 0x8f),
        spec,
        ...(filter.startsWith('$share') && version !== 5
          ? { choice: 'shared subscriptions exist before version 5 too, under the same rules' }
          : {}),
      })),
    ),
  )
}

function emptyTopics(): HostileCase[] {
  return ([3, 4, 5] as const).flatMap((version) => [
    {
      name: `PUBLISH to an empty topic, version ${version}`,
      version,
      phase: 'connected' as const,
      bytes: publish(version, ''),
      reaction: goodbye(version, 0x82),
      spec: 'MQTT-4.7.3-1',
    },
    {
      name: `CONNECT with an empty will topic, version ${version}`,
      version,
      phase: 'first' as const,
      bytes: connect({
        version,
        flags: 0x06,
        rest: [...(version === 5 ? [0] : []), text(''), text('gone')],
      }),
      reaction: fault('first', version, 0x90),
      spec: 'MQTT-4.7.3-1',
    },
  ])
}

export const textCases: readonly HostileCase[] = [
  ...inFields(),
  ...inProperties(),
  ...unwise(),
  ...namesWithWildcards(),
  ...filtersThatAreNone(),
  ...emptyTopics(),
  {
    name: 'PUBLISH whose second alias use has an ill-formed topic',
    version: 5,
    phase: 'connected',
    bytes: bytes(
      publish(5, 'h/p', { properties: block(hex('23 0001')) }),
      publish(5, hex('68ff'), { properties: block(hex('23 0001')) }),
    ),
    reaction: goodbye(5, malformed),
    spec: 'MQTT-3.3.2-1',
  },
]
