/**
 * From a file and the environment to a Config, or to one message that says what is wrong where:
 *
 *     causeway.conf:7:18: mqtt.max_inflight: expected an integer from 1 to 65535, got "many"
 *         7 |   max_inflight = many
 *           |                  ^
 *     causeway.conf:9:3: mqtt.max_packt_size: unknown_fields: no such key; did you mean "max_packet_size"?
 *     and 2 more errors
 */

import type { z } from 'zod'
import type { CausewayError } from '../errors.js'
import { configLimits } from '../limits.js'
import type { Config } from './config.js'
import { applyEnvironment, variablesBelow } from './environment.js'
import {
  type AbsentInclude,
  type Environment,
  excerpt,
  fieldAt,
  formatPosition,
  type HoconObject,
  type PlainObject,
  type PlainValue,
  type Position,
  positionOf,
  readHoconFile,
  readHoconText,
  type Span,
  toPlain,
} from './hocon/index.js'
import { applyLinksFile, type LinksFile, passedOverText } from './links-file.js'
import { ConfigRefused } from './refused.js'
import {
  authenticationProblems,
  countProblems,
  ignoredKeys,
  linkProblems,
  nearestKey,
  type Path,
  type Problem,
  pathProblems,
  portProblems,
  proxyProblems,
  rootSchema,
  schemaAt,
  toConfig,
} from './schema/index.js'

export interface LoadOptions {
  /** File to read; null: defaults and the environment alone. */
  readonly file: string | null
  /** Usually `process.env`; overrides and `${NAME}` come from here. */
  readonly env: Environment
  /** Refuse keys that are accepted and ignored otherwise. */
  readonly strict?: boolean
  /** Where the links that the API has changed are kept: the data directory in use; that of the configuration when not given. */
  readonly dataDir?: string
  /** What the file of links in the data directory shall be taken to hold; what it holds when not given. */
  readonly linksText?: string
}

export type ConfigWarningKind =
  | 'ignored-key'
  | 'absent-include'
  | 'unknown-variable'
  | 'links-passed-over'

export interface ConfigWarning {
  readonly kind: ConfigWarningKind
  /** The key, `a.b.1.c` with 1-based list indexes; the file or variable for the other kinds. */
  readonly subject: string
  readonly position: Position | null
  /** A whole sentence without the position. */
  readonly message: string
}

export interface LoadedConfig {
  readonly config: Config
  readonly warnings: readonly ConfigWarning[]
  /**
   * Where a key was written, for errors found later, e.g. `where('listeners.tcp.clink.bind')`.
   * List indexes are 1-based. Null when the value is a default.
   */
  where(path: string): Position | null
  /** What is in force, by key as written in a file: values of any kind, defaults included. For `changedKeys`. */
  readonly settings: unknown
  readonly links: WrittenLinks
}

/** `cluster.links` as written, for who writes it anew. */
export interface WrittenLinks {
  /** Where the API keeps it. */
  readonly file: string
  /** Whether it came from there. */
  readonly isFromApi: boolean
  /** Secrets included. */
  readonly entries: readonly PlainObject[]
  /** Variables of the environment that say something of it. */
  readonly variables: readonly string[]
}

/** @throws CausewayError CONFIG_*; the message is complete, one or more lines, no stack needed */
export function loadConfig({
  file,
  env,
  strict = false,
  dataDir,
  linksText,
}: LoadOptions): LoadedConfig {
  const { root, absentIncludes } =
    file === null
      ? { root: readHoconText('defaults', '', env), absentIncludes: [] }
      : readHoconFile(file, env)
  const fromApi = applyLinksFile(root, { env, dataDir: dataDir ?? null, text: linksText ?? null })
  const unknownVariables = applyEnvironment(root, env)
  const data = withoutNulls(toPlain(root))
  const { config, settings } = validate(root, data)
  const ignored = ignoredWarnings(root, data)
  if (strict) refuseIgnored(root, data)
  const warnings = [
    ...ignored,
    ...[...absentIncludes, ...fromApi.absentIncludes].map(absentWarning),
    ...unknownVariables.map(variableWarning),
    ...(fromApi.passedOver === null ? [] : [passedOverWarning(fromApi)]),
  ]
  return {
    config: deepFreeze(config),
    warnings,
    where: (path) => whereIs(root, path),
    settings,
    links: {
      file: fromApi.file,
      isFromApi: fromApi.isUsed,
      entries: writtenLinks(data),
      variables: variablesBelow(env, ['cluster', 'links']),
    },
  }
}

