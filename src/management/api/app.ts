/** What each request is answered with. Knows no socket: `app.request` of Hono asks it as a client would. */
import type { HttpBindings } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import { document } from './document.js'
import { readBody } from './json-body.js'
import type { ApiCaller, KeyRing } from './key-ring.js'
import type { ApiAnswer, ApiQuestion } from './question.js'
import type { Unanswered } from './questions.js'
import { badBody, otherMethod, type Refusal, refusals, unanswered } from './refusal.js'
import { base, type Method, type Route, routes } from './routes.js'
import type { Tally } from './tally.js'

export interface AppOptions {
  readonly nodeName: string
  readonly version: string
  /** Those in force now. */
  keys(): KeyRing
  ask(question: ApiQuestion): Promise<ApiAnswer | Unanswered>
  readonly tally: Tally
  /** Our mistake, which the caller is told of without its words. */
  onMistake(error: unknown): void
}

type Asked = Context<{ Bindings: Partial<HttpBindings> }>
type Reply = Response | Promise<Response>
export type ApiApp = Hono<{ Bindings: Partial<HttpBindings> }>

const reading: ReadonlySet<string> = new Set(['GET', 'HEAD'])
const json = /^application\/json\s*(?:;|$)/i

export function apiApp(options: AppOptions): ApiApp {
  const { nodeName, version, tally } = options
  const app: ApiApp = new Hono()
  const status = `Node ${nodeName} is started\ncauseway is running`
  const description = document(version)
  app.use('*', async (asked, next) => {
    tally.counts.api_requests++
    await next()
    asked.header('Cache-Control', 'no-store')
    asked.header('X-Content-Type-Options', 'nosniff')
  })
  const table = new Table(app)
  for (const path of ['/status', `${base}/status`])
    table.add('GET', path, (asked) => asked.text(status))
  table.add('GET', '/api-docs/swagger.json', (asked) => asked.json(description))
  for (const route of routes)
    table.add(route.method, base + route.path, (asked) => answer(asked, route, options))
  table.close()
  app.notFound((asked) => refuse(asked, refusals.path))
  app.onError((error, asked) => {
    options.onMistake(error)
    return refuse(asked, refusals.mistake)
  })
  return app
}

/** Routes, and for each path an answer to the methods it has not. */
class Table {
  readonly #app: ApiApp
  #path = ''
  #methods: Method[] = []

  constructor(app: ApiApp) {
    this.#app = app
  }

  /** Routes of one path follow one another. */
  add(method: Method, path: string, run: (asked: Asked) => Reply): void {
    if (path !== this.#path) this.close()
    this.#path = path
    this.#methods.push(method)
    this.#app.on(method, path, run)
  }

  close(): void {
    const methods = this.#methods
    if (methods.length > 0)
      this.#app.all(this.#path, (asked) => refuse(asked, otherMethod(methods)))
    this.#methods = []
  }
}

async function answer(asked: Asked, route: Route, options: AppOptions): Promise<Response> {
  const caller = callerOf(asked, options)
  if ('status' in caller) return refuse(asked, caller)
  if (caller.role === 'viewer' && !reading.has(asked.req.method)) {
    options.tally.counts.api_refused_role++
    options.tally.refused = { peer: peerOf(asked), key: caller.key }
    return refuse(asked, refusals.role)
  }
  let value: unknown
  if (route.takesBody) {
    if (!json.test(asked.req.header('content-type') ?? '')) return refuse(asked, refusals.type)
    const body = await readBody(asked.req.raw)
    if (body.kind === 'large') return refuse(asked, refusals.large)
    if (body.kind === 'bad') return refuse(asked, badBody(body.why))
    value = body.value
  }
  const question = route.question(asked.req.param('name') ?? '', value)
  if (question === null) return refuse(asked, refusals.name)
  const said = await options.ask(question)
  if (typeof said === 'string') {
    options.tally.counts[said === 'busy' ? 'api_refused_busy' : 'api_unanswered']++
    return refuse(asked, unanswered(said))
  }
  return said.status === 204 ? asked.body(null, 204) : asked.json(said.body, said.status)
}

function callerOf(asked: Asked, { keys, tally }: AppOptions): ApiCaller | Refusal {
  const [, scheme = '', credentials = ''] =
    /^(\S+) +(\S+) *$/.exec(asked.req.header('authorization') ?? '') ?? []
  let refusal: Refusal = scheme.toLowerCase() === 'bearer' ? refusals.token : refusals.header
  if (scheme.toLowerCase() === 'basic') {
    const written = Buffer.from(credentials, 'base64').toString()
    const colon = written.indexOf(':')
    const caller = keys().check(
      written.slice(0, Math.max(0, colon)),
      colon < 0 ? '' : written.slice(colon + 1),
    )
    if (caller !== null) return caller
    refusal = refusals.credentials
  }
  tally.counts.api_refused_credentials++
  tally.refused = { peer: peerOf(asked), key: null }
  return refusal
}

function refuse(asked: Asked, { status, code, message, headers = {} }: Refusal): Response {
  return asked.json({ code, message }, status, headers)
}

function peerOf({ env }: Asked): string {
  return env?.incoming?.socket.remoteAddress ?? ''
}
