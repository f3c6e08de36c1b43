/** `host:port` or `unix:/path`, as a person writes it, to what the generator connects to. */
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { LoadEndpoint } from '../../native/index.js'
import { benchFailed } from './failure.js'

/** Bytes of a path in a socket address on Linux, its final zero apart. */
const pathBytesMax = 107

/** @throws CausewayError BENCH_FAILED */
export async function endpointOf(written: string): Promise<LoadEndpoint> {
  if (written.startsWith('unix:')) {
    const path = written.slice('unix:'.length)
    if (path === '' || Buffer.byteLength(path) > pathBytesMax)
      throw benchFailed(`a Unix socket has a path of 1 to ${pathBytesMax} bytes, not "${path}"`)
    return { path }
  }
  const [, bracketed, plain, digits] = /^(?:\[(.+)\]|([^:]+)):(\d+)$/.exec(written) ?? []
  const host = bracketed ?? plain
  const port = Number(digits)
  if (host === undefined || port < 1 || port > 65_535)
    throw benchFailed(`a target is HOST:PORT, [IPV6]:PORT or unix:/PATH, not "${written}"`)
  if (isIP(host) !== 0) return { host, port }
  try {
    return { host: (await lookup(host)).address, port }
  } catch {
    throw benchFailed(`the name ${host} has no address`)
  }
}

export function describeEndpoint(endpoint: LoadEndpoint): string {
  return 'path' in endpoint ? `unix:${endpoint.path}` : `${endpoint.host}:${endpoint.port}`
}
