/** A broker that delivers what it is told to: for seeing what a benchmark says of one that loses, repeats, refuses or leaves. */
import { createServer, type Server, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { generate, parser } from 'mqtt-packet'
import { freePort } from '../harness/index.js'

export interface FakeBehaviour {
  /** Of every CONNACK; 0 where absent. */
  readonly connack?: number
  /** How often message `n`, from 0, goes to each subscriber; once where absent. */
  readonly copies?: (n: number) => number
  /** The message at which it closes all connections. */
  readonly leavesAt?: number
}

/** @returns its port; it is gone when the test is over */
export async function fakeBroker(t: TestContext, behaviour: FakeBehaviour): Promise<number> {
  const sockets = new Set<Socket>()
  const subscribers = new Set<Socket>()
  let messages = 0
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {}) // the benchmark leaves when it has seen enough
    socket.once('close', () => sockets.delete(socket))
    const input = parser({ protocolVersion: 4 })
    socket.on('data', (bytes) => input.parse(bytes))
    input.on('error', () => socket.destroy()) // what came is not MQTT
    input.on('packet', (packet) => {
      if (packet.cmd === 'connect') {
        socket.write(
          generate({ cmd: 'connack', returnCode: behaviour.connack ?? 0, sessionPresent: false }),
        )
      } else if (packet.cmd === 'subscribe') {
        subscribers.add(socket)
        const granted = packet.subscriptions.map(({ qos }) => qos)
        socket.write(generate({ cmd: 'suback', messageId: packet.messageId ?? 1, granted }))
      } else if (packet.cmd === 'publish') {
        const number = messages++
        if (number === behaviour.leavesAt) for (const one of sockets) one.destroy()
        const copies = behaviour.copies?.(number) ?? 1
        const bytes = generate(packet)
        for (const one of subscribers)
          for (let copy = 0; copy < copies; copy++) if (!one.destroyed) one.write(bytes)
      }
    })
  })
  const port = await freePort()
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  t.after(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return port
}
