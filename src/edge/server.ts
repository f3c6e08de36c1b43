/** What the edge thread needs of a WebSocket library. */

/** One listener that is open. */
export interface EdgeServer {
  /** Nobody new comes in. */
  stopListening(): void
  /** Everything it still has is cut off, and nothing of it holds the event loop. */
  close(): void
}
