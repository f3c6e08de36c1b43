/** `causeway start [-c FILE] [--strict]`: runs one broker in this process until SIGTERM or SIGINT. */
import { type Environment, loadConfig } from '../config/index.js'
import { runBroker } from '../main.js'

export interface StartOptions {
  /** Null: defaults and the environment. */
  readonly file: string | null
  readonly strict: boolean
  readonly env: Environment
}

/** @throws CausewayError with a message for people */
export function startCommand(options: StartOptions): Promise<void> {
  return runBroker(loadConfig(options))
}
