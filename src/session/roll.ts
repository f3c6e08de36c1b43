/**
 * The roll: everybody in the order in which they came, so that they can be gone through in parts, from a serial number on, while
 * others come and go. Who stays is met once; who comes again has a new number.
 *
 * Leaves of at most `rollLeaf` entries in an array: adding is at the end, finding and removing two binary searches. Neighbours that
 * together fill less than half a leaf become one, so n entries have at most 4 n ÷ rollLeaf + 2 leaves, whoever leaves.
 */
import { controlLimits } from '../limits.js'

const leafMax = controlLimits.rollLeaf

export interface Enrolled {
  readonly serial: number
}

export class Roll<T extends Enrolled> {
  /** None is empty; serials ascend within and across. */
  readonly #leaves: T[][] = []
  #newest = 0

  /** The serial number that was given last; 0: none was. */
  get newest(): number {
    return this.#newest
  }

  /** A number for the next to `add`. */
  next(): number {
    this.#newest++
    return this.#newest
  }

  /** @param entry with the last number of `next` */
  add(entry: T): void {
    const last = this.#leaves.at(-1)
    if (last !== undefined && last.length < leafMax) last.push(entry)
    else this.#leaves.push([entry])
  }

  /** Nothing happens if it is not there. */
  remove({ serial }: T): void {
    const at = this.#leafOf(serial)
    const leaf = this.#leaves[at]
    if (leaf === undefined) return
    const place = placeAfter(leaf, serial) - 1
    if (leaf[place]?.serial !== serial) return
    leaf.splice(place, 1)
    if (leaf.length === 0) this.#leaves.splice(at, 1)
    else if (!this.#join(at)) this.#join(at - 1)
  }

  /** At most `count` of those with a greater number than `serial`, in order. Costs what it returns. */
  after(serial: number, count: number): T[] {
    const found: T[] = []
    let at = Math.max(0, this.#leafOf(serial))
    let from = placeAfter(this.#leaves[at] ?? [], serial)
    for (; at < this.#leaves.length && found.length < count; at++) {
      const leaf = this.#leaves[at] ?? []
      const until = Math.min(leaf.length, from + count - found.length)
      for (; from < until; from++) {
        const entry = leaf[from]
        if (entry !== undefined) found.push(entry)
      }
      from = 0
    }
    return found
  }

  /** The leaf that holds `serial`, if any does; -1: it is before all. */
  #leafOf(serial: number): number {
    let low = 0
    let high = this.#leaves.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#leaves[middle]?.[0]?.serial ?? 0) <= serial) low = middle + 1
      else high = middle
    }
    return low - 1
  }

  /** Makes the leaf and the next one one, if they are small. */
  #join(at: number): boolean {
    const [one, next] = [this.#leaves[at], this.#leaves[at + 1]]
    if (one === undefined || next === undefined || one.length + next.length > leafMax / 2)
      return false
    one.push(...next)
    this.#leaves.splice(at + 1, 1)
    return true
  }
}

/** How many of the leaf have a number up to `serial`. */
function placeAfter(leaf: readonly Enrolled[], serial: number): number {
  let low = 0
  let high = leaf.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((leaf[middle]?.serial ?? 0) <= serial) low = middle + 1
    else high = middle
  }
  return low
}
