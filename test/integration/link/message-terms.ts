/** The 10-tuple of a forwarded message, and what a subscriber must see of it. Source: docs/protocol/cluster-link.md "Forwarded message". */
import type { IPublishPacket } from 'mqtt-packet'
import { decodeTerm, plain, type Term, Tuple } from './etf.js'

type Plain = Record<string, unknown>

/** What reaches a subscriber that asked for QoS 2 and Retain As Published. Times are not compared. */
export interface Seen {
  readonly topic: unknown
  readonly payloadHex: string
  readonly qos: number
  readonly retain: boolean
  /** By EMQX's names. */
  readonly properties: Plain
}

/** The elements of a message's payload; null when it is no such tuple. */
export function elementsOf(payload: Buffer): readonly Term[] | null {
  try {
    const term = decodeTerm(payload)
    return term instanceof Tuple && term.elements.length === 10 ? term.elements : null
  } catch {
    return null // garbage is recorded too
  }
}

export function wanted(elements: readonly Term[]): Seen {
  const [, , qos, , flags, headers, topic, payload] = elements
  // Cannot lie: fields 5 and 6 of a message are maps, and so are the properties.
  const { "'retain'": retain } = plain(flags ?? new Map()) as Plain
  const properties = ((plain(headers ?? new Map()) as Plain)["'properties'"] ?? {}) as Plain
  // A Topic Alias is the business of one connection; EMQX lets the publisher's leak.
  const { "'Topic-Alias'": _, ...kept } = properties
  return {
    topic: plain(topic ?? ''),
    payloadHex: Buffer.isBuffer(payload) ? payload.toString('hex') : '',
    qos: Number(qos),
    retain: retain === "'true'",
    properties: Object.fromEntries(
      Object.entries(kept).map(([name, value]) => [name.slice(1, -1), value]),
    ),
  }
}

export function seen({ topic, payload, qos, retain, properties }: IPublishPacket): Seen {
  return {
    topic,
    payloadHex: Buffer.from(payload).toString('hex'),
    qos,
    retain,
    properties: propertiesOf(properties),
  }
}

function propertiesOf(properties: NonNullable<IPublishPacket['properties']> = {}): Plain {
  const { userProperties, correlationData, payloadFormatIndicator, messageExpiryInterval } =
    properties
  const pairs = Object.entries(userProperties ?? {}).flatMap(([name, values]) =>
    [values].flat().map((value) => [name, value]),
  )
  const found: Plain = {
    'Payload-Format-Indicator':
      payloadFormatIndicator === undefined ? undefined : BigInt(payloadFormatIndicator),
    'Message-Expiry-Interval':
      messageExpiryInterval === undefined ? undefined : BigInt(messageExpiryInterval),
    'Content-Type': properties.contentType,
    'Response-Topic': properties.responseTopic,
    'Correlation-Data': correlationData?.toString(),
    'User-Property': pairs.length > 0 ? pairs : undefined,
  }
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined))
}
