/**
 * Filters of a fleet of devices at 97 sites, as many as asked for, and for each a topic that it alone matches: so what a match
 * finds is known, with a thousand filters as with a million.
 */

export type FilterKind = 'exact' | '+' | '#' | 'mixed'
export const filterKinds: readonly FilterKind[] = ['exact', '+', '#', 'mixed']

/** @param n from 0; different numbers have different filters */
export function filterOf(kind: FilterKind, n: number): string {
  switch (kindOf(kind, n)) {
    case 'exact':
      return `fleet/site${n % 97}/device${n}/state`
    case '+':
      return `fleet/+/device${n}/state`
    case '#':
      return `fleet/site${n % 97}/device${n}/log/#`
  }
}

/** A topic that filter `n` matches, and no other filter of the kind. */
export function topicOf(kind: FilterKind, n: number): string {
  const device = `fleet/site${n % 97}/device${n}`
  return kindOf(kind, n) === '#' ? `${device}/log/engine/oil` : `${device}/state`
}

function kindOf(kind: FilterKind, n: number): Exclude<FilterKind, 'mixed'> {
  if (kind !== 'mixed') return kind
  return n % 3 === 0 ? 'exact' : n % 3 === 1 ? '+' : '#'
}

/** `count` numbers below `below`, the same on every run, so that neighbours are not asked for one after the other. */
export function scattered(count: number, below: number): number[] {
  let seed = 12_345
  return Array.from({ length: count }, () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((seed / 2 ** 32) * below)
  })
}
