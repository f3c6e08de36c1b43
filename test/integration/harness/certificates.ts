/**
 * Certificates made for one test run: an authority, what it signs, what it revokes. ECDSA P-256; nothing outlives the process.
 */
import 'reflect-metadata'
import { KeyObject, webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import {
  BasicConstraintsExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
  X509CrlGenerator,
} from '@peculiar/x509'

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const dayMs = 24 * 60 * 60 * 1000

/** A certificate with its chain, and its key, as PEM. */
export interface Identity {
  readonly certificate: string
  readonly key: string
  readonly serialNumber: string
}

export interface IssueOptions {
  /** RFC 4514, e.g. `CN=device,O=Example`. */
  readonly name: string
  /** Host names and addresses it is good for. */
  readonly hosts?: readonly string[]
  /** Days from now until it ends; negative: it has ended. Default: 1. */
  readonly days?: number
  /** Seals the key. */
  readonly password?: string
}

export class Authority {
  readonly name: string
  /** Its own certificate. */
  readonly certificate: string
  /** What its subjects send along: itself and those above, without the root. */
  readonly #chain: string
  readonly #keys: webcrypto.CryptoKeyPair

  private constructor(
    name: string,
    certificate: string,
    chain: string,
    keys: webcrypto.CryptoKeyPair,
  ) {
    this.name = name
    this.certificate = certificate
    this.#chain = chain
    this.#keys = keys
  }

  static async root(name: string): Promise<Authority> {
    const keys = await newKeys()
    const made = await X509CertificateGenerator.createSelfSigned({
      name,
      keys,
      ...validity(30),
      signingAlgorithm: algorithm,
      extensions: [new BasicConstraintsExtension(true, undefined, true)],
    })
    return new Authority(name, made.toString('pem'), '', keys)
  }

  /** An authority below this one. */
  async intermediate(name: string): Promise<Authority> {
    const keys = await newKeys()
    const certificate = await this.#sign(name, keys, 30, [
      new BasicConstraintsExtension(true, undefined, true),
    ])
    const pem = certificate.toString('pem')
    return new Authority(name, pem, `\n${pem}${this.#chain}`, keys)
  }

  async issue({ name, hosts = [], days = 1, password }: IssueOptions): Promise<Identity> {
    const keys = await newKeys()
    const names = hosts.map((value) => ({
      type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const),
      value,
    }))
    const certificate = await this.#sign(
      name,
      keys,
      days,
      names.length === 0 ? [] : [new SubjectAlternativeNameExtension(names)],
    )
    const key = KeyObject.from(keys.privateKey)
    const sealed = password === undefined ? {} : { cipher: 'aes-256-cbc', passphrase: password }
    return {
      certificate: certificate.toString('pem') + this.#chain,
      key: key.export({ type: 'pkcs8', format: 'pem', ...sealed }).toString(),
      serialNumber: certificate.serialNumber,
    }
  }

  /** A list of what it has revoked, as PEM. */
  async revocations(revoked: readonly Identity[], days = 1): Promise<string> {
    const list = await X509CrlGenerator.create({
      issuer: this.name,
      thisUpdate: new Date(Date.now() - dayMs),
      nextUpdate: new Date(Date.now() + days * dayMs),
      signingAlgorithm: algorithm,
      signingKey: this.#keys.privateKey,
      entries: revoked.map(({ serialNumber }) => ({ serialNumber, revocationDate: new Date() })),
    })
    return list.toString('pem').replaceAll(' CRL-----', ' X509 CRL-----') // RFC 7468 §6
  }

  #sign(
    subject: string,
    keys: webcrypto.CryptoKeyPair,
    days: number,
    extensions: (BasicConstraintsExtension | SubjectAlternativeNameExtension)[],
  ) {
    return X509CertificateGenerator.create({
      subject,
      issuer: this.name,
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      signingAlgorithm: algorithm,
      ...validity(days),
      extensions,
    })
  }
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
}

function validity(days: number): { notBefore: Date; notAfter: Date } {
  const now = Date.now()
  return { notBefore: new Date(now - 30 * dayMs), notAfter: new Date(now + days * dayMs) }
}
