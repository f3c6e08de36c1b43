/** The HTTP server in front of the package ws, in clear or over TLS, and what TLS knows of a client. */
import { createServer, type Server, type ServerOptions } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { Socket } from 'node:net'
import { edgeLimits } from '../limits.js'
import type { EdgeTls } from '../listener/index.js'
import { peerCertificate } from './peer-verdict.js'
import { defaultOptions, NamedContexts } from './secure-context.js'
import { UnusableTls } from './server.js'

export interface HttpFront {
  readonly server: Server
  /** DER; empty: it showed none. */
  certificateOf(socket: Socket): Uint8Array
  /** @throws UnusableTls; what was in force stays */
  renew(tls: EdgeTls): void
}

const none = new Uint8Array()
const timeouts: ServerOptions = {
  connectionsCheckingInterval: edgeLimits.handshakeMs / 4,
  headersTimeout: edgeLimits.handshakeMs,
  requestTimeout: edgeLimits.handshakeMs,
}

/** @param refused a TLS handshake came to nothing @throws UnusableTls */
export function httpFront(tls: EdgeTls | null, refused: (socket: Socket) => void): HttpFront {
  if (tls !== null) return secureFront(tls, refused)
  return { server: createServer(timeouts), certificateOf: () => none, renew: () => {} }
}

function secureFront(
  { contents, handshakeTimeoutMs }: EdgeTls,
  refused: (socket: Socket) => void,
): HttpFront {
  let named = usable(() => new NamedContexts(contents))
  const server = usable(() =>
    createSecureServer({
      ...timeouts,
      ...defaultOptions(contents),
      handshakeTimeout: handshakeTimeoutMs,
      requestCert: contents.verifyPeer,
      rejectUnauthorized: contents.verifyPeer && contents.peerCertificateRequired,
      SNICallback: (name, done) => done(null, named.get(name)),
    }),
  )
  const certificates = new WeakMap<Socket, Uint8Array>()
  // In front of the HTTP parser: who may not stay is not read.
  server.prependListener('secureConnection', (socket) => {
    const certificate = peerCertificate(socket, contents)
    if (certificate === null) {
      refused(socket)
      socket.destroy()
    } else if (certificate.length > 0) certificates.set(socket, certificate)
  })
  server.on('tlsClientError', (_, socket) => refused(socket))
  return {
    server,
    certificateOf: (socket) => certificates.get(socket) ?? none,
    renew: ({ contents: fresh }) => {
      const others = usable(() => new NamedContexts(fresh))
      usable(() => server.setSecureContext(defaultOptions(fresh)))
      named = others
    },
  }
}

function usable<T>(make: () => T): T {
  try {
    return make()
  } catch (error) {
    throw new UnusableTls(error instanceof Error ? error.message : String(error))
  }
}
