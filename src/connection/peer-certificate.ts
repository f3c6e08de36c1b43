/**
 * Who a client is by its certificate: `mqtt.peer_cert_as_username` and `mqtt.peer_cert_as_clientid`.
 * Source: EMQX's emqx_channel, `cn`, `dn` (RFC 4514), `crt`, `pem` and `md5` of the certificate's DER.
 */
import { createHash, X509Certificate } from 'node:crypto'
import type { PeerCertField } from '../config/index.js'

/** Null when the certificate has no such field. @param der as the client showed it and TLS verified it */
export function peerCertificateText(der: Buffer, field: PeerCertField): string | null {
  switch (field) {
    case 'cn':
      return commonName(der)
    case 'dn':
      return distinguishedName(der)
    case 'crt':
      return der.toString('latin1') // bytes as characters: an identifier is text
    case 'pem':
      return der.toString('base64') // without armour, as EMQX
    case 'md5':
      return createHash('md5').update(der).digest('hex')
  }
}

/** The last CN, nearest to the subject; names of older issuers may have several. */
function commonName(der: Buffer): string | null {
  const { subject } = new X509Certificate(der).toLegacyObject()
  // Node gives an array when an attribute repeats, whatever its types say.
  const names: unknown = subject?.CN
  const name: unknown = Array.isArray(names) ? names.at(-1) : names
  return typeof name === 'string' && name !== '' ? name : null
}

/** RFC 4514 §2.1: the relative names in reverse, commas between. Node gives one a line, escaped as RFC 2253 asks. */
function distinguishedName(der: Buffer): string | null {
  const names = new X509Certificate(der).subject?.split('\n') ?? []
  return names.length === 0 ? null : names.reverse().join(',')
}
