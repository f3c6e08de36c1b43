/** Which keys differ between two configurations. */

/**
 * Keys as written in a file, `mqtt.max_inflight`, in the order of `before`; a list is one key. Values stay unsaid: they may be
 * secrets. Of two texts that mean the same (`60s`, `1m`) neither differs.
 */
export function changedKeys(before: unknown, after: unknown, path = ''): string[] {
  if (!isSection(before) || !isSection(after))
    return JSON.stringify(before) === JSON.stringify(after) ? [] : [path]
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((key) =>
    changedKeys(before[key], after[key], path === '' ? key : `${path}.${key}`),
  )
}

function isSection(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
