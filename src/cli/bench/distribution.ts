/** The shares of a distribution that we tell: p50, p90, p99, p99.9. */
export const shares: readonly number[] = [0.5, 0.9, 0.99, 0.999]
