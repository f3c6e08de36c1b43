/**
 * Finds uWebSockets.js: the binary of this platform and Node inside the package, or nothing. The package's own loader is not used: where
 * its binary does not load it prints a banner and brings an old `ws` of its own.
 */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** What we use of uWebSockets.js 20.30. Its own types are not installed everywhere, as the package is optional. */
export interface Uws {
  App(): UwsApp
  /** Speaks TLS 1.2 and 1.3. @throws Error that says nothing, when the files or the password do not fit */
  SSLApp(options: UwsTls): UwsApp
  us_listen_socket_close(socket: UwsListenSocket): void
  readonly DISABLED: number
  readonly LIBUS_LISTEN_EXCLUSIVE_PORT: number
}

export interface UwsTls {
  readonly cert_file_name: string
  readonly key_file_name: string
  readonly passphrase?: string
}

export interface UwsListenSocket {
  readonly kind: 'uws listen socket'
}

export interface UwsApp {
  ws<Data>(pattern: string, behavior: UwsBehavior<Data>): UwsApp
  any(pattern: string, handler: (response: UwsResponse, request: UwsRequest) => void): UwsApp
  listen(
    host: string,
    port: number,
    options: number,
    done: (socket: UwsListenSocket | false) => void,
  ): UwsApp
  /** On every address of both families. */
  listen(port: number, options: number, done: (socket: UwsListenSocket | false) => void): UwsApp
  /** Closes every socket. The library has it, its own types do not. */
  close(): void
}

export interface UwsRequest {
  getUrl(): string
  getHeader(name: string): string
}

export interface UwsResponse {
  writeStatus(status: string): UwsResponse
  end(body?: string, closeConnection?: boolean): UwsResponse
  getRemoteAddress(): ArrayBuffer
  upgrade<Data>(
    data: Data,
    key: string,
    protocol: string,
    extensions: string,
    context: unknown,
  ): void
}

export interface UwsSocket<Data> {
  getUserData(): Data
  /** 0: queued, 1: sent, 2: dropped. */
  send(message: Uint8Array, isBinary: boolean): number
  getBufferedAmount(): number
  end(code: number, reason: string): void
  close(): void
}

export interface UwsBehavior<Data> {
  readonly maxPayloadLength: number
  readonly maxBackpressure: number
  readonly idleTimeout: number
  readonly sendPingsAutomatically: boolean
  readonly compression: number
  readonly upgrade: (response: UwsResponse, request: UwsRequest, context: unknown) => void
  readonly open: (socket: UwsSocket<Data>) => void
  readonly message: (socket: UwsSocket<Data>, message: ArrayBuffer, isBinary: boolean) => void
  readonly drain: (socket: UwsSocket<Data>) => void
  readonly close: (socket: UwsSocket<Data>, code: number, message: ArrayBuffer) => void
}

/** Null where the package is not installed, or has no binary for this platform and Node. */
export function loadUws(): Uws | null {
  const require = createRequire(import.meta.url)
  const name = `uws_${process.platform}_${process.arch}_${process.versions.modules}.node`
  try {
    const root = dirname(require.resolve('uWebSockets.js/package.json'))
    return firstThatLoads(require, [join(root, 'binaries', name), join(root, name)])
  } catch {
    return null // not installed: optional
  }
}

function firstThatLoads(load: NodeJS.Require, paths: readonly string[]): Uws | null {
  for (const path of paths) {
    try {
      const library: unknown = load(path)
      // Cannot lie: it is the package's binary, whose version package.json fixes.
      if (hasApp(library)) return library as Uws
    } catch {
      // Another place, or built for another C library: the fallback serves.
    }
  }
  return null
}

function hasApp(library: unknown): boolean {
  return typeof library === 'object' && library !== null && 'App' in library
}
