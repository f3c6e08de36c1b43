/**
 * How a complaint about the configuration looks:
 *
 *     causeway.conf:7:12: mqtt.max_inflight: expected an integer from 1 to 65535, got "many"
 *        7 |   max_inflight = many
 *          |                  ^
 */

import { CausewayError, type ErrorCode } from '../../errors.js'
import type { Position, Span } from './source.js'

/** Longest stretch of a source line that is shown, in characters. */
const shownChars = 120

export function formatPosition({ file, line, column }: Position): string {
  return `${file}:${line}:${column}`
}

export function positionOf(span: Span): Position {
  return span.source.position(span.start)
}

/** The source line of a span with a caret under its first character; two lines, no final newline. */
export function excerpt(span: Span): string {
  const { line, column } = positionOf(span)
  const text = [...span.source.lineText(line)]
  // A long line is cut around the caret, so that a file on one line does not fill the screen.
  const from = text.length <= shownChars ? 0 : Math.max(0, column - 1 - shownChars / 2)
  const shown = text.slice(from, from + shownChars)
  const gutter = String(line).padStart(5)
  const pad = shown.slice(0, column - 1 - from).map((c) => (c === '\t' ? '\t' : ' '))
  return `${gutter} | ${shown.join('')}\n${' '.repeat(gutter.length)} | ${pad.join('')}^`
}

/** A CausewayError whose message points at the span. */
export function errorAt(
  span: Span,
  message: string,
  code: ErrorCode = 'CONFIG_SYNTAX',
): CausewayError {
  const position = positionOf(span)
  return new CausewayError(code, `${formatPosition(position)}: ${message}\n${excerpt(span)}`, {
    detail: { file: position.file, line: position.line, column: position.column },
  })
}
