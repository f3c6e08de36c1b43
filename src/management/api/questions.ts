/** Questions on their way to control, and the answers: bounded in number and time. */
import type { Timer, Timers } from '../../clock.js'
import { apiLimits } from '../../limits.js'
import type { ApiAnswer, ApiQuestion } from './question.js'

export type Unanswered = 'busy' | 'late'

export interface QuestionsOptions {
  /** To control; `answered` is called with the same id. */
  ask(id: number, question: ApiQuestion): void
  readonly timers: Timers
}

export class Questions {
  readonly #options: QuestionsOptions
  /** Null: nobody waits any more, and control has not answered yet. */
  readonly #waiting = new Map<number, ((answer: ApiAnswer) => void) | null>()
  #lastId = 0

  constructor(options: QuestionsOptions) {
    this.#options = options
  }

  /** `late`: control may still do what was asked. A question counts until control has answered, waited for or not. */
  ask(question: ApiQuestion): Promise<ApiAnswer | Unanswered> {
    const { ask, timers } = this.#options
    if (this.#waiting.size >= apiLimits.waiting) return Promise.resolve('busy')
    const id = ++this.#lastId
    return new Promise((resolve) => {
      const timer: Timer = timers.after(apiLimits.answerMs, () => {
        this.#waiting.set(id, null)
        resolve('late')
      })
      this.#waiting.set(id, (answer) => {
        timer.cancel()
        resolve(answer)
      })
      ask(id, question)
    })
  }

  answered(id: number, answer: ApiAnswer): void {
    const tell = this.#waiting.get(id)
    this.#waiting.delete(id)
    tell?.(answer)
  }
}
