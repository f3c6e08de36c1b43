/** What has arrived and was not looked at yet, in order; whoever asks before it arrives waits for it, for a while. */

interface Waiter<T> {
  readonly deliver: (value: T) => void
  readonly fail: (error: Error) => void
}

export class Mailbox<T> {
  readonly #owner: string
  readonly #values: T[] = []
  readonly #waiters: Waiter<T>[] = []
  #ended: Error | null = null

  /** @param owner named in errors */
  constructor(owner: string) {
    this.#owner = owner
  }

  get length(): number {
    return this.#values.length
  }

  put(value: T): void {
    const waiter = this.#waiters.shift()
    if (waiter === undefined) this.#values.push(value)
    else waiter.deliver(value)
  }

  /** Nothing more will come. What has come can still be taken. */
  end(why: string): void {
    this.#ended ??= new Error(`${this.#owner}: ${why}`)
    for (const waiter of this.#waiters.splice(0)) waiter.fail(this.#ended)
  }

  /** @throws Error after `timeoutMs`, or when nothing more will come */
  take(what: string, timeoutMs: number): Promise<T> {
    const value = this.#values.shift()
    if (value !== undefined) return Promise.resolve(value)
    if (this.#ended !== null)
      return Promise.reject(new Error(`${this.#ended.message}, no ${what} came`))
    return new Promise((resolve, reject) => {
      const waiter: Waiter<T> = {
        deliver: (arrived) => {
          clearTimeout(timer)
          resolve(arrived)
        },
        fail: (error) => {
          clearTimeout(timer)
          reject(new Error(`${error.message}, no ${what} came`))
        },
      }
      const timer = setTimeout(() => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1)
        reject(new Error(`${this.#owner}: no ${what} within ${timeoutMs} ms`))
      }, timeoutMs)
      this.#waiters.push(waiter)
    })
  }

  /** Everything that has arrived so far. */
  takeAll(): T[] {
    return this.#values.splice(0)
  }
}
