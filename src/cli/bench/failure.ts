/** What keeps a benchmark from having figures. */
import { CausewayError } from '../../errors.js'

export function benchFailed(what: string): CausewayError {
  return new CausewayError('BENCH_FAILED', `causeway bench: ${what}`)
}
