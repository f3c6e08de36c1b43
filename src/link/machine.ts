/**
 * Runs a state machine that is a function: one event at a time, effects in order, one timer at its deadline.
 */
import type { Clock, Timer, Timers } from '../clock.js'

export interface MachineRules<State, Event, Effect> {
  step(
    state: State,
    event: Event,
    now: number,
  ): { readonly state: State; readonly effects: readonly Effect[] }
  /** When a timer event is due; infinite: never. */
  deadline(state: State): number
  /** The event that tells the machine to look at the clock. */
  readonly timer: Event
  /** May call `dispatch`: such events wait until the effects of the present one are done. */
  perform(effect: Effect, state: State): void
}

export class Machine<State, Event, Effect> {
  readonly #rules: MachineRules<State, Event, Effect>
  readonly #clock: Clock
  readonly #timers: Timers
  readonly #waiting: Event[] = []
  #state: State
  #running = false
  #timer: Timer | null = null
  #timerAtMs = Number.POSITIVE_INFINITY

  constructor(
    initial: State,
    rules: MachineRules<State, Event, Effect>,
    clock: Clock,
    timers: Timers,
  ) {
    this.#state = initial
    this.#rules = rules
    this.#clock = clock
    this.#timers = timers
  }

  get state(): State {
    return this.#state
  }

  dispatch(event: Event): void {
    this.#waiting.push(event)
    if (this.#running) return
    this.#running = true
    try {
      for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
        const { state, effects } = this.#rules.step(this.#state, next, this.#clock.monotonicMs())
        this.#state = state
        for (const effect of effects) this.#rules.perform(effect, state)
      }
    } finally {
      this.#running = false
    }
    this.#arm()
  }

  #arm(): void {
    const deadline = this.#rules.deadline(this.#state)
    if (deadline === this.#timerAtMs) return
    this.#timer?.cancel()
    this.#timer = null
    this.#timerAtMs = deadline
    if (deadline === Number.POSITIVE_INFINITY) return
    const delay = Math.max(0, Math.ceil(deadline - this.#clock.monotonicMs()))
    this.#timer = this.#timers.after(delay, () => {
      this.#timer = null
      this.#timerAtMs = Number.POSITIVE_INFINITY
      this.dispatch(this.#rules.timer)
    })
  }
}
