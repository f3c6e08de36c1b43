/**
 * When to try again: pure arithmetic over the start of the previous attempt, with jitter from a seed kept in the state, so
 * that a state machine that uses it stays a function.
 */

/** Intervals are measured from the start of one attempt to the start of the next. */
export interface RetryPolicy {
  /** This many failures in a row are followed by `fastMs`, later ones by `slowMs`. */
  readonly fastFailures: number
  readonly fastMs: number
  readonly slowMs: number
  /** Each interval is lengthened by up to this share of itself, so that restarted brokers do not come in step. */
  readonly jitter: number
  /** A connection that stayed up this long clears the failures: its loss is followed by an attempt at once. */
  readonly provenAfterMs: number
}

export interface RetryState {
  readonly startedAtMs: number
  readonly failures: number
  /** Of the jitter; any 32-bit integer. */
  readonly seed: number
}

export function firstAttempt(seed: number): RetryState {
  return { startedAtMs: Number.NEGATIVE_INFINITY, failures: 0, seed: seed | 0 }
}

/** An attempt begins now. */
export function started(state: RetryState, now: number): RetryState {
  return { ...state, startedAtMs: now }
}

/**
 * An attempt, or a connection it led to, has failed.
 * @param upSinceMs when the connection became useful, null if it never did
 * @param floorMs least interval for this kind of failure
 */
export function failed(
  policy: RetryPolicy,
  state: RetryState,
  now: number,
  upSinceMs: number | null,
  floorMs: number,
): { readonly state: RetryState; readonly retryAtMs: number } {
  if (upSinceMs !== null && now - upSinceMs >= policy.provenAfterMs && floorMs === 0) {
    return { state: { ...state, failures: 0 }, retryAtMs: now }
  }
  const failures = state.failures + 1
  const interval = Math.max(
    floorMs,
    failures <= policy.fastFailures ? policy.fastMs : policy.slowMs,
  )
  const { seed, ms } = lengthened(state.seed, interval, policy.jitter)
  return {
    state: { ...state, failures, seed },
    retryAtMs: Math.max(now, state.startedAtMs + ms),
  }
}

/** An interval lengthened at random by up to `share` of itself, and the seed for the next one. */
export function lengthened(
  seed: number,
  intervalMs: number,
  share: number,
): { readonly seed: number; readonly ms: number } {
  const next = nextSeed(seed)
  return { seed: next, ms: Math.round(intervalMs * (1 + share * ((next >>> 0) / 0x1_0000_0000))) }
}

/** xorshift32: enough to spread attempts, and reproducible. 0 would stay 0. */
function nextSeed(seed: number): number {
  let x = seed === 0 ? 0x9e3779b9 | 0 : seed
  x ^= x << 13
  x ^= x >>> 17
  x ^= x << 5
  return x
}
