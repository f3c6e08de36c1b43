/**
 * The fixed header and the ends of packets: reserved flags of every type, bodies that end too early at every byte or too
 * late, lengths that are none. Source: MQTT 5.0 §2.1, §1.5.5.
 */
import {
  accepts,
  byte,
  fault,
  goodbye,
  type HostileCase,
  malformed,
  protocolError,
  type Reaction,
} from './case.js'
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
  varint,
} from './wire.js'

/** A well-formed packet of a client. */
interface Exemplar {
  readonly type: string
  readonly version: Version
  readonly phase: HostileCase['phase']
  readonly first: number
  readonly body: () => Buffer
  /** Body lengths below the whole at which something else than "malformed" is right. */
  readonly ends?: Readonly<Record<number, Reaction>>
}

const userProperty = hex('26 0001 6b 0001 76')
const why = block(hex('1f 0003 776879'))

function connects(): Exemplar[] {
  const all = [text('h/will'), text('gone'), text('user'), text('secret')]
  const phase = 'first'
  return [
    {
      type: 'CONNECT',
      version: 3,
      phase,
      first: 0x10,
      body: () => connectBody({ version: 3, flags: 0x06, rest: all.slice(0, 2) }),
    },
    {
      type: 'CONNECT',
      version: 4,
      phase,
      first: 0x10,
      body: () => connectBody({ version: 4, flags: 0xc6, rest: all }),
    },
    {
      type: 'CONNECT',
      version: 5,
      phase,
      first: 0x10,
      body: () =>
        connectBody({
          version: 5,
          flags: 0xc6,
          properties: block(hex('11 00000000 21 0014'), userProperty),
          rest: [block(hex('01 01 03 0001 74')), ...all],
        }),
      // Before the level is read nobody knows that there is a CONNACK to send.
      ends: Object.fromEntries(
        Array.from({ length: 7 }, (_, at) => [at, { answers: [], after: 'closed' as const }]),
      ),
    },
  ]
}

function acknowledgements(): Exemplar[] {
  const known = [
    ['PUBACK', 0x40, accepts()],
    ['PUBREC', 0x50, accepts('PUBREL 1 0x92')],
    ['PUBREL', 0x62, accepts('PUBCOMP 1 0x92')],
    ['PUBCOMP', 0x70, accepts()],
  ] as const
  return known.flatMap(([type, first, nobodyWaits]): Exemplar[] => [
    { type, version: 4, phase: 'connected', first, body: () => u16(1) },
    {
      type,
      version: 5,
      phase: 'connected',
      first,
      body: () => bytes(u16(1), 0x00, why),
      ends: { 2: nobodyWaits, 3: nobodyWaits }, // reason and properties may be left out. §3.4.2.1
    },
  ])
}

function requests(): Exemplar[] {
  return ([4, 5] as const).flatMap((version): Exemplar[] => {
    const head = () =>
      bytes(u16(1), version === 5 ? block(hex('0b 07'), userProperty) : noProperties(version))
    const length = head().length
    const noFilter = goodbye(version, protocolError)
    const unsubscribeHead = () =>
      bytes(u16(1), version === 5 ? block(userProperty) : noProperties(version))
    const unsubscribeLength = unsubscribeHead().length
    return [
      {
        type: 'SUBSCRIBE',
        version,
        phase: 'connected',
        first: 0x82,
        body: () => bytes(head(), text('h/s'), 0x01, text('h/t'), 0x02),
        ends: { [length]: noFilter, [length + 6]: accepts('SUBACK 1 0x01') },
      },
      {
        type: 'UNSUBSCRIBE',
        version,
        phase: 'connected',
        first: 0xa2,
        body: () => bytes(unsubscribeHead(), text('h/s'), text('h/t')),
        ends: { [unsubscribeLength]: noFilter, [unsubscribeLength + 5]: accepts('UNSUBACK 1') },
      },
    ]
  })
}

function publishes(): Exemplar[] {
  return ([4, 5] as const).map((version) => ({
    type: 'PUBLISH',
    version,
    phase: 'connected',
    first: 0x32,
    body: () =>
      bytes(
        text('h/p'),
        u16(9),
        version === 5 ? block(hex('02 00000e10'), userProperty) : noProperties(version),
      ),
  }))
}

