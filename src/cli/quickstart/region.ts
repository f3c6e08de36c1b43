/**
 * The two regions of the quick start, and the configuration each of them starts from: what a person would write, apart
 * from the loopback addresses and the keys that let both live on one machine.
 */

/** One broker of the pair. */
export interface Region {
  /** `cluster.name`, and the remote side's name for the link. */
  readonly cluster: string
  /** Base of the link's client ids at the far end. */
  readonly clientId: string
  /** Port of `listeners.tcp.clink`: where the other region's link comes in. */
  readonly linkPort: number
  /** Port of `listeners.tcp.default`: for clients. */
  readonly clientPort: number
  /** Port of `listeners.ws.default`: for clients over WebSocket. */
  readonly webPort: number
}

export const host = '127.0.0.1'

export const east: Region = {
  cluster: 'cluster-us-east',
  clientId: 'clink-us-east',
  linkPort: 11_883,
  clientPort: 11_884,
  webPort: 11_083,
}

export const west: Region = {
  cluster: 'cluster-eu-west',
  clientId: 'clink-eu-west',
  linkPort: 21_883,
  clientPort: 21_884,
  webPort: 21_083,
}

/** The HOCON file of `region`, linked to `remote`. @param dataDir absolute; this broker's own */
export function configurationOf(region: Region, remote: Region, dataDir: string): string {
  return `cluster {
  name = "${region.cluster}"
  links = [
    {
      name = "${remote.cluster}"
      server = "${host}:${remote.linkPort}"
      clientid = "${region.clientId}"
      topics = ["#"]
    }
  ]
}
listeners {
  # Where the other region's link comes in: the name begins with clink.
  tcp.clink {
    bind = ${region.linkPort}
  }
  # Where clients come in. Moved from 1883, because two brokers share this machine.
  tcp.default {
    bind = ${region.clientPort}
  }
  # The same over WebSocket, moved from 8083.
  ws.default {
    bind = ${region.webPort}
  }
}
node {
  data_dir = ${JSON.stringify(dataDir)}
}
`
}
