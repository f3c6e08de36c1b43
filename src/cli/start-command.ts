/** `causeway start [-c FILE] [--strict]`: runs one broker in this process until SIGTERM or SIGINT. */
import type { Environment } from '../config/index.js'
import { EarlySignals } from '../early-signals.js'
import { collectSparingly } from '../garbage-collection.js'
import type { ConfigSource } from '../main.js'

export interface StartOptions {
  /** Null: defaults and the environment. */
  readonly file: string | null
  readonly strict: boolean
  readonly env: Environment
}

/** @throws CausewayError with a message for people */
export async function startCommand(options: StartOptions): Promise<void> {
  collectSparingly()
  const signals = new EarlySignals()
  try {
    // Loaded only now: it takes longer than everything else, and a signal may come meanwhile.
    const [{ loadConfig }, { runBroker }] = await Promise.all([
      import('../config/index.js'),
      import('../main.js'),
    ])
    const loaded = loadConfig(options)
    const source: ConfigSource = {
      file: options.file,
      load: (links) => loadConfig({ ...options, ...links }),
    }
    if (signals.asked === null) await runBroker(loaded, signals, source)
  } finally {
    signals.letGo()
  }
}
