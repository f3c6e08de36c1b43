/**
 * Time as rooms receive it: two readings and one way to be called later. Simulations bring their own.
 */
export interface Clock {
  /** Milliseconds that only ever grow; for deadlines and intervals. */
  monotonicMs(): number
  /** Milliseconds since the epoch, as the operator's clock has it; for what people read. */
  wallMs(): number
}

export interface Timer {
  cancel(): void
}

export interface Timers {
  /** Calls `run` once, `delayMs` from now at the earliest; never keeps the process alive by itself. */
  after(delayMs: number, run: () => void): Timer
}

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
}

/** The longest delay that Node's timers take; longer ones would fire at once. */
const timeoutMsMax = 2 ** 31 - 1

export const systemTimers: Timers = {
  after(delayMs, run) {
    const handle = setTimeout(run, Math.min(Math.max(0, delayMs), timeoutMsMax)).unref()
    return { cancel: () => clearTimeout(handle) }
  },
}