/** @param data found to be valid */
function writtenLinks(data: PlainObject): readonly PlainObject[] {
  const written = valueAt(data, ['cluster', 'links'])
  return written === undefined ? [] : (written as readonly PlainObject[]) // the schema has seen it
}

function validate(
  root: HoconObject,
  data: PlainObject,
): { readonly config: Config; readonly settings: unknown } {
  const forbidden = prototypeKeys(data, [])
  const parsed = rootSchema.safeParse(data)
  const problems = [
    ...forbidden,
    ...(parsed.success ? [] : parsed.error.issues.flatMap((issue) => problemsOf(issue, data))),
  ]
  if (problems.length > 0 || !parsed.success) throw refusal(root, data, problems)
  const config = toConfig(parsed.data)
  const related = [
    ...authenticationProblems(config),
    ...countProblems(config),
    ...linkProblems(config),
    ...portProblems(config),
    ...proxyProblems(config),
    ...pathProblems(config),
  ]
  if (related.length > 0) throw refusal(root, data, related)
  return { config, settings: parsed.data }
}

// ----------------------------------------------------------------------------------- problems

function problemsOf(issue: z.core.$ZodIssue, data: PlainObject): Problem[] {
  const path = issue.path
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: [...path, key], message: unknownKey(path, key) }))
  }
  if (issue.code === 'invalid_type') {
    const noun = issue.expected === 'array' ? 'an array' : 'an object'
    return [{ path, message: `expected ${noun}, got ${described(valueAt(data, path))}` }]
  }
  if (issue.code === 'invalid_key') {
    return [
      {
        path,
        atKey: true,
        message: 'expected a name of 1 to 64 letters, digits, - and _, starting with a letter',
      },
    ]
  }
  if (issue.code === 'too_big')
    return [{ path, message: `expected at most ${issue.maximum} entries` }]
  return [{ path, message: issue.message }]
}

function unknownKey(section: Path, key: string): string {
  const nearest = nearestKey(section, key)
  return `unknown_fields: no such key${nearest === null ? '' : `; did you mean "${nearest}"?`}`
}

/** zod leaves out keys called `__proto__` where names are free; here they are refused everywhere. */
function prototypeKeys(data: PlainValue, path: Path): Problem[] {
  if (typeof data !== 'object' || data === null) return []
  return Object.entries(data).flatMap(([key, value]) => {
    const at = [...path, Array.isArray(data) ? Number(key) : key]
    const inner = prototypeKeys(value, at)
    const free = schemaAt(path)?.kind !== 'section'
    return key === '__proto__' && free
      ? [{ path: at, atKey: true, message: unknownKey(path, key) }, ...inner]
      : inner
  })
}

function refusal(
  root: HoconObject,
  data: PlainObject,
  problems: readonly Problem[],
): CausewayError {
  const placed = problems
    .map((problem) => writtenFirst(root, problem))
    .map((problem) => ({ problem, span: spanOf(root, problem.path, problem.atKey) }))
    .sort((a, b) => order(a.span, b.span))
  const lines = placed.map(({ problem, span }) => `${placeOf(span)}${problemText(root, problem)}`)
  const [first, ...others] = placed
  const shown = lines.slice(1, 1 + configLimits.furtherErrors)
  const hidden = lines.length - 1 - shown.length
  const more = hidden > 0 ? [`and ${hidden} more error${hidden === 1 ? '' : 's'}`] : []
  const picture = first?.span === null || first === undefined ? [] : [excerpt(first.span)]
  const message = [lines[0], ...picture, ...shown, ...more].join('\n')
  const position = first?.span == null ? null : positionOf(first.span)
  const each = placed.map(({ problem: { path, message } }) => ({
    path,
    message,
    value: valueAt(data, path),
  }))
  return new ConfigRefused(message, each, {
    detail: {
      path: pathText(first?.problem.path ?? []),
      file: position?.file ?? null,
      line: position?.line ?? null,
      column: position?.column ?? null,
      errors: 1 + others.length,
    },
  })
}

function problemText(root: HoconObject, { path, message, also }: Problem): string {
  const other = also === undefined ? undefined : fieldAt(root, also)
  const elsewhere =
    other === undefined ? '' : ` (the other at ${formatPosition(positionOf(other.value.span))})`
  return `${path.length === 0 ? '' : `${pathText(path)}: `}${message}${elsewhere}`
}

