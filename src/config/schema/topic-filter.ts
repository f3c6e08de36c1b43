/**
 * Filters in `topics` of a link: is one well formed, and does one cover another?
 * The cause words are EMQX's.
 */

import { mqttLimits } from '../../limits.js'

export type FilterFault =
  | 'empty_topic'
  | 'topic_invalid_#'
  | 'topic_invalid_char'
  | 'topic_too_long'
  | 'topic_not_allowed'
  | 'invalid_share'

export function filterFault(filter: string): FilterFault | null {
  if (filter === '') return 'empty_topic'
  if (Buffer.byteLength(filter) > mqttLimits.stringBytes) return 'topic_too_long'
  const levels = filter.split('/')
  const last = levels.length - 1
  for (const [index, level] of levels.entries()) {
    if (level === '#' && index !== last) return 'topic_invalid_#' // [MQTT-4.7.1-1]
    const wild = level === '#' || level === '+'
    if (!wild && /[#+\0]/.test(level)) return 'topic_invalid_char' // [MQTT-4.7.1-2]
  }
  if (levels[0] === '$share' && !wellFormedShare(levels)) return 'invalid_share'
  // What links say to each other must never be forwarded by a link. EMQX catches `$LINK/cluster/…` only; nothing else
  // below `$LINK` may be published either, so asking for it is a mistake.
  if (levels[0] === '$LINK') return 'topic_not_allowed'
  return null
}

/** Whether every topic that matches `specific` matches `general`; both well formed. */
export function filterCovers(general: string, specific: string): boolean {
  return levelsCover(general.split('/'), specific.split('/'))
}

/** The same for filters split at `/`, where many are compared with many. */
export function levelsCover(wide: readonly string[], narrow: readonly string[]): boolean {
  // A wildcard does not reach the topics that start with $. [MQTT-4.7.2-1]
  if ((wide[0] === '#' || wide[0] === '+') && narrow[0]?.startsWith('$')) return false
  for (let index = 0; index < wide.length; index++) {
    const level = wide[index]
    if (level === '#') return true
    const other = narrow[index]
    if (other === undefined || other === '#') return false
    if (level !== '+' && level !== other) return false
  }
  return wide.length === narrow.length
}

function wellFormedShare([, group, ...filter]: readonly string[]): boolean {
  if (group === undefined || group === '' || /[#+]/.test(group)) return false
  return filter.join('/') !== ''
}
