/** The body of a request: bounded, JSON in UTF-8, not nested beyond reason; else what is wrong with it and where. */
import { apiLimits } from '../../limits.js'

export type Body =
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'large' }
  /** `why`: for whoever sent it; holds nothing of the body, which may have secrets. */
  | { readonly kind: 'bad'; readonly why: string }

/** Reads no more than may be. */
export async function readBody(request: Request): Promise<Body> {
  const { bodyBytes } = apiLimits
  if (Number(request.headers.get('content-length') ?? 0) > bodyBytes) return { kind: 'large' }
  const chunks: Uint8Array[] = []
  let bytes = 0
  const reader = request.body?.getReader()
  try {
    for (;;) {
      const chunk = await reader?.read()
      if (chunk === undefined || chunk.value === undefined) break
      bytes += chunk.value.length
      if (bytes > bodyBytes) return { kind: 'large' }
      chunks.push(chunk.value)
    }
  } catch {
    return bad('it ended early') // who sent it is gone
  }
  return jsonOf(Buffer.concat(chunks))
}

export function jsonOf(bytes: Uint8Array): Body {
  if (bytes.length === 0) return bad('it is empty')
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return bad('it is not UTF-8')
  }
  try {
    const value: unknown = JSON.parse(text)
    return isDeep(text)
      ? bad(`more than ${apiLimits.bodyDepth} levels of nesting`)
      : { kind: 'json', value }
  } catch {
    return bad(placeOf(text, faultAt(text)))
  }
}

function bad(why: string): Body {
  return { kind: 'bad', why: `the body is no JSON: ${why}` }
}

/** Of JSON. */
function isDeep(text: string): boolean {
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const char = text[at]
    if (char === '"') at = pastString(text, at) - 1
    else if (char === '{' || char === '[') {
      if (++depth > apiLimits.bodyDepth) return true
    } else if (char === '}' || char === ']') depth--
  }
  return false
}

/** @param at of the opening quote */
function pastString(text: string, at: number): number {
  let end = at + 1
  while (end < text.length && text[end] !== '"') end += text[end] === '\\' ? 2 : 1
  return end + 1
}

const token =
  /[ \t\n\r]*(?:([{}[\],:])|("[ !#-[\]-\uffff]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[ !#-[\]-\uffff]*)*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.+-])|(?:true|false|null)(?!\w)))/y

/** Where a text stops being JSON; its length when something is missing at the end. */
function faultAt(text: string): number {
  const open: ('{' | '[')[] = []
  let expected: 'value' | 'value or ]' | 'key' | 'key or }' | ':' | ', or end' = 'value'
  let at = 0
  for (;;) {
    token.lastIndex = at
    const found = token.exec(text)
    if (found === null) return skipBlanks(text, at)
    const [all, mark, scalar = ''] = found
    const start = at + all.length - (mark ?? scalar).length
    const top = open.at(-1)
    const wantsValue: boolean = expected === 'value' || expected === 'value or ]'
    if (mark === undefined) {
      const isKey: boolean =
        scalar.startsWith('"') && (expected === 'key' || expected === 'key or }')
      if (!isKey && !wantsValue) return start
      expected = isKey ? ':' : ', or end'
    } else if (mark === '{' || mark === '[') {
      if (!wantsValue) return start
      open.push(mark)
      expected = mark === '{' ? 'key or }' : 'value or ]'
    } else if (mark === '}' || mark === ']') {
      const isDue =
        expected === ', or end' || expected === (mark === '}' ? 'key or }' : 'value or ]')
      if (!isDue || top !== (mark === '}' ? '{' : '[')) return start
      open.pop()
      expected = ', or end'
    } else if (mark === ':') {
      if (expected !== ':') return start
      expected = 'value'
    } else {
      if (expected !== ', or end' || top === undefined) return start
      expected = top === '{' ? 'key' : 'value'
    }
    at += all.length
  }
}

function skipBlanks(text: string, from: number): number {
  let at = from
  while (at < text.length && ' \t\n\r'.includes(text[at] ?? '')) at++
  return at
}

function placeOf(text: string, at: number): string {
  const before = text.slice(0, at)
  const line = before.split('\n').length
  const column = at - before.lastIndexOf('\n')
  return `line ${line}, column ${column}${at >= text.length ? ', where it ends' : ''}`
}
