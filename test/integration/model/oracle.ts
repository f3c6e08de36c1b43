/**
 * Who must get what, who may, and who must not: lists and string splitting. Messages are published in phases; a session's
 * filters change between phases only, when nothing is under way. MQTT 5.0 §4.3, §4.6, §4.7.
 */
import type { ModelClient, Received, Sent } from './model-client.js'

/** The matcher by definition. `$` topics are not used here. */
export function matches(filter: string, topic: string): boolean {
  const [wanted, levels] = [filter.split('/'), topic.split('/')]
  for (const [at, level] of wanted.entries()) {
    if (level === '#') return at <= levels.length
    if (at >= levels.length || (level !== '+' && level !== levels[at])) return false
  }
  return wanted.length === levels.length
}

/** What the filters of one session make of a message: its QoS there, null when none matches. */
export function grantedQos(
  filters: ReadonlyMap<string, number>,
  { topic, qos }: Pick<Sent, 'topic' | 'qos'>,
): number | null {
  const granted = [...filters].filter(([filter]) => matches(filter, topic)).map(([, own]) => own)
  return granted.length === 0 ? null : Math.min(qos, Math.max(...granted))
}

/** A message whose publisher got its acknowledgement, for a session that was there before it was sent. */
export function isOwed(
  client: ModelClient,
  filters: ReadonlyMap<string, number>,
  message: Sent,
): boolean {
  if (!client.options.lasting || !message.accepted) return false
  return message.sentAt > client.sessionFrom && (grantedQos(filters, message) ?? 0) > 0
}

/** A SUBSCRIBE takes effect filter by filter: what is sent meanwhile may meet some of them only. */
function possibleQos(
  client: ModelClient,
  filters: ReadonlyMap<string, number>,
  message: Sent,
): readonly number[] {
  const granted = grantedQos(filters, message)
  if (granted === null) return []
  if (message.sentAt > client.sessionFrom) return [granted]
  return [...filters]
    .filter(([filter]) => matches(filter, message.topic))
    .map(([, own]) => Math.min(message.qos, own))
}

/**
 * What is wrong with the messages that one client received, of all that were sent; one sentence each.
 * @param mayDrop whether queues are short enough to lose messages
 */
export function faults(
  client: ModelClient,
  filtersOf: (phase: number) => ReadonlyMap<string, number>,
  sent: ReadonlyMap<string, Sent>,
  mayDrop: boolean,
): string[] {
  const wrong: string[] = []
  const copies = new Map<string, Received[]>()
  const last = new Map<string, number>()
  for (const one of client.received) {
    const message = sent.get(one.payload)
    const name = `${one.payload.slice(0, 24)} to ${one.topic}`
    if (message === undefined) {
      wrong.push(`${name}: nobody published that`)
      continue
    }
    const possible = possibleQos(client, filtersOf(message.phase), message)
    if (one.topic !== message.topic) wrong.push(`${name}: published to ${message.topic}`)
    if (possible.length === 0) wrong.push(`${name}: not subscribed`)
    else if (!possible.includes(one.qos))
      wrong.push(`${name}: QoS ${one.qos} instead of ${possible.join(' or ')}`)
    const before = copies.get(one.payload) ?? []
    copies.set(one.payload, [...before, one])
    if (before.length > 0) {
      if (one.qos === 2) wrong.push(`${name}: QoS 2 twice`) // [MQTT-4.3.3-12]
      if (one.qos === 0 && message.sends === 1) wrong.push(`${name}: QoS 0 twice`)
      if (one.qos === 1 && !one.dup && message.sends === 1)
        wrong.push(`${name}: again, without DUP`) // [MQTT-3.3.1-1]
      continue
    }
    // A first copy may have been lost (by a full queue, as QoS 0, with a session that did not last or began later), and the
    // second, sent again by its publisher, be out of order.
    const isLater = message.sentAt <= client.sessionFrom
    const mayMiss = mayDrop || one.qos === 0 || !client.options.lasting || isLater
    if (message.qos === 1 && message.sends > 1 && mayMiss) continue
    // [MQTT-4.6.0-6]: per topic and QoS, in the order of the publisher, where copies come first.
    const stream = `${message.publisher} ${message.topic} ${message.qos} ${one.qos}`
    if (message.number <= (last.get(stream) ?? -1))
      wrong.push(`${name}: behind ${last.get(stream)}`)
    last.set(stream, message.number)
  }
  return wrong
}
