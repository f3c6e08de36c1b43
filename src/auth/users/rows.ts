/**
 * A bootstrap file as rows of text, each with the line where it stands: CSV with a header, or a JSON array of objects. What
 * the columns mean is not known here.
 */
import { authLimits } from '../../limits.js'

export interface Row {
  readonly line: number
  /** By column; absent ones are not there. Numbers and booleans of JSON are text here. */
  readonly fields: ReadonlyMap<string, string>
}

/** Why a file is refused, and where. Line 0: the file as a whole. */
export class RowFault extends Error {
  override readonly name = 'RowFault'
  readonly line: number
  constructor(line: number, message: string) {
    super(message)
    this.line = line
  }
}

/** @throws RowFault */
export function readCsv(text: string): Row[] {
  const lines = text.replace(/^\ufeff/, '').split(/\r?\n/)
  if (lines[0] === '') throw new RowFault(1, 'expected a header: user_id,…')
  const names = csvFields(lines[0] ?? '', 1)
  const rows: Row[] = []
  for (const [at, content] of lines.entries()) {
    if (at === 0 || content === '') continue
    const line = at + 1
    const values = csvFields(content, line)
    if (values.length !== names.length)
      throw new RowFault(
        line,
        `expected ${names.length} fields as in the header, got ${values.length}`,
      )
    checkCount(rows.length, line)
    rows.push({ line, fields: new Map(names.map((name, n) => [name.trim(), values[n] ?? ''])) })
  }
  return rows
}

/** Fields may stand in quotes, with quotes in them doubled; a field does not go over a line's end. */
function csvFields(line: string, number: number): string[] {
  const fields: string[] = []
  for (let at = 0; ; ) {
    if (line[at] === '"') {
      const { value, end } = quoted(line, at + 1, number)
      fields.push(value)
      at = end
      if (at < line.length && line[at] !== ',')
        throw new RowFault(number, 'expected a comma behind a quoted field')
    } else {
      const comma = line.indexOf(',', at)
      const end = comma < 0 ? line.length : comma
      fields.push(line.slice(at, end))
      at = end
    }
    if (at >= line.length) return fields
    at++
  }
}

function quoted(line: string, from: number, number: number): { value: string; end: number } {
  let value = ''
  for (let at = from; at < line.length; at++) {
    if (line[at] !== '"') value += line[at]
    else if (line[at + 1] === '"') value += line[at++]
    else return { value, end: at + 1 }
  }
  throw new RowFault(number, 'a quote that is not closed')
}

/** @throws RowFault */
export function readJson(text: string): Row[] {
  const parsed = parsedJson(text)
  if (!Array.isArray(parsed)) throw new RowFault(1, 'expected an array of objects')
  const starts = elementLines(text)
  return parsed.map((element: unknown, at): Row => {
    const line = starts[at] ?? 1
    checkCount(at, line)
    if (typeof element !== 'object' || element === null || Array.isArray(element))
      throw new RowFault(line, 'expected an object')
    const fields = new Map<string, string>()
    for (const [name, value] of Object.entries(element)) {
      if (value === null) continue
      if (!['string', 'number', 'boolean'].includes(typeof value))
        throw new RowFault(line, `${name}: expected text`)
      fields.set(name, String(value))
    }
    return { line, fields }
  })
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    const position = /position (\d+)/.exec(error instanceof Error ? error.message : '')?.[1]
    const before = position === undefined ? text : text.slice(0, Number(position))
    // The message of the parser quotes the text around the fault, which may be a password.
    throw new RowFault(before.split('\n').length, 'not valid JSON')
  }
}

/** The line on which each element of the outermost array begins. The text is valid JSON. */
function elementLines(text: string): number[] {
  const lines: number[] = []
  let line = 1
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const char = text[at]
    if (char === '\n') line++
    else if (char === '"') at = stringEnd(text, at)
    else if (char === '[' || char === '{') {
      if (depth === 1) lines.push(line)
      depth++
    } else if (char === ']' || char === '}') depth--
  }
  return lines
}

function stringEnd(text: string, start: number): number {
  let at = start + 1
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at
}

function checkCount(count: number, line: number): void {
  if (count >= authLimits.bootstrapUsers)
    throw new RowFault(line, `more than ${authLimits.bootstrapUsers} users`)
}
