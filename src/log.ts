/**
 * Logs: events with fields. A message is a constant sentence, what varies is in the fields; `event` names the event.
 */
import { type DestinationStream, destination, type Level, pino } from 'pino'
import type { LogConfig, LogLevel } from './config/index.js'

/** pino's signature: fields first. */
export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
  fatal(fields: object, message: string): void
}

const levels: Readonly<Record<LogLevel, Level>> = {
  debug: 'debug',
  info: 'info',
  notice: 'info',
  warning: 'warn',
  error: 'error',
  critical: 'fatal',
  alert: 'fatal',
  emergency: 'fatal',
}

/** To standard error. Writes are synchronous: nothing is lost on exit. */
export function openLog({ console }: LogConfig): Log {
  const stderr = destination({ fd: 2, sync: true })
  return pino(
    {
      base: null,
      enabled: console.enable,
      level: levels[console.level],
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    console.formatter === 'json' ? stderr : asText(stderr),
  )
}

/** `2026-01-02T03:04:05.678Z [info] message key=value …` */
function asText(target: DestinationStream): DestinationStream {
  return {
    write(line) {
      const { time, level, msg, ...fields } = parsed(line)
      const rest = Object.entries(fields).map(([key, value]) => ` ${key}=${shown(value)}`)
      target.write(`${shown(time)} [${shown(level)}] ${shown(msg)}${rest.join('')}\n`)
    },
  }
}

function parsed(line: string): Record<string, unknown> {
  // Cannot lie: pino writes objects.
  return JSON.parse(line) as Record<string, unknown>
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
