/** The client's side of SCRAM, for tests: written from RFC 5802 alone, so that the server is not its own judge. */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'

export interface ScramOptions {
  readonly username: string
  readonly password: string
  readonly hash?: 'sha256' | 'sha512'
  readonly nonce?: string
  /** `n,,` when it is not given. */
  readonly gs2Header?: string
}

export class ScramClient {
  readonly method: string
  readonly #options: Required<ScramOptions>
  #signature = ''

  constructor(options: ScramOptions) {
    this.#options = {
      hash: 'sha256',
      nonce: randomBytes(12).toString('base64'),
      gs2Header: 'n,,',
      ...options,
    }
    this.method = this.#options.hash === 'sha256' ? 'SCRAM-SHA-256' : 'SCRAM-SHA-512'
  }

  first(): Buffer {
    return Buffer.from(this.#options.gs2Header + this.#bare())
  }

  /** @param serverFirst `r=…,s=…,i=…` */
  final(serverFirst: Buffer): Buffer {
    const { hash, gs2Header, password } = this.#options
    const challenge = serverFirst.toString()
    const [, nonce = '', salt = '', count = ''] =
      /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(challenge) ?? []
    const without = `c=${Buffer.from(gs2Header).toString('base64')},r=${nonce}`
    const signed = `${this.#bare()},${challenge},${without}`
    const bytes = hash === 'sha256' ? 32 : 64
    const salted = pbkdf2Sync(password, Buffer.from(salt, 'base64'), Number(count), bytes, hash)
    const clientKey = this.#hmac(salted, 'Client Key')
    const storedKey = createHash(hash).update(clientKey).digest()
    const proof = this.#hmac(storedKey, signed).map((byte, at) => byte ^ (clientKey[at] ?? 0))
    this.#signature = this.#hmac(this.#hmac(salted, 'Server Key'), signed).toString('base64')
    return Buffer.from(`${without},p=${Buffer.from(proof).toString('base64')}`)
  }

  /** Whether the server knows the user too. */
  trusts(serverFinal: Buffer): boolean {
    return serverFinal.toString() === `v=${this.#signature}`
  }

  #bare(): string {
    const { username, nonce } = this.#options
    return `n=${username.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${nonce}`
  }

  #hmac(key: Uint8Array, message: string): Buffer {
    return createHmac(this.#options.hash, key).update(message).digest()
  }
}
