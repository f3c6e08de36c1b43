/**
 * What a SUBSCRIBE or UNSUBSCRIBE does to a session: reason codes for the client, ops for the home loop. Changes the
 * session's subscriptions; does nothing else.
 */

import { mqttLimits } from '../limits.js'
import {
  hasWildcard,
  isLinkFilter,
  isSysFilter,
  parseSubscriptionName,
  type SubscribePacket,
  type SubscribeRefusal,
  type SubscribeRequest,
  type SubscriptionName,
  subscribeReason,
  type TopicFilter,
  topicLevels,
  type UnsubscribePacket,
  unsubackReason,
} from '../mqtt/index.js'
import type { ProtocolVersion, SubscriptionOp } from '../native/index.js'
import type { SubscriptionLedger } from './ledger.js'
import type { Session, Subscription } from './session.js'
import { SubscriptionSet } from './subscription-set.js'

/** The part of the configuration that limits subscriptions. */
export interface SubscriptionPolicy {
  readonly qosMax: 0 | 1 | 2
  readonly wildcards: boolean
  readonly shared: boolean
  readonly exclusive: boolean
  readonly levelsMax: number
  /** Subscriptions per session; null: no limit. */
  readonly subscriptionsMax: number | null
  /** Whether there are retained messages to replay at all. */
  readonly retained: boolean
}

/** Who subscribes. */
export interface Subscriber {
  readonly version: ProtocolVersion
  readonly linkAllowed: boolean
  /** In front of its filters; '' for none. */
  readonly mountpoint: string
  /** 'address:port', '[address]:port', or 'unix:pid/uid' of a Unix socket. */
  readonly peer: string
}

/** Permission per filter. `security` adds to it; until then only the broker's own topics are guarded. */
export type Authorize = (subscriber: Subscriber, filter: string) => boolean

export const authorizeLinkOnly: Authorize = (subscriber, filter) =>
  subscriber.linkAllowed || !isLinkFilter(filter)

/** Who may subscribe to `$SYS/…`: `sys_topics.subscribers`. */
export type SysSubscribers = 'loopback' | 'all' | 'none'

/** `$LINK/…` for link listeners, `$SYS/…` as EMQX's default rules: for whom is on this machine. */
export function authorizeReserved(sysSubscribers: SysSubscribers): Authorize {
  return (subscriber, filter) => {
    if (filter.charCodeAt(0) !== dollar) return true
    if (!isSysFilter(filter)) return authorizeLinkOnly(subscriber, filter)
    return sysSubscribers === 'all' || (sysSubscribers === 'loopback' && isLoopback(subscriber))
  }
}

function isLoopback({ peer }: Subscriber): boolean {
  return /^unix:\d/.test(peer) || peer.startsWith('127.') || peer.startsWith('[::1]:')
}

const dollar = '$'.charCodeAt(0)

export interface Outcome {
  readonly ops: SubscriptionOp[]
  readonly reasonCodes: number[]
}

/** One reason code per filter, in order; a filter that comes twice is subscribed twice [MQTT-3.8.4-3] [MQTT-3.8.4-4]. */
export function subscribe(
  session: Session,
  subscriber: Subscriber,
  packet: SubscribePacket,
  policy: SubscriptionPolicy,
  authorize: Authorize,
  ledger: SubscriptionLedger,
): Outcome {
  const ops: SubscriptionOp[] = []
  const reasonCodes: number[] = []
  for (const request of packet.requests) {
    const asked = parseSubscriptionName(request.filter)
    const name = asked === null ? null : mounted(asked, subscriber.mountpoint)
    const refusal =
      asked === null || name === null
        ? 'filter-invalid'
        : refusalOf(session, subscriber, name, asked.filter, policy, authorize, ledger)
    if (name === null || refusal !== null) {
      reasonCodes.push(subscribeReason(refusal ?? 'filter-invalid', subscriber.version))
      continue
    }
    session.subscriptions ??= new SubscriptionSet()
    const replaced = session.subscriptions.get(name.key)
    const subscription = subscriptionOf(name, request, packet.subscriptionId, policy)
    session.subscriptions.set(name.key, subscription)
    ledger.granted(session, subscription, replaced)
    ops.push(subscribeOp(subscription, replaced !== undefined, policy))
    reasonCodes.push(subscription.qos) // [MQTT-3.8.4-7]
  }
  return { ops, reasonCodes }
}

