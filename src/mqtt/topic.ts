/**
 * Topic names and filters as the control plane handles them. Their syntax has been checked by the loop that read the packet;
 * what is decided here is what a filter means: its group, its levels, whether it has wildcards.
 */
declare const brand: unique symbol

/** Validated; may hold + and #. Never with a prefix that says how to subscribe. */
export type TopicFilter = string & { readonly [brand]: 'TopicFilter' }
/** Validated; no wildcards. */
export type TopicName = string & { readonly [brand]: 'TopicName' }

/** What a SUBSCRIBE or UNSUBSCRIBE names. */
export interface SubscriptionName {
  /** As sent. */
  readonly text: string
  /** Unique for (group, filter) within a session, however it was written: `$queue/t` is `$share/$queue/t`. */
  readonly key: string
  readonly filter: TopicFilter
  /** Group of a shared subscription, or null. */
  readonly group: string | null
  /** Whether it asks to be the only subscription of its filter that says so. */
  readonly exclusive: boolean
}

const dollar = '$'.charCodeAt(0)
const sharePrefix = '$share/'
const queuePrefix = '$queue/'
const exclusivePrefix = '$exclusive/'
const queueGroup = '$queue'

/**
 * Takes `$share/{group}/{filter}`, `$queue/{filter}` and `$exclusive/{filter}` apart. Null when it begins like one of them and
 * is none: no group, wildcards in the group, no filter, or a second such prefix behind the first.
 * Source: MQTT 5.0 §4.8.2 [MQTT-4.8.2-1] [MQTT-4.8.2-2]; docs/protocol/dollar-topics.md.
 */
export function parseSubscriptionName(text: string): SubscriptionName | null {
  if (text.charCodeAt(0) !== dollar) return text === '' ? null : plainName(text)
  if (text.startsWith(sharePrefix)) return sharedName(text)
  if (text.startsWith(queuePrefix)) {
    const filter = filterBehind(text, queuePrefix.length)
    if (filter === null) return null
    return { text, key: `$share/${text}`, filter, group: queueGroup, exclusive: false }
  }
  if (text.startsWith(exclusivePrefix)) {
    const filter = filterBehind(text, exclusivePrefix.length)
    return filter === null ? null : { text, key: filter, filter, group: null, exclusive: true }
  }
  return plainName(text)
}

function plainName(text: string): SubscriptionName {
  // Cannot lie: the loop validated the filter before the packet came here.
  return { text, key: text, filter: text as TopicFilter, group: null, exclusive: false }
}

function sharedName(text: string): SubscriptionName | null {
  const slash = text.indexOf('/', sharePrefix.length)
  if (slash <= sharePrefix.length) return null
  const group = text.slice(sharePrefix.length, slash)
  if (group.includes('+') || group.includes('#')) return null
  const filter = filterBehind(text, slash + 1)
  return filter === null ? null : { text, key: text, filter, group, exclusive: false }
}

function filterBehind(text: string, at: number): TopicFilter | null {
  const nested = [sharePrefix, queuePrefix, exclusivePrefix].some((prefix) =>
    text.startsWith(prefix, at),
  )
  // Cannot lie: the part behind a prefix is a valid filter whenever the whole was one.
  return nested || at === text.length ? null : (text.slice(at) as TopicFilter)
}

export function hasWildcard(filter: TopicFilter): boolean {
  return filter.includes('+') || filter.includes('#')
}

/** Levels of a filter or topic: `a/b` has 2, `/` has 2. Cost: one pass. */
export function topicLevels(filter: string): number {
  let levels = 1
  for (let at = filter.indexOf('/'); at !== -1; at = filter.indexOf('/', at + 1)) levels++
  return levels
}

/**
 * Whether a filter is under `$LINK/`, the door of cluster linking. A filter that begins with a wildcard is not: it never
 * matches topics that begin with $ [MQTT-4.7.2-1].
 */
export function isLinkFilter(filter: string): boolean {
  return filter === '$LINK' || filter.startsWith('$LINK/')
}

/** Whether a filter is under `$SYS/`, what the broker says about itself. No other filter matches there [MQTT-4.7.2-1]. */
export function isSysFilter(filter: string): boolean {
  return filter === '$SYS' || filter.startsWith('$SYS/')
}

/** Whether a SUBSCRIBE names a shared subscription, by either spelling. */
export function isShared(text: string): boolean {
  return text.startsWith(sharePrefix) || text.startsWith(queuePrefix)
}
