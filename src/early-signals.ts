/**
 * SIGTERM and SIGINT from the command's first moment until a broker listens to them itself. Node's own handling would end
 * the process by the signal, half started, while it still loads modules and reads users.
 */
const stopSignals = ['SIGTERM', 'SIGINT'] as const

export class EarlySignals {
  #asked: NodeJS.Signals | null = null
  readonly #onSignal = (signal: NodeJS.Signals): void => {
    this.#asked = signal
    this.letGo() // a second one ends the process at once
  }

  constructor() {
    for (const signal of stopSignals) process.on(signal, this.#onSignal)
  }

  /** The signal that has come, if one has. */
  get asked(): NodeJS.Signals | null {
    return this.#asked
  }

  letGo(): void {
    for (const signal of stopSignals) process.removeListener(signal, this.#onSignal)
  }
}
