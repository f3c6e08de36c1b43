/**
 * Two brokers of our own on this machine, linked as in the quick start. East knows its link from the beginning; west's may be
 * switched on later, so that what it has to announce is there before it is announced.
 */
import { DelayProxy } from './delay-proxy.js'
import type { BenchOptions } from './options.js'
import { type OwnSide, startCauseway } from './own-broker.js'
import { freePort } from './starting.js'

export interface LinkedSites {
  readonly east: OwnSide
  readonly west: OwnSide
  /** West's link, which was started switched off, dials east. */
  switchOn(): Promise<void>
  stop(): Promise<void>
}

interface Site {
  readonly name: string
  readonly clientPort: number
  readonly linkPort: number
  /** Where the other site dials: the link port, or a long line before it. */
  readonly dialPort: number
}

/** @param startOn whether west's link is on from the start  @throws CausewayError BENCH_FAILED */
export async function startSites(
  options: BenchOptions,
  folder: string,
  startOn = true,
): Promise<LinkedSites> {
  const proxies: DelayProxy[] = []
  const sides: OwnSide[] = []
  const stop = async () => {
    await Promise.all([...sides, ...proxies].map((one) => one.stop()))
  }
  try {
    const east = await siteOf('east', options, proxies)
    const west = await siteOf('west', options, proxies)
    const start = async (site: Site, more: string) => {
      const side = await startCauseway(brokerOf(site, more, options), folder)
      sides.push(side)
      return side
    }
    const eastSide = await start(east, linkOf(east, west, true))
    const westSide = await start(west, linkOf(west, east, startOn))
    return {
      east: eastSide,
      west: westSide,
      switchOn: () => westSide.reconfigure(linkOf(west, east, true)),
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function siteOf(
  name: string,
  { delayMs }: BenchOptions,
  proxies: DelayProxy[],
): Promise<Site> {
  const linkPort = await freePort()
  const clientPort = await freePort()
  if (delayMs === 0) return { name, clientPort, linkPort, dialPort: linkPort }
  const dialPort = await freePort()
  const proxy = new DelayProxy(linkPort, delayMs)
  await proxy.listen(dialPort)
  proxies.push(proxy)
  return { name, clientPort, linkPort, dialPort }
}

/** Clients come over what is asked for, the link over TCP. */
function brokerOf(site: Site, more: string, { io, tasks, pin, via }: BenchOptions) {
  return {
    name: site.name,
    port: site.clientPort,
    io: io ?? (pin === null ? null : pin.broker.length),
    tasks: tasks ?? 1,
    via: via === 'unix' ? 'unix' : 'tcp',
    pin,
    more,
  } as const
}

function linkOf(site: Site, remote: Site, on: boolean): string {
  return `cluster {
  name = "${site.name}"
  links = [{
    name = "${remote.name}"
    enable = ${on}
    server = "127.0.0.1:${remote.dialPort}"
    clientid = "clink-${site.name}"
    topics = ["#"]
  }]
}
listeners.tcp.clink { bind = "127.0.0.1:${site.linkPort}", max_connections = infinity }
`
}
