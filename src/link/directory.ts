/**
 * The links of this moment: by name, and by the number that the data plane knows each by. Numbers stay with their link through
 * every change of the configuration; a removed link's is used again when nothing of it is left.
 */
import type { LinkConfig } from '../config/index.js'
import { configLimits } from '../limits.js'

export class LinkDirectory {
  readonly #configs = new Map<number, LinkConfig>()
  readonly #numbers = new Map<string, number>()
  /** Of links that were removed, with routes in the router still. */
  readonly #resting = new Set<number>()

  constructor(links: readonly LinkConfig[]) {
    for (const link of links) this.add(link)
  }

  indexOf(name: string): number | undefined {
    return this.#numbers.get(name)
  }

  at(index: number): LinkConfig | undefined {
    return this.#configs.get(index)
  }

  /** In the order of their numbers. */
  entries(): [number, LinkConfig][] {
    return [...this.#configs].sort(([a], [b]) => a - b)
  }

  /** The lowest free number. Bound: `configLimits.links`, which the configuration holds. */
  add(link: LinkConfig): number {
    let index = 0
    while (this.#configs.has(index) || this.#resting.has(index)) index++
    if (index >= configLimits.links) throw new RangeError('more links than numbers')
    this.#configs.set(index, link)
    this.#numbers.set(link.name, index)
    return index
  }

  change(index: number, link: LinkConfig): void {
    this.#configs.set(index, link)
  }

  /** Its number rests until `release`. */
  remove(index: number): void {
    const link = this.#configs.get(index)
    if (link === undefined) return
    this.#configs.delete(index)
    this.#numbers.delete(link.name)
    this.#resting.add(index)
  }

  release(index: number): void {
    this.#resting.delete(index)
  }
}
