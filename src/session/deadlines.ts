/**
 * Deadlines of many keys behind one timer: a binary heap with lazy deletion. Precise to `controlLimits.timerPrecisionMs`
 * when the control thread is idle; never early.
 *
 * A key has one deadline at most. Moving or removing one leaves the old heap entry behind, recognised by its time; when
 * more than half of the heap is such leftovers, it is built anew: memory ≤ 2 × keys.
 */
interface Entry<K> {
  readonly key: K
  readonly atMs: number
}

export class Deadlines<K> {
  readonly #atMs = new Map<K, number>()
  #heap: Entry<K>[] = []

  /** Keys that have a deadline. */
  get size(): number {
    return this.#atMs.size
  }

  /** @param atMs Infinity: none */
  set(key: K, atMs: number): void {
    if (this.#atMs.get(key) === atMs) return
    if (atMs === Number.POSITIVE_INFINITY) {
      this.#atMs.delete(key)
    } else {
      this.#atMs.set(key, atMs)
      this.#push({ key, atMs })
    }
    if (this.#heap.length > 64 && this.#heap.length > 2 * this.#atMs.size) this.#rebuild()
  }

  /** The earliest deadline; Infinity when there is none. */
  next(): number {
    return this.#first()?.atMs ?? Number.POSITIVE_INFINITY
  }

  /** Takes one key whose deadline has passed, the earliest first. */
  take(nowMs: number): K | null {
    const first = this.#first()
    if (first === undefined || first.atMs > nowMs) return null
    this.#pop()
    this.#atMs.delete(first.key)
    return first.key
  }

  #first(): Entry<K> | undefined {
    for (;;) {
      const first = this.#heap[0]
      if (first === undefined || this.#atMs.get(first.key) === first.atMs) return first
      this.#pop()
    }
  }

  #rebuild(): void {
    this.#heap = []
    for (const [key, atMs] of this.#atMs) this.#push({ key, atMs })
  }

  #push(entry: Entry<K>): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(entry)
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = heap[above]
      if (parent === undefined || parent.atMs <= entry.atMs) break
      heap[at] = parent
      at = above
    }
    heap[at] = entry
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      const right = heap[below + 1]
      let child = heap[below]
      if (child === undefined) break
      if (right !== undefined && right.atMs < child.atMs) {
        below++
        child = right
      }
      if (last.atMs <= child.atMs) break
      heap[at] = child
      at = below
    }
    heap[at] = last
  }
}
