/**
 * What the link room is given: everything it does not decide itself comes through here, so that a simulation can bring
 * its own clock, network and engine.
 */
import type { Clock, Timers } from '../clock.js'
import type { LinkConfig } from '../config/index.js'
import type { BootstrapBatch, BootstrapRequest, Engine, LinkEngine } from '../native/index.js'
import type { TlsContexts } from '../tls/index.js'

/** The part of the engine that this room uses. */
export type LinkPorts = LinkEngine & Pick<Engine, 'loops' | 'answer' | 'close' | 'publish'>

/** pino's signature: fields first. */
export interface LinkLog {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** Bulk work on the control thread in slices; fair between jobs. */
export interface LinkSlices {
  /** Runs `job` to its end, a step at a time; resolves when it is done. */
  run(name: string, job: Iterator<void>): Promise<void>
}

/** Bootstrap batches, made off the control thread. */
export interface BootstrapTasks {
  bootstrapBatch(request: BootstrapRequest): Promise<BootstrapBatch>
}

export interface LinkSettings {
  readonly clusterName: string
  /** Actor name, and hashed into client ids. */
  readonly nodeName: string
  /** Those at the start, at most 64. */
  readonly links: readonly LinkConfig[]
  readonly dataDir: string
  /** Largest packet we accept on dialled connections. */
  readonly packetBytesMax: number
  /** Whether one of our own listeners is at that address. @param host IP literal */
  isOwnAddress(host: string, port: number): boolean
  /** The loop on which a client of ours with that id lives. */
  homeOf(clientId: string): number
}

export interface LinkEnvironment {
  readonly engine: LinkPorts
  readonly tasks: BootstrapTasks
  readonly tls: Pick<TlsContexts, 'open' | 'close'>
  readonly slices: LinkSlices
  readonly clock: Clock
  readonly timers: Timers
  readonly log: LinkLog
  /** `bytes` random bytes in hex, unpredictable: correlation data and the instance id. */
  randomHex(bytes: number): string
  /** Addresses of a host name, best first. Rejects when there are none. */
  lookup(host: string): Promise<readonly string[]>
  /** Content of a `file://` password. */
  readSecret(path: string): Promise<string>
}
