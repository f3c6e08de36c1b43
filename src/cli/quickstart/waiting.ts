/** Waiting with a limit, and the failure that says what did not happen. */
import { CausewayError } from '../../errors.js'

export function failed(what: string): CausewayError {
  return new CausewayError('QUICKSTART_FAILED', what)
}

/** The outcome of `waited`, or after `limitMs` a CausewayError QUICKSTART_FAILED that says `what`. */
export async function within<T>(
  limitMs: number,
  waited: Promise<T>,
  what: () => string,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(failed(what())), limitMs)
    timer.unref() // the brokers keep this process alive while there is something to wait for
  })
  try {
    return await Promise.race([waited, late])
  } finally {
    clearTimeout(timer)
  }
}
