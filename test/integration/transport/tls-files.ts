/** A folder with an authority's certificates, and listeners that use them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { Authority, type Identity, type Via } from '../harness/index.js'

export class TlsFiles {
  readonly folder: string
  readonly root: Authority

  private constructor(folder: string, root: Authority) {
    this.folder = folder
    this.root = root
  }

  /** With `server.pem` and `server.key` for localhost and 127.0.0.1, and the root in `ca.pem`. */
  static async make(): Promise<TlsFiles> {
    const files = new TlsFiles(
      mkdtempSync(join(tmpdir(), 'causeway-tls-')),
      await Authority.root('CN=Test Root'),
    )
    files.write('ca.pem', files.root.certificate)
    await files.renew('server')
    return files
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }

  path(name: string): string {
    return join(this.folder, name)
  }

  /** @returns the path */
  write(name: string, content: string): string {
    writeFileSync(this.path(name), content)
    return this.path(name)
  }

  /** Signs and writes `<name>.pem` and `<name>.key`. */
  async renew(name: string, hosts = ['localhost', '127.0.0.1']): Promise<Identity> {
    const identity = await this.root.issue({ name: `CN=${name}`, hosts })
    this.write(`${name}.pem`, identity.certificate)
    this.write(`${name}.key`, identity.key)
    return identity
  }

  /** HOCON of one listener with the certificate of localhost. */
  listener(name: string, port: number, options = '', kind: 'ssl' | 'wss' = 'ssl'): string {
    return `listeners.${kind}.${name} { bind = "127.0.0.1:${port}", ssl_options {
      certfile = ${JSON.stringify(this.path('server.pem'))}
      keyfile = ${JSON.stringify(this.path('server.key'))}
      ${options} } }\n`
  }

  /** As a client that trusts our root. */
  via(options: ConnectionOptions = {}): Via {
    return { kind: 'tls', options: { ca: this.root.certificate, ...options } }
  }
}

/** The plain node:tls client, for what it tells about the handshake. Rejects when that fails. */
export function handshake(port: number, options: ConnectionOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, servername: '', ...options })
    socket.once('secureConnect', () => resolve(socket))
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('closed')))
  })
}
