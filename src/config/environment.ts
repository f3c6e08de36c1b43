/**
 * Environment overrides: `EMQX_MQTT__MAX_PACKET_SIZE=2MB`, `CAUSEWAY_CLUSTER__LINKS__1__SERVER=…`.
 *
 * Prefix off, lower case, `__` between keys, lists by 1-based index; above everything in files.
 * A value that starts with `{`, `[` or `"` is read as HOCON; any other is the text itself, so that
 * passwords, `host:port` and topics need no quotes. CAUSEWAY_ wins over EMQX_.
 */

import { CausewayError } from '../errors.js'
import { configLimits } from '../limits.js'
import {
  type Environment,
  type HoconObject,
  type HoconValue,
  readHoconValue,
  Source,
  type Span,
  scalarOf,
} from './hocon/index.js'
import { schemaAt } from './schema/index.js'

const prefixes = ['EMQX_', 'CAUSEWAY_'] as const

/** Sets what the environment says in `root`, in place; returns the variables that name no key. */
export function applyEnvironment(root: HoconObject, env: Environment): string[] {
  const unknown: string[] = []
  for (const prefix of prefixes) {
    for (const name of Object.keys(env)
      .filter((it) => it.startsWith(prefix))
      .sort(inOrder)) {
      const text = env[name]
      if (text === undefined) continue
      const path = name.slice(prefix.length).toLowerCase().split('__')
      // Others use these prefixes too (EMQX_HOME, our own CAUSEWAY_LANE_SLOTS): without a dot in it, only a known section is meant.
      if (path[0] === undefined || schemaAt([path[0]]) === null) {
        if (path.length > 1) unknown.push(name)
      } else override(root, path, name, read(name, text))
    }
  }
  return unknown
}

/** Variables that set what is at `path`, something below it, or a section around it. */
export function variablesBelow(env: Environment, path: readonly string[]): string[] {
  return Object.keys(env).filter((name) => {
    const prefix = prefixes.find((it) => name.startsWith(it))
    if (prefix === undefined || env[name] === undefined) return false
    const steps = name.slice(prefix.length).toLowerCase().split('__')
    const common = Math.min(steps.length, path.length)
    return steps.slice(0, common).join('.') === path.slice(0, common).join('.')
  })
}

/** A section before its keys, so that these are not lost below it; element 2 before element 10. */
function inOrder(a: string, b: string): number {
  const left = a.split('__')
  const right = b.split('__')
  for (const [index, step] of left.entries()) {
    const other = right[index]
    if (other === undefined) return 1
    if (step === other) continue
    const numbers = /^\d+$/.test(step) && /^\d+$/.test(other)
    return numbers ? Number(step) - Number(other) : step < other ? -1 : 1
  }
  return left.length - right.length
}

function read(name: string, text: string): HoconValue {
  const source = new Source(`environment variable ${name}`, text)
  const trimmed = text.trim()
  if (text.length > configLimits.stringChars) {
    throw new CausewayError(
      'CONFIG_LIMIT_EXCEEDED',
      `${source.name}: longer than ${configLimits.stringChars} characters`,
    )
  }
  if (/^[{["]/.test(trimmed) && !/^\[[^\]]*\]:\d+$/.test(trimmed))
    return readHoconValue(source.name, text, {})
  const start = text.length - text.trimStart().length
  return scalarOf(trimmed, { source, start, end: start + trimmed.length })
}

function override(
  root: HoconObject,
  path: readonly string[],
  name: string,
  value: HoconValue,
): void {
  const { span } = value
  let parent: HoconValue = root
  path.forEach((step, index) => {
    const last = index === path.length - 1
    const present = childOf(parent, step, path.slice(0, index), name)
    const next = last ? value : container(present, path.slice(0, index + 1), span)
    if (next !== present) setChild(parent, step, next)
    parent = next
  })
}

/** What a step goes through: what is there when it can hold keys, else a new object or list. */
function container(
  present: HoconValue | undefined,
  path: readonly string[],
  span: Span,
): HoconValue {
  if (present !== undefined && present.kind !== 'scalar') return present
  const isList = schemaAt(path)?.kind === 'list'
  return isList ? { kind: 'array', items: [], span } : { kind: 'object', fields: new Map(), span }
}

function childOf(
  parent: HoconValue,
  step: string,
  path: readonly string[],
  name: string,
): HoconValue | undefined {
  if (parent.kind === 'object') return parent.fields.get(step)?.value
  if (parent.kind !== 'array') return undefined
  const index = /^[1-9]\d{0,5}$/.test(step) ? Number(step) : 0
  const most = parent.items.length + 1
  if (index < 1 || index > most) {
    const list = path.join('.')
    throw new CausewayError(
      'CONFIG_INVALID',
      `environment variable ${name}: ${list}: expected the number of an element from 1 to ${most}, got "${step}"`,
      { detail: { variable: name } },
    )
  }
  return parent.items[index - 1]
}

function setChild(parent: HoconValue, step: string, value: HoconValue): void {
  if (parent.kind === 'object') parent.fields.set(step, { keySpan: value.span, value })
  else if (parent.kind === 'array') parent.items[Number(step) - 1] = value
}
