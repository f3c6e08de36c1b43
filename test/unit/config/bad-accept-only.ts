/** Refused configurations of links that accept only, each with the exact place and message. Driven by bad-input.test.ts. */
import type { BadInput } from './bad-inputs.js'

export const badAcceptOnly: readonly BadInput[] = [
  {
    title: 'a link that accepts only, with a server',
    text: 'cluster.links = [\n  { name = eu, topics = [], accept_only = true, server = ‸"h:1" }\n]',
    message:
      'cluster.links.1.server: a link with accept_only = true dials nobody: leave out server, or accept_only',
  },
  {
    title: 'a link that accepts only, with a password',
    text: 'cluster.links = [\n  { name = eu, topics = [], accept_only = true, password = ‸"p" }\n]',
    message:
      'cluster.links.1.password: a link with accept_only = true dials nobody: leave out password, or accept_only',
  },
  {
    title: 'a link that accepts only, with more connections than it may ask for',
    text: 'cluster.links = [\n  { name = eu, topics = [], accept_only = true, pool_size = ‸65 }\n]',
    message: 'cluster.links.1.pool_size: expected at most 64 with accept_only = true, got 65',
  },
]
