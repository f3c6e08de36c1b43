/** The routes of links, under EMQX's paths and the shorter ones that EMQX's documentation shows. Source: link-protocol §6.1. */
import type { ApiQuestion } from './question.js'

export const base = '/api/v5'

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'

export interface Route {
  readonly method: Method
  /** Below `base`, as Hono writes it. */
  readonly path: string
  readonly takesBody: boolean
  /** Null: the body names no link. @param body JSON; undefined where none is taken */
  question(name: string, body: unknown): ApiQuestion | null
}

const all = '/cluster/links'

/** Those of a link under EMQX's path come first: `/cluster/links/link/metrics` is a link called `metrics`. */
export const routes: readonly Route[] = [
  { method: 'GET', path: all, takesBody: false, question: () => ({ kind: 'links' }) },
  {
    method: 'POST',
    path: all,
    takesBody: true,
    question: (_, link) => ({ kind: 'create-link', link }),
  },
  {
    method: 'PUT',
    path: all,
    takesBody: true,
    question: (_, link) => {
      const name = nameIn(link)
      return name === null ? null : { kind: 'update-link', name, link }
    },
  },
  ...ofLink(`${all}/link/:name`),
  ...ofLink(`${all}/:name`),
]

function ofLink(path: string): Route[] {
  const bare = (method: Method, suffix: string, kind: NamedKind): Route => ({
    method,
    path: path + suffix,
    takesBody: false,
    question: (name) => ({ kind, name }),
  })
  return [
    bare('GET', '', 'link'),
    {
      method: 'PUT',
      path,
      takesBody: true,
      question: (name, link) => ({ kind: 'update-link', name, link }),
    },
    bare('DELETE', '', 'delete-link'),
    bare('GET', '/metrics', 'link-metrics'),
    bare('PUT', '/metrics/reset', 'reset-link-metrics'),
  ]
}

type NamedKind = 'link' | 'delete-link' | 'link-metrics' | 'reset-link-metrics'

function nameIn(link: unknown): string | null {
  if (typeof link !== 'object' || link === null || !('name' in link)) return null
  return typeof link.name === 'string' && link.name !== '' ? link.name : null
}
