/**
 * Dialled connections: from a configured server to an address, numbers for connections, and who hears of which.
 * Owner: the link room. Numbers are 2^31 … 2^32 - 1, apart from those of accepted connections, and used again only after the
 * loop has reported the old connection closed.
 */
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { LinkConfig } from '../config/index.js'
import { linkLimits } from '../limits.js'
import { encodeDisconnect } from '../mqtt/index.js'
import type { ConnectionAddress, DialCommand, EngineEvent } from '../native/index.js'
import type { LinkEnvironment, LinkSettings } from './environment.js'
import { failure, type LinkFailure } from './failure.js'

/** Who is told what happens on one dialled connection, until `hangUp` or `onClosed`. */
export interface Dialled {
  onDialed(): void
  onPacket(packet: Buffer): void
  onClosed(cause: string, detail: string): void
}

export interface Target {
  readonly host: string // IP literal
  readonly port: number
  readonly password: string | null
  readonly tls: DialCommand['tls']
}

const firstNumber = 2 ** 31
const numbers = 2 ** 31

/** Node's resolver: addresses in the order the system prefers. */
export async function systemLookup(host: string): Promise<readonly string[]> {
  const addresses = await lookup(host, { all: true })
  return addresses.map(({ address }) => address)
}

export class Dialer {
  readonly #environment: LinkEnvironment
  readonly #settings: LinkSettings
  /** Null: hung up, waiting for the loop to say that it is closed. */
  readonly #connections = new Map<number, Dialled | null>()
  /** Number of the TLS context, by the link's path. */
  readonly #tls = new Map<string, number>()
  #next = 0

  constructor(environment: LinkEnvironment, settings: LinkSettings) {
    this.#environment = environment
    this.#settings = settings
  }

  /**
   * What to dial for try number `server` of a link: its servers in turn, and once all were tried the next address of each.
   * Never rejects.
   */
  async prepare(link: LinkConfig, server: number): Promise<Target | LinkFailure> {
    const chosen = serverOf(link, server)
    let password = link.password
    if (password?.startsWith('file://') === true) {
      const path = password.slice('file://'.length)
      try {
        password = (await this.#environment.readSecret(path)).trimEnd()
      } catch (error) {
        return failure(
          'password_unreadable',
          `the password file ${path} cannot be read (${message(error)})`,
        )
      }
    }
    const tls = this.#tlsOf(link, chosen)
    if (chosen.tls && tls === null)
      return failure('tls_failed', `${chosen.host} asks for TLS, and the link has no TLS context`)
    const target = { port: chosen.port, password, tls }
    if (isIP(chosen.host) !== 0) return { ...target, host: chosen.host }
    try {
      const addresses = await this.#environment.lookup(chosen.host)
      const host = addresses[Math.floor(server / link.servers.length) % addresses.length]
      if (host === undefined) return failure('lookup_failed', `${chosen.host} has no address`)
      return { ...target, host }
    } catch (error) {
      return failure('lookup_failed', `${chosen.host} cannot be resolved (${message(error)})`)
    }
  }

  /** Makes the TLS contexts of the enabled links. @throws CausewayError TLS_UNUSABLE */
  start(): void {
    for (const { enable, path, tls } of this.#settings.links) {
      if (enable && tls !== null)
        this.#tls.set(path, this.#environment.tls.open({ side: 'client', config: tls }))
    }
  }

  /** Null when this server is spoken to in clear, or when there is nothing to speak TLS with. */
  #tlsOf({ path, tls }: LinkConfig, server: LinkConfig['servers'][number]): DialCommand['tls'] {
    const context = this.#tls.get(path)
    if (!server.tls || tls === null || context === undefined) return null
    return { context, serverName: tls.serverName === false ? '' : (tls.serverName ?? server.host) }
  }

  dial(
    loop: number,
    { host, port, tls }: Target,
    connect: Uint8Array,
    owner: Dialled,
  ): ConnectionAddress {
    let connection = firstNumber + (this.#next++ % numbers)
    while (this.#connections.has(connection)) connection = firstNumber + (this.#next++ % numbers)
    this.#connections.set(connection, owner)
    this.#environment.engine.dial({
      loop,
      connection,
      host,
      port,
      timeoutMs: linkLimits.dialTimeoutMs,
      firstBytes: connect,
      packetBytesMax: this.#settings.packetBytesMax,
      tls,
    })
    return { loop, connection }
  }

  send(address: ConnectionAddress, bytes: Uint8Array): void {
    if (this.#connections.get(address.connection) != null)
      this.#environment.engine.send(address, bytes)
  }

  /** Says DISCONNECT and closes; the owner hears nothing more of it. */
  hangUp(address: ConnectionAddress, reasonCode: number): void {
    if (this.#connections.get(address.connection) == null) return
    this.#connections.set(address.connection, null)
    this.#environment.engine.close(address, encodeDisconnect(5, reasonCode), reasonCode)
  }

  onDialed(event: EngineEvent & { kind: 'dialed' }): void {
    this.#connections.get(event.connection)?.onDialed()
  }

  onClientPacket(event: EngineEvent & { kind: 'client-packet' }): void {
    this.#connections.get(event.connection)?.onPacket(event.packet)
  }

  onDialClosed(event: EngineEvent & { kind: 'closed' }): void {
    const owner = this.#connections.get(event.connection)
    this.#connections.delete(event.connection)
    owner?.onClosed(event.cause, event.detail)
  }
}

export function serverOf(link: LinkConfig, server: number): LinkConfig['servers'][number] {
  const chosen = link.servers[server % link.servers.length]
  // The schema refuses a link without a server.
  if (chosen === undefined) throw new RangeError(`link ${link.name} has no server`)
  return chosen
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
