/** The HTTP API as main offers it to the edge thread: its listener, its keys, what becomes of what is counted there. */
import type { Config } from '../config/index.js'
import type { ApiOffer } from '../edge/index.js'
import { CausewayError } from '../errors.js'
import type { Log } from '../log.js'
import {
  type ApiAnswer,
  type ApiCounts,
  type ApiKeys,
  type ApiQuestion,
  readApiKeys,
} from './api/index.js'

export interface ApiOfferOptions {
  readonly config: Pick<Config, 'apiKey' | 'dashboard' | 'node'>
  readonly version: string
  readonly log: Log
  answer(question: ApiQuestion): Promise<ApiAnswer>
  counted(counts: ApiCounts): void
  /** These are in force from now on. */
  renewed(keys: ApiKeys): void
}

export interface OpenApiOffer extends ApiOffer {
  /** One listener, with its connections as last reported. */
  state(): { readonly name: string; readonly bind: string; readonly connections: number }[]
  /** Reads the file of keys again; one that cannot be used leaves those in force. */
  reloadKeys(): void
}

/** Null: it is off. @throws CausewayError API_KEYS_INVALID */
export function apiOffer(options: ApiOfferOptions): OpenApiOffer | null {
  const { config, log, version } = options
  const { host, port } = config.dashboard.http
  if (port === 0) return null
  const read = () => {
    const keys = readApiKeys(config.apiKey.bootstrapFile)
    if (keys.keys.length === 0) {
      log.warn(
        { event: 'api_without_keys' },
        'the HTTP API answers every question with 401: api_key.bootstrap_file names no key',
      )
    }
    return keys
  }
  const keys = read()
  let connections = 0
  return {
    listener: {
      path: 'dashboard.listeners.http',
      host,
      port,
      nodeName: config.node.name,
      version,
      keys,
    },
    state: () => [
      {
        name: 'http:api',
        bind: `${host.includes(':') ? `[${host}]` : host}:${port}`,
        connections,
      },
    ],
    reloadKeys: () => {
      try {
        options.renewed(read())
      } catch (error) {
        if (!(error instanceof CausewayError)) throw error
        log.error(
          { event: 'api_keys_refused', code: error.code, reason: error.message },
          'the API keys cannot be used: those that were in force stay',
        )
      }
    },
    answer: options.answer,
    onReport: (report) => {
      connections = report.connections
      options.counted(report.counts)
      if (report.refused === null) return
      const { api_refused_credentials: credentials, api_refused_role: role } = report.counts
      log.warn(
        { event: 'api_refused', credentials, role, ...report.refused },
        'requests to the HTTP API were refused',
      )
    },
    onMistake: (error) =>
      log.error(
        { event: 'api_failed', err: error },
        'a mistake of ours: a request was answered with 500',
      ),
  }
}
