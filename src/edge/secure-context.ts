/**
 * From the contents of a TLS context to what node:https is given, for listeners that `ws` serves. It means the same as
 * native/transport/tls_context.cc, which has looked at these contents before and refused what does not fit together.
 */
import { constants } from 'node:crypto'
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'
import type { TlsContextOptions, TlsIdentity } from '../native/index.js'

/** Oldest first, with the option that leaves each out of a range. */
const versions = [
  { name: 'tlsv1', node: 'TLSv1', off: constants.SSL_OP_NO_TLSv1 },
  { name: 'tlsv1.1', node: 'TLSv1.1', off: constants.SSL_OP_NO_TLSv1_1 },
  { name: 'tlsv1.2', node: 'TLSv1.2', off: constants.SSL_OP_NO_TLSv1_2 },
  { name: 'tlsv1.3', node: 'TLSv1.3', off: constants.SSL_OP_NO_TLSv1_3 },
] as const

/** Of the identity without a host name. @throws Error of OpenSSL, or about a cipher that Node has no name for */
export function defaultOptions(contents: TlsContextOptions): SecureContextOptions {
  const [own] = contents.identities
  if (own === undefined) throw new Error('a listener has a certificate')
  return optionsOf(contents, own)
}

/** Contexts of the other identities by the name that a client asks for: an exact one, then one with a wildcard, then none. */
export class NamedContexts {
  readonly #byHost = new Map<string, SecureContext>()

  constructor(contents: TlsContextOptions) {
    for (const identity of contents.identities.slice(1)) {
      const context = createSecureContext(optionsOf(contents, identity))
      for (const host of identity.hosts) this.#byHost.set(host.toLowerCase(), context)
    }
  }

  /** Undefined: the default. */
  get(asked: string): SecureContext | undefined {
    const name = asked.toLowerCase()
    const behindLabel = name.indexOf('.')
    return this.#byHost.get(name) ?? this.#byHost.get(`*${name.slice(behindLabel)}`)
  }
}

function optionsOf(contents: TlsContextOptions, identity: TlsIdentity): SecureContextOptions {
  const { authorities, revocations, serverOrder } = contents
  return {
    cert: identity.certificate,
    key: identity.key,
    ...(identity.password === null ? {} : { passphrase: identity.password }),
    ...(authorities === '' ? {} : { ca: authorities }),
    ...(revocations === null ? {} : { crl: blocks(revocations) }),
    ...versionsAndCiphers(contents),
    honorCipherOrder: serverOrder,
  }
}

function versionsAndCiphers(contents: TlsContextOptions): SecureContextOptions {
  const offered = versions.filter(
    ({ name }) => contents.versions.includes(name) && hasSuite(name, contents.ciphers),
  )
  const lowest = offered[0]
  const highest = offered.at(-1)
  if (lowest === undefined || highest === undefined) throw new Error('no version is offered')
  // The old ones sign with SHA-1, which needs all bars down.
  const isOld = lowest.name === 'tlsv1' || lowest.name === 'tlsv1.1'
  const ciphers = [...contents.ciphers.map(opensslName), ...(isOld ? ['@SECLEVEL=0'] : [])]
  const isBare = contents.ciphers.length === 0
  const left = versions.filter((one) => !offered.includes(one)).map(({ off }) => off)
  return {
    minVersion: lowest.node,
    maxVersion: highest.node,
    secureOptions: [
      constants.SSL_OP_NO_RENEGOTIATION,
      ...left,
      ...(contents.resumption ? [] : [constants.SSL_OP_NO_TICKET]),
    ].reduce((all, one) => all | one, 0),
    ...(ciphers.length === 0
      ? {}
      : { ciphers: (isBare ? ['DEFAULT', ...ciphers] : ciphers).join(':') }),
  }
}

/** A version for which nothing is listed is not offered: who lists ciphers wants no others. */
function hasSuite(version: string, ciphers: readonly string[]): boolean {
  if (ciphers.length === 0) return true
  return ciphers.some((name) => name.startsWith('TLS_') === (version === 'tlsv1.3'))
}

/** Node takes OpenSSL's names only; those of TLS 1.3 are IANA's as well. */
function opensslName(name: string): string {
  if (!name.startsWith('TLS_') || !name.includes('_WITH_')) return name
  throw new Error(`ciphers: a wss listener takes OpenSSL's names, and ${name} is IANA's`)
}

/** Node reads one list of a text. */
function blocks(pem: string): string[] {
  return pem.match(/-----BEGIN [^-]+-----[^-]+-----END [^-]+-----/g) ?? []
}
