/** What the edge thread needs of a WebSocket library. */
import type { EdgeTls } from '../listener/index.js'

/** One listener that is open. */
export interface EdgeServer {
  /** New certificates for handshakes that begin later. @throws Error: what was in force stays */
  renew(tls: EdgeTls): Promise<void>
  /** Nobody new comes in. */
  stopListening(): void
  /** Everything it still has is cut off, and nothing of it holds the event loop. */
  close(): void
}

/** The certificate or key of a listener cannot be used. */
export class UnusableTls extends Error {}
