/**
 * How a test client reaches the broker: one stream of bytes, whatever carries it. A new transport is a new kind here; every
 * test that takes a `Via` then runs over it.
 */
import { connect as tcpConnect } from 'node:net'
import type { Duplex } from 'node:stream'
import { type ConnectionOptions, connect as tlsConnect } from 'node:tls'
import { createWebSocketStream, WebSocket } from 'ws'

export type Via =
  | { readonly kind: 'tcp' }
  /** A Unix domain socket; the port means nothing. */
  | { readonly kind: 'unix'; readonly path: string }
  /** Node's options, without the address: `ca`, `cert`, `key`, `servername`, `session`, `maxVersion`, … */
  | { readonly kind: 'tls'; readonly options: ConnectionOptions }
  /** Each write is a frame. */
  | { readonly kind: 'ws' }
  /** As both: each write is a frame, under TLS with Node's options. */
  | { readonly kind: 'wss'; readonly options: ConnectionOptions }

export const overTcp: Via = { kind: 'tcp' }

/** An open stream, handshakes included, on which no byte of MQTT has been sent. @throws Error when it is refused */
export async function openStream(via: Via, port: number): Promise<Duplex> {
  const address = { port, host: '127.0.0.1' }
  switch (via.kind) {
    case 'tcp': {
      const socket = tcpConnect({ ...address, noDelay: true })
      await opened(socket, 'connect')
      return socket
    }
    case 'unix': {
      const socket = tcpConnect({ path: via.path })
      await opened(socket, 'connect')
      return socket
    }
    case 'tls': {
      const socket = tlsConnect({ servername: '', ...via.options, ...address })
      await opened(socket, 'secureConnect')
      socket.setNoDelay(true)
      return socket
    }
    case 'ws':
    case 'wss': {
      const socket = new WebSocket(`${via.kind}://127.0.0.1:${port}/mqtt`, 'mqtt', {
        perMessageDeflate: false,
        ...(via.kind === 'wss' ? { servername: '', ...via.options } : {}),
      })
      const stream = createWebSocketStream(socket)
      stream.once('end', () => stream.destroy()) // what the server closes is closed
      await new Promise((resolve, reject) => {
        socket.once('open', resolve)
        stream.once('error', reject)
      })
      return stream
    }
  }
}

/** Resolves with the event; rejects when the stream fails or ends before it. */
function opened(stream: Duplex, event: string): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.once(event, () => {
      stream.removeListener('error', reject)
      stream.removeListener('close', refused)
      resolve()
    })
    const refused = () => reject(new Error('closed before it was open'))
    stream.once('error', reject)
    stream.once('close', refused)
  })
}
