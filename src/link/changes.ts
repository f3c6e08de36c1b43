/**
 * What of a link's configuration has changed, and what that asks for: nothing but other bounds, another size of the pool, or
 * new connections. Buffers survive all of it.
 */
import type { LinkConfig } from '../config/index.js'

export interface LinkChange {
  readonly link: string
  readonly kind: 'added' | 'removed' | 'changed'
  /** Keys of `cluster.links` that differ; [] unless changed. */
  readonly keys: readonly string[]
}

/** What serves connections that are up as well. Everything else, of today and to come, asks for new ones. */
const inPlace: ReadonlySet<keyof LinkConfig> = new Set([
  'enable',
  'poolSize',
  'maxInflight',
  'resource',
  'retryIntervalMs',
])

/** Names of keys in a file where they are not those of the configuration in snake case. */
const fileKeys: Readonly<Record<string, string>> = {
  servers: 'server',
  clientId: 'clientid',
  tls: 'ssl',
  tcp: 'tcp_opts',
  resource: 'resource_opts',
  retryIntervalMs: 'retry_interval',
}

/** Where a link stands in the file is no part of it. */
export function changedProperties(before: LinkConfig, after: LinkConfig): (keyof LinkConfig)[] {
  // Cannot lie: both are made by the schema, with the properties of the type.
  const properties = Object.keys({ ...before, ...after }) as (keyof LinkConfig)[]
  return properties.filter(
    (property) => property !== 'path' && placeless(before[property]) !== placeless(after[property]),
  )
}

/** As written in a file. */
export function fileKey(property: keyof LinkConfig): string {
  return fileKeys[property] ?? property.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/** Whether connections that are up cannot serve the link any longer. */
export function needsRedial(properties: readonly (keyof LinkConfig)[]): boolean {
  return properties.some((property) => !inPlace.has(property))
}

function placeless(value: LinkConfig[keyof LinkConfig]): string {
  return JSON.stringify(value, (key, inner: unknown) => (key === 'path' ? undefined : inner))
}