export function unsubscribe(
  session: Session,
  mountpoint: string,
  packet: UnsubscribePacket,
  ledger: SubscriptionLedger,
): Outcome {
  const ops: SubscriptionOp[] = []
  const reasonCodes: number[] = []
  for (const text of packet.filters) {
    const name = parseSubscriptionName(text)
    const key = (name === null ? null : mounted(name, mountpoint)?.key) ?? text
    const subscription = session.subscriptions?.get(key)
    // Compared character by character: `t` does not end `$exclusive/t` [MQTT-3.10.4-1].
    if (subscription === undefined || subscription.text !== text) {
      reasonCodes.push(unsubackReason.noSubscriptionExisted)
      continue
    }
    remove(session, key)
    ledger.removed(session, subscription)
    ops.push({ op: 'unsubscribe', filter: subscription.filter, group: subscription.group })
    reasonCodes.push(unsubackReason.success)
  }
  return { ops, reasonCodes }
}

/** Takes up to `count` subscriptions out of a session that is over. Empty when none is left. */
export function takeSubscriptions(
  session: Session,
  count: number,
  ledger: SubscriptionLedger,
): SubscriptionOp[] {
  const ops: SubscriptionOp[] = []
  for (const [key, subscription] of session.subscriptions?.entries() ?? []) {
    remove(session, key)
    ledger.removed(session, subscription)
    ops.push({ op: 'unsubscribe', filter: subscription.filter, group: subscription.group })
    if (ops.length === count) break
  }
  return ops
}

/** The last one takes the set with it. */
function remove(session: Session, key: string): void {
  session.subscriptions?.delete(key)
  if (session.subscriptions?.size === 0) session.subscriptions = null
}

/**
 * The subscription as the broker knows it: under the mountpoint, `$LINK/` excepted. Its key names the mountpoint, so that a
 * session which comes back through another listener does not mistake one for the other. Null: too long.
 */
function mounted(name: SubscriptionName, mountpoint: string): SubscriptionName | null {
  if (mountpoint === '' || isLinkFilter(name.filter)) return name
  // Cannot lie: a mountpoint holds no wildcard, so what stood behind a slash or alone still does.
  const filter = (mountpoint + name.filter) as TopicFilter
  if (Buffer.byteLength(filter) > mqttLimits.stringBytes) return null
  return { ...name, filter, key: `${mountpoint}\0${name.key}` }
}

function refusalOf(
  session: Session,
  subscriber: Subscriber,
  { key, group, exclusive }: SubscriptionName,
  filter: TopicFilter, // as asked for, without a mountpoint
  policy: SubscriptionPolicy,
  authorize: Authorize,
  ledger: SubscriptionLedger,
): SubscribeRefusal | null {
  if (topicLevels(filter) > policy.levelsMax) return 'filter-invalid'
  if (group !== null && !policy.shared) return 'shared-not-supported'
  if (exclusive && !policy.exclusive) return 'exclusive-not-supported'
  if (!policy.wildcards && hasWildcard(filter)) return 'wildcards-not-supported'
  if (!authorize(subscriber, filter)) return 'not-authorized'
  const { subscriptions } = session
  if (
    policy.subscriptionsMax !== null &&
    (subscriptions?.size ?? 0) >= policy.subscriptionsMax &&
    subscriptions?.get(key) === undefined
  ) {
    return 'quota-exceeded'
  }
  if (exclusive && !ledger.mayHold(session, filter)) return 'exclusively-held'
  return null
}

/** What was asked for last: a storm of clients asks alike, and what they have is one object for all of them. */
let latest: Subscription | null = null

function subscriptionOf(
  { text, filter, group, exclusive }: SubscriptionName,
  { qos, noLocal, retainAsPublished, retainHandling }: SubscribeRequest,
  subscriptionId: number,
  { qosMax }: SubscriptionPolicy,
): Subscription {
  // Any QoS is taken, and as much of it granted as there is [MQTT-3.2.2-10]. Math.min of two of 0, 1, 2 written so that
  // the type stays.
  const granted = qos < qosMax ? qos : qosMax
  if (
    latest !== null &&
    latest.text === text && // says which group, and whether it is exclusive
    latest.filter === filter &&
    latest.qos === granted &&
    latest.noLocal === noLocal &&
    latest.retainAsPublished === retainAsPublished &&
    latest.retainHandling === retainHandling &&
    latest.subscriptionId === subscriptionId
  ) {
    return latest
  }
  latest = {
    text,
    filter,
    group,
    exclusive,
    qos: granted,
    noLocal,
    retainAsPublished,
    retainHandling,
    subscriptionId,
  }
  return latest
}

function subscribeOp(
  subscription: Subscription,
  existing: boolean,
  { retained }: SubscriptionPolicy,
): SubscriptionOp {
  const { filter, group, qos, noLocal, retainAsPublished, retainHandling, subscriptionId } =
    subscription
  // [MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11]; never to shared subscriptions, MQTT 5.0 §4.8.2.
  const wanted = retainHandling === 0 || (retainHandling === 1 && !existing)
  const replay = retained && group === null && wanted
  return {
    op: 'subscribe',
    filter,
    group,
    qos,
    noLocal,
    retainAsPublished,
    subscriptionId,
    existing,
    replay,
  }
}
