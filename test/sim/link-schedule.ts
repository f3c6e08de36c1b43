/** Seeded randomness and a heap of things to do by time: what makes a simulation repeatable. */

export class Random {
  #state: number
  constructor(seed: number) {
    this.#state = (seed * 2_654_435_761) >>> 0 || 1
  }
  /** 0 ≤ x < n */
  below(n: number): number {
    // mulberry32
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let t = this.#state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) % n
  }
  chance(percent: number): boolean {
    return this.below(100) < percent
  }
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T // callers pass at least one
  }
}

export interface Scheduled {
  readonly at: number
  readonly order: number
  readonly run: () => void
}

function before(a: Scheduled, b: Scheduled): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}

export function push(heap: Scheduled[], item: Scheduled): void {
  let at = heap.push(item) - 1
  while (at > 0) {
    const up = (at - 1) >> 1
    const parent = heap[up] as Scheduled // up < at
    if (!before(item, parent)) break
    heap[at] = parent
    at = up
  }
  heap[at] = item
}

export function pop(heap: Scheduled[]): void {
  const item = heap.pop()
  if (item === undefined || heap.length === 0) return
  let at = 0
  for (;;) {
    let down = 2 * at + 1
    if (down >= heap.length) break
    const right = heap[down + 1]
    if (right !== undefined && before(right, heap[down] as Scheduled)) down++
    const child = heap[down] as Scheduled // down < length
    if (!before(child, item)) break
    heap[at] = child
    at = down
  }
  heap[at] = item
}
