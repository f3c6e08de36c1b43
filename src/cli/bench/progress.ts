/** One line on a terminal that is written over and over; nothing where nobody watches. */
import type { WriteStream } from 'node:tty'

const everyMs = 100

export class ProgressLine {
  readonly #stream: Pick<WriteStream, 'write' | 'isTTY' | 'columns'>
  #shownMs = Number.NEGATIVE_INFINITY
  #isShown = false

  constructor(stream: Pick<WriteStream, 'write' | 'isTTY' | 'columns'>) {
    this.#stream = stream
  }

  show(text: string): void {
    if (!this.#stream.isTTY || performance.now() - this.#shownMs < everyMs) return
    this.#shownMs = performance.now()
    this.#isShown = true
    this.#stream.write(`\r\u001b[K${text.slice(0, (this.#stream.columns ?? 80) - 1)}`)
  }

  /** Before anything else is written. */
  clear(): void {
    if (this.#isShown) this.#stream.write('\r\u001b[K')
    this.#isShown = false
  }
}
