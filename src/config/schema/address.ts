/**
 * Addresses: what a listener binds and what a link dials.
 * Source: EMQX's addresses; lists, schemes and `[v6]` are ours. docs/operating/configuration.md
 */

import { isIP } from 'node:net'
import { configLimits } from '../../limits.js'
import { type Form, Refusal, scalarText } from './form.js'

export interface BindAddress {
  readonly host: string
  readonly port: number
}

export interface ServerAddress {
  readonly host: string
  readonly port: number
  /** The scheme asked for TLS. */
  readonly tls: boolean
}

const defaultMqttPort = 1883
const defaultMqttsPort = 8883
/** All addresses of both families. EMQX's bare port is IPv4 only; on a machine with IPv6 that surprises. */
const everyAddress = ''
const digits = /^\d+$/
/** Labels of letters, digits, hyphens and underscores, as in DNS and container networks. */
const hostForm =
  /^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?$/

/** @param minPort 0 where 0 means "off" */
export function bindAddress(minPort: 0 | 1 = 1): Form<BindAddress> {
  return {
    type: 'a port, or address:port',
    read: (raw) => {
      const written = scalarText(raw)
      if (written === null) return new Refusal()
      if (digits.test(written)) return bindPort(everyAddress, written, minPort)
      const split = splitHostPort(written)
      if (split instanceof Refusal) return split
      if (split.port === null)
        return new Refusal(`bad_host_port: expected a port, or address:port, got "${written}"`)
      if (split.host !== '' && isIP(split.host) === 0) {
        return new Refusal(
          `bad_host_port: expected an address of this machine, got the name "${split.host}"`,
        )
      }
      return bindPort(split.host === '' ? everyAddress : split.host, split.port, minPort)
    },
  }
}

/** One or more servers, commas between them. */
export const serverList: Form<ServerAddress[]> = {
  type: 'host, host:port or mqtts://host:port, several with commas',
  read: (raw) => {
    const written = Array.isArray(raw)
      ? raw.map(scalarText)
      : (scalarText(raw)?.split(',') ?? [null])
    if (written.length > configLimits.linkServers) {
      return new Refusal(
        `expected at most ${configLimits.linkServers} servers, got ${written.length}`,
      )
    }
    const servers: ServerAddress[] = []
    for (const one of written) {
      const server = one === null ? new Refusal() : readServer(one.trim())
      if (server instanceof Refusal) return server
      servers.push(server)
    }
    return servers.length === 0
      ? new Refusal('required_field: expected host:port, got nothing')
      : servers
  },
}

function readServer(written: string): ServerAddress | Refusal {
  if (written === '') return new Refusal('required_field: expected host:port, got nothing')
  const [, scheme, rest] = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/(.*)$/.exec(written) ?? [
    undefined,
    'mqtt',
    written,
  ]
  if (scheme !== 'mqtt' && scheme !== 'mqtts') {
    return new Refusal(`unsupported_scheme: expected mqtt:// or mqtts://, got "${scheme}://"`)
  }
  const split = splitHostPort(rest ?? '')
  if (split instanceof Refusal) return split
  if (split.host === '') return new Refusal(`bad_host_port: expected host:port, got "${written}"`)
  const tls = scheme === 'mqtts'
  const port = readPort(split.port ?? String(tls ? defaultMqttsPort : defaultMqttPort), 1)
  return port instanceof Refusal ? port : { host: split.host, port, tls }
}

function splitHostPort(written: string): { host: string; port: string | null } | Refusal {
  if (/\s/.test(written)) return new Refusal(`hostname_has_space: "${written}"`)
  const [, v6, v6Port] = /^\[([^\]]*)\](?::(.*))?$/.exec(written) ?? []
  if (v6 !== undefined) {
    if (isIP(v6) !== 6)
      return new Refusal(`bad_host_port: expected an IPv6 address in brackets, got "[${v6}]"`)
    return { host: v6, port: v6Port ?? null }
  }
  const [host = '', port, ...more] = written.split(':')
  if (more.length > 0) {
    const hint = isIP(written) === 6 ? `: write an IPv6 address in brackets, "[${written}]"` : ''
    return new Refusal(`bad_host_port: expected host:port, got "${written}"${hint}`)
  }
  if (port === undefined && digits.test(host)) {
    return new Refusal(`expecting_hostname_but_got_a_number: expected host:port, got "${host}"`)
  }
  if (host !== '' && !validHost(host))
    return new Refusal(`bad_host_port: "${host}" is not a host name or an address`)
  return { host, port: port ?? null }
}

function validHost(host: string): boolean {
  if (host.length > 253 || !hostForm.test(host)) return false
  // Only digits and dots can be meant as nothing but an IPv4 address.
  return !/^[\d.]+$/.test(host) || isIP(host) === 4
}

function bindPort(host: string, written: string, minPort: number): BindAddress | Refusal {
  const port = readPort(written, minPort)
  return port instanceof Refusal ? port : { host, port }
}

function readPort(written: string, min: number): number | Refusal {
  if (!digits.test(written))
    return new Refusal(`bad_port_number: expected a port from ${min} to 65535, got "${written}"`)
  const port = Number(written)
  if (port > 65535)
    return new Refusal(
      `port_number_too_large: expected a port from ${min} to 65535, got ${written}`,
    )
  return port >= min
    ? port
    : new Refusal(`bad_port_number: expected a port from ${min} to 65535, got ${written}`)
}
