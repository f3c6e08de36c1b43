/**
 * Forms: how one value is written, and what it becomes. docs/operating/configuration.md "Values".
 *
 * A form reads what HOCON left (text, number, boolean, array) and returns a domain value or a
 * refusal. As in HOCON, quotes do not decide the type: `"32"` is an integer where one is expected.
 */

/** Why a value is not of a form; without a reason, its type alone is the explanation. */
export class Refusal {
  readonly reason: string | null
  constructor(reason: string | null = null) {
    this.reason = reason
  }
}

export interface Form<T> {
  /** Completes "expected …"; also the type column of the documentation. */
  readonly type: string
  read(raw: unknown): T | Refusal
}

const durationUnitsMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  f: 1_209_600_000,
}
const durationForm = /^(\d+(\.\d+)?(ms|s|m|h|d|w|f))+$/
const durationPart = /(\d+(?:\.\d+)?)(ms|s|m|h|d|w|f)/g
const bytesizeForm = /^(\d+)(kb|mb|gb)?$/
const byteUnits: Readonly<Record<string, number>> = { kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 }
const integerForm = /^-?\d+$/
const numberForm = /^-?\d+(\.\d+)?$/

export const boolean: Form<boolean> = {
  type: 'true or false',
  read: (raw) =>
    raw === true || raw === 'true'
      ? true
      : raw === false || raw === 'false'
        ? false
        : new Refusal(),
}

/** Any single value as text; `123` and `true` without quotes are text too where text is expected. */
export const text: Form<string> = {
  type: 'a string',
  read: (raw) => scalarText(raw) ?? new Refusal(),
}

export function integer(min: number, max: number): Form<number> {
  const type =
    max === Number.MAX_SAFE_INTEGER
      ? `an integer of at least ${min}`
      : `an integer from ${min} to ${max}`
  return { type, read: (raw) => within(parseNumber(raw, integerForm), min, max) }
}

/** @param above exclusive lower bound */
export function numberAbove(above: number): Form<number> {
  return {
    type: `a number above ${above}`,
    read: (raw) => {
      const value = parseNumber(raw, numberForm)
      return value !== null && value > above ? value : new Refusal()
    },
  }
}

/** Milliseconds. `15s`, `1h30m`, `1.5s`, any case; a bare integer is milliseconds. */
export function duration(range: { min?: number; max?: number } = {}): Form<number> {
  const bounds = boundsText(range, (ms) => `${ms} ms`)
  return {
    type: `a duration${bounds}`,
    read: (raw) => within(parseDuration(raw), range.min ?? 0, range.max ?? Number.MAX_SAFE_INTEGER),
  }
}

/** Bytes. `512KB`, `1MB`, `2GB`, units of 1024, any case; a bare integer is bytes. */
export function bytesize(range: { min?: number; max?: number } = {}): Form<number> {
  const bounds = boundsText(range, (bytes) => `${bytes} bytes`)
  return {
    type: `a size${bounds}`,
    read: (raw) => within(parseBytesize(raw), range.min ?? 0, range.max ?? Number.MAX_SAFE_INTEGER),
  }
}

export function oneOf<const W extends string>(...words: readonly W[]): Form<W> {
  return {
    type: words.length === 1 ? words.join('') : `one of ${words.join(', ')}`,
    read: (raw) => words.find((word) => word === scalarText(raw)) ?? new Refusal(),
  }
}

/** `form`, or a word such as `infinity` that means there is no value. */
export function orWord<T>(form: Form<T>, word: string): Form<T | null> {
  return { type: `${form.type}, or ${word}`, read: (raw) => (raw === word ? null : form.read(raw)) }
}

/** An array; an element that does not fit is the refusal of the whole. */
export function arrayOf<T>(form: Form<T>, most: number): Form<T[]> {
  return {
    type: `an array, each element ${form.type}`,
    read: (raw) => {
      if (!Array.isArray(raw)) return new Refusal()
      if (raw.length > most)
        return new Refusal(`expected at most ${most} elements, got ${raw.length}`)
      return readAll(raw, form)
    },
  }
}

/** An array, or text with commas between the elements. */
export function listOf<T>(form: Form<T>, most: number): Form<T[]> {
  const array = arrayOf(form, most)
  return {
    type: `a list (array, or text with commas), each element ${form.type}`,
    read: (raw) => {
      const words = scalarText(raw)
      return array.read(
        words === null
          ? raw
          : words
              .split(',')
              .map((w) => w.trim())
              .filter((w) => w !== ''),
      )
    },
  }
}

/** Messages per second. `1000/s`, `10/500ms`. */
export const rate: Form<number> = {
  type: 'a rate such as 1000/s',
  read: (raw) => {
    const [count, per, ...more] = scalarText(raw)?.split('/') ?? []
    const number = parseNumber(count, numberForm)
    const ms = per === undefined ? null : parseDuration(/^\d/.test(per) ? per : `1${per}`)
    if (number === null || number < 0 || ms === null || ms <= 0 || more.length > 0)
      return new Refusal()
    return (number * 1000) / ms
  },
}

/** What came, for a message: short, quoted when text. */
export function show(raw: unknown): string {
  if (raw === undefined) return 'nothing'
  if (Array.isArray(raw)) return 'an array'
  if (typeof raw === 'object' && raw !== null) return 'an object'
  const shown = JSON.stringify(raw) ?? String(raw)
  return shown.length > 80 ? `${shown.slice(0, 77)}…` : shown
}

export function scalarText(raw: unknown): string | null {
  if (typeof raw === 'string') return raw
  return typeof raw === 'number' || typeof raw === 'boolean' ? String(raw) : null
}

function readAll<T>(raw: readonly unknown[], form: Form<T>): T[] | Refusal {
  const read: T[] = []
  for (const element of raw) {
    const value = form.read(element)
    if (value instanceof Refusal) {
      return new Refusal(
        value.reason ?? `expected each element to be ${form.type}, got ${show(element)}`,
      )
    }
    read.push(value)
  }
  return read
}

function parseNumber(raw: unknown, form: RegExp): number | null {
  const written = typeof raw === 'boolean' ? null : scalarText(raw)
  return written !== null && form.test(written) ? Number(written) : null
}

function parseDuration(raw: unknown): number | null {
  const whole = parseNumber(raw, integerForm)
  if (whole !== null) return whole
  const written = scalarText(raw)?.toLowerCase() ?? ''
  if (!durationForm.test(written)) return null
  let ms = 0
  for (const [, count, unit] of written.matchAll(durationPart)) {
    ms += Number(count) * (durationUnitsMs[unit ?? ''] ?? Number.NaN)
  }
  return Math.round(ms)
}

function parseBytesize(raw: unknown): number | null {
  const [, count, unit] = bytesizeForm.exec(scalarText(raw)?.toLowerCase() ?? '') ?? []
  return count === undefined
    ? null
    : Number(count) * (unit === undefined ? 1 : (byteUnits[unit] ?? Number.NaN))
}

function within(value: number | null, min: number, max: number): number | Refusal {
  return value !== null && value >= min && value <= max && value <= Number.MAX_SAFE_INTEGER
    ? value
    : new Refusal()
}

function boundsText(
  { min, max }: { min?: number; max?: number },
  unit: (n: number) => string,
): string {
  if (min !== undefined && max !== undefined) return ` from ${unit(min)} to ${unit(max)}`
  if (min !== undefined) return ` of at least ${unit(min)}`
  return max === undefined ? '' : ` of at most ${unit(max)}`
}
