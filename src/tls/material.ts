/**
 * From the paths of a configuration to the contents that a TLS context is made of. Whatever is wrong is said with the key,
 * where it was written, the file and the reason; contents are never shown.
 */
import { readFileSync } from 'node:fs'
import { rootCertificates } from 'node:tls'
import {
  formatPosition,
  type Position,
  type TlsClientConfig,
  type TlsIdentityConfig,
  type TlsServerConfig,
} from '../config/index.js'
import { CausewayError } from '../errors.js'
import type { TlsContextOptions, TlsIdentity, TlsRefusal } from '../native/index.js'

export type TlsMaterial =
  | { readonly side: 'server'; readonly config: TlsServerConfig }
  | { readonly side: 'client'; readonly config: TlsClientConfig }

type Part = TlsRefusal['part']

export interface TlsMaterialReaderOptions {
  /** Where a configuration key was written; null: it is a default. */
  readonly where: (path: string) => Position | null
  readonly readFile?: (path: string) => string
}

export class TlsMaterialReader {
  readonly #where: (path: string) => Position | null
  readonly #readFile: (path: string) => string

  constructor({
    where,
    readFile = (path) => readFileSync(path, 'utf8'),
  }: TlsMaterialReaderOptions) {
    this.#where = where
    this.#readFile = readFile
  }

  /** @throws CausewayError TLS_UNUSABLE */
  read(material: TlsMaterial): TlsContextOptions {
    const { config, side } = material
    return {
      server: side === 'server',
      identities: this.#identities(material),
      authorities: this.#authorities(material),
      revocations: this.#revocations(material),
      verifyPeer: config.verifyPeer,
      peerCertificateRequired: side === 'server' && config.failIfNoPeerCert,
      depth: config.depth,
      versions: config.versions,
      ciphers: config.ciphers,
      serverOrder: side === 'server' && config.honorCipherOrder,
      resumption: side === 'server' && config.reuseSessions,
    }
  }

  /** What the engine refused, as an error that names key and file. */
  refused({ config, side }: TlsMaterial, { part, identity, reason }: TlsRefusal): CausewayError {
    const hosts = side === 'server' ? config.sniHosts : []
    const host = identity === 0 ? undefined : hosts[identity - 1]
    const owner: TlsIdentityConfig = host ?? config
    const section = host === undefined ? config.path : `${config.path}.sni_hosts.${identity}`
    const written = {
      certfile: owner.certFile,
      keyfile: owner.keyFile,
      password: owner.keyFile,
      cacertfile: config.caCertFile,
      crlfile: side === 'server' ? config.crlFile : null,
      versions: null,
      ciphers: null,
    }[part]
    return this.#unusable(section, part, written, reason)
  }

  #identities({ config, side }: TlsMaterial): TlsIdentity[] {
    const path = config.path
    if (side === 'client') {
      const none = config.certFile === null && config.keyFile === null
      return none ? [] : [this.#identity(path, config, [])]
    }
    return [
      this.#identity(path, config, []),
      ...config.sniHosts.map((host, index) =>
        this.#identity(`${path}.sni_hosts.${index + 1}`, host, host.hosts),
      ),
    ]
  }

  #identity(path: string, config: TlsIdentityConfig, hosts: readonly string[]): TlsIdentity {
    const { certFile, keyFile, keyPassword } = config
    if (certFile === null)
      throw this.#unusable(path, 'certfile', null, 'missing: TLS needs a certificate')
    if (keyFile === null)
      throw this.#unusable(path, 'keyfile', null, 'missing: TLS needs the key of the certificate')
    return {
      certificate: this.#text(path, 'certfile', certFile),
      key: this.#text(path, 'keyfile', keyFile),
      password: this.#password(path, keyPassword),
      hosts,
    }
  }

  #password(path: string, written: string | null): string | null {
    if (!written?.startsWith('file://')) return written
    return this.#text(path, 'password', written.slice('file://'.length)).replace(/\r?\n$/, '')
  }

  #authorities({ config, side }: TlsMaterial): string {
    if (config.caCertFile !== null) return this.#text(config.path, 'cacertfile', config.caCertFile)
    if (!config.verifyPeer) return ''
    // A link may meet a certificate of a public authority; a client of ours is never vouched for by one.
    if (side === 'client') return rootCertificates.join('\n')
    throw this.#unusable(
      config.path,
      'cacertfile',
      null,
      'missing: verify_peer needs the authorities that clients are to be vouched for by',
    )
  }

  #revocations({ config, side }: TlsMaterial): string | null {
    if (side === 'client' || !config.checkCrl) return null
    if (config.crlFile === null) {
      throw this.#unusable(
        config.path,
        'crlfile',
        null,
        'missing: enable_crl_check needs the lists in a file, they are not downloaded',
      )
    }
    return this.#text(config.path, 'crlfile', config.crlFile)
  }

  #text(path: string, part: Part, written: string): string {
    if (isPem(written)) return written
    try {
      return this.#readFile(written)
    } catch (error) {
      throw this.#unusable(path, part, written, `cannot be read (${codeOf(error)})`)
    }
  }

  #unusable(path: string, part: Part, written: string | null, reason: string): CausewayError {
    const key = `${path}.${part}`
    const position = this.#position(key)
    const place = position === null ? '' : `${formatPosition(position)}: `
    const file = written === null || isPem(written) ? null : written
    const named = file === null ? '' : `${file}: `
    return new CausewayError('TLS_UNUSABLE', `${place}${key}: ${named}${reason}`, {
      detail: { key, file, reason },
    })
  }

  /** Of the key, or of the nearest section around it that was written. */
  #position(key: string): Position | null {
    for (let path = key; path !== ''; path = path.slice(0, Math.max(path.lastIndexOf('.'), 0))) {
      const position = this.#where(path)
      if (position !== null) return position
    }
    return null
  }
}

/** A value with the text itself instead of a path to it. */
export function isPem(written: string): boolean {
  return written.includes('-----BEGIN ')
}

function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code
  return error instanceof Error ? error.message : String(error)
}
