/**
 * Two brokers of our own on this machine, linked as in the quick start. East knows its link from the beginning; west's may be
 * switched on later, so that what it has to announce is there before it is announced.
 */
import { Bystander, type Line } from './bystander.js'
import type { BenchOptions } from './options.js'
import { type OwnSide, startCauseway } from './own-broker.js'
import { freePort } from './starting.js'

export interface LinkedSites {
  readonly east: OwnSide
  readonly west: OwnSide
  /** Asks them, and is the line between them where it is long. */
  readonly bystander: Bystander
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
  const bystander = new Bystander()
  const sides: OwnSide[] = []
  const stop = async () => {
    await Promise.all(sides.map((side) => side.stop()))
    bystander.stop()
  }
  try {
    const east = await siteOf('east', options)
    const west = await siteOf('west', options)
    await bystander.openLines([...linesTo(east), ...linesTo(west)], options.delayMs)
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
      bystander,
      switchOn: () => westSide.reconfigure(linkOf(west, east, true)),
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function siteOf(name: string, { delayMs }: BenchOptions): Promise<Site> {
  const linkPort = await freePort()
  const clientPort = await freePort()
  const dialPort = delayMs === 0 ? linkPort : await freePort()
  return { name, clientPort, linkPort, dialPort }
}

function linesTo({ linkPort, dialPort }: Site): Line[] {
  return dialPort === linkPort ? [] : [{ port: dialPort, to: linkPort }]
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