const empty = () => Buffer.alloc(0)

const exemplars: readonly Exemplar[] = [
  ...connects(),
  ...publishes(),
  ...acknowledgements(),
  ...requests(),
  { type: 'PINGREQ', version: 4, phase: 'connected', first: 0xc0, body: empty },
  { type: 'PINGREQ', version: 5, phase: 'connected', first: 0xc0, body: empty },
  { type: 'DISCONNECT', version: 4, phase: 'connected', first: 0xe0, body: empty },
  {
    type: 'DISCONNECT',
    version: 5,
    phase: 'connected',
    first: 0xe0,
    body: () => bytes(0x00, why),
    ends: { 0: { answers: [], after: 'closed' }, 1: { answers: [], after: 'closed' } }, // a DISCONNECT as it should be
  },
  {
    type: 'AUTH',
    version: 5,
    phase: 'connected',
    first: 0xf0,
    body: () => bytes(0x18, block(hex('15 0001 6d 16 0001 64'))),
    // Without a method, because all is left out or only the reason stands.
    ends: { 0: goodbye(5, protocolError), 1: goodbye(5, protocolError) },
  },
]

/** Flags that mean nothing must have their one value. PUBLISH's mean something: publish.ts. */
function reservedFlags(): HostileCase[] {
  return exemplars
    .filter(({ type, version }) => type !== 'PUBLISH' && version !== 3)
    .flatMap(({ type, version, phase, first, body }) =>
      Array.from({ length: 16 }, (_, flags) => (first & 0xf0) | flags)
        .filter((wrong) => wrong !== first)
        .map((wrong) => ({
          name: `${type} with flags ${wrong & 0x0f}, version ${version}`,
          version,
          phase,
          bytes: packet(wrong, body()),
          reaction: fault(phase, version),
          spec: version === 5 ? 'MQTT-2.1.3-1' : 'MQTT-2.2.2-2',
        })),
    )
}

function endsTooEarly(): HostileCase[] {
  return exemplars.flatMap(({ type, version, phase, first, body, ends = {} }) => {
    const whole = body()
    return Array.from({ length: whole.length }, (_, length) => {
      const isGoodbye = type === 'DISCONNECT' && ends[length] !== undefined
      return {
        name: `${type} that ends after ${length} of ${whole.length} bytes, version ${version}`,
        version,
        phase,
        bytes: packet(first, body().subarray(0, length)),
        reaction: ends[length] ?? fault(phase, version),
        spec: 'MQTT-4.13.1-1',
        ...(isGoodbye ? { decidedBy: 'control' as const } : {}),
      }
    })
  })
}

/** Bytes behind a PUBLISH are its payload; behind the last filter of a request, half a filter. */
function endsTooLate(): HostileCase[] {
  return exemplars
    .filter(({ type }) => type !== 'PUBLISH')
    .flatMap(({ type, version, phase, first, body }) =>
      [hex('00'), hex('ff'), Buffer.alloc(300, 'x')].map((more) => ({
        name: `${type} with ${more.length} more bytes (${byte(more[0] ?? 0)}), version ${version}`,
        version,
        phase,
        bytes: packet(first, body(), more),
        // A version 5 DISCONNECT or AUTH without a body takes them for its reason and properties; these have one.
        reaction: fault(phase, version),
        spec: 'MQTT-4.13.1-1',
      })),
    )
}

