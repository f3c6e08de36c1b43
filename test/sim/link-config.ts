/** Configurations of links in a simulated world. */
import type { LinkConfig } from '../../src/config/index.js'
import type { IncarnationStore, LinkSettings } from '../../src/link/index.js'

/** An entry of `cluster.links` as the schema would make it. @param host an address of the world */
export function linkConfig(
  name: string,
  host: string,
  topics: readonly string[],
  enable = true,
): LinkConfig {
  return {
    path: 'cluster.links.1',
    name,
    enable,
    acceptOnly: false,
    servers: [{ host: `${host}.example`, port: 1883, tls: false }],
    clientId: 'link',
    username: null,
    password: null,
    topics,
    poolSize: 1,
    retryIntervalMs: 15_000,
    maxInflight: 32,
    transit: false,
    retainedSync: [],
    driftCheck: false,
    tls: null,
    tcp: { nodelay: true, keepalive: false, sndbufBytes: null, recbufBytes: null },
    resource: {
      requestTtlMs: 45_000,
      inflightWindow: 100,
      maxBufferBytes: 1_048_576,
      healthCheckIntervalMs: 15_000,
      startTimeoutMs: 5_000,
      workerPoolSize: 16,
      dispatchStrategy: 'per_clientid',
    },
  }
}

/** What the link room of a cluster is told. Every world has its own addresses: nobody meets itself. */
export function linkSettings(clusterName: string, links: readonly LinkConfig[]): LinkSettings {
  return {
    clusterName,
    nodeName: `${clusterName}@node`,
    links,
    dataDir: '/nowhere',
    packetBytesMax: 1_048_576,
    isOwnAddress: () => false,
    homeOf: () => 0,
  }
}

/** The file in a data directory: it outlives the process. */
export function incarnationStore(): IncarnationStore {
  let last = 0n
  return {
    load: () => last,
    save: (value) => {
      last = value
    },
  }
}
