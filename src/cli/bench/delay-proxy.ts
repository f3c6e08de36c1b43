/** A line that is long: what comes in leaves so many milliseconds later, in both directions, in order. */
import { connect, createServer, type Server, type Socket } from 'node:net'

/** Bytes under way in one direction, above which the sender is not read: ten times 100 Mbit/s over 50 ms. */
const underWayBytesMax = 8 * 1024 * 1024

export class DelayProxy {
  readonly #server: Server

  /** @param port of 127.0.0.1, to listen on   @param to port of 127.0.0.1 */
  constructor(to: number, delayMs: number) {
    this.#server = createServer((near) => {
      const far = connect(to, '127.0.0.1')
      this.#join(near, far, delayMs)
      this.#join(far, near, delayMs)
    })
  }

  listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, '127.0.0.1', resolve)
    })
  }

  #join(from: Socket, to: Socket, delayMs: number): void {
    let underWay = 0
    from.setNoDelay(true)
    from.on('data', (bytes) => {
      underWay += bytes.length
      if (underWay > underWayBytesMax) from.pause()
      // Timers of one length fire in the order they were set.
      setTimeout(() => {
        underWay -= bytes.length
        if (underWay <= underWayBytesMax) from.resume()
        if (!to.destroyed) to.write(bytes)
      }, delayMs)
    })
    from.on('error', () => {}) // told by the close that follows
    from.once('close', () => setTimeout(() => to.destroy(), delayMs))
  }
}
