/** Counters of one link by name; names appear with the first count, so that a status shows what happened. */
export class Counters {
  readonly #values = new Map<string, number>()

  add(name: string, by = 1): void {
    if (by !== 0) this.#values.set(name, (this.#values.get(name) ?? 0) + by)
  }

  read(): Record<string, number> {
    return Object.fromEntries(this.#values)
  }
}
