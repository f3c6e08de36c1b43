/**
 * Topic names and filters as the control plane handles them. Their syntax has been checked by the loop that read the packet;
 * what is decided here is what a filter means: its group, its levels, whether it has wildcards.
 */
declare const brand: unique symbol

/** Validated; may hold + and #. Never with a `$share/group/` prefix. */
export type TopicFilter = string & { readonly [brand]: 'TopicFilter' }
/** Validated; no wildcards. */
export type TopicName = string & { readonly [brand]: 'TopicName' }

/** What a SUBSCRIBE or UNSUBSCRIBE names. `key` is the text as sent: unique for (group, filter) within a session. */
export interface SubscriptionName {
  readonly key: string
  readonly filter: TopicFilter
  /** Group of a shared subscription, or null. */
  readonly group: string | null
}

const sharePrefix = '$share/'

/**
 * Takes `$share/{group}/{filter}` apart. Null when it begins like a shared subscription and is none:
 * no group, wildcards in the group, no filter. Source: MQTT 5.0 §4.8.2 [MQTT-4.8.2-1] [MQTT-4.8.2-2].
 */
export function parseSubscriptionName(text: string): SubscriptionName | null {
  if (!text.startsWith(sharePrefix)) {
    // Cannot lie: the loop validated the filter before the packet came here.
    return text === '' ? null : { key: text, filter: text as TopicFilter, group: null }
  }
  const slash = text.indexOf('/', sharePrefix.length)
  if (slash <= sharePrefix.length || slash === text.length - 1) return null
  const group = text.slice(sharePrefix.length, slash)
  if (group.includes('+') || group.includes('#')) return null
  // Cannot lie: the part behind the group is a valid filter whenever the whole was one.
  return { key: text, filter: text.slice(slash + 1) as TopicFilter, group }
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
