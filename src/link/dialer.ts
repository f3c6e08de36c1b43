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
  readonly tcp: DialCommand['tcp']
}

/** A TLS context, and the settings it was made of. */
interface LinkTls {
  readonly number: number
  readonly made: string
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
  /** By the link's name. */
  #tls: ReadonlyMap<string, LinkTls> = new Map()
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
    const host = await this.#addressOf(link, server, chosen.host)
    if (typeof host !== 'string') return host
    if (this.#settings.isOwnAddress(host, chosen.port)) {
      return failure(
        'self_connected',
        `server ${chosen.host}:${chosen.port} is this broker itself; put the address of a listener of ${link.name} there`,
      )
    }
    const { nodelay, keepalive, sndbufBytes, recbufBytes } = link.tcp
    const tcp = { nodelay, keepalive, sndbufBytes: sndbufBytes ?? 0, recbufBytes: recbufBytes ?? 0 }
    return { host, port: chosen.port, password, tls, tcp }
  }

  async #addressOf(link: LinkConfig, server: number, name: string): Promise<string | LinkFailure> {
    if (isIP(name) !== 0) return name
    try {
      const addresses = await this.#environment.lookup(name)
      const host = addresses[Math.floor(server / link.servers.length) % addresses.length]
      return typeof host === 'string' ? host : failure('lookup_failed', `${name} has no address`)
    } catch (error) {
      return failure('lookup_failed', `${name} cannot be resolved (${message(error)})`)
    }
  }

  /**
   * The TLS contexts that these links need: those there are where nothing has changed, else new ones, which `useTls` puts in
   * force. @throws CausewayError TLS_UNUSABLE; what was opened is closed again
   */
  openTls(links: readonly LinkConfig[]): ReadonlyMap<string, LinkTls> {
    const contexts = new Map<string, LinkTls>()
    try {
      for (const { enable, name, tls } of links) {
        if (!enable || tls === null) continue
        const made = JSON.stringify({ ...tls, path: '' })
        const known = this.#tls.get(name)
        const context =
          known?.made === made
            ? known
            : { number: this.#environment.tls.open({ side: 'client', config: tls }), made }
        contexts.set(name, context)
      }
    } catch (error) {
      this.#close(contexts, this.#tls)
      throw error
    }
    return contexts
  }

  /** From now on these; others are closed. */
  useTls(contexts: ReadonlyMap<string, LinkTls>): void {
    const before = this.#tls
    this.#tls = contexts
    this.#close(before, contexts)
  }

  #close(contexts: ReadonlyMap<string, LinkTls>, but: ReadonlyMap<string, LinkTls>): void {
    for (const [name, context] of contexts)
      if (but.get(name) !== context) this.#environment.tls.close(context.number)
  }

  /** Null when this server is spoken to in clear, or when there is nothing to speak TLS with. */
  #tlsOf({ name, tls }: LinkConfig, server: LinkConfig['servers'][number]): DialCommand['tls'] {
    const context = this.#tls.get(name)?.number
    if (!server.tls || tls === null || context === undefined) return null
    return { context, serverName: tls.serverName === false ? '' : (tls.serverName ?? server.host) }
  }

  dial(
    loop: number,
    { host, port, tls, tcp }: Target,
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
      tcp,
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
