/** Traffic that does not stop by itself: subscribers that read, publishers that write whenever their socket takes it. */
import { connect, type Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import mqttPacket from 'mqtt-packet'
import { connectBytes, publishPacket, TestClient } from '../harness/index.js'

const burst = 64
const pairs = 3

export class Traffic {
  readonly #subscribers: readonly TestClient[]
  readonly #publishers: readonly Socket[]
  #stopped = false

  private constructor(subscribers: readonly TestClient[], publishers: readonly Socket[]) {
    this.#subscribers = subscribers
    this.#publishers = publishers
  }

  /**
   * Runs until `stop`, or until the broker hangs up.
   * @param webPort of a WebSocket listener, which one more subscriber is at; null: there is none
   */
  static async start(port: number, webPort: number | null = null): Promise<Traffic> {
    const subscribers: TestClient[] = []
    const publishers: Socket[] = []
    for (let n = 0; n < pairs; n++) {
      const subscriber = await TestClient.connect({ port })
      await subscriber.subscribe({ topic: 'traffic/#', qos: 0 })
      subscribers.push(subscriber)
      publishers.push(await publisher(port, `traffic-${process.pid}-${n}`))
    }
    if (webPort !== null) {
      const web = await TestClient.connect({ port: webPort, via: { kind: 'ws' } })
      await web.subscribe({ topic: 'traffic/0/#', qos: 0 })
      subscribers.push(web)
    }
    const traffic = new Traffic(subscribers, publishers)
    for (const [n, socket] of publishers.entries()) traffic.#pour(socket, n)
    return traffic
  }

  /** Resolves when the first subscriber has got this many messages. */
  async delivered(count: number): Promise<void> {
    const messages = this.#subscribers[0]?.messages
    for (let seen = 0; seen < count; seen += messages?.takeAll().length ?? 0) await setImmediate()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    for (const socket of this.#publishers) socket.destroy()
    await Promise.all(this.#subscribers.map((subscriber) => subscriber.drop()))
  }

  #pour(socket: Socket, n: number): void {
    const bytes = Buffer.concat(
      Array.from({ length: burst }, (_, m) =>
        mqttPacket.generate(publishPacket({ topic: `traffic/${n}/${m}`, payload: 'x'.repeat(64) })),
      ),
    )
    const pour = () => {
      while (!this.#stopped && !socket.destroyed && socket.write(bytes)) {
        // until the socket has enough
      }
    }
    socket.on('drain', () => {
      // What has arrived is let go, so that a long run does not grow.
      for (const { messages } of this.#subscribers) if (messages.length > 10_000) messages.takeAll()
      pour()
    })
    pour()
  }
}

async function publisher(port: number, clientId: string): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  socket.on('error', () => {}) // the broker going away is what these tests are about
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('close', () => reject(new Error('the broker did not accept')))
  })
  socket.write(connectBytes({ clientId }))
  await new Promise<void>((resolve) => {
    socket.once('data', () => resolve())
  })
  socket.resume()
  return socket
}
