/** The API described for machines: OpenAPI 3.1, at `/api-docs/swagger.json`. A test holds it against the routes. */
import { base } from './routes.js'

type Json = Readonly<Record<string, unknown>>

const ref = (name: string): Json => ({ $ref: `#/components/schemas/${name}` })
const content = (schema: Json): Json => ({ 'application/json': { schema } })
const response = (description: string, schema?: Json): Json =>
  schema === undefined ? { description } : { description, content: content(schema) }
const failure = (description: string) => response(description, ref('Error'))

const always = {
  '401': failure('AUTHORIZATION_HEADER_ERROR, BAD_API_KEY_OR_SECRET: no API key, or a wrong one'),
  '503': failure('SERVICE_UNAVAILABLE: too many requests wait, or there was no answer in time'),
}
const writing = { '403': failure('UNAUTHORIZED_ROLE: the key may only read') }
const withBody = {
  ...writing,
  '400': failure('BAD_REQUEST: no JSON, or a link that cannot be'),
  '413': failure('PAYLOAD_TOO_LARGE'),
  '415': failure('UNSUPPORTED_MEDIA_TYPE: the body is not application/json'),
}
const named = { '404': failure('NOT_FOUND: there is no such link') }
const body = { required: true, content: content(ref('LinkSettings')) }
const nameParameter = {
  name: 'name',
  in: 'path',
  required: true,
  description: 'The name of the remote cluster.',
  schema: { type: 'string' },
}

interface Operation extends Json {
  readonly operationId: string
  readonly summary: string
}

function ofLink(path: string, suffix: string): Readonly<Record<string, Json>> {
  const operation = (it: Operation): Json => ({
    ...it,
    operationId: it.operationId + suffix,
    tags: ['Cluster Linking'],
    ...(suffix === '' ? {} : { deprecated: true }),
  })
  const parameters = [nameParameter]
  return {
    [path]: {
      parameters,
      get: operation({
        operationId: 'getLink',
        summary: 'A link: its settings and its status',
        responses: { '200': response('The link', ref('Link')), ...named, ...always },
      }),
      put: operation({
        operationId: 'updateLink',
        summary:
          'Replaces the settings of a link; what is left out goes back to its default, a password of ****** stays',
        requestBody: body,
        responses: { '200': response('The link', ref('Link')), ...withBody, ...named, ...always },
      }),
      delete: operation({
        operationId: 'deleteLink',
        summary: 'Removes a link',
        responses: { '204': response('It is gone'), ...writing, ...named, ...always },
      }),
    },
    [`${path}/metrics`]: {
      parameters,
      get: operation({
        operationId: 'getLinkMetrics',
        summary: 'What a link has carried',
        responses: { '200': response('The metrics', ref('Metrics')), ...named, ...always },
      }),
    },
    [`${path}/metrics/reset`]: {
      parameters,
      put: operation({
        operationId: 'resetLinkMetrics',
        summary: 'Sets the metrics of a link to zero',
        responses: { '204': response('They are'), ...writing, ...named, ...always },
      }),
    },
  }
}

const number = { type: 'number' }
const text = { type: 'string' }
const status = { enum: ['connected', 'connecting', 'disconnected', 'inconsistent'] }
const settings = {
  enable: { type: 'boolean' },
  server: text,
  clientid: text,
  username: text,
  password: { ...text, description: 'Shown as ******, which stands for what is stored.' },
  topics: { type: 'array', items: text },
  pool_size: { type: 'integer' },
  retry_interval: text,
  max_inflight: { type: 'integer' },
  ssl: { type: 'object' },
  resource_opts: { type: 'object' },
}
const figures = {
  type: 'object',
  properties: {
    router: { type: 'object', properties: { routes: number } },
    forwarding: {
      type: 'object',
      properties: Object.fromEntries(
        [
          ...['matched', 'success', 'failed', 'dropped', 'retried', 'queuing', 'inflight'],
          ...['rate', 'rate_last5m', 'rate_max'],
        ].map((name) => [name, number]),
      ),
    },
  },
}
const schemas = {
  Error: {
    type: 'object',
    required: ['code', 'message'],
    properties: { code: text, message: { type: ['string', 'object'] } },
  },
  LinkSettings: {
    type: 'object',
    description: 'An entry of cluster.links; docs/operating/configuration.md has all keys.',
    properties: { name: text, ...settings },
  },
  Link: {
    type: 'object',
    properties: {
      name: text,
      ...settings,
      status,
      node_status: {
        type: 'array',
        items: { type: 'object', properties: { node: text, status, reason: text } },
      },
    },
  },
  Metrics: {
    type: 'object',
    properties: {
      metrics: figures,
      node_metrics: {
        type: 'array',
        items: { type: 'object', properties: { node: text, metrics: figures } },
      },
    },
  },
}

const statusPath = (operationId: string): Json => ({
  get: {
    operationId,
    summary: 'Whether the broker runs',
    tags: ['Status'],
    security: [],
    responses: {
      '200': { description: 'It does', content: { 'text/plain': { schema: text } } },
    },
  },
})

/** @param version of the broker */
export function document(version: string): Json {
  const tags = ['Cluster Linking']
  return {
    openapi: '3.1.0',
    info: { title: 'Causeway', version, description: 'Errors are { code, message }.' },
    security: [{ apiKey: [] }],
    paths: {
      '/status': statusPath('getStatus'),
      [`${base}/status`]: statusPath('getStatusBelowBase'),
      '/api-docs/swagger.json': {
        get: {
          operationId: 'getDocument',
          summary: 'This document',
          tags: ['Status'],
          security: [],
          responses: { '200': response('It', { type: 'object' }) },
        },
      },
      [`${base}/cluster/links`]: {
        get: {
          operationId: 'getLinks',
          summary: 'All links',
          tags,
          responses: {
            '200': response('The links', { type: 'array', items: ref('Link') }),
            ...always,
          },
        },
        post: {
          operationId: 'createLink',
          summary: 'A new link',
          tags,
          requestBody: body,
          responses: { '201': response('The link', ref('Link')), ...withBody, ...always },
        },
        put: {
          operationId: 'updateNamedLink',
          summary: 'Replaces the settings of the link that the body names',
          tags,
          deprecated: true,
          requestBody: body,
          responses: { '200': response('The link', ref('Link')), ...withBody, ...named, ...always },
        },
      },
      ...ofLink(`${base}/cluster/links/link/{name}`, ''),
      ...ofLink(`${base}/cluster/links/{name}`, 'Short'),
    },
    components: {
      schemas,
      securitySchemes: {
        apiKey: { type: 'http', scheme: 'basic', description: 'API key and secret.' },
      },
    },
  }
}
