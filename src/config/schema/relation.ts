/**
 * Relations between values that are each fine: links among themselves, ports among listeners.
 * The reason words are EMQX's. docs/operating/configuration.md
 */

import { resolve } from 'node:path'
import { configLimits } from '../../limits.js'
import type { Config, LinkConfig } from '../config.js'
import { filterFault, levelsCover } from './topic-filter.js'
import type { Path } from './walk.js'

export interface Problem {
  readonly path: Path
  readonly message: string
  /** A second place that belongs to it. */
  readonly also?: Path
  /** The key itself is wrong, not its value. */
  readonly atKey?: boolean
}

export function linkProblems({ clusterName, links }: Config): Problem[] {
  return [
    ...duplicateNames(links),
    ...ownNames(links, clusterName),
    ...links.flatMap(({ topics, retainedSync }, index) => [
      ...filterProblems(topics, ['cluster', 'links', index, 'topics']),
      ...filterProblems(retainedSync, ['cluster', 'links', index, 'retained_sync']),
    ]),
  ]
}

/** A chain asks each mechanism once, as EMQX's does. */
export function authenticationProblems({ authentication }: Config): Problem[] {
  return authentication.flatMap(({ mechanism }, index): Problem[] => {
    const first = authentication.findIndex((other) => other.mechanism === mechanism)
    if (first === index) return []
    return [
      {
        path: ['authentication', index, 'mechanism'],
        also: ['authentication', first, 'mechanism'],
        message: `two authenticators are ${mechanism}`,
      },
    ]
  })
}

function duplicateNames(links: readonly LinkConfig[]): Problem[] {
  return links.flatMap(({ name }, index): Problem[] => {
    const first = links.findIndex((other) => other.name === name)
    if (first === index) return []
    const also = ['cluster', 'links', first, 'name']
    return [
      {
        path: ['cluster', 'links', index, 'name'],
        also,
        message: `duplicated_cluster_links: two links are called "${name}"`,
      },
    ]
  })
}

/** Both sides of a link need names that differ: routes and messages are told apart by nothing else. */
function ownNames(links: readonly LinkConfig[], clusterName: string): Problem[] {
  return links.flatMap(({ name }, index): Problem[] =>
    name === clusterName
      ? [
          {
            path: ['cluster', 'links', index, 'name'],
            message: `"${name}" is our own cluster.name; here belongs the cluster.name of the remote cluster, and every cluster needs one of its own`,
          },
        ]
      : [],
  )
}

function filterProblems(topics: readonly string[], path: Path): Problem[] {
  const at = (index: number): Path => [...path, index]
  const faults = topics.flatMap((topic, index): Problem[] => {
    const fault = filterFault(topic)
    return fault === null
      ? []
      : [{ path: at(index), message: `invalid_topics: ${fault}: "${topic}"${advice[fault] ?? ''}` }]
  })
  if (faults.length > 0) return faults
  const split = topics.map((topic) => topic.split('/'))
  return topics.flatMap((topic, index): Problem[] => {
    const by = split.findIndex((other, position) => {
      if (position === index || !levelsCover(other, split[index] ?? [])) return false
      // Of two equal filters the later one is the extra copy.
      return topics[position] !== topic || position < index
    })
    if (by < 0) return []
    const message = `redundant_topics: "${topic}" is covered by "${topics[by]}"`
    return [{ path: at(index), also: at(by), message }]
  })
}

const advice: Readonly<Record<string, string>> = {
  'topic_invalid_#': ': # stands only at the end',
  topic_invalid_char: ': + and # stand alone between slashes, and NUL nowhere',
  topic_not_allowed: ': the topics of cluster linking itself cannot be linked',
  invalid_share: ': expected $share/group/filter',
}

/** More listeners than there may be. */
export function countProblems({ listeners }: Config): Problem[] {
  if (listeners.length <= configLimits.listeners) return []
  const message = `expected at most ${configLimits.listeners} listeners, got ${listeners.length}`
  return [{ path: ['listeners'], message }]
}

/** A PROXY header comes before TLS and HTTP, which belong to libraries there. */
export function proxyProblems({ listeners }: Config): Problem[] {
  return listeners.flatMap(({ kind, enable, path, proxyTimeoutMs }): Problem[] => {
    if (!enable || (kind !== 'ws' && kind !== 'wss') || proxyTimeoutMs === null) return []
    const message = `expected false: PROXY headers are not read on WebSocket listeners; have the proxy send the client's address in a header, and name that in ${path}.websocket.proxy_address_header`
    return [{ path: [...path.split('.'), 'proxy_protocol'], message }]
  })
}

interface Bound {
  /** The path of the key that gives the port; that of the listener when it is a default. */
  readonly path: Path
  readonly host: string
  readonly port: number
}

/** Two enabled listeners that want the same file. */
export function pathProblems({ listeners }: Config): Problem[] {
  const bound = listeners.flatMap((it) =>
    it.kind === 'unix' && it.enable
      ? [{ path: `${it.path}.bind`, file: resolve(it.socketPath) }]
      : [],
  )
  return bound.flatMap(({ path, file }, index): Problem[] => {
    const first = bound.slice(0, index).find((other) => other.file === file)
    if (first === undefined) return []
    const message = `two listeners at ${file}: ${first.path} and ${path}; change one, or set enable = false`
    return [{ path: path.split('.'), also: first.path.split('.'), message }]
  })
}

/** Two enabled listeners that want the same port of overlapping addresses. */
export function portProblems({ listeners, dashboard }: Config): Problem[] {
  const bound: Bound[] = listeners
    .filter((it) => it.enable && it.kind !== 'unix')
    .map((it) => ({ path: [...it.path.split('.'), 'bind'], host: it.host, port: it.port }))
  if (dashboard.http.port !== 0)
    bound.push({ path: ['dashboard', 'listeners', 'http', 'bind'], ...dashboard.http })
  return bound.flatMap((one, index): Problem[] => {
    const first = bound
      .slice(0, index)
      .find((other) => other.port === one.port && hostsOverlap(one.host, other.host))
    if (first === undefined) return []
    const names = `${first.path.join('.')} and ${one.path.join('.')}`
    return [
      {
        path: one.path,
        also: first.path,
        message: `two listeners on port ${one.port}: ${names}; change one, or set enable = false`,
      },
    ]
  })
}

function hostsOverlap(a: string, b: string): boolean {
  const every = (host: string) => host === '' || host === '0.0.0.0' || host === '::'
  return a === b || every(a) || every(b)
}
