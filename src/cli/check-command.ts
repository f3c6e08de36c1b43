/** `causeway check -c FILE`: reads a configuration and says what it thinks of it; starts nothing. */

import {
  type ConfigWarning,
  type Environment,
  formatPosition,
  type LoadedConfig,
  loadConfig,
} from '../config/index.js'
import { CausewayError } from '../errors.js'

export interface CheckOptions {
  readonly strict: boolean
  readonly env: Environment
}

export interface CheckResult {
  readonly ok: boolean
  /** For people, without a final newline: standard output when ok, standard error when not. */
  readonly output: string
}

/** Never throws for a bad configuration; anything else that goes wrong is a bug and passes through. */
export function checkConfig(file: string, { strict, env }: CheckOptions): CheckResult {
  try {
    const loaded = loadConfig({ file, env, strict })
    return {
      ok: true,
      output: [...loaded.warnings.map(formatWarning), summary(file, loaded)].join('\n'),
    }
  } catch (error) {
    if (!(error instanceof CausewayError)) throw error
    return { ok: false, output: error.message }
  }
}

/** One line: `file:line:column: warning: …`. */
export function formatWarning({ position, message }: ConfigWarning): string {
  return `${position === null ? '' : `${formatPosition(position)}: `}warning: ${message}`
}

function summary(file: string, { config }: LoadedConfig): string {
  // Only what start would open: the other kinds are checked, and come alive with their transports.
  const listening = config.listeners.filter(({ enable, kind }) => enable && kind === 'tcp').length
  const linked = config.links.filter((link) => link.enable).length
  const counts = `${counted(listening, 'listener')}, ${counted(linked, 'link')}`
  return `${file}: ok, cluster "${config.clusterName}", ${counts}`
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
