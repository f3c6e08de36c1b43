/**
 * Reason codes that a packet may not carry, and the options byte of a subscription, value by value.
 * Source: MQTT 5.0 §2.4, §3.4.2.1 … §3.7.2.1, §3.14.2.1, §3.15.2.1, §3.8.3.1.
 */
import {
  accepts,
  byte,
  goodbye,
  type HostileCase,
  malformed,
  protocolError,
  type Reaction,
} from './case.js'
import { block, hex, packet, text, u16 } from './wire.js'

/** Every code of §2.4. */
const defined = [
  0x00, 0x01, 0x02, 0x04, 0x10, 0x11, 0x18, 0x19, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87,
  0x88, 0x89, 0x8a, 0x8b, 0x8c, 0x8d, 0x8e, 0x8f, 0x90, 0x91, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97,
  0x98, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2,
]
const undefinedOnes = [0x03, 0x05, 0x0f, 0x1a, 0x7f, 0xa3, 0xc0, 0xff]
const all = [...defined, ...undefinedOnes]

const received = [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]
const released = [0x00, 0x92]
/** What a client may say; the rest of DISCONNECT's table is the server's. */
const ofClientDisconnect = [
  0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99,
]
const ofClientAuth = [0x18, 0x19]

interface Carrier {
  readonly type: string
  readonly spec: string
  readonly allowed: readonly number[]
  readonly write: (code: number) => Buffer
}

const carriers: readonly Carrier[] = [
  {
    type: 'PUBACK',
    spec: 'MQTT-3.4.2-1',
    allowed: received,
    write: (code) => packet(0x40, u16(1), code),
  },
  {
    type: 'PUBREC',
    spec: 'MQTT-3.5.2-1',
    allowed: received,
    write: (code) => packet(0x50, u16(1), code),
  },
  {
    type: 'PUBREL',
    spec: 'MQTT-3.6.2-1',
    allowed: released,
    write: (code) => packet(0x62, u16(1), code, 0),
  },
  {
    type: 'PUBCOMP',
    spec: 'MQTT-3.7.2-1',
    allowed: released,
    write: (code) => packet(0x70, u16(1), code, 0),
  },
  {
    type: 'DISCONNECT',
    spec: 'MQTT-3.14.2-1',
    allowed: ofClientDisconnect,
    write: (code) => packet(0xe0, code),
  },
  {
    type: 'AUTH',
    spec: 'MQTT-3.15.2-1',
    allowed: ofClientAuth,
    write: (code) => packet(0xf0, code, block(hex('15 0001 6d'))),
  },
]

function codesNotAllowed(): HostileCase[] {
  return carriers.flatMap(({ type, spec, allowed, write }) =>
    all
      .filter((code) => !allowed.includes(code))
      .map((code) => ({
        name: `${type} with the reason code ${byte(code)}`,
        version: 5,
        phase: 'connected',
        bytes: write(code),
        reaction: goodbye(5, protocolError),
        spec,
      })),
  )
}

/** Nobody waits for packet id 1 on these connections: what is acknowledged without cause is disregarded or said so. */
function allowedCodes(): HostileCase[] {
  const answers: Readonly<Record<string, (code: number) => Reaction>> = {
    PUBACK: () => accepts(),
    PUBREC: (code) => (code < 0x80 ? accepts('PUBREL 1 0x92') : accepts()),
    PUBREL: () => accepts('PUBCOMP 1 0x92'),
    PUBCOMP: () => accepts(),
    DISCONNECT: () => ({ answers: [], after: 'closed' }),
    AUTH: () => goodbye(5, protocolError), // no authentication is going on [MQTT-4.12.0-6]
  }
  return carriers.flatMap(({ type, spec, allowed, write }) =>
    allowed.map(
      (code): HostileCase => ({
        name: `${type} with the reason code ${byte(code)}, unasked`,
        version: 5,
        phase: 'connected',
        bytes: write(code),
        reaction: answers[type]?.(code) ?? accepts(),
        spec,
        ...(type === 'DISCONNECT' || type === 'AUTH' ? { decidedBy: 'control' as const } : {}),
      }),
    ),
  )
}

function reactionToOptions(options: number): Reaction {
  if ((options & 0xc0) !== 0) return goodbye(5, malformed) // [MQTT-3.8.3-5]
  const qos = options & 0x03
  if (qos === 3 || (options & 0x30) === 0x30) return goodbye(5, protocolError) // §3.8.3.1
  return accepts(`SUBACK 1 ${byte(qos)}`)
}

function subscriptionOptions(): HostileCase[] {
  const every = Array.from({ length: 256 }, (_, options) => options)
  return [
    ...every.map((options) => ({
      name: `SUBSCRIBE with the options ${byte(options)}, version 5`,
      version: 5 as const,
      phase: 'connected' as const,
      bytes: packet(0x82, u16(1), 0, text('h/s'), options),
      reaction: reactionToOptions(options),
      spec: 'MQTT-3.8.3-5',
      ...((options & 0xc0) === 0 && ((options & 3) === 3 || (options & 0x30) === 0x30)
        ? {
            choice:
              'QoS 3 and Retain Handling 3 are called Protocol Errors by §3.8.3.1, QoS 3 malformed by 3.1.1',
          }
        : {}),
    })),
    ...every
      .filter((options) => (options & (options - 1)) === 0 || (options & 3) === 3)
      .map((options) => ({
        name: `SUBSCRIBE with the options ${byte(options)}, version 4`,
        version: 4 as const,
        phase: 'connected' as const,
        bytes: packet(0x82, u16(1), text('h/s'), options),
        reaction: options <= 2 ? accepts(`SUBACK 1 ${byte(options)}`) : goodbye(4, malformed),
        spec: 'MQTT-3-8.3-4',
      })),
    ...every
      .filter((options) => (options & 0x3c) === 0)
      .map((options) => ({
        name: `SUBSCRIBE with the options ${byte(options)}, version 3.1`,
        version: 3 as const,
        phase: 'connected' as const,
        bytes: packet(0x82, u16(1), text('h/s'), options),
        reaction:
          (options & 3) === 3 ? goodbye(3, malformed) : accepts(`SUBACK 1 ${byte(options & 3)}`),
        spec: 'MQTT 3.1 §3.8',
        choice: '3.1 calls the upper six bits "not used": they are disregarded',
      })),
    ...[4, 5, 6, 12, 0x14].map((options) => ({
      name: `SUBSCRIBE with No Local on a shared subscription, options ${byte(options)}`,
      version: 5 as const,
      phase: 'connected' as const,
      bytes: packet(0x82, u16(1), 0, text('$share/g/h/s'), options),
      reaction: goodbye(5, protocolError),
      spec: 'MQTT-3.8.3-4',
    })),
  ]
}

export const codeCases: readonly HostileCase[] = [
  ...codesNotAllowed(),
  ...allowedCodes(),
  ...subscriptionOptions(),
]