function packetIdZero(): HostileCase[] {
  const zero = u16(0)
  return ([3, 4, 5] as const).flatMap((version) => {
    const properties = noProperties(version)
    const rows: readonly (readonly [type: string, whole: Buffer])[] = [
      ['PUBLISH of QoS 1', packet(0x32, text('h/p'), zero, properties)],
      ['PUBLISH of QoS 2', packet(0x34, text('h/p'), zero, properties)],
      ['PUBACK', packet(0x40, zero)],
      ['PUBREC', packet(0x50, zero)],
      ['PUBREL', packet(0x62, zero)],
      ['PUBCOMP', packet(0x70, zero)],
      ['SUBSCRIBE', packet(0x82, zero, properties, text('h/s'), 0)],
      ['UNSUBSCRIBE', packet(0xa2, zero, properties, text('h/s'))],
    ]
    return rows.map(([type, whole]) => ({
      name: `${type} with packet identifier 0, version ${version}`,
      version,
      phase: 'connected' as const,
      bytes: whole,
      reaction: goodbye(version, protocolError),
      spec: version === 5 ? 'MQTT-2.2.1-3' : 'MQTT-2.3.1-1',
    }))
  })
}

const notShortest = ['8000', '808000', '80808000', 'ff8000', 'ffff8000']
const neverEnding = ['80808080', '8080808001', 'ffffffff', 'ffffffff7f']
/** Above mqtt.max_packet_size of the broker under test, 65,536. */
const tooLong = [65_536, 100_000, 16_777_216, 268_435_455]

function lengths(): HostileCase[] {
  return ([4, 5] as const).flatMap((version): HostileCase[] => [
    ...[0x30, 0x40, 0x82, 0xc0, 0xe0].flatMap((first) => [
      ...notShortest.map((digits) => ({
        name: `${byte(first)} with the length ${digits}, not the shortest form, version ${version}`,
        version,
        phase: 'connected' as const,
        bytes: bytes(first, hex(digits)),
        reaction: goodbye(version, malformed),
        spec: 'MQTT-1.5.5-1',
      })),
      ...neverEnding.map((digits) => ({
        name: `${byte(first)} with the length ${digits}, which has no end, version ${version}`,
        version,
        phase: 'connected' as const,
        bytes: bytes(first, hex(digits)),
        reaction: goodbye(version, malformed),
        spec: 'MQTT-1.5.5-1',
      })),
      ...tooLong.map((length) => ({
        name: `${byte(first)} of ${length} bytes, which need not come, version ${version}`,
        version,
        phase: 'connected' as const,
        bytes: bytes(first, varint(length)),
        reaction: goodbye(version, 0x95),
        spec: 'MQTT-3.2.2-15',
      })),
    ]),
    ...Array.from({ length: 16 }, (_, flags) => ({
      name: `the reserved packet type 0 with flags ${flags}, version ${version}`,
      version,
      phase: 'connected' as const,
      bytes: bytes(flags, 0),
      reaction: goodbye(version, malformed),
      spec: 'MQTT 5.0 §2.1.2',
    })),
  ])
}

/** MQTT 3.1 has no reserved flags: "not used", and DUP on whatever is repeated. */
function unusedFlags(): HostileCase[] {
  const repeated = [
    { type: 'SUBSCRIBE', whole: packet(0x8f, u16(1), text('h/s'), 0), answer: 'SUBACK 1 0x00' },
    { type: 'UNSUBSCRIBE', whole: packet(0xaa, u16(1), text('h/s')), answer: 'UNSUBACK 1' },
    { type: 'PUBREL', whole: packet(0x6a, u16(1)), answer: 'PUBCOMP 1 0x00' },
  ]
  return repeated.map(({ type, whole, answer }) => ({
    name: `${type} with the DUP flag, version 3.1`,
    version: 3,
    phase: 'connected',
    bytes: whole,
    reaction: accepts(answer),
    spec: 'MQTT 3.1 §2.1',
    choice: 'bits that 3.1 calls "not used" are disregarded',
  }))
}

export const headerCases: readonly HostileCase[] = [
  ...reservedFlags(),
  ...endsTooEarly(),
  ...endsTooLate(),
  ...packetIdZero(),
  ...lengths(),
  ...unusedFlags(),
  {
    name: 'CONNECT larger than a stranger may be',
    version: 4,
    phase: 'first',
    bytes: bytes(connect({ version: 4 }).subarray(0, 1), varint(300_000)),
    reaction: { answers: [], after: 'closed' },
    spec: 'MQTT 5.0 §4.13',
    choice: 'limits kConnectBytesMax: 256 KiB before anybody is known',
  },
]
