/** Whether a client that has shaken hands over node:tls may stay: what OpenSSL says of its certificate, and our own bound of the chain. */
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls'
import type { TlsContextOptions } from '../native/index.js'

export type PeerRules = Pick<TlsContextOptions, 'verifyPeer' | 'peerCertificateRequired' | 'depth'>

/** DER of the client's certificate, empty for none; null: it may not stay. */
export function peerCertificate(socket: TLSSocket, rules: PeerRules): Uint8Array | null {
  if (!rules.verifyPeer) return new Uint8Array()
  const shown: Partial<DetailedPeerCertificate> = socket.getPeerCertificate(true)
  if (shown.raw === undefined) return rules.peerCertificateRequired ? null : new Uint8Array()
  if (!socket.authorized || intermediates(shown) > rules.depth) return null
  return shown.raw
}

/** Certificates between a leaf and its root; none of a session that was resumed, whose chain was measured before. */
function intermediates(leaf: Partial<DetailedPeerCertificate>): number {
  let count = 0
  let at = leaf.issuerCertificate
  while (at !== undefined && at.issuerCertificate !== undefined && at.issuerCertificate !== at) {
    count++
    at = at.issuerCertificate
  }
  return count
}
