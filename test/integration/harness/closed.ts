/** The end of a socket. */
import type { EventEmitter } from 'node:events'

/**
 * Resolves at `close` with its first argument, a WebSocket's code. An error before it is a way to end like any other: events.once
 * would reject.
 */
export function closed(socket: EventEmitter): Promise<unknown> {
  return new Promise((resolve) => {
    socket.on('error', () => {})
    socket.once('close', resolve)
  })
}