/** Of two places of which one is a default, the one that was written is shown. */
function writtenFirst(root: HoconObject, problem: Problem): Problem {
  const { path, also } = problem
  if (also === undefined || fieldAt(root, path) !== undefined || fieldAt(root, also) === undefined)
    return problem
  return { ...problem, path: also, also: path }
}

function placeOf(span: Span | null): string {
  return span === null ? '' : `${formatPosition(positionOf(span))}: `
}

/** By source, then by place in it; what has no place comes last. */
function order(a: Span | null, b: Span | null): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null)
  return a.source === b.source ? a.start - b.start : a.source.name < b.source.name ? -1 : 1
}

/**
 * What to point at: for an unknown key the key, else the value; for something absent, the nearest
 * thing around it that was written. Null when that is the whole file.
 */
function spanOf(root: HoconObject, path: Path, atKey = false): Span | null {
  for (let length = path.length; length > 0; length--) {
    const found = fieldAt(root, path.slice(0, length))
    if (found === undefined) continue
    const known = schemaAt(path.slice(0, length))
    return atKey || known === null || known.kind === 'ignored'
      ? (found.keySpan ?? found.value.span)
      : found.value.span
  }
  return null
}

function whereIs(root: HoconObject, path: string): Position | null {
  const steps = path.split('.').map((step) => (/^\d+$/.test(step) ? Number(step) : step))
  const found = fieldAt(root, zeroBased(root, steps))
  return found === undefined ? null : positionOf(found.value.span)
}

/** 1-based list indexes, as people write them, to 0-based ones; names that are digits stay. */
function zeroBased(root: HoconObject, steps: readonly (string | number)[]): Path {
  const path: PropertyKey[] = []
  for (const step of steps) {
    const inList = fieldAt(root, path)?.value.kind === 'array'
    path.push(inList && typeof step === 'number' ? step - 1 : String(step))
  }
  return path
}

function pathText(path: Path): string {
  return path.map((step) => (typeof step === 'number' ? String(step + 1) : String(step))).join('.')
}

// ----------------------------------------------------------------------------------- warnings

function ignoredWarnings(root: HoconObject, data: PlainObject): ConfigWarning[] {
  return ignoredKeys(data).map(({ path, why }) => {
    const span = spanOf(root, path)
    const subject = pathText(path)
    return {
      kind: 'ignored-key',
      subject,
      position: span === null ? null : positionOf(span),
      message: `${subject} is accepted and has no effect: ${why}`,
    }
  })
}

function refuseIgnored(root: HoconObject, data: PlainObject): void {
  const problems = ignoredKeys(data).map(({ path, why }) => ({
    path,
    message: `has no effect and is refused by --strict: ${why}`,
  }))
  if (problems.length > 0) throw refusal(root, data, problems)
}

function absentWarning({ file, span }: AbsentInclude): ConfigWarning {
  return {
    kind: 'absent-include',
    subject: file,
    position: positionOf(span),
    message: `the included file ${file} does not exist`,
  }
}

function variableWarning(name: string): ConfigWarning {
  return {
    kind: 'unknown-variable',
    subject: name,
    position: null,
    message: `environment variable ${name} names no section and is ignored`,
  }
}

function passedOverWarning(links: LinksFile): ConfigWarning {
  return {
    kind: 'links-passed-over',
    subject: 'cluster.links',
    position: links.passedOver,
    message: passedOverText(links),
  }
}

// --------------------------------------------------------------------------------------- data

/** In HOCON `key = null` takes a value back: the default applies. */
function withoutNulls(data: PlainValue): PlainObject {
  return dropNulls(data) as PlainObject // the root of a file is an object, and stays one
}

function dropNulls(data: PlainValue): PlainValue {
  if (Array.isArray(data)) return data.map(dropNulls)
  if (typeof data !== 'object' || data === null) return data
  const kept: PlainObject = Object.create(null)
  for (const [key, value] of Object.entries(data)) if (value !== null) kept[key] = dropNulls(value)
  return kept
}

function valueAt(data: PlainValue, path: Path): unknown {
  let value: unknown = data
  for (const step of path) {
    if (typeof value !== 'object' || value === null) return undefined
    value = (value as Readonly<Record<PropertyKey, unknown>>)[step] // objects and arrays both index so
  }
  return value
}

function described(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' ? 'an object' : JSON.stringify(value)
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const inner of Object.values(value)) deepFreeze(inner)
  }
  return value
}
