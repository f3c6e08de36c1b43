/**
 * Reads a HOCON file with everything it includes. Includes are files only, relative to the file
 * they stand in; circles, depth and number are bounded (limits.ts).
 */

import { readFileSync, statSync } from 'node:fs'
import { dirname, resolve as resolvePath } from 'node:path'
import { CausewayError } from '../../errors.js'
import { configLimits } from '../../limits.js'
import { errorAt, formatPosition, positionOf } from './diagnostic.js'
import { type IncludeRequest, parseFile, parseValue } from './parser.js'
import { type Environment, resolve } from './resolve.js'
import { type Position, Source, type Span } from './source.js'
import type { ObjectNode } from './syntax-tree.js'
import type { HoconObject, HoconValue } from './value.js'

/** An optional include whose file is absent. */
export interface AbsentInclude {
  readonly file: string
  readonly span: Span
}

export interface ReadResult {
  readonly root: HoconObject
  readonly absentIncludes: readonly AbsentInclude[]
}

/**
 * @param file name as it shall appear in messages; relative to the working directory
 * @throws CausewayError CONFIG_SYNTAX, CONFIG_FILE_NOT_FOUND or CONFIG_LIMIT_EXCEEDED
 */
export function readHoconFile(file: string, env: Environment): ReadResult {
  const absentIncludes: AbsentInclude[] = []
  const text = readText(file)
  if (text === null)
    throw new CausewayError('CONFIG_FILE_NOT_FOUND', `${file}: no such file`, { detail: { file } })
  const reading = new Reading(absentIncludes)
  return { root: resolve(reading.parse(file, text, []), env), absentIncludes }
}

/** Reads HOCON from memory, e.g. a value typed elsewhere; it cannot include files. */
export function readHoconText(name: string, text: string, env: Environment): HoconObject {
  return resolve(parseFile(new Source(name, text), [], refuseInclude), env)
}

/** Reads one value, e.g. `[1, 2]`; it can neither include files nor substitute keys of a file. */
export function readHoconValue(name: string, text: string, env: Environment): HoconValue {
  const value = parseValue(new Source(name, text), refuseInclude)
  const keySpan = value.span
  const path = [{ text: 'value', span: keySpan }]
  const file: ObjectNode = {
    kind: 'object',
    entries: [{ kind: 'field', path, append: false, value }],
    span: keySpan,
  }
  const field = resolve(file, env).fields.get('value')
  return field?.value ?? { kind: 'scalar', value: null, text: 'null', span: keySpan }
}

function refuseInclude({ span }: IncludeRequest): never {
  throw errorAt(span, 'include works only in a file')
}

class Reading {
  readonly #absent: AbsentInclude[]
  /** Absolute names of the files being read, outermost first. */
  readonly #chain: string[] = []
  #includes = 0

  constructor(absent: AbsentInclude[]) {
    this.#absent = absent
  }

  parse(file: string, text: string, prefix: readonly string[]): ObjectNode {
    this.#chain.push(resolvePath(file))
    const body = parseFile(new Source(file, text), prefix, (request) =>
      this.#include(file, request),
    )
    this.#chain.pop()
    return body
  }

  #include(from: string, { file, required, prefix, span }: IncludeRequest): ObjectNode {
    const name = resolveBeside(from, file)
    if (this.#chain.includes(resolvePath(name))) throw errorAt(span, `${file} includes itself`)
    this.#includes++
    this.#bound(
      this.#chain.length,
      configLimits.includeDepth,
      'files included by one another',
      span,
    )
    this.#bound(this.#includes, configLimits.includes, 'includes', span)
    const text = readText(name, span)
    if (text !== null) return this.parse(name, text, prefix)
    if (required)
      throw errorAt(span, `the required file ${name} does not exist`, 'CONFIG_FILE_NOT_FOUND')
    this.#absent.push({ file: name, span })
    return { kind: 'object', entries: [], span }
  }

  #bound(count: number, most: number, what: string, span: Span): void {
    if (count > most) throw errorAt(span, `more than ${most} ${what}`, 'CONFIG_LIMIT_EXCEEDED')
  }
}

/** The included name as seen from the including file, spelled like that one (relative stays relative). */
function resolveBeside(from: string, file: string): string {
  const directory = dirname(from)
  if (file.startsWith('/') || directory === '.') return file
  return `${directory}/${file}`
}

/** The text of a file, null when there is none; other failures are thrown, naming who asked for it. */
function readText(file: string, askedBy?: Span): string | null {
  const where = askedBy === undefined ? '' : `${formatPosition(positionOf(askedBy))}: `
  try {
    const size = statSync(file).size
    if (size > configLimits.fileBytes) {
      const message = `${where}${file}: ${size} bytes; a configuration file may have ${configLimits.fileBytes}`
      throw new CausewayError('CONFIG_LIMIT_EXCEEDED', message, { detail: { file, bytes: size } })
    }
    return decodeUtf8(file, readFileSync(file), where)
  } catch (cause) {
    if (cause instanceof CausewayError) throw cause
    const { code, message } = cause as NodeJS.ErrnoException // fs throws nothing else
    if (code === 'ENOENT' || code === 'ENOTDIR') return null
    const reason =
      code === 'EISDIR' ? 'is a directory' : code === 'EACCES' ? 'permission denied' : message
    throw new CausewayError('CONFIG_FILE_NOT_FOUND', `${where}${file}: cannot be read: ${reason}`, {
      detail: { file },
      cause,
    })
  }
}

function decodeUtf8(file: string, bytes: Uint8Array, where: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    const at = firstIllFormed(file, bytes)
    const message = `${where}${formatPosition(at)}: is not UTF-8 text`
    throw new CausewayError('CONFIG_SYNTAX', message, {
      detail: { file, line: at.line, column: at.column },
      cause,
    })
  }
}

/** Where the text ends that can be read. `bytes` holds something that is no UTF-8. */
function firstIllFormed(file: string, bytes: Uint8Array): Position {
  const replaced = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
  let at = replaced.indexOf('\ufffd')
  // A replacement character that was written is one; three bytes that encode it say so.
  for (let byte = 0, from = 0; at >= 0; at = replaced.indexOf('\ufffd', at + 1)) {
    byte += Buffer.byteLength(replaced.slice(from, at))
    from = at
    if (bytes[byte] !== 0xef || bytes[byte + 1] !== 0xbf || bytes[byte + 2] !== 0xbd) break
  }
  const source = new Source(file, replaced)
  // Source drops a byte order mark.
  return source.position(Math.max(0, at - (replaced.length - source.text.length)))
}
